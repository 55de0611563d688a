// SPDX-License-Identifier: BSD-3-Clause
//
// IcmpErrors: ICMP errors and redirects, which speak of another packet.
//
// An error is let through only if it quotes a live flow, and its quote is translated with it
// (icmp_error.hpp has the story). Whatever it says of a flow, it does not keep the flow alive.
//
// Linux speaks for the gateway itself: a packet whose TTL or size ends its way here is given to it
// in the host's terms, and the error comes back on the host interface of its port. From the outside
// ports it comes here like an error of the host's own, except that its source stays.
//
// During a move a far end or a router may say "unreachable" of packets it can't place any more;
// a host might believe that and give up. They end here.
#pragma once

#include "sacip_core/exception/flow_decider.hpp"
#include "sacip_core/exception/stateless_nat.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class IcmpErrors {
public:
    struct Deps {
        const BootConfig& boot;
        const KernelState& host;
        const FlowTable& flows;
        const PathTable& paths;
        const BindingCache& cache;
        const FlowDecider& decider;
        SlowOutput& output;
        SlowForwarder& forwarder;
        StatelessNat& addresses;
    };
    explicit IcmpErrors(const Deps& deps) : r_{deps} {}

    /// An ICMP error or redirect. Takes the packet.
    void decide(PuntedPacket& punted);

    /// True if Linux's own "unreachable", for a host inside, is about a packet of a live flow and
    /// must not get there. What a firewall of the box says does, but for a path that has no way
    /// out.
    bool is_to_be_swallowed(const PuntedPacket& from_linux) const;

private:
    void from_wire(PuntedPacket& punted);
    void from_inside(PuntedPacket& punted);
    void of_no_flow(PuntedPacket& punted, DropReason why);
    bool is_linuxs(const PuntedPacket& punted) const;
    bool is_notification(const PacketView& quoted) const;
    bool is_of_move(const PuntedPacket& punted, PathId path) const;
    bool tables_are_full() const;
    std::optional<Ipv4Addr> speaker(const PuntedPacket& punted, MappingId mapping,
                                    Ipv4Addr active) const;

    Deps r_;
};

} // namespace sacip
