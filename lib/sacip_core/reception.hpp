// SPDX-License-Identifier: BSD-3-Clause
//
// Reception: decides every packet that the workers could not, and every packet that Linux sends.
//
//   from the wire / from a host          from Linux, on the host interface of an outside port
//     parse                                parse
//     flow known meanwhile? its path       flow known? its path
//     notification? -> gatehouse           the box's own, or a mapped host's? -> new flow
//     one of ours? -> new flow             else: on the wire as it is
//     else: Linux's business
//
// A packet always looks the tables up again: between the worker's look and ours a notification may
// have moved the peer, or an earlier packet of the same burst made the flow.
//
// The RST shield: a packet of a flow that we do not know, with the ports of a live flow of a basic
// peer that may have roamed to its source, is most likely that flow with its notification still on
// the way. Given to the host it would draw a RST, so it waits for move.shield and is looked at
// again whenever a peer moves.
#pragma once

#include "sacip_core/counters.hpp"
#include "sacip_core/flow_table.hpp"
#include "sacip_core/hold_queue.hpp"
#include "sacip_core/host_actions.hpp"
#include "sacip_core/mover.hpp"

#include <unordered_map>

namespace sacip {

struct ReceptionStatistics {
    Counter flows_created;
    Counter flows_expired;
    Counter untracked_flow_table_full;
    Counter untracked_path_table_full;
    Counter notifications_received;
    Counter held; ///< packets that had to wait
};

/// Slow path only. References outlive it.
class Reception {
public:
    struct Rooms {
        const Config& config;
        const std::vector<GatewayPort>& ports;
        const HostState& host;
        FlowTable& flows;
        PathTable& paths;
        Ledger& ledger;
        PathKeeper& keeper;
        Mover& mover;
        PacketIo& io;
        HostActions& actions;
        CoreCounters& counters;
    };
    explicit Reception(const Rooms& rooms) : r_{rooms} {}

    /// A packet a worker punted. Takes it.
    void on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now);
    /// A packet Linux sent on a port's host interface. Takes it.
    void on_from_linux(OwnedPacket packet, PortId port, Nanos now);
    /// Looks at all held packets again: a path became usable, or a peer moved.
    void retry_held(Nanos now);
    /// Ends what waited too long, and forgets silent flows a few positions at a time.
    void tick(Nanos now);

    /// Frees what is held. The end.
    void release_all();

    size_t held() const { return hold_.size(); }
    const ReceptionStatistics& statistics() const { return statistics_; }

private:
    /// A packet being decided.
    struct Guest {
        OwnedPacket packet;
        Origin origin;
        PacketView view;
        Nanos now;
        Nanos deadline{};     ///< of a packet that was held before
        bool last_try{false}; ///< its time is up: no more waiting
        const Frame& frame() const { return packet.frame; }
    };

    void decide(OwnedPacket packet, Origin origin, Nanos now, Nanos deadline, bool last_try);
    void decide_punt(Guest& guest, PuntReason reason);
    void from_linux(Guest& guest, Verdict parsed);
    void outbound(Guest& guest);
    void inbound(Guest& guest);
    void new_outbound(Guest& guest);
    void new_inbound(Guest& guest);
    bool awaits_notification(const PacketView& view, Ipv4Addr host) const;
    bool give_way(Guest& guest, int32_t position);
    void new_flow(Guest& guest, Direction direction, const FlowKey& key, LocalId local,
                  RemoteId remote);
    void without_ports(Guest& guest);
    void send_by_path(Guest& guest, Direction direction, PathId path);
    void send_without_path(Guest& guest, Direction direction, uint32_t site,
                           const PathAddresses& addresses, L4ChecksumMode mode);
    void send(Guest& guest, const DirectionRewrite& to, uint64_t hold_key);
    void on_arp(Guest& guest);
    bool answers_arp_for(Ipv4Addr target, PortId port) const;
    void on_notification(Guest& guest);
    DropReason judge(const BasicNotification& message) const;

    ParseContext context_of(const Guest& guest) const;
    std::optional<PathId> path_of_wire(const PacketView& view, int32_t& flow) const;
    bool takes(PathId path, WirePair pair) const;
    std::optional<uint32_t> inbound_site(const PacketView& view, PortId port) const;
    void resolve(NeighbourKey neighbour, Nanos now);

    // The four doors. Each takes the packet.
    void transmit(Guest& guest, PortId port);
    void to_linux(Guest& guest);
    void hold(Guest& guest, uint64_t key, Nanos at_most);
    void drop(Guest& guest, DropReason why);
    void consume(Guest& guest);

    Rooms r_;
    HoldQueue hold_;
    std::unordered_map<NeighbourKey, Nanos> asked_;
    std::vector<FlowInfo> expired_;
    ReceptionStatistics statistics_;
};

} // namespace sacip
