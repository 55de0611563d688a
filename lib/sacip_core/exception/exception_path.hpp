// SPDX-License-Identifier: BSD-3-Clause
//
// ExceptionPath: decides every packet that the workers could not, and every packet that Linux
// sends.
//
//   from the wire / from a host          from Linux, on the host interface of an outside port
//     parse                                parse
//     flow known meanwhile? its path       flow known? its path
//     notification? -> basic receiver      the box's own, or a mapped host's? -> new flow
//     one of ours? -> new flow             else: on the wire as it is
//     else: Linux's business
//   both: ICMP error -> ICMP errors, fragment -> virtual reassembly, other ICMP -> stateless NAT
//
// A packet always looks the tables up again: between the worker's look and ours a notification may
// have moved the peer, or an earlier packet of the same burst made the flow. While there is a
// backlog of packets that were held (slow_output.hpp), others line up behind it; messages of peers
// and what is not IPv4, as ARP, go ahead.
#pragma once

#include "sacip_core/exception/flow_ender.hpp"
#include "sacip_core/exception/flow_setup.hpp"
#include "sacip_core/exception/hairpin.hpp"
#include "sacip_core/exception/icmp_errors.hpp"
#include "sacip_core/exception/proxy_arp.hpp"
#include "sacip_core/exception/virtual_reassembly.hpp"
#include "sacip_core/mobility/basic_receiver.hpp"

namespace sacip {

struct ExceptionStatistics {
    Counter flows_expired;
    Counter notifications_received; ///< basic ones; PeerStatistics has the others
};

/// Slow path only. References outlive it.
class ExceptionPath {
public:
    struct Deps {
        const BootConfig& boot;
        const CurrentPolicy& policy;
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const AdjacencyResolver& resolver;
        FlowTable& flows;
        PathTable& paths;
        BindingCache& cache;
        PathManager& manager;
        Mover& mover;
        PeerSession* peer_session; ///< nullptr without peers that have keys
        PacketIo& io;
        KernelRequests& actions;
        CoreCounters& counters;
        uint64_t secret; ///< random, told to nobody
    };
    explicit ExceptionPath(const Deps& deps);

    /// A packet a worker punted. Takes it.
    void on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now);
    /// A packet Linux sent on a port's host interface. Takes it.
    void on_from_linux(OwnedPacket packet, PortId port, Nanos now);
    /// A neighbour has become known.
    void answered(NeighbourKey neighbour) { forwarder_.answered(neighbour); }
    /// All held packets are to be looked at again: a path became usable, or a peer moved.
    void retry_held() { output_.try_again(); }
    /// Decides the first of each backlog, until a turn's worth of them has left.
    void work_off(Nanos now) {
        for (const Direction to : {Direction::outbound, Direction::inbound}) {
            if (output_.keeps_turns(to)) {
                work_off(to, now);
            }
        }
    }
    /// Packets wait for their turn, and for nothing else.
    bool has_backlog() const {
        return output_.has_backlog(Direction::outbound) || output_.has_backlog(Direction::inbound);
    }
    /// True once after a peer said something that held packets may have waited for: then they are
    /// to be looked at before anything that came later. Once for many messages.
    bool take_retry_held() { return std::exchange(retry_held_, false); }
    /// The port has another Ethernet address.
    void mac_changed(PortId port, Nanos now) { arp_.mac_changed(port, now); }
    /// Ends what waited too long, and forgets silent flows a few positions at a time.
    void tick(Nanos now);

    /// Flows that can't move with an address.
    FlowEnder& ender() { return ender_; }
    uint64_t flows_ended() const { return ender_.ended(); }

    /// Frees what is held. The end.
    void release_all();

    const SlowOutput& output() const { return output_; }
    const Hairpin& hairpin() const { return hairpin_; }
    const MidFlowGuard& guard() const { return guard_; }
    const FlowDecider& decider() const { return decider_; }
    const FlowSetup& flow_setup() const { return flow_setup_; }
    const ExceptionStatistics& statistics() const { return statistics_; }

private:
    void decide(OwnedPacket packet, Origin origin, Nanos now, Nanos deadline, bool last_try);
    void work_off(Direction to, Nanos now);
    void decide_in_order(const HeldPacket& packet, Nanos now);
    void decide(const HeldPacket& packet, Nanos now);
    void decide_punt(PuntedPacket& punted, PuntReason reason);
    void from_linux(PuntedPacket& punted, Verdict parsed);
    static bool is_left_unfinished(const PuntedPacket& punted);
    void begin_outbound(PuntedPacket& punted);
    void outbound(PuntedPacket& punted);
    void end(PuntedPacket& punted, int32_t position);
    void inbound(PuntedPacket& punted);
    void on_icmp(PuntedPacket& punted);
    void on_fragment(PuntedPacket& punted);
    void on_dhcp(PuntedPacket& punted);
    bool is_broadcast_at(IpAddr destination, const PuntedPacket& punted) const;
    void first_fragment(PuntedPacket& punted);
    bool is_cut_notification(const PuntedPacket& punted) const;
    void on_notification(PuntedPacket& punted);

    ParseContext context_of(const PuntedPacket& punted) const;

    Deps r_;
    SlowOutput output_;
    SlowForwarder forwarder_;
    BasicReceiver basic_receiver_;
    MidFlowGuard guard_;
    FlowDecider decider_;
    FlowSetup flow_setup_;
    StatelessNat addresses_;
    IcmpErrors errors_;
    VirtualReassembly fragments_;
    ProxyArp arp_;
    Hairpin hairpin_;
    FlowEnder ender_;
    std::vector<FlowInfo> expired_;
    ExceptionStatistics statistics_;
    bool retry_held_{false};
    std::array<unsigned, 2> lined_up_{}; ///< in this turn, by Direction
};

} // namespace sacip
