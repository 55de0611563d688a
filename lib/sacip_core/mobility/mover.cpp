// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/mover.hpp"

#include <algorithm>
#include <map>

namespace sacip {
namespace {
constexpr size_t records_kept = 1000;
constexpr size_t trace_points_kept = 64;
constexpr size_t paths_sampled = 16;
constexpr size_t unsent_per_tick = 4;

/// Records lie in the order of their ids.
template <typename Records>
auto find_in(Records& records, MoveId id) -> decltype(&records.front()) {
    const auto found = std::ranges::lower_bound(records, id, {}, &MoveRecord::id);
    return found == records.end() || found->id != id ? nullptr : &*found;
}

} // namespace

std::string_view to_text(Side side) { return side == Side::local ? "local" : "remote"; }

std::string_view to_text(Trigger trigger) {
    constexpr std::string_view names[trigger_count] = {"netlink", "control", "notification"};
    return names[static_cast<int>(trigger)];
}

MoveRecord& Mover::begin(Side side, Trigger trigger, Ipv4Prefix from, std::optional<Ipv4Prefix> to,
                         Nanos now) {
    supersede(side, from, now);
    make_room(now);
    MoveRecord& move = records_.emplace_back();
    in_progress_++;
    if (side == Side::local) {
        live_.push_back(&move);
    }
    if (side == Side::remote && from.is_host()) {
        left_[from.address()]++;
    }
    move.id = {next_id_++};
    move.side = side;
    move.trigger = trigger;
    move.from = from;
    if (to) {
        set_to(move, *to);
    } else {
        holding_.push_back(&move);
    }
    move.event = now;
    move.date = events_.date_of(now);
    move.hold_before = hold_counts ? hold_counts() : HoldCounts{};
    statistics_.moves[static_cast<size_t>(trigger)].add();
    note(move, EventKind::move_begun, now);
    return move;
}

/// True if it holds packets, or a peer is to acknowledge it.
bool Mover::is_awaited(const MoveRecord& move) {
    return !is_over(move) && (move.state != MoveState::draining ||
                              !std::ranges::all_of(move.legs, &MoveLeg::applied));
}

/// Far ends move as often as somebody says so: that must not push out a move of ours that is still
/// to be acknowledged, or that waits for an address.
void Mover::make_room(Nanos now) {
    if (records_.size() < records_kept) {
        return;
    }
    auto oldest = std::ranges::find_if(
        records_, [](const MoveRecord& m) { return m.side == Side::remote || !is_awaited(m); });
    if (oldest == records_.end()) {
        return; // there are not more of these than we have addresses
    }
    if (oldest->state == MoveState::draining) {
        advance(*oldest, MoveEvent::drained);
        note(*oldest, EventKind::drained, now);
    }
    forget(oldest);
}

void Mover::forget(std::deque<MoveRecord>::iterator move) {
    if (move->state != MoveState::settled) {
        forget_left(*move);
    }
    in_progress_ -= is_over(*move) ? 0 : 1;
    drains_.erase({move->drain_until.value_or(Nanos{}), move->id});
    if (move == records_.begin()) { // as a rule; references to the others stay
        forget_end(*move);
        if (!live_.empty() && live_.front() == &*move) {
            live_.pop_front();
        }
        records_.pop_front();
        return;
    }
    records_.erase(move);
    live_.clear();
    by_end_.clear();
    holding_.clear();
    for (MoveRecord& each : records_) {
        if (each.side == Side::local && is_live(each)) {
            live_.push_back(&each);
        }
        if (each.to && !is_over(each)) {
            by_end_.emplace(std::pair{each.side, *each.to}, &each);
        } else if (!each.to) {
            holding_.push_back(&each);
        }
    }
}

/// It is known by where it ends until it is over.
void Mover::set_to(MoveRecord& move, const Ipv4Prefix& to) {
    forget_end(move);
    move.to = to;
    by_end_.emplace(std::pair{move.side, to}, &move);
}

void Mover::forget_end(const MoveRecord& move) {
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

bool Mover::is_live(const MoveRecord& move) {
    return !is_over(move) || !std::ranges::all_of(move.legs, &MoveLeg::applied);
}

void Mover::forget_left(const MoveRecord& move) {
    if (move.side == Side::remote && move.from.is_host()) {
        const auto left = left_.find(move.from.address());
        if (--left->second == 0) {
            left_.erase(left);
        }
    }
}

void Mover::advance(MoveRecord& move, MoveEvent event) {
    const bool was_over = is_over(move);
    const MoveState before = std::exchange(move.state, next_state(move.state, event));
    if (move.state != before) {
        set_drain(move, move.drain_until.value_or(Nanos{}));
    }
    in_progress_ -= !was_over && is_over(move) ? 1 : 0;
    if (move.state == MoveState::settled && before != MoveState::settled) {
        forget_left(move);
    }
    if (is_over(move)) {
        forget_end(move);
    }
}

/// Those that drain are known by when that ends.
void Mover::set_drain(MoveRecord& move, Nanos until) {
    drains_.erase({move.drain_until.value_or(Nanos{}), move.id});
    move.drain_until = until.value == 0 ? std::nullopt : std::optional{until};
    if (move.state == MoveState::draining) {
        drains_.emplace(until, move.id);
    }
}

/// The trace is the move's own; the event log has all of them, with names.
void Mover::note(MoveRecord& move, EventKind kind, Nanos now, std::optional<uint32_t> peer) {
    if (move.trace.size() < trace_points_kept) {
        move.trace.push_back({kind, now, peer});
    }
    events_.note(kind, now, move.id, peer ? config_.peers[*peer].name : std::string{},
                 std::string{to_text(move.side)} + ' ' + move.from.to_text() + " > " +
                     (move.to ? move.to->to_text() : "-"));
}

void Mover::supersede(Side side, const Ipv4Prefix& left, Nanos now) {
    const std::pair end{side, left};
    for (auto found = by_end_.find(end); found != by_end_.end(); found = by_end_.find(end)) {
        MoveRecord& move = *found->second;
        advance(move, MoveEvent::superseded); // and so it is no longer found
        note(move, EventKind::superseded, now);
        move.legs.clear();
    }
}

MoveRecord* Mover::holding(const Ipv4Prefix& from) {
    const auto found = std::ranges::find_if(holding_, [&](const MoveRecord* m) {
        return m->side == Side::local && m->state == MoveState::holding && m->from == from;
    });
    return found == holding_.end() ? nullptr : *found;
}

MoveId Mover::move_local(Ipv4Prefix from, Ipv4Prefix to, Trigger trigger, bool old_gone,
                         Nanos now) {
    const Nanos drained = now + nanos(config_.move.drain);
    cache_.mappings().move(from, to, now, drained);
    MoveRecord* waiting = holding(from);
    MoveRecord& move = waiting != nullptr ? *waiting : begin(Side::local, trigger, from, to, now);
    set_to(move, to);
    move.event = now;
    move.date = events_.date_of(now);
    move.old_gone = old_gone || waiting != nullptr;
    basic_sender_.replace(from, to);
    const std::vector<PathId> at_once = rebind(cache_.locals_active_in(from), to, move, now);
    const bool waits = !move.old_gone && !move.legs.empty();
    advance(move, waiting != nullptr ? MoveEvent::new_address
                  : waits            ? MoveEvent::begin
                                     : MoveEvent::begin_unacknowledged);
    announce_legs(move, now);
    switch_paths(at_once, move, now);
    for (MoveLeg& leg : move.legs) {
        if (waits) { // prepare: what the peer already sends to the new address is taken
            for (const PathId path : leg.paths) {
                manager_.prepare(path, drained);
            }
        } else {
            switch_leg(leg, move, now);
        }
    }
    return move.id;
}

/// Gives the bindings their new addresses and tells basic peers, from the old ones. Paths to peers
/// with keys go to the move's legs; the others are given back.
std::vector<PathId> Mover::rebind(const std::vector<LocalId>& locals, const Ipv4Prefix& to,
                                  MoveRecord& move, Nanos now) {
    std::vector<PathId> paths;
    std::map<uint32_t, MoveLeg> legs;
    std::vector<BasicMessage> messages;
    for (const LocalId id : locals) {
        LocalBinding& binding = cache_.at(id);
        if (!binding.follows) { // nobody could be told: it stays while its address serves
            binding.usable = binding.usable && !move.old_gone;
            std::ranges::for_each(binding.paths, [&](PathId path) { manager_.publish(path); });
            continue;
        }
        const Ipv4Addr old_address = binding.active;
        const Ipv4Addr new_address = to.with_host_part_of(old_address);
        cache_.set_active(id, new_address);
        binding.usable = true;
        for (const PathId path : binding.paths) {
            PathEntry& entry = cache_.at(path);
            const RemoteBinding& remote = cache_.at(entry.remote);
            if (remote.speaker.is_secure()) {
                if (!entry.speaks_as && !move.old_gone) { // else it still speaks as it did
                    entry.speaks_as = old_address;
                }
                legs[remote.speaker.index].paths.push_back(path);
                continue;
            }
            paths.push_back(path);
            if (remote.speaker.is_basic()) {
                messages.push_back({{old_address, new_address, remote.active}, path});
            }
        }
    }
    tell_basic_peers(messages, move, now);
    for (auto& [peer, leg] : legs) {
        leg.peer = peer;
        move.legs.push_back(std::move(leg));
    }
    return paths;
}

/// Each of them once, through the next hop that served the old address, where it is still known:
/// the entry's slot is the one in force until the switch.
void Mover::tell_basic_peers(std::vector<BasicMessage>& messages, MoveRecord& move, Nanos now) {
    const auto ends = [](const BasicMessage& m) {
        return std::pair{m.message.old_address, m.message.to};
    };
    std::ranges::sort(messages, {}, ends);
    const auto doubles = std::ranges::unique(messages, {}, ends);
    messages.erase(doubles.begin(), doubles.end());
    for (const BasicMessage& m : messages) {
        manager_.prepare(m.path, now + nanos(config_.move.drain));
        const DirectionRewrite& out = cache_.at(m.path).slot.outbound;
        basic_sender_.announce(m.message, m.path, {out.port, {out.next_hop, out.port_mac}}, now);
    }
    move.notifications += static_cast<uint32_t>(messages.size());
}

void Mover::announce_legs(MoveRecord& move, Nanos now) {
    for (const MoveLeg& leg : move.legs) {
        move.notifications++;
        if (on_announce) {
            on_announce(leg.peer, move.old_gone, now);
        }
    }
}

void Mover::switch_leg(MoveLeg& leg, MoveRecord& move, Nanos now) {
    if (std::exchange(leg.switched, true)) {
        return;
    }
    std::erase_if(leg.paths, [&](PathId path) { // meanwhile the id may be another path's
        const PathEntry& entry = cache_.at(path);
        return !entry.in_use ||
               cache_.at(entry.remote).speaker != Speaker{Speaker::Kind::secure, leg.peer};
    });
    for (const PathId path : leg.paths) {
        PathEntry& entry = cache_.at(path);
        if (const auto old = std::exchange(entry.speaks_as, std::nullopt)) {
            manager_.accept_also(path, {entry.pair.remote, *old}, now + nanos(config_.move.drain));
        }
    }
    switch_paths(leg.paths, move, now);
    leg.paths.clear();
}

void Mover::switch_legs(MoveRecord& move, MoveEvent why, Nanos now) {
    for (MoveLeg& leg : move.legs) {
        switch_leg(leg, move, now);
    }
    advance(move, why);
}

/// The old address serves, and a peer that has never been heard can't have understood.
void Mover::time_out(MoveRecord& move, Nanos now) {
    bool all = true;
    for (MoveLeg& leg : move.legs) {
        if (leg.switched || cache_.is_heard({Speaker::Kind::secure, leg.peer})) {
            switch_leg(leg, move, now);
        } else {
            all = false;
        }
    }
    if (all) {
        advance(move, MoveEvent::switch_timeout);
    }
}

void Mover::switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now) {
    const Nanos drain_until = now + nanos(config_.move.drain);
    for (const PathId path : paths) {
        manager_.prepare(path, drain_until);
    }
    for (const PathId path : paths) {
        manager_.publish(path);
        move.flows += cache_.at(path).flows;
        if (move.sample.size() < paths_sampled) {
            move.sample.push_back(path);
        }
    }
    move.paths += static_cast<uint32_t>(paths.size());
    set_drain(move, drain_until);
    move.flipped.reset();
    if (switched_.empty() || switched_.back() != move.id) {
        switched_.push_back(move.id);
    }
}

void Mover::told(uint32_t peer, Nanos now) {
    for (MoveRecord* move : live_) {
        for (const MoveLeg& leg : move->legs) {
            if (leg.peer == peer && !leg.applied && !leg.refused) {
                move->tries++;
                note(*move, EventKind::bind_sent, now, peer);
            }
        }
    }
}

void Mover::acknowledged(uint32_t peer, bool applied, Nanos now) {
    for (MoveRecord* each : live_) {
        MoveRecord& move = *each;
        for (MoveLeg& leg : move.legs) {
            if (leg.peer != peer) {
                continue;
            }
            if (!leg.switched) {
                note(move, EventKind::acknowledged, now, peer);
                switch_leg(leg, move, now);
            }
            if (applied && !std::exchange(leg.applied, true)) {
                leg.refused = false;
                note(move, EventKind::applied, now, peer);
            }
        }
        if (move.state == MoveState::announcing &&
            std::ranges::all_of(move.legs, &MoveLeg::switched)) {
            advance(move, MoveEvent::acknowledged);
        }
    }
}

void Mover::refused(uint32_t peer, Nanos now) {
    for (MoveRecord* move : live_) {
        for (MoveLeg& leg : move->legs) {
            if (leg.peer == peer && !leg.applied && !std::exchange(leg.refused, true)) {
                note(*move, EventKind::refused, now, peer);
                statistics_.failures.add();
            }
        }
    }
}

void Mover::lose_local(Ipv4Addr address, Trigger trigger, Nanos now) {
    const Ipv4Prefix from = Ipv4Prefix::host(address);
    cache_.mappings().lose(from);
    const auto locals = cache_.locals_active_in(from);
    MoveRecord& move = begin(Side::local, trigger, from, std::nullopt, now);
    advance(move, MoveEvent::begin_no_address);
    for (const LocalId id : locals) {
        cache_.at(id).usable = false;
        for (const PathId path : cache_.at(id).paths) {
            manager_.publish(path);
        }
    }
}

void Mover::return_local(Ipv4Addr address, Nanos now) {
    const Ipv4Prefix same = Ipv4Prefix::host(address);
    if (MoveRecord* move = holding(same)) {
        set_to(*move, same);
        advance(*move, MoveEvent::new_address);
        set_drain(*move, now);
    }
    for (const LocalId id : cache_.locals_active_in(same)) {
        cache_.at(id).usable = true;
        for (const PathId path : cache_.at(id).paths) {
            cache_.at(path).speaks_as.reset();
            manager_.publish(path);
        }
    }
}

void Mover::serve_again(Ipv4Addr address) {
    for (const LocalId id : cache_.locals_active_in(Ipv4Prefix::host(address))) {
        LocalBinding& binding = cache_.at(id);
        if (!binding.follows && !std::exchange(binding.usable, true)) {
            std::ranges::for_each(binding.paths, [&](PathId path) { manager_.publish(path); });
        }
    }
}

MoveId Mover::move_remote(const std::vector<RemoteId>& bindings, Ipv4Prefix from, Ipv4Prefix to,
                          bool proven, Nanos now) {
    MoveRecord& move = begin(Side::remote, Trigger::notification, from, to, now);
    advance(move, MoveEvent::begin_unacknowledged);
    std::vector<PathId> paths;
    for (const RemoteId id : bindings) {
        cache_.set_active(id, to.with_host_part_of(cache_.at(id).original));
        cache_.at(id).proven = proven;
        const auto& of_binding = cache_.at(id).paths;
        paths.insert(paths.end(), of_binding.begin(), of_binding.end());
    }
    switch_paths(paths, move, now);
    return move.id;
}

void Mover::prove_remote(const std::vector<RemoteId>& bindings, const Ipv4Prefix& at, uint32_t peer,
                         Nanos now) {
    for (const RemoteId id : bindings) {
        cache_.at(id).proven = true;
        for (const PathId path : cache_.at(id).paths) {
            manager_.publish(path);
        }
    }
    const auto [first, last] = by_end_.equal_range({Side::remote, at});
    if (first != last) { // the newest
        note(*std::prev(last)->second, EventKind::validated, now, peer);
    }
}

bool Mover::has_just_left(Ipv4Addr from) const { return left_.contains(from); }

void Mover::finish_turn(Nanos now) {
    for (const MoveId id : std::exchange(switched_, {})) {
        MoveRecord* const its = find_in(records_, id);
        if (its == nullptr || its->state != MoveState::draining || its->flipped) {
            continue; // a leg of it waits, or it is over, or done with
        }
        MoveRecord& move = *its;
        move.flipped = now;
        unsent_.push_back(id);
        note(move, EventKind::switched, now);
        const HoldCounts counts = hold_counts ? hold_counts() : HoldCounts{};
        move.hold = {counts.held - move.hold_before.held,
                     counts.dropped - move.hold_before.dropped};
        const int64_t us = (now - move.event).value / 1000;
        statistics_.flips.add();
        statistics_.flip_us_total.add(static_cast<uint64_t>(us));
        const auto bound = std::ranges::lower_bound(flip_bounds_us, us);
        statistics_.flip_buckets[static_cast<size_t>(bound - flip_bounds_us.begin())].add();
    }
}

void Mover::tick(Nanos now) {
    for (MoveRecord* move : live_) {
        if (move->state == MoveState::announcing &&
            now - move->event >= nanos(config_.move.switch_timeout)) {
            time_out(*move, now);
        }
    }
    look_for_first_packets(now);
    while (!drains_.empty() && drains_.begin()->first <= now) {
        MoveRecord& move = *find_in(records_, drains_.begin()->second);
        advance(move, MoveEvent::drained); // the pairs themselves drain in the path manager
        note(move, EventKind::drained, now);
        move.sample.clear();
    }
    std::erase_if(live_, [](const MoveRecord* m) { return !is_live(*m); });
}

/// Workers tell by the path. A few in each tick, by turns.
void Mover::look_for_first_packets(Nanos now) {
    for (size_t left = std::min(unsent_.size(), unsent_per_tick); left > 0; left--) {
        const MoveId id = unsent_.front();
        unsent_.pop_front();
        MoveRecord* const move = find_in(records_, id);
        if (move == nullptr || is_over(*move) || !move->flipped || move->sample.empty()) {
            continue; // if it is switched again, it is put in again
        }
        if (std::ranges::any_of(move->sample, [&](PathId p) { return manager_.was_used(p); })) {
            note(*move, EventKind::first_packet, now);
            move->sample.clear();
        } else {
            unsent_.push_back(id);
        }
    }
}

const MoveRecord* Mover::find(MoveId id) const { return find_in(records_, id); }

} // namespace sacip
