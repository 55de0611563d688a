// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/flow_setup.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// Others' flows stay with their address.
bool has_speaker(const BindingCache& cache, RemoteId remote) {
    return cache.at(remote).speaker.is_known();
}

} // namespace

void FlowSetup::outbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    const FlowDecision decision = r_.decider.outbound(v, punted.origin, punted.now);
    switch (decision.what) {
    case FlowDecision::What::to_linux:
        punted.origin.from_linux ? r_.output.transmit(punted, punted.origin.port)
                                 : r_.output.to_linux(punted);
        break;
    case FlowDecision::What::no_route:
        r_.output.unreachable(punted, DropReason::no_route, net_unreachable);
        break;
    case FlowDecision::What::wait:
        punted.last_try ? r_.output.drop(punted, DropReason::hold_expired)
                        : hold_for_address(punted);
        break;
    case FlowDecision::What::begin:
        begin_outbound(punted, decision);
    }
}

void FlowSetup::begin_outbound(PuntedPacket& punted, const FlowDecision& decision) {
    const PacketView& v = punted.view;
    const Admission admission =
        decision.of_box ? Admission{} : r_.guard.outbound(punted, decision.active);
    if (admission.what == Admission::What::known && admission.remote_original == v.destination) {
        explained(punted, Direction::outbound, key_from_host(v), decision.mapping, decision.active,
                  admission);
    } else if (admit(punted, admission)) {
        const RemoteId far = remote_of(v.source, v.destination);
        make(punted, Direction::outbound, key_from_host(v), local_of(decision, far), far);
    }
}

/// The near end of a new flow with this far end.
LocalId FlowSetup::local_of(const FlowDecision& d, RemoteId far) {
    return r_.cache.local(d.host, d.original, d.active, d.mapping,
                          d.moves && has_speaker(r_.cache, far));
}

/// There is none to go out with, yet.
void FlowSetup::hold_for_address(PuntedPacket& punted) {
    const IpAddr to = punted.view.destination;
    r_.cache.speaker_of(to, to).is_known()
        ? r_.output.hold(punted, hold_key_no_path, hold_for_path)
        : r_.output.hold(punted, hold_key_of_strangers, hold_for_path, HoldShare::strangers);
}

/// False if the guard keeps or drops the packet.
bool FlowSetup::admit(PuntedPacket& punted, const Admission& admission) {
    if (admission.what == Admission::What::wait) {
        r_.output.hold(punted, key_of_guard, r_.guard.time(), HoldShare::questions);
    } else if (admission.what == Admission::What::refuse) {
        r_.output.drop(punted, DropReason::shield_expired);
    }
    return admission.what == Admission::What::welcome || admission.what == Admission::What::known;
}

/// The far end of a new flow from here.
RemoteId FlowSetup::remote_of(IpAddr host, IpAddr destination) {
    const Speaker speaker = r_.cache.speaker_of(destination, destination);
    const auto session =
        speaker.is_known() ? std::nullopt : r_.decider.session_that_left(host, destination);
    return session ? *session : r_.cache.remote(destination, destination, speaker);
}

/// The far end of a flow, where its peer says that it is now.
RemoteId FlowSetup::remote_at(IpAddr original, IpAddr active) {
    const RemoteId id = r_.cache.remote(original, active);
    RemoteBinding& remote = r_.cache.at(id);
    if (remote.paths.empty() && remote.speaker.is_secure() &&
        r_.peer_session->is_on_trial(remote.speaker.peer(), active)) {
        remote.proven = false;
    }
    return id;
}

/// A flow that a peer knows: with what it was set up with, at what stands for it now.
void FlowSetup::explained(PuntedPacket& punted, Direction direction, const FlowKey& key,
                          MappingId mapping, IpAddr wire, const Admission& admission) {
    const auto owner = r_.cache.mappings().of_wire(admission.local_original);
    const bool of_box = r_.cache.mappings()[mapping].way == Way::box;
    if (owner.value_or(mapping) != mapping ||
        (of_box && !r_.host.is_local(admission.local_original))) { // it is not ours to answer for
        r_.output.drop(punted, DropReason::flow_conflict);
        return;
    }
    if (!give_way(punted, r_.flows.find(key))) {
        return;
    }
    // Where the peer says it is; as long as it has said nothing, where its packet came from.
    const Claim* claim = r_.cache.claims().around(admission.peer, admission.remote_original);
    const IpAddr seen =
        direction == Direction::inbound ? punted.view.source : admission.remote_original;
    const IpAddr remote_active =
        claim != nullptr ? claim->active_for(admission.remote_original) : seen;
    const LocalId local = r_.cache.local(key.host, admission.local_original, wire, mapping);
    const RemoteId remote = remote_at(admission.remote_original, remote_active);
    if (admission.local_original != wire) {
        r_.peer_session->bind_soon(admission.peer, punted.now); // an original that we had not named
    }
    make(punted, direction, key, local, remote);
}

void FlowSetup::inbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    const FlowDecision decision = r_.decider.inbound(v, punted.origin.port, punted.now);
    if (decision.what == FlowDecision::What::to_linux) {
        // An address that we have just left: a peer that moved, too, may not have heard of it, nor
        // we of its own move.
        const Admission waits =
            decision.left ? r_.guard.inbound(punted, r_.cache.mappings().host_behind(*decision.left,
                                                                                     v.destination))
                          : Admission{};
        if (waits.what == Admission::What::wait) {
            r_.output.hold(punted, key_of_guard, r_.guard.time(), HoldShare::questions);
        } else {
            r_.output.to_linux(punted);
        }
        return;
    }
    const Admission admission = r_.guard.inbound(punted, decision.host);
    if (admission.what == Admission::What::known) {
        const IpAddr socket = decision.of_box ? admission.local_original : decision.host;
        explained(punted, Direction::inbound,
                  key_from_wire(v, socket.v4(), admission.remote_original.v4()), decision.mapping,
                  v.destination, admission);
        return;
    }
    const FlowKey key = key_from_wire(v, decision.host.v4(), v.source);
    if (!admit(punted, admission) || !give_way(punted, r_.flows.find(key))) {
        return;
    }
    const Departure* left = r_.cache.claims().departed_from(v.source, punted.now);
    // Begun just before its peer left from there, and overtaken by the word of that: it is the
    // peer's and follows it; what was sent with its first packet comes on the same pair.
    const RemoteId remote = left != nullptr
                                ? remote_at(v.source, left->to.with_host_part_of(v.source))
                                : r_.cache.remote(v.source, v.source);
    const LocalId local = local_of(decision, remote);
    const WirePair pair{v.source, v.destination};
    const std::optional<Nanos> also_until =
        left != nullptr ? std::optional{left->until} : std::nullopt;
    make(punted, Direction::inbound, key, local, remote);
    const auto path = r_.cache.find_path(local, remote);
    if (also_until && path) {
        r_.manager.accept_also(*path, pair, *also_until);
    }
}

/// A live flow at this position belongs to somebody whose address moved on: never mix the two. A
/// dead one makes room. False if the packet was refused.
bool FlowSetup::give_way(PuntedPacket& punted, int32_t position) {
    const auto flow = position < 0 ? std::nullopt : r_.flows.at({static_cast<uint32_t>(position)});
    if (!flow) {
        return true;
    }
    if (!FlowTable::is_closed(flow->seen)) {
        // The midst of a TCP flow may be its own, from where its peer has not said that it is.
        is_midst_of_tcp(punted.view) ? r_.output.drop(punted, DropReason::flow_conflict)
                                     : r_.output.refuse(punted, DropReason::flow_conflict);
        return false;
    }
    forget(*flow, punted.now);
    return true;
}

void FlowSetup::forget(const FlowInfo& flow, Nanos now) {
    r_.flows.erase(flow);
    r_.manager.flow_removed(flow.path, now);
}

bool FlowSetup::contest(PuntedPacket& punted, PathId path, int32_t flow) {
    const PacketView& v = punted.view;
    const PathEntry& entry = r_.cache.at(path);
    const uint8_t seen = r_.flows.record(flow).seen.load(std::memory_order_relaxed);
    constexpr uint8_t established = flow_seen_out | flow_seen_in;
    if (entry.pair == WirePair{v.source, v.destination} || !v.is(IpProto::tcp)) {
        return false;
    }
    if ((v.tcp_flags & tcp_rst) != 0) {
        r_.output.drop(punted, DropReason::rst_swallowed);
        return true;
    }
    if (is_midst_of_tcp(v) || (seen & established) != established) {
        return false;
    }
    if (give_way(punted, flow)) { // the old one was over
        inbound(punted);
    }
    return true;
}

void FlowSetup::make(PuntedPacket& punted, Direction direction, const FlowKey& key, LocalId local,
                     RemoteId remote) {
    if (direction == Direction::outbound) {
        // Inbound packets of this flow must not be taken for those of an older one.
        const WirePair leaves = r_.cache.pair_of(local, remote);
        if (!give_way(punted, r_.decider.taker_of_answers(key, leaves))) {
            r_.cache.forget_unused(local, remote);
            return;
        }
    }
    const bool stranger = !has_speaker(r_.cache, remote);
    auto path = r_.cache.find_path(local, remote);
    const auto lack = early_drop_.make_room(stranger, !path, punted.now);
    if (!path && lack == EarlyDrop::Lack::nothing) {
        path = r_.manager.obtain(local, remote, punted.now);
    }
    if (!path) { // fail open: translated from the bindings alone, without mobility
        (lack == EarlyDrop::Lack::flows ? statistics_.untracked_flow_table_full
                                        : statistics_.untracked_path_table_full)
            .add();
        const PathAddresses addresses = r_.cache.addresses(local, remote);
        const MappingId mapping = r_.cache.at(local).mapping;
        const L4ChecksumMode mode = r_.cache.checksum_mode(remote);
        r_.cache.forget_unused(local, remote);
        r_.forwarder.by_addresses(punted, direction, mapping, addresses, mode);
        return;
    }
    if (const RemoteBinding& far = r_.cache.at(remote); far.speaker.is_secure()) {
        r_.peer_session->flow_begins(far.speaker.peer(), {r_.cache.at(local).active, far.active},
                                     punted.now);
    }
    const auto flow = lack == EarlyDrop::Lack::nothing
                          ? r_.flows.insert(key, *path, to_tick(punted.now))
                          : std::nullopt;
    if (flow) {
        r_.manager.flow_added(*path);
        if (!stranger) {
            r_.flows.list_by_ports(*flow);
        }
        early_drop_.began(*flow, direction, stranger, punted.now);
        statistics_.created.add();
        FlowRecord& record = r_.flows.record(static_cast<int32_t>(flow->value));
        const bool tcp = punted.view.is(IpProto::tcp);
        if (direction == Direction::outbound) {
            FlowTable::touch<Direction::outbound>(record, to_tick(punted.now), tcp,
                                                  punted.view.tcp_flags);
        } else {
            FlowTable::touch<Direction::inbound>(record, to_tick(punted.now), tcp,
                                                 punted.view.tcp_flags);
        }
    } else {
        statistics_.untracked_flow_table_full.add();
    }
    r_.forwarder.by_path(punted, direction, *path);
}

} // namespace sacip
