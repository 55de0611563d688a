// SPDX-License-Identifier: BSD-3-Clause
//
// FlowSetup: makes a flow of a packet that belongs to none, or finds out why it must not.
//
// From inside: the host's mapping says what stands for it on the wire; a host of no mapping is
// Linux's business, routed but not tracked. From the wire: the mapping that has the destination on
// the wire now. The box's own sockets are a mapping, too. Where a table is full the packet goes on,
// translated from the bindings alone (fail open).
//
// The middle of a flow that we do not know is the guard's to judge (mid_flow_guard.hpp): it may
// wait, and it may turn out to be a flow that a peer knows, with originals of its own.
//
// Never mix two flows: where a live flow that moved holds the newcomer's 5-tuple, or would take the
// newcomer's answers, the newcomer is refused and told so.
#pragma once

#include "sacip_core/exception/early_drop.hpp"
#include "sacip_core/exception/mid_flow_guard.hpp"
#include "sacip_core/exception/slow_forwarder.hpp"
#include "sacip_core/forward/flow_table.hpp"

namespace sacip {

struct FlowSetupStatistics {
    Counter created;
    Counter untracked_flow_table_full;
    Counter untracked_path_table_full;
};

/// Slow path only. References outlive it.
class FlowSetup {
public:
    struct Deps {
        const Config& config;
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const AdjacencyResolver& resolver;
        FlowTable& flows;
        PathTable& paths;
        BindingCache& cache;
        PathManager& manager;
        SlowOutput& output;
        SlowForwarder& forwarder;
        MidFlowGuard& guard;
        PeerSession* peer_session; ///< nullptr without peers that have keys
    };
    explicit FlowSetup(const Deps& deps)
        : r_{deps}, early_drop_{deps.flows, deps.paths, deps.manager} {}

    // Each takes the packet.

    /// From an inside port, or from Linux on an outside one.
    void outbound(PuntedPacket& punted);
    /// From an outside port.
    void inbound(PuntedPacket& punted);

    /// A SYN or RST of a known flow, on another pair than the one in force: true if it was not the
    /// flow's own, and the packet is gone.
    bool contest(PuntedPacket& punted, PathId path, int32_t flow);

    /// Marks that a packet of the known flow at `position` passed. True if it begins a connection
    /// where that one has ended: the flow is forgotten, and the packet to be taken for a new one.
    template <Direction D>
    bool begins_again(const PuntedPacket& punted, int32_t position) {
        const bool again = FlowTable::touch<D>(r_.flows.record(position), to_tick(punted.now),
                                               punted.view.is(IpProto::tcp), punted.view.tcp_flags);
        if (again) {
            forget(*r_.flows.at({static_cast<uint32_t>(position)}), punted.now);
        }
        return again;
    }

    /// The path, and the position of the flow, that take a packet from the wire, if any do.
    std::optional<PathId> path_of_wire(const PacketView& view, int32_t& flow) const;
    /// The mapping that a new flow from the wire, come in on this port, is for.
    std::optional<MappingId> inbound_mapping(const PacketView& view, PortId port) const;
    /// How a packet of a host of this mapping leaves, whose address on the wire is `wire`.
    Adjacency egress(const PacketView& view, MappingId mapping, std::optional<Ipv4Addr> wire,
                     const Origin& origin) const;
    /// True if a packet of a listed host is none of ours: to the box, to a listed host, or by a way
    /// that Linux has to go. Where the host has no address out, no way may be one in the making.
    bool is_for_linux(const PacketView& view, std::optional<Ipv4Addr> wire,
                      const Adjacency& way) const;
    /// The far end of a session that lives between this host and a peer with keys that has left
    /// `destination`, if there is one. The session's application may have the address from it (FTP,
    /// SIP, rsh): what the host begins goes where that is.
    std::optional<RemoteId> session_that_left(Ipv4Addr host, Ipv4Addr destination) const;
    /// Makes room for another flow where this position's is dead. False if it lives, and the packet
    /// was refused.
    bool give_way(PuntedPacket& punted, int32_t position);
    const MidFlowGuard& guard() const { return r_.guard; }
    const EarlyDrop& early_drop() const { return early_drop_; }
    const FlowSetupStatistics& statistics() const { return statistics_; }
    /// Forgets what strangers began and nobody answered.
    void tick(Nanos now) { early_drop_.tick(now); }

private:
    void outbound_of_box(PuntedPacket& punted);
    void hold_for_address(PuntedPacket& punted);
    bool is_of_port(Ipv4Addr address, PortId port) const;
    bool is_of_inside_port(Ipv4Addr address) const;
    bool has_left(Ipv4Addr address, MappingId box, Nanos now) const;
    void forget(const FlowInfo& flow, Nanos now);
    bool takes(PathId path, WirePair pair) const;
    RemoteId remote_of(Ipv4Addr host, Ipv4Addr destination);
    RemoteId remote_at(Ipv4Addr original, Ipv4Addr active);
    bool admit(PuntedPacket& punted, const Admission& admission);
    void explained(PuntedPacket& punted, Direction direction, const FlowKey& key, MappingId mapping,
                   Ipv4Addr wire, const Admission& admission);
    void make(PuntedPacket& punted, Direction direction, const FlowKey& key, LocalId local,
              RemoteId remote);

    Deps r_;
    EarlyDrop early_drop_;
    FlowSetupStatistics statistics_;
};

} // namespace sacip
