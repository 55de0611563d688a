// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/path_manager.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// A path without flows is kept this long: the next connection between the same two hosts is
/// likely, and a notification for the pair still finds it.
constexpr Nanos keep_unused = from_s(60);
constexpr uint32_t paths_per_tick = 256;
/// Whoever moves faster than pairs drain loses the oldest ones.
constexpr size_t max_draining = 16;

PathAction action_of(Adjacency::State state) {
    switch (state) {
    case Adjacency::State::ready:
        return PathAction::forward;
    case Adjacency::State::unresolved:
        return PathAction::unresolved;
    case Adjacency::State::linux_only:
        return PathAction::to_linux;
    case Adjacency::State::absent: // they may come back with the next address
    case Adjacency::State::no_route:
    case Adjacency::State::refused:
        break;
    }
    return PathAction::hold;
}

bool usable(const DirectionRewrite& side) {
    return side.action == PathAction::forward || side.action == PathAction::to_box ||
           side.action == PathAction::to_linux;
}

} // namespace

/// `has`: the link header that this side of the path has.
void PathManager::point(DirectionRewrite& side, const Adjacency& to, const LinkHeader* has) const {
    side.action = action_of(to.state);
    side.port = to.port;
    side.link = to.state == Adjacency::State::ready ? links_.obtain(to.neighbour, to.ether, has)
                                                    : &no_link_header;
    if (to.port != no_port) {
        side.mtu = ports_[to.port.value].mtu;
        side.device = ports_[to.port.value].fills;
    }
}

PathManager::Composed PathManager::compose(MappingId mapping, const PathAddresses& addresses,
                                           L4ChecksumMode mode, const Links& has) const {
    const HostMapping& of = cache_.mappings()[mapping];
    const IfIndex outside = of.port == no_port ? IfIndex{} : ports_[of.port.value].host_interface;
    const bool of_box = of.way == Way::box;
    Composed out;
    prepare_rewrite(addresses, mode, out.slot);
    out.in = of_box ? resolver_.to_box(of.port)
                    : resolver_.inward(addresses.host, addresses.remote_original, outside);
    point(out.slot.inbound, out.in, has.in);
    const PortId pinned = // a flow that moved away leaves by the port of its new address
        of.port == no_port ? no_port
                           : resolver_.port_of_source(addresses.local_active).value_or(of.port);
    out.out = resolver_.outward({addresses.remote_active, addresses.host, addresses.local_active,
                                 pinned, out.in.interface, of_box});
    point(out.slot.outbound, out.out, has.out);
    if (of_box) {
        out.slot.inbound.action = PathAction::to_box;
    }
    if (out.out.state == Adjacency::State::linux_only) { // with its own source
        RewriteSlot own;
        prepare_rewrite({addresses.host, addresses.host, addresses.host, addresses.remote_original,
                         addresses.remote_active},
                        L4ChecksumMode::wire, own);
        own.outbound.action = PathAction::to_linux;
        out.slot.outbound = own.outbound;
    }
    return out;
}

/// From one host of ours to another: both directions end at an inside port.
PathManager::Composed PathManager::compose_inside(const PathAddresses& addresses,
                                                  const Links& has) const {
    Composed out;
    prepare_rewrite(addresses, L4ChecksumMode::wire, out.slot);
    out.out = resolver_.inward(addresses.remote_active, addresses.local_active, {});
    point(out.slot.outbound, out.out, has.out);
    out.in = resolver_.inward(addresses.host, addresses.remote_original, {});
    point(out.slot.inbound, out.in, has.in);
    return out;
}

PathManager::Composed PathManager::compose_path(LocalId local, RemoteId remote, const Links& has,
                                                std::optional<Ipv4Addr> speaks_as) const {
    const LocalBinding& l = cache_.at(local);
    PathAddresses addresses = cache_.addresses(local, remote);
    if (l.inside) {
        return compose_inside(addresses, has);
    }
    addresses.local_active = speaks_as.value_or(l.active.v4());
    Composed out = compose(l.mapping, addresses, cache_.checksum_mode(remote), has);
    if (!l.usable || !cache_.at(remote).proven) {
        out.slot.outbound.action = PathAction::hold;
    }
    return out;
}

std::optional<PathId> PathManager::obtain(LocalId local, RemoteId remote, Nanos now) {
    if (const auto known = cache_.find_path(local, remote)) {
        return known;
    }
    const Composed composed = compose_path(local, remote, {});
    const WirePair pair = cache_.pair_of(local, remote);
    const auto id = table_.add(composed.slot, pair, cache_.view_of(local, remote));
    if (!id) {
        return std::nullopt;
    }
    PathEntry& entry = cache_.add_path(*id, local, remote);
    entry.pair = pair;
    entry.unused_since = now;
    set_adjacency(*id, entry.out, composed.out);
    set_adjacency(*id, entry.in, composed.in);
    set_slot(entry, composed.slot);
    return id;
}

void PathManager::prepare(PathId id, Nanos drain_until) {
    PathEntry& entry = cache_.at(id);
    const WirePair next = cache_.pair_of(entry.local, entry.remote);
    if (next == entry.pair) {
        return;
    }
    entry.draining.push_back({entry.pair, drain_until});
    if (next.remote != entry.pair.remote) {
        accept_crossing(id, next);
    }
    // Moving back onto a pair that still drains: it is the pair in force again.
    if (std::erase_if(entry.draining, [&](const DrainingPair& d) { return d.pair == next; }) > 0) {
        table_.retire(id, next, cache_.view_of(entry.local, entry.remote));
    }
    if (next.remote != entry.pair.remote) { // its packets came ahead of the word of its move
        take_turns(id);
        give_to_workers(id); // before they know the pair, or they would forward past what waits
    }
    table_.prepare(id, next, cache_.view_of(entry.local, entry.remote));
    entry.pair = next;
    while (entry.draining.size() > max_draining) {
        table_.retire(id, entry.draining.front().pair, cache_.view_of(entry.local, entry.remote));
        entry.draining.erase(entry.draining.begin());
    }
}

void PathManager::accept_also(PathId id, WirePair pair, Nanos until) {
    PathEntry& entry = cache_.at(id);
    const auto known = std::ranges::find(entry.draining, pair, &DrainingPair::pair);
    if (known != entry.draining.end()) {
        known->until = std::max(known->until, until);
    } else if (pair != entry.pair) {
        table_.prepare(id, pair, cache_.view_of(entry.local, entry.remote));
        entry.draining.push_back({pair, until});
    }
}

void PathManager::hasten_drain(PathId id, Nanos until) {
    PathEntry& entry = cache_.at(id);
    for (DrainingPair& d : entry.draining) {
        if (d.pair.remote != entry.pair.remote) {
            d.until = std::min(d.until, until);
        }
    }
}

/// A far end that has moved may not have heard yet that we had, too: from its new address it still
/// sends to our old ones.
void PathManager::accept_crossing(PathId id, WirePair next) {
    PathEntry& entry = cache_.at(id);
    const std::vector<DrainingPair> before = entry.draining;
    for (const DrainingPair& old : before) {
        const WirePair pair{next.remote, old.pair.local};
        if (pair != next &&
            std::ranges::find(entry.draining, pair, &DrainingPair::pair) == entry.draining.end()) {
            table_.prepare(id, pair, cache_.view_of(entry.local, entry.remote));
            entry.draining.push_back({pair, old.until});
        }
    }
}

bool PathManager::publish(PathId id) {
    PathEntry& entry = cache_.at(id);
    const Composed next =
        compose_path(entry.local, entry.remote, {entry.slot.outbound.link, entry.slot.inbound.link},
                     entry.speaks_as);
    set_adjacency(id, entry.out, next.out);
    set_adjacency(id, entry.in, next.in);
    if (next.slot.outbound == entry.slot.outbound && next.slot.inbound == entry.slot.inbound) {
        return false;
    }
    const bool out_usable = usable(next.slot.outbound) && !usable(entry.slot.outbound);
    const bool in_usable = usable(next.slot.inbound) && !usable(entry.slot.inbound);
    set_slot(entry, next.slot);
    if (out_usable) {
        outbound_usable_.push_back(id);
    }
    became_usable_ = became_usable_ || out_usable || in_usable;
    if (out_usable || in_usable || (entry.flip_waits && usable(entry.slot.outbound))) {
        if (!entry.flip_waits) {
            entry.flip_waits = true;
            waiting_.push_back(id);
        }
    } else {
        entry.flip_waits = false;
        give_to_workers(id);
    }
    return true;
}

void PathManager::flip_waiting() {
    if (waiting_.empty()) {
        return; // as it is before nearly every punt
    }
    for (const PathId id : std::exchange(waiting_, {})) {
        PathEntry& entry = cache_.at(id);
        if (entry.flip_waits) { // not since a path of other bindings, nor unusable again
            entry.flip_waits = false;
            take_turns(id);
            give_to_workers(id);
        }
    }
}

/// What workers see of the path.
void PathManager::give_to_workers(PathId id) {
    const PathEntry& entry = cache_.at(id);
    RewriteSlot slot = entry.slot;
    for (DirectionRewrite* side : {&slot.outbound, &slot.inbound}) {
        if (entry.in_turn && side->action == PathAction::forward) {
            side->action = PathAction::forward_in_turn;
        }
    }
    table_.publish(id, slot, entry.pair);
}

void PathManager::take_turns(PathId id) {
    if (!std::exchange(cache_.at(id).in_turn, true)) {
        in_turn_.push_back(id);
    }
}

void PathManager::end_turns() {
    for (const PathId id : std::exchange(in_turn_, {})) {
        if (std::exchange(cache_.at(id).in_turn, false)) { // not since a path of other bindings
            give_to_workers(id);
        }
    }
}

void PathManager::on_routes_changed(const RouteChanges& changes) {
    for (const IpPrefix& prefix : changes.prefixes) {
        for (const PathId id : cache_.paths_toward(prefix)) {
            publish(id);
        }
    }
    for (uint32_t i = 0; changes.all && i < cache_.path_positions(); i++) {
        if (cache_.at(PathId{i}).in_use) {
            publish({i});
        }
    }
}

void PathManager::on_neighbour_changed(NeighbourKey neighbour) {
    const auto found = users_.find(neighbour);
    if (found == users_.end()) {
        return;
    }
    const auto mac = resolver_.mac_of(neighbour);
    if (mac) {
        links_.set_next_hop(neighbour, *mac); // in all frames from now on
    }
    if (std::exchange(found->second.ready, mac.has_value()) == mac.has_value()) {
        return;
    }
    const std::vector<uint32_t> users(found->second.paths.begin(), found->second.paths.end());
    for (const uint32_t id : users) {
        publish({id});
    }
}

std::vector<NeighbourKey> PathManager::neighbours_in_use() const {
    std::vector<NeighbourKey> out;
    for (const auto& [key, users] : users_) {
        out.push_back(key);
    }
    return out;
}

void PathManager::flow_added(PathId id) {
    PathEntry& entry = cache_.at(id);
    const uint32_t first = entry.flows++ == 0 ? 1 : 0;
    paths_with_flows_ += first;
    if (is_of_stranger(entry)) {
        flows_of_strangers_++;
        paths_of_strangers_ += first;
    }
}

void PathManager::flow_removed(PathId id, Nanos now) {
    PathEntry& entry = cache_.at(id);
    if (entry.flows == 0) {
        return;
    }
    const uint32_t last = --entry.flows == 0 ? 1 : 0;
    const bool of_stranger = is_of_stranger(entry);
    paths_with_flows_ -= last;
    if (of_stranger) {
        flows_of_strangers_--;
        paths_of_strangers_ -= last;
    }
    if (last != 0) {
        entry.unused_since = now;
        of_stranger ? unused_of_strangers_.push_back(id) : unused_.push_back({id, now});
    }
}

bool PathManager::is_unused(PathId id) const {
    return cache_.at(id).in_use && cache_.at(id).flows == 0;
}

void PathManager::forget(PathId id) {
    PathEntry& entry = cache_.at(id);
    for (const DrainingPair& d : entry.draining) {
        table_.retire(id, d.pair, cache_.view_of(entry.local, entry.remote));
    }
    table_.retire(id, entry.pair, cache_.view_of(entry.local, entry.remote));
    set_adjacency(id, entry.out, {});
    set_adjacency(id, entry.in, {});
    set_slot(entry, {});
    cache_.remove_path(id);
    table_.remove(id);
}

void PathManager::forget_unused() {
    for (const PathId id : std::exchange(unused_of_strangers_, {})) {
        if (is_unused(id) && is_of_stranger(cache_.at(id))) { // the id may be another path's
            forget(id);
        }
    }
    const uint32_t enough = table_.capacity() - std::max(1U, table_.capacity() / 16);
    for (uint32_t i = 0; i < paths_per_tick && !unused_.empty(); i++) {
        const Unused oldest = unused_.front();
        const bool is_so =
            is_unused(oldest.id) && cache_.at(oldest.id).unused_since == oldest.since;
        if (is_so && table_.size() <= enough) {
            break;
        }
        unused_.pop_front();
        if (is_so) {
            forget(oldest.id);
        }
    }
}

void PathManager::tick(Nanos now) {
    forget_unused();
    for (uint32_t i = 0; i < paths_per_tick && i < cache_.path_positions(); i++) {
        const PathId id{cursor_};
        cursor_ = cursor_ + 1 == cache_.path_positions() ? 0 : cursor_ + 1;
        PathEntry& entry = cache_.at(id);
        if (!entry.in_use) {
            continue;
        }
        std::erase_if(entry.draining, [&](const DrainingPair& d) {
            if (d.until > now || d.pair.local == entry.speaks_as) {
                return false;
            }
            table_.retire(id, d.pair, cache_.view_of(entry.local, entry.remote));
            return true;
        });
        if (entry.flows == 0 && now - entry.unused_since > keep_unused) {
            forget(id);
        }
    }
    table_.reclaim();
    release_links();
}

/// One of the path's adjacencies is another now.
void PathManager::set_adjacency(PathId id, Adjacency& side, const Adjacency& next) {
    if (side.neighbour != next.neighbour) {
        if (const auto old = users_.find(side.neighbour); old != users_.end()) {
            auto& paths = old->second.paths;
            paths.erase(paths.find(id.value)); // once: both sides may have it
            if (paths.empty()) {
                users_.erase(old);
            }
        }
        if (next.neighbour.interface.value != 0) {
            const bool ready = next.state == Adjacency::State::ready;
            users_.try_emplace(next.neighbour, Users{{}, ready})
                .first->second.paths.insert(id.value);
        }
    }
    side = next;
}

void PathManager::set_slot(PathEntry& entry, const RewriteSlot& next) {
    const auto replace = [&](const LinkHeader* before, const LinkHeader* after) {
        if (before != after) {
            links_.hold(after);
            replaced_.push_back(before);
        }
    };
    replace(entry.slot.outbound.link, next.outbound.link);
    replace(entry.slot.inbound.link, next.inbound.link);
    entry.slot = next;
}

/// Those that were replaced, once no worker can see them. No path waits for its flip at a tick.
void PathManager::release_links() {
    if (!replaced_.empty() && waiting_.empty()) {
        unseen_.push_back({std::exchange(replaced_, {}), table_.start_grace()});
    }
    while (!unseen_.empty() && table_.grace_passed(unseen_.front().token)) {
        for (const LinkHeader* link : unseen_.front().links) {
            links_.release(link);
        }
        unseen_.pop_front();
    }
    links_.sweep();
}

} // namespace sacip
