// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/early_drop.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr Nanos seconds_for_one_way = from_s(10);
/// For one packet. Each flow is passed over once, so as a rule it is the first.
constexpr unsigned most_looked_at = 64;
constexpr unsigned looked_at_per_tick = 256;

} // namespace

EarlyDrop::Lack EarlyDrop::lack(bool stranger, bool path) const {
    const auto is_full = [&](uint32_t used, uint32_t by_strangers, uint32_t places) {
        return used >= places || (stranger && by_strangers >= share_of_strangers(places));
    };
    if (is_full(flows_.size(), manager_.flows_of_strangers(), flows_.capacity())) {
        return Lack::flows;
    }
    return path && is_full(manager_.paths_with_flows(), manager_.paths_of_strangers(),
                           paths_.capacity())
               ? Lack::paths
               : Lack::nothing;
}

EarlyDrop::Lack EarlyDrop::make_room(bool stranger, bool path, Nanos now) {
    // A place comes back when no worker can see its last path any more, which may take a while: a
    // flood is not to take those that are left meanwhile, and another drop would not help.
    if (stranger && path && paths_.available() <= paths_.capacity() / 8) {
        return Lack::paths;
    }
    Lack out = lack(stranger, path);
    for (unsigned i = 0; out != Lack::nothing && i < most_looked_at; i++) {
        if (!drop_oldest(strangers_, now) && (stranger || !drop_oldest(known_, now))) {
            break;
        }
        out = lack(stranger, path);
    }
    return out;
}

/// False if there is none left to look at.
bool EarlyDrop::drop_oldest(Line& line, Nanos now) {
    if (line.empty()) {
        return false;
    }
    const Waiting oldest = line.front();
    line.pop_front();
    const auto flow = flow_of(oldest);
    if (flow && !was_answered(*flow, oldest.direction)) {
        forget(*flow, now);
        dropped_.add();
    }
    return true;
}

std::optional<FlowInfo> EarlyDrop::flow_of(const Waiting& waiting) const {
    const auto flow = flows_.at(waiting.id);
    return flow && flow->key == waiting.key ? flow : std::nullopt;
}

bool EarlyDrop::was_answered(const FlowInfo& flow, Direction direction) const {
    constexpr uint8_t both = flow_seen_out | flow_seen_in;
    if (flow.key.proto == static_cast<uint8_t>(IpProto::tcp)) {
        return (flow.seen & both) == both || (flow.seen & flow_seen_both) != 0;
    }
    return direction == Direction::inbound
               ? manager_.was_used(flow.path)
               : flows_.record(flow.id.value).order.load(std::memory_order_relaxed) != 0;
}

void EarlyDrop::forget(const FlowInfo& flow, Nanos now) {
    flows_.erase(flow);
    manager_.flow_removed(flow.path, now);
}

void EarlyDrop::began(FlowId flow, Direction direction, bool stranger, Nanos now) {
    Line& line = stranger ? strangers_ : known_;
    if (line.size() >= flows_.capacity()) {
        line.pop_front(); // long gone, or it would not be there for a newer one's sake
    }
    Waiting& last = line.emplace_back(); // written where it stays
    last.id = flow;
    last.key = flows_.record(flow.value).key;
    last.direction = direction;
    last.since = now;
}

void EarlyDrop::tick(Nanos now) {
    look_after(strangers_, true, now);
    look_after(known_, false, now);
}

void EarlyDrop::look_after(Line& line, bool strangers, Nanos now) {
    for (unsigned i = 0; i < looked_at_per_tick; i++) {
        if (line.empty() || now - line.front().since < seconds_for_one_way) {
            return;
        }
        Waiting waiting = line.front();
        line.pop_front();
        const auto flow = flow_of(waiting);
        if (!flow) {
            continue;
        }
        // A worker's tick may be ahead of ours by a moment.
        const auto idle = static_cast<int32_t>(to_tick(now).value - flow->last_seen.value);
        const bool silent = idle >= static_cast<int32_t>(to_tick(seconds_for_one_way).value);
        const bool answered = was_answered(*flow, waiting.direction);
        if (strangers && (FlowTable::is_closed(flow->seen) || (!answered && silent))) {
            forget(*flow, now);
            expired_.add();
        } else if (!answered) {
            waiting.since = now;
            line.push_back(waiting);
        }
    }
}

} // namespace sacip
