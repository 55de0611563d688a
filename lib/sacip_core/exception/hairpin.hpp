// SPDX-License-Identifier: BSD-3-Clause
//
// Hairpin: a host inside speaks to another one by the address that stands for that one outside
// (RFC 4787 REQ-9, RFC 5382 REQ-8).
//
//   a sends      10.1.0.4  > 203.0.113.10      b receives   203.0.113.4 > 10.1.0.10
//   a receives   203.0.113.10 > 10.1.0.4       b sends      10.1.0.10   > 203.0.113.4
//
// a sees b's outside address and b sees a's; where nothing stands for a, b sees its own, which it
// does not know. So there are two flows, one as a sees it and one as b does, each on an outbound
// path that ends at an inside port. Nothing of it is ever on the wire, so no move concerns it: it
// lives on when the outside addresses have changed.
//
// What is sent to an address of the box, at a port that the box keeps for itself, is the box's.
#pragma once

#include "sacip_core/exception/flow_setup.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class Hairpin {
public:
    struct Deps {
        const AdjacencyResolver& resolver;
        const FlowDecider& decider;
        FlowTable& flows;
        BindingCache& cache;
        PathManager& manager;
        SlowOutput& output;
        SlowForwarder& forwarder;
        FlowSetup& flow_setup;
    };
    explicit Hairpin(const Deps& deps) : r_{deps} {}

    /// The mapping of the host that a packet from an inside port is for, if it is for one by its
    /// outside address.
    std::optional<MappingId> mapping_behind(const PacketView& view) const;
    /// A new flow to a host of this mapping. Takes the packet.
    void begin(PuntedPacket& punted, MappingId mapping);
    /// True if a flow that has been silent for longer than others is one between hosts, and both
    /// have spoken: each sees but one half of it.
    bool lives_on(const FlowInfo& flow, Tick now, Tick established) const;

private:
    bool make_room(PuntedPacket& punted, const FlowKey& key, PathId path);
    std::optional<PathId> path(LocalId local, RemoteId remote, Nanos now);
    bool add(const FlowKey& key, PathId path, Nanos now);

    Deps r_;
};

} // namespace sacip
