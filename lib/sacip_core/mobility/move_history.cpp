// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/move_history.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr size_t records_kept = 1000;

/// True if it holds packets, or a peer is to acknowledge it.
bool is_awaited(const MoveRecord& move) {
    return !is_over(move) && (move.state != MoveState::draining ||
                              !std::ranges::all_of(move.legs, &MoveLeg::applied));
}

bool may_change(const MoveRecord& move) {
    return !is_over(move) || !std::ranges::all_of(move.legs, &MoveLeg::applied);
}

} // namespace

std::string_view to_text(Side side) { return side == Side::local ? "local" : "remote"; }

std::string_view to_text(Trigger trigger) {
    constexpr std::string_view names[trigger_count] = {"netlink", "control", "notification"};
    return names[static_cast<int>(trigger)];
}

MoveRecord& MoveHistory::add(Side side, Trigger trigger, const IpPrefix& from,
                             const std::optional<IpPrefix>& to) {
    MoveRecord& move = records_.emplace_back();
    move.id = {next_id_++};
    move.side = side;
    move.trigger = trigger;
    move.from = from;
    move.to = to;
    in_progress_++;
    if (side == Side::remote && from.is_host()) {
        left_[from.address()]++;
    }
    list(move);
    return move;
}

/// Where it is found.
void MoveHistory::list(MoveRecord& move) {
    if (move.side == Side::local && may_change(move)) {
        local_.push_back(&move);
    }
    if (!move.to) {
        holding_.push_back(&move);
    } else if (!is_over(move)) {
        by_end_.emplace(std::pair{move.side, *move.to}, &move);
    }
}

/// By where it ends, or that it ends nowhere yet.
void MoveHistory::unlist(const MoveRecord& move) {
    if (!move.to) {
        std::erase(holding_, &move);
        return;
    }
    const auto [first, last] = by_end_.equal_range({move.side, *move.to});
    const auto found = std::find_if(first, last, [&](const auto& e) { return e.second == &move; });
    if (found != last) {
        by_end_.erase(found);
    }
}

MoveRecord* MoveHistory::to_go() {
    if (records_.size() < records_kept) {
        return nullptr;
    }
    const auto oldest = std::ranges::find_if(
        records_, [](const MoveRecord& m) { return m.side == Side::remote || !is_awaited(m); });
    // There are not more of the others than we have addresses.
    return oldest == records_.end() ? nullptr : &*oldest;
}

void MoveHistory::forget(const MoveRecord& move) {
    if (move.state != MoveState::settled) {
        forget_left(move);
    }
    in_progress_ -= is_over(move) ? 0 : 1;
    drains_.erase({move.drain_until.value_or(Nanos{}), move.id});
    if (&move == &records_.front()) { // as a rule
        unlist(move);
        if (!local_.empty() && local_.front() == &move) {
            local_.pop_front();
        }
        records_.pop_front();
        return;
    }
    records_.erase(std::ranges::lower_bound(records_, move.id, {}, &MoveRecord::id));
    local_.clear();
    by_end_.clear();
    holding_.clear();
    std::ranges::for_each(records_, [this](MoveRecord& each) { list(each); });
}

void MoveHistory::forget_left(const MoveRecord& move) {
    if (move.side == Side::remote && move.from.is_host()) {
        const auto left = left_.find(move.from.address());
        if (--left->second == 0) {
            left_.erase(left);
        }
    }
}

void MoveHistory::advance(MoveRecord& move, MoveEvent event) {
    const bool was_over = is_over(move);
    const MoveState before = std::exchange(move.state, next_state(move.state, event));
    if (move.state == before) {
        return;
    }
    set_drain(move, move.drain_until.value_or(Nanos{}));
    if (move.state == MoveState::settled) {
        forget_left(move);
    }
    if (!was_over && is_over(move)) {
        in_progress_--;
        unlist(move);
    }
}

void MoveHistory::set_to(MoveRecord& move, const IpPrefix& to) {
    unlist(move);
    move.to = to;
    by_end_.emplace(std::pair{move.side, to}, &move);
}

void MoveHistory::set_drain(MoveRecord& move, Nanos until) {
    drains_.erase({move.drain_until.value_or(Nanos{}), move.id});
    move.drain_until = until.value == 0 ? std::nullopt : std::optional{until};
    if (move.state == MoveState::draining) {
        drains_.emplace(until, move.id);
    }
}

MoveRecord* MoveHistory::ending_at(Side side, const IpPrefix& end) {
    const auto [first, last] = by_end_.equal_range({side, end});
    return first == last ? nullptr : std::prev(last)->second;
}

MoveRecord* MoveHistory::holding(const IpPrefix& from) {
    const auto found = std::ranges::find_if(holding_, [&](const MoveRecord* m) {
        return m->side == Side::local && m->state == MoveState::holding && m->from == from;
    });
    return found == holding_.end() ? nullptr : *found;
}

MoveRecord* MoveHistory::drained(Nanos now) {
    return drains_.empty() || drains_.begin()->first > now ? nullptr
                                                           : find(drains_.begin()->second);
}

void MoveHistory::tidy() {
    std::erase_if(local_, [](const MoveRecord* m) { return !may_change(*m); });
}

MoveRecord* MoveHistory::find(MoveId id) {
    return const_cast<MoveRecord*>(std::as_const(*this).find(id)); // the records are ours
}

const MoveRecord* MoveHistory::find(MoveId id) const {
    const size_t place = records_.empty() ? 0 : id.value - records_.front().id.value;
    if (place < records_.size() && records_[place].id == id) { // none before it went out of turn
        return &records_[place];
    }
    const auto found = std::ranges::lower_bound(records_, id, {}, &MoveRecord::id);
    return found == records_.end() || found->id != id ? nullptr : &*found;
}

} // namespace sacip
