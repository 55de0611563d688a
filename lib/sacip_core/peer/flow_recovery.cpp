// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/flow_recovery.hpp"

#include <algorithm>
#include <set>

namespace sacip {

const FlowOrigin* FlowRecovery::look_up(PeerId peer, const WireTuple& tuple,
                                        const SecureAddresses& between, Nanos now) {
    if (const auto known = questions_.find(tuple); known != questions_.end()) {
        return &known->second.origin;
    }
    if (questions_.size() >= max_questions || !new_questions_[peer].take(now)) {
        return nullptr;
    }
    open_++;
    return &questions_.emplace(tuple, Question{peer, between, {}, now, 0, now + ask_for})
                .first->second.origin;
}

bool FlowRecovery::on_ack(PeerId peer, const SolicitAck& ack, Nanos now) {
    const auto found = questions_.find(ack.tuple);
    if (found == questions_.end() || found->second.peer != peer ||
        found->second.origin.state != FlowOrigin::State::asked) {
        return false;
    }
    open_--;
    const bool known = ack.status == SolicitStatus::known;
    found->second.origin = {known ? FlowOrigin::State::known : FlowOrigin::State::unknown,
                            ack.original_source, ack.original_destination};
    found->second.forget = now + keep_answer;
    return true;
}

void FlowRecovery::ask_again(PeerId peer, Nanos now) {
    for (auto& [tuple, q] : questions_) {
        if (q.peer == peer) {
            q.next = now;
        }
    }
}

/// The tuple runs from our host to the peer's. The addresses in it are what the asker knows, and it
/// may know old ones: ports and the pair of hosts decide.
std::optional<FlowOrigin> FlowRecovery::find(PeerId peer, IpAddr host,
                                             const WireTuple& tuple) const {
    std::optional<FlowOrigin> out;
    const auto is_it = [&](const FlowInfo& flow) {
        const PathEntry& path = cache_.at(flow.path);
        const RemoteBinding& remote = cache_.at(path.remote);
        if (remote.speaker != Speaker::of(peer) || FlowTable::is_closed(flow.seen)) {
            return false;
        }
        out = {FlowOrigin::State::known, cache_.at(path.local).original, remote.original};
        // Then what fits better will not come.
        return remote.active == tuple.destination || remote.original == tuple.destination;
    };
    flows_.with_ports(host.v4(), tuple.source_port, tuple.destination_port, tuple.protocol, is_it);
    return out;
}

SolicitAck FlowRecovery::answer(PeerId peer, const Solicit& question) const {
    const IpAddr ours = question.tuple.source;
    std::set<IpAddr> hosts;
    for (const LocalId id : cache_.locals_active_in(IpPrefix::host(ours))) {
        hosts.insert(cache_.at(id).host);
    }
    if (const auto mapping = cache_.mappings().of_wire(ours)) {
        hosts.insert(cache_.mappings().host_behind(*mapping, ours));
    }
    if (const auto mapping = cache_.mappings().of_left_wire(ours, {})) {
        hosts.insert(cache_.mappings().host_behind(*mapping, ours));
    }
    for (const IpAddr host : hosts) {
        if (const auto found = find(peer, host, question.tuple)) {
            return {question.tuple, found->original_source, found->original_destination,
                    SolicitStatus::known};
        }
    }
    return {question.tuple, {}, {}, SolicitStatus::unknown};
}

} // namespace sacip
