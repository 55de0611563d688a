// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/mover.hpp"

#include <algorithm>
#include <map>

namespace sacip {
namespace {
constexpr size_t trace_points_kept = 64;
constexpr size_t paths_sampled = 16;
constexpr size_t unsent_per_tick = 4;
} // namespace

MoveRecord& Mover::begin(Side side, Trigger trigger, IpPrefix from, std::optional<IpPrefix> to,
                         Nanos now) {
    supersede(side, from, now);
    if (MoveRecord* const oldest = history_.to_go()) {
        if (oldest->state == MoveState::draining) {
            history_.advance(*oldest, MoveEvent::drained);
            note(*oldest, EventKind::drained, now);
        }
        history_.forget(*oldest);
    }
    MoveRecord& move = history_.add(side, trigger, from, to);
    move.event = now;
    move.date = events_.date_of(now);
    move.hold_before = hold_counts();
    statistics_.moves[static_cast<size_t>(trigger)].add();
    note(move, EventKind::move_begun, now);
    return move;
}

HoldCounts Mover::hold_counts() const {
    const auto dropped = [this](DropReason why) {
        return counters_.dropped[static_cast<size_t>(why)].get();
    };
    return {counters_.held_total.get(),
            dropped(DropReason::hold_overflow) + dropped(DropReason::hold_expired)};
}

HoldCounts Mover::since_begun(const MoveRecord& move) const {
    const HoldCounts now = hold_counts();
    return {now.held - move.hold_before.held, now.dropped - move.hold_before.dropped};
}

std::optional<HoldCounts> Mover::hold_of(const MoveRecord& move) const {
    return move.flipped    ? std::optional{move.hold}
           : is_over(move) ? std::nullopt
                           : std::optional{since_begun(move)};
}

/// The trace is the move's own; the event log has all of them, with names.
void Mover::note(MoveRecord& move, EventKind kind, Nanos now, std::optional<PeerId> peer) {
    if (move.trace.size() < trace_points_kept) {
        move.trace.push_back({kind, now, peer});
    }
    std::string text;
    text.reserve(64);
    text.append(to_text(move.side)).append(" ").append(move.from.to_text()).append(" > ");
    text.append(move.to ? move.to->to_text() : "-");
    events_.note(kind, now, move.id, peer ? policy_->peer(*peer).name : std::string{},
                 std::move(text));
}

void Mover::supersede(Side side, const IpPrefix& left, Nanos now) {
    while (MoveRecord* const move = history_.ending_at(side, left)) {
        history_.advance(*move, MoveEvent::superseded); // and so it is no longer found
        note(*move, EventKind::superseded, now);
        move->legs.clear();
    }
}

MoveId Mover::move_local(IpPrefix from, IpPrefix to, Trigger trigger, bool old_gone, Nanos now) {
    const Nanos drained = now + nanos(policy_->move.drain);
    cache_.mappings().move(from, to, now, drained);
    MoveRecord* waiting = history_.holding(from);
    MoveRecord& move = waiting != nullptr ? *waiting : begin(Side::local, trigger, from, to, now);
    history_.set_to(move, to);
    move.event = now;
    move.date = events_.date_of(now);
    move.old_gone = old_gone || waiting != nullptr;
    basic_sender_.replace(from, to);
    std::vector<PathId> at_once = rebind(cache_.locals_active_in(from), to, move, now);
    const bool waits = !move.old_gone && !move.legs.empty();
    history_.advance(move, waiting != nullptr ? MoveEvent::new_address
                           : waits            ? MoveEvent::begin
                                              : MoveEvent::begin_unacknowledged);
    announce(move, std::move(at_once));
    return move.id;
}

void Mover::announce(MoveRecord& move, std::vector<PathId> paths, bool switches) {
    Announcement out{move.id, {}, move.old_gone, std::move(paths), switches};
    for (const MoveLeg& leg : move.legs) {
        out.peers.push_back(leg.peer);
    }
    move.notifications += static_cast<uint32_t>(out.peers.size());
    announced_.push_back(std::move(out));
}

void Mover::switch_announced(const Announcement& announcement, Nanos now) {
    MoveRecord* const move = history_.find(announcement.move);
    if (move == nullptr || !announcement.switches) {
        return;
    }
    switch_paths(announcement.paths, *move, now);
    for (MoveLeg& leg : move->legs) {
        if (move->state != MoveState::announcing) {
            switch_leg(leg, *move, now);
            continue;
        }
        for (const PathRef& path : leg.paths) { // what the peer already sends to there is taken
            manager_.prepare(path.id, now + nanos(policy_->move.drain));
        }
    }
}

/// Gives the bindings their new addresses and tells basic peers, from the old ones. Paths to peers
/// with keys go to the move's legs; the others are given back.
std::vector<PathId> Mover::rebind(const std::vector<LocalId>& locals, const IpPrefix& to,
                                  MoveRecord& move, Nanos now) {
    std::vector<PathId> paths;
    std::map<PeerId, MoveLeg> legs;
    std::vector<BasicMessage> messages;
    for (const LocalId id : locals) {
        LocalBinding& binding = cache_.at(id);
        if (!binding.follows) { // nobody could be told: it stays while its address serves
            binding.usable = binding.usable && !move.old_gone;
            std::ranges::for_each(binding.paths, [&](PathId path) { manager_.publish(path); });
            continue;
        }
        const IpAddr old_address = binding.active;
        const IpAddr new_address = to.with_host_part_of(old_address);
        cache_.set_active(id, new_address);
        binding.usable = true;
        for (const PathId path : binding.paths) {
            PathEntry& entry = cache_.at(path);
            const RemoteBinding& remote = cache_.at(entry.remote);
            if (remote.speaker.is_secure()) {
                if (!entry.speaks_as && !move.old_gone) { // else it still speaks as it did
                    entry.speaks_as = old_address.v4();
                }
                legs[remote.speaker.peer()].paths.push_back(cache_.ref(path));
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
        manager_.prepare(m.path, now + nanos(policy_->move.drain));
        const DirectionRewrite& out = cache_.at(m.path).slot.outbound;
        basic_sender_.announce(m.message, cache_.ref(m.path), {out.port, out.link->addresses()},
                               now);
    }
    move.notifications += static_cast<uint32_t>(messages.size());
}

void Mover::switch_leg(MoveLeg& leg, MoveRecord& move, Nanos now) {
    if (std::exchange(leg.switched, true)) {
        return;
    }
    std::vector<PathId> paths;
    for (const PathRef& path : std::exchange(leg.paths, {})) {
        if (!cache_.is_there(path)) {
            continue;
        }
        paths.push_back(path.id);
        PathEntry& entry = cache_.at(path.id);
        if (const auto old = std::exchange(entry.speaks_as, std::nullopt)) {
            manager_.accept_also(path.id, {entry.pair.remote, *old},
                                 now + nanos(policy_->move.drain));
        }
    }
    switch_paths(paths, move, now);
}

/// The old address serves, and a peer that has never been heard can't have understood.
void Mover::time_out(MoveRecord& move, Nanos now) {
    bool all = true;
    for (MoveLeg& leg : move.legs) {
        if (leg.switched || cache_.is_heard(Speaker::of(leg.peer))) {
            switch_leg(leg, move, now);
        } else {
            all = false;
        }
    }
    if (all) {
        history_.advance(move, MoveEvent::switch_timeout);
    }
}

void Mover::switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now) {
    const Nanos drain_until = now + nanos(policy_->move.drain);
    for (const PathId path : paths) {
        manager_.prepare(path, drain_until);
    }
    for (const PathId path : paths) {
        manager_.publish(path);
        move.flows += cache_.at(path).flows;
        if (move.sample.size() < paths_sampled) {
            move.sample.push_back(cache_.ref(path));
        }
    }
    move.paths += static_cast<uint32_t>(paths.size());
    history_.set_drain(move, drain_until);
    move.flipped.reset();
    if (switched_.empty() || switched_.back() != move.id) {
        switched_.push_back(move.id);
    }
}

void Mover::told(PeerId peer, Nanos now) {
    for (MoveRecord* move : history_.local()) {
        for (const MoveLeg& leg : move->legs) {
            if (leg.peer == peer && !leg.applied && !leg.refused) {
                move->tries++;
                note(*move, EventKind::bind_sent, now, peer);
            }
        }
    }
}

void Mover::acknowledged(PeerId peer, bool applied, Nanos now) {
    for (MoveRecord* each : history_.local()) {
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
            history_.advance(move, MoveEvent::acknowledged);
        }
    }
}

void Mover::refused(PeerId peer, Nanos now) {
    for (MoveRecord* move : history_.local()) {
        for (MoveLeg& leg : move->legs) {
            if (leg.peer == peer && !leg.applied && !std::exchange(leg.refused, true)) {
                note(*move, EventKind::refused, now, peer);
                statistics_.failures.add();
            }
        }
    }
}

void Mover::lose_local(IpAddr address, Trigger trigger, Nanos now) {
    const IpPrefix from = IpPrefix::host(address);
    cache_.mappings().lose(from);
    const auto locals = cache_.locals_active_in(from);
    MoveRecord& move = begin(Side::local, trigger, from, std::nullopt, now);
    history_.advance(move, MoveEvent::begin_no_address);
    for (const LocalId id : locals) {
        cache_.at(id).usable = false;
        for (const PathId path : cache_.at(id).paths) {
            manager_.publish(path);
        }
    }
}

void Mover::return_local(IpAddr address, Nanos now) {
    const IpPrefix same = IpPrefix::host(address);
    if (MoveRecord* move = history_.holding(same)) {
        history_.set_to(*move, same);
        history_.advance(*move, MoveEvent::new_address);
        history_.set_drain(*move, now);
    }
    for (const LocalId id : cache_.locals_active_in(same)) {
        cache_.at(id).usable = true;
        for (const PathId path : cache_.at(id).paths) {
            cache_.at(path).speaks_as.reset();
            manager_.publish(path);
        }
    }
}

void Mover::serve_again(IpAddr address) {
    for (const LocalId id : cache_.locals_active_in(IpPrefix::host(address))) {
        LocalBinding& binding = cache_.at(id);
        if (!binding.follows && !std::exchange(binding.usable, true)) {
            std::ranges::for_each(binding.paths, [&](PathId path) { manager_.publish(path); });
        }
    }
}

MoveId Mover::move_remote(const std::vector<RemoteId>& bindings, IpPrefix from, IpPrefix to,
                          bool proven, Nanos now) {
    MoveRecord& move = begin(Side::remote, Trigger::notification, from, to, now);
    history_.advance(move, MoveEvent::begin_unacknowledged);
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

void Mover::prove_remote(const std::vector<RemoteId>& bindings, const IpPrefix& at, PeerId peer,
                         Nanos now) {
    for (const RemoteId id : bindings) {
        cache_.at(id).proven = true;
        for (const PathId path : cache_.at(id).paths) {
            manager_.publish(path);
        }
    }
    if (MoveRecord* const move = history_.ending_at(Side::remote, at)) {
        note(*move, EventKind::validated, now, peer);
    }
}

void Mover::finish_turn(Nanos now) {
    for (const MoveId id : std::exchange(switched_, {})) {
        MoveRecord* const its = history_.find(id);
        if (its == nullptr || its->state != MoveState::draining || its->flipped) {
            continue; // a leg of it waits, or it is over, or done with
        }
        MoveRecord& move = *its;
        move.flipped = now;
        unsent_.push_back(id);
        note(move, EventKind::switched, now);
        move.hold = since_begun(move);
        const int64_t us = (now - move.event).value / 1000;
        statistics_.flips.add();
        statistics_.flip_us_total.add(static_cast<uint64_t>(us));
        const auto bound = std::ranges::lower_bound(flip_bounds_us, us);
        statistics_.flip_buckets[static_cast<size_t>(bound - flip_bounds_us.begin())].add();
    }
}

void Mover::tick(Nanos now) {
    for (MoveRecord* move : history_.local()) {
        if (move->state == MoveState::announcing &&
            now - move->event >= nanos(policy_->move.switch_timeout)) {
            time_out(*move, now);
        }
    }
    look_for_first_packets(now);
    while (MoveRecord* const move = history_.drained(now)) {
        history_.advance(*move, MoveEvent::drained); // the pairs themselves in the path manager
        note(*move, EventKind::drained, now);
        move->sample.clear();
    }
    history_.tidy();
}

/// Workers tell by the path. A few in each tick, by turns.
void Mover::look_for_first_packets(Nanos now) {
    for (size_t left = std::min(unsent_.size(), unsent_per_tick); left > 0; left--) {
        const MoveId id = unsent_.front();
        unsent_.pop_front();
        MoveRecord* const move = history_.find(id);
        if (move == nullptr || is_over(*move) || !move->flipped || move->sample.empty()) {
            continue; // if it is switched again, it is put in again
        }
        if (std::ranges::any_of(move->sample, [&](const PathRef& p) {
                return cache_.is_there(p) && manager_.was_used(p.id);
            })) {
            note(*move, EventKind::first_packet, now);
            move->sample.clear();
        } else {
            unsent_.push_back(id);
        }
    }
}

} // namespace sacip
