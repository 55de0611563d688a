// SPDX-License-Identifier: BSD-3-Clause
//
// NewFlows: makes a flow of a packet that belongs to none, or finds out why it must not.
//
// From inside: the host's site says what stands for it on the wire; a host of no site is Linux's
// business, routed but not tracked. From the wire: the site that has the destination on the wire
// now. The box's own sockets are a site, too. Where a table is full the packet goes on, translated
// from the bindings alone (fail open).
//
// The RST shield: a packet of a flow that we do not know, with the ports of a live flow of a basic
// peer that may have roamed to its source, is most likely that flow with its notification still on
// the way. Given to the host it would draw a RST, so it waits for move.shield and is looked at
// again whenever a peer moves.
//
// Never mix two flows: where a live flow that moved holds the newcomer's 5-tuple, or would take the
// newcomer's answers, the newcomer is refused.
#pragma once

#include "sacip_core/dispatch.hpp"
#include "sacip_core/flow_table.hpp"

namespace sacip {

struct NewFlowStatistics {
    Counter created;
    Counter untracked_flow_table_full;
    Counter untracked_path_table_full;
};

/// The key of a packet as the host sent it.
inline FlowKey key_from_host(const PacketView& v) {
    return {v.source, v.destination, v.source_port, v.destination_port, v.proto, {}};
}

/// The key of a packet from the wire, for a host and an original far end.
inline FlowKey key_from_wire(const PacketView& v, Ipv4Addr host, Ipv4Addr remote) {
    return {host, remote, v.destination_port, v.source_port, v.proto, {}};
}

/// Slow path only. References outlive it.
class NewFlows {
public:
    struct Rooms {
        const Config& config;
        const std::vector<GatewayPort>& ports;
        const HostState& host;
        FlowTable& flows;
        PathTable& paths;
        Ledger& ledger;
        PathKeeper& keeper;
        Doors& doors;
        Dispatch& dispatch;
    };
    explicit NewFlows(const Rooms& rooms) : r_{rooms} {}

    // Each takes the guest's packet.

    /// From an inside port, or from Linux on an outside one.
    void outbound(Guest& guest);
    /// From an outside port.
    void inbound(Guest& guest);

    /// The path, and the position of the flow, that take a packet from the wire, if any do.
    std::optional<PathId> path_of_wire(const PacketView& view, int32_t& flow) const;
    const NewFlowStatistics& statistics() const { return statistics_; }

private:
    bool takes(PathId path, WirePair pair) const;
    std::optional<uint32_t> inbound_site(const PacketView& view, PortId port) const;
    bool awaits_notification(const PacketView& view, Ipv4Addr host) const;
    bool give_way(Guest& guest, int32_t position);
    void make(Guest& guest, Direction direction, const FlowKey& key, LocalId local,
              RemoteId remote);

    Rooms r_;
    NewFlowStatistics statistics_;
};

} // namespace sacip
