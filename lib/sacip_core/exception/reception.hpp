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
//   both: ICMP error -> error desk, fragment -> fragment desk, other ICMP -> address desk
//
// A packet always looks the tables up again: between the worker's look and ours a notification may
// have moved the peer, or an earlier packet of the same burst made the flow.
#pragma once

#include "sacip_core/exception/arp_desk.hpp"
#include "sacip_core/exception/error_desk.hpp"
#include "sacip_core/exception/flow_ender.hpp"
#include "sacip_core/exception/fragment_desk.hpp"
#include "sacip_core/exception/hairpin.hpp"
#include "sacip_core/exception/new_flows.hpp"
#include "sacip_core/mobility/gatehouse.hpp"

namespace sacip {

struct ReceptionStatistics {
    Counter flows_expired;
    Counter notifications_received; ///< basic ones; PeerStatistics has the others
};

/// Slow path only. References outlive it.
class Reception {
public:
    struct Rooms {
        const Config& config;
        const std::vector<GatewayPort>& ports;
        const HostState& host;
        const AdjacencyResolver& resolver;
        FlowTable& flows;
        PathTable& paths;
        Ledger& ledger;
        PathKeeper& keeper;
        Mover& mover;
        PeerOffice* office; ///< nullptr without peers that have keys
        PacketIo& io;
        HostActions& actions;
        CoreCounters& counters;
        uint64_t secret; ///< random, told to nobody
    };
    explicit Reception(const Rooms& rooms);

    /// A packet a worker punted. Takes it.
    void on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now);
    /// A packet Linux sent on a port's host interface. Takes it.
    void on_from_linux(OwnedPacket packet, PortId port, Nanos now);
    /// A neighbour has become known.
    void answered(NeighbourKey neighbour) { dispatch_.answered(neighbour); }
    /// Looks at all held packets again: a path became usable, or a peer moved.
    void retry_held(Nanos now);
    /// True once after a peer said something that held packets may have waited for: then they are
    /// to be looked at before anything that came later. Once for many messages.
    bool take_look_again() { return std::exchange(look_again_, false); }
    /// The port has another Ethernet address.
    void mac_changed(PortId port, Nanos now) { arp_.mac_changed(port, now); }
    /// Ends what waited too long, and forgets silent flows a few positions at a time.
    void tick(Nanos now);

    /// Flows that can't move with an address.
    FlowEnder& ender() { return ender_; }
    uint64_t flows_ended() const { return ender_.ended(); }

    /// Frees what is held. The end.
    void release_all();

    const Doors& doors() const { return doors_; }
    const Hairpin& hairpin() const { return hairpin_; }
    const NewFlows& new_flows() const { return new_flows_; }
    const ReceptionStatistics& statistics() const { return statistics_; }

private:
    void decide(OwnedPacket packet, Origin origin, Nanos now, Nanos deadline, bool last_try);
    void decide_punt(Guest& guest, PuntReason reason);
    void from_linux(Guest& guest, Verdict parsed);
    static bool is_left_unfinished(const Guest& guest);
    void begin_outbound(Guest& guest);
    void outbound(Guest& guest);
    void end(Guest& guest, int32_t position);
    void inbound(Guest& guest);
    void on_icmp(Guest& guest);
    void on_fragment(Guest& guest);
    void on_dhcp(Guest& guest);
    bool is_broadcast_at(Ipv4Addr destination, const Guest& guest) const;
    void first_fragment(Guest& guest);
    bool is_cut_notification(const Guest& guest) const;
    void on_notification(Guest& guest);

    ParseContext context_of(const Guest& guest) const;

    Rooms r_;
    Doors doors_;
    Dispatch dispatch_;
    Gatehouse gatehouse_;
    Shield shield_;
    NewFlows new_flows_;
    AddressDesk addresses_;
    ErrorDesk errors_;
    FragmentDesk fragments_;
    ArpDesk arp_;
    Hairpin hairpin_;
    FlowEnder ender_;
    std::vector<FlowInfo> expired_;
    ReceptionStatistics statistics_;
    bool look_again_{false};
};

} // namespace sacip
