// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mover.hpp"

#include <algorithm>
#include <set>

namespace sacip {
namespace {
constexpr size_t records_kept = 1000;
}

std::string_view to_text(Side side) { return side == Side::local ? "local" : "remote"; }

std::string_view to_text(Trigger trigger) {
    constexpr std::string_view names[trigger_count] = {"netlink", "control", "notification"};
    return names[static_cast<int>(trigger)];
}

MoveRecord& Mover::begin(Side side, Trigger trigger, Ipv4Prefix from, std::optional<Ipv4Prefix> to,
                         Nanos now) {
    supersede(side, from);
    if (records_.size() >= records_kept) {
        records_.pop_front();
    }
    records_.push_back({{next_id_++}, side, trigger, from, to, {}, now, {}, {}, 0, 0, 0});
    statistics_.moves[static_cast<size_t>(trigger)].add();
    return records_.back();
}

MoveEffects Mover::advance(MoveRecord& move, MoveEvent event) {
    const MoveStep next = step(move.state, event);
    move.state = next.state;
    return next.effects;
}

void Mover::supersede(Side side, const Ipv4Prefix& left) {
    for (MoveRecord& move : records_) {
        if (move.side == side && move.to == left) {
            advance(move, MoveEvent::superseded);
        }
    }
}

MoveRecord* Mover::holding(const Ipv4Prefix& from) {
    const auto found = std::ranges::find_if(records_, [&](const MoveRecord& m) {
        return m.side == Side::local && m.state == MoveState::holding && m.from == from;
    });
    return found == records_.end() ? nullptr : &*found;
}

MoveId Mover::move_local(Ipv4Prefix from, Ipv4Prefix to, Trigger trigger, Nanos now) {
    const Nanos drained = now + nanos(config_.move.drain);
    for (Site& site : ledger_.sites()) {
        if (site.wire == from) {
            site.wire = to;
            std::erase_if(site.left, [&](const auto& l) { return l.until <= now; });
            site.left.push_back({from, drained});
        }
    }
    MoveRecord* waiting = holding(from);
    MoveRecord& move = waiting != nullptr ? *waiting : begin(Side::local, trigger, from, to, now);
    move.to = to;
    move.event = now;
    advance(move, waiting != nullptr ? MoveEvent::new_address : MoveEvent::begin_unacknowledged);
    // Basic peers don't acknowledge: prepare, announce and switch follow one another at once.
    switch_paths(rebind(ledger_.locals_active_in(from), to, move, now), move, now);
    return move.id;
}

/// Gives the bindings their new addresses and tells the peers, from the old ones.
std::vector<PathId> Mover::rebind(const std::vector<LocalId>& locals, const Ipv4Prefix& to,
                                  MoveRecord& move, Nanos now) {
    std::vector<PathId> paths;
    std::set<std::pair<Ipv4Addr, Ipv4Addr>> told; // our old address, peer
    for (const LocalId id : locals) {
        LocalBinding& binding = ledger_.at(id);
        const Ipv4Addr old_address = binding.active;
        const Ipv4Addr new_address = to.with_host_part_of(old_address);
        announcer_.replace(old_address, new_address);
        ledger_.set_active(id, new_address);
        binding.usable = true;
        for (const PathId path : binding.paths) {
            paths.push_back(path);
            const PathEntry& entry = ledger_.at(path);
            const RemoteBinding& remote = ledger_.at(entry.remote);
            if (remote.basic_peer && told.emplace(old_address, remote.active).second) {
                // Through the next hop that served the old address, where it is still known: the
                // entry's slot is the one in force until the switch.
                keeper_.prepare(path, now + nanos(config_.move.drain));
                const DirectionRewrite& out = entry.slot.outbound;
                announcer_.announce({old_address, new_address, remote.active}, path,
                                    {out.port, {out.next_hop, out.port_mac}}, now);
                move.notifications++;
            }
        }
    }
    return paths;
}

void Mover::switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now) {
    const Nanos drain_until = now + nanos(config_.move.drain);
    for (const PathId path : paths) {
        keeper_.prepare(path, drain_until);
    }
    for (const PathId path : paths) {
        keeper_.publish(path);
        move.flows += ledger_.at(path).flows;
    }
    move.paths += static_cast<uint32_t>(paths.size());
    move.drain_until = drain_until;
    move.flipped.reset();
}

void Mover::lose_local(Ipv4Addr address, Trigger trigger, Nanos now) {
    const Ipv4Prefix from = Ipv4Prefix::host(address);
    for (Site& site : ledger_.sites()) {
        // A port's next primary address fills the gap; a prefix is found again only by what it was.
        if (site.wire == from && site.port != no_port) {
            site.wire.reset();
        }
    }
    const auto locals = ledger_.locals_active_in(from);
    MoveRecord& move = begin(Side::local, trigger, from, std::nullopt, now);
    advance(move, MoveEvent::begin_no_address);
    for (const LocalId id : locals) {
        ledger_.at(id).usable = false;
        for (const PathId path : ledger_.at(id).paths) {
            keeper_.publish(path);
        }
    }
}

void Mover::return_local(Ipv4Addr address, Nanos now) {
    const Ipv4Prefix same = Ipv4Prefix::host(address);
    if (MoveRecord* move = holding(same)) {
        move->to = same;
        advance(*move, MoveEvent::new_address);
        move->drain_until = now;
    }
    for (const LocalId id : ledger_.locals_active_in(same)) {
        ledger_.at(id).usable = true;
        for (const PathId path : ledger_.at(id).paths) {
            keeper_.publish(path);
        }
    }
}

MoveId Mover::move_remote(const std::vector<RemoteId>& bindings, Ipv4Addr from, Ipv4Addr to,
                          Nanos now) {
    MoveRecord& move = begin(Side::remote, Trigger::notification, Ipv4Prefix::host(from),
                             Ipv4Prefix::host(to), now);
    advance(move, MoveEvent::begin_unacknowledged);
    std::vector<PathId> paths;
    for (const RemoteId id : bindings) {
        ledger_.set_active(id, to);
        const auto& of_binding = ledger_.at(id).paths;
        paths.insert(paths.end(), of_binding.begin(), of_binding.end());
    }
    switch_paths(paths, move, now);
    return move.id;
}

bool Mover::has_just_left(Ipv4Addr from) const {
    return std::ranges::any_of(records_, [&](const MoveRecord& m) {
        return m.side == Side::remote && m.from == Ipv4Prefix::host(from) &&
               (m.state == MoveState::draining || m.state == MoveState::superseded);
    });
}

void Mover::finish_turn(Nanos now) {
    for (auto move = records_.rbegin(); move != records_.rend(); ++move) {
        if (move->state != MoveState::draining || move->flipped) {
            continue;
        }
        move->flipped = now;
        const int64_t us = (now - move->event).value / 1000;
        statistics_.flips.add();
        statistics_.flip_us_total.add(static_cast<uint64_t>(us));
        const auto bound = std::ranges::lower_bound(flip_bounds_us, us);
        statistics_.flip_buckets[static_cast<size_t>(bound - flip_bounds_us.begin())].add();
    }
}

void Mover::tick(Nanos now) {
    for (MoveRecord& move : records_) {
        if (move.state == MoveState::draining && move.drain_until && *move.drain_until <= now) {
            advance(move, MoveEvent::drained); // the pairs themselves drain in the path keeper
        }
    }
}

uint64_t Mover::in_progress() const {
    return static_cast<uint64_t>(std::ranges::count_if(records_, [](const MoveRecord& m) {
        return m.state != MoveState::settled && m.state != MoveState::superseded;
    }));
}

const MoveRecord* Mover::find(MoveId id) const {
    const auto found = std::ranges::find(records_, id, &MoveRecord::id);
    return found == records_.end() ? nullptr : &*found;
}

} // namespace sacip
