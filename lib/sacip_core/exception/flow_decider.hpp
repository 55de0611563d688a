// SPDX-License-Identifier: BSD-3-Clause
//
// FlowDecider: what a packet that belongs to no flow would begin.
//
// From inside: the host's mapping says what stands for it on the wire; a host of no mapping is
// Linux's business, routed but not tracked. From the wire: the mapping that has the destination on
// the wire now. The box's own sockets are a mapping, too: tracked where their address is one that
// moves, or that a host shares.
// It counts, sends, holds and makes nothing: FlowSetup carries a decision out, and `sacipctl why`
// puts the same one into words.
#pragma once

#include "sacip_core/exception/slow_forwarder.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/kernel/route_cache.hpp"

namespace sacip {

struct FlowDecision {
    enum class What : uint8_t {
        to_linux, ///< none of ours: Linux's to forward, or from Linux and left as it is
        no_route, ///< not by the port that it has to leave by; other ports have one
        wait,     ///< nothing stands for the host on the wire now
        begin,
    };
    What what{What::to_linux};
    // Where it is not Linux's:
    MappingId mapping{};
    bool of_box{false}; ///< a socket of the box's: Linux has decided about its packets
    // Where it begins, the local binding:
    IpAddr host{};
    IpAddr original{};
    IpAddr active{};
    bool moves{true}; ///< with the address, where the far end can be told

    Adjacency way{};                 ///< outbound of a listed host, Linux's: how it leaves
    std::optional<MappingId> left{}; ///< inbound, Linux's: its address was this one's a moment ago
};

/// Slow path only. References outlive it.
class FlowDecider {
public:
    struct Deps {
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const AdjacencyResolver& resolver;
        const FlowTable& flows;
        const PathTable& paths;
        const BindingCache& cache;
    };
    explicit FlowDecider(const Deps& deps) : r_{deps} {}

    /// From an inside port, or from Linux on an outside one.
    FlowDecision outbound(const PacketView& view, const Origin& origin, Nanos now) const;
    /// From an outside port.
    FlowDecision inbound(const PacketView& view, PortId port, Nanos now) const;

    /// The mapping that a new flow from the wire, come in on this port, is for: the mapped host, or
    /// the box for its own ports or where no host shares the address.
    std::optional<MappingId> inbound_mapping(const PacketView& view, PortId port) const;
    /// The path, and the position of the flow, that take a packet from the wire, if any do.
    std::optional<PathId> path_of_wire(const PacketView& view, int32_t& flow) const {
        return path_of_wire(view, flow, nullptr);
    }
    /// The position of the flow for whose packets the answers to this one, which leaves between
    /// these addresses, would be taken. There must be no flow with its own key.
    int32_t taker_of_answers(const FlowKey& key, WirePair leaves) const;
    /// The far end of a session that lives between this host and a peer with keys that has left
    /// `destination`, of which nobody is the speaker now, if there is one. The session's
    /// application may have the address from it (FTP, SIP, rsh): what the host begins goes where
    /// that is.
    std::optional<RemoteId> session_that_left(IpAddr host, IpAddr destination) const;

private:
    /// Of a listed host's packet.
    struct Leaving {
        Adjacency way;
        bool is_for_linux{false};
    };
    FlowDecision of_box(const PacketView& view, PortId port, Nanos now) const;
    bool is_for_linux(IpAddr destination, bool has_wire, const Adjacency& way) const;
    bool is_of_port(IpAddr address, PortId port) const;
    bool is_of_inside_port(IpAddr address) const;
    bool has_left(IpAddr address, MappingId box, Nanos now) const;
    bool takes(PathId path, WirePair pair) const;
    std::optional<PathId> path_of_wire(const PacketView& view, int32_t& flow,
                                       const FlowKey* missing) const;

    Deps r_;
    mutable RouteCache<Leaving> routes_;
};

} // namespace sacip
