// SPDX-License-Identifier: BSD-3-Clause
//
// FlowSetup: makes a flow of a packet that belongs to none, or finds out why it must not.
//
// What a packet would begin is the decider's to say (flow_decider.hpp); here that is carried out.
// Where a table is full the packet goes on, translated from the bindings alone (fail open).
//
// The middle of a flow that we do not know is the guard's to judge (mid_flow_guard.hpp): it may
// wait, and it may turn out to be a flow that a peer knows, with originals of its own.
//
// Never mix two flows: where a live flow that moved holds the newcomer's 5-tuple, or would take the
// newcomer's answers, the newcomer is refused and told so.
#pragma once

#include "sacip_core/exception/early_drop.hpp"
#include "sacip_core/exception/flow_decider.hpp"
#include "sacip_core/exception/mid_flow_guard.hpp"

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
        const FlowDecider& decider;
        const KernelState& host;
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

    /// Makes room for another flow where this position's is dead. False if it lives, and the packet
    /// was refused.
    bool give_way(PuntedPacket& punted, int32_t position);
    const EarlyDrop& early_drop() const { return early_drop_; }
    const FlowSetupStatistics& statistics() const { return statistics_; }
    /// Forgets what strangers began and nobody answered.
    void tick(Nanos now) { early_drop_.tick(now); }

private:
    void begin_outbound(PuntedPacket& punted, const FlowDecision& decision);
    void hold_for_address(PuntedPacket& punted);
    void forget(const FlowInfo& flow, Nanos now);
    LocalId local_of(const FlowDecision& decision, RemoteId far);
    RemoteId remote_of(IpAddr host, IpAddr destination);
    RemoteId remote_at(IpAddr original, IpAddr active);
    bool admit(PuntedPacket& punted, const Admission& admission);
    void explained(PuntedPacket& punted, Direction direction, const FlowKey& key, MappingId mapping,
                   IpAddr wire, const Admission& admission);
    void make(PuntedPacket& punted, Direction direction, const FlowKey& key, LocalId local,
              RemoteId remote);

    Deps r_;
    EarlyDrop early_drop_;
    FlowSetupStatistics statistics_;
};

} // namespace sacip
