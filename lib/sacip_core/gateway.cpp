// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/gateway.hpp"

#include "sacip_core/packet/headers.hpp"

#include <algorithm>
#include <array>

namespace sacip {
namespace {

constexpr Nanos tick_every = from_ms(1);
constexpr uint32_t patience_in_punts = 8192;
constexpr Nanos look_around_every = from_s(10);
constexpr Nanos count_every = from_s(1);

template <typename... F>
struct Overloaded : F... {
    using F::operator()...;
};
template <typename... F>
Overloaded(F...) -> Overloaded<F...>;

} // namespace

Gateway::Gateway(const World& world)
    : w_{world}, cache_{world.boot, world.policy, world.secret}, resolver_{world.host, world.ports},
      manager_{cache_, world.paths, resolver_, links_, world.ports},
      basic_sender_{world.io, world.boot.protocol.icmp_type}, mover_{world.policy, cache_,
                                                                     manager_,     basic_sender_,
                                                                     events_,      world.counters,
                                                                     world.secret},
      exception_path_{{world.boot, world.policy, world.ports, world.host, resolver_, world.flows,
                       world.paths, cache_, manager_, mover_, make_peer_session(), world.io,
                       world.actions, world.counters, world.secret}} {
    for (uint8_t i = 0; i < w_.ports.size(); i++) {
        if (w_.ports[i].outside && w_.ports[i].host_interface.value != 0) {
            const bool primary_in_use = std::ranges::any_of(
                cache_.mappings().all(), [&](const HostMapping& m) { return m.port == PortId{i}; });
            uplinks_.push_back(
                {{i}, Uplink{{from_ms(w_.policy->move.settle.count()), primary_in_use}}});
        }
    }
}

PeerSession* Gateway::make_peer_session() {
    if (w_.identity == nullptr) {
        return nullptr;
    }
    secure_sender_ = std::make_unique<SecureSender>(
        SecureSender::Deps{w_.boot, *w_.identity, w_.ports, cache_, resolver_, w_.io, w_.actions});
    claims_ = std::make_unique<BindReceiver>(
        BindReceiver::Deps{w_.ports, w_.host, w_.policy, cache_, manager_, mover_, events_});
    peer_session_ = std::make_unique<PeerSession>(
        PeerSession::Deps{w_.policy, *w_.identity, cache_, manager_, mover_, w_.flows,
                          *secure_sender_, *claims_, events_, w_.secret});
    return peer_session_.get();
}

void Gateway::on_host_changed(const RouteChanges& route_changes, Nanos now) {
    time_ = now;
    host_changed_ = true;
    using Table = KernelState::Table;
    const bool addresses_changed = w_.host.generation(Table::addresses) != seen_addresses_;
    const uint64_t routes = w_.host.generation(Table::routes) + w_.host.generation(Table::rules);
    const bool routes_changed = routes != seen_routes_;
    if (addresses_changed || routes_changed) {
        for (PortUplink& u : uplinks_) {
            const GatewayPort& port = w_.ports[u.port.value];
            const IfIndex interface = port.host_interface;
            const auto ways = ways_out(w_.host, interface, port.fallback_gateway);
            const auto present = w_.host.addresses(interface);
            apply(u.port, u.uplink.observe(present, ways, markers_among(present), now), now);
        }
        follow_default_route(now);
    }
    if (addresses_changed) {
        seen_addresses_ = w_.host.generation(Table::addresses);
        mover_.check_old_addresses([this](IpAddr a) { return is_present(a); });
        carry_out_moves(now);
    }
    seen_routes_ = routes;
    // By which port a path leaves depends on addresses.
    manager_.on_routes_changed(addresses_changed ? RouteChanges{true, {}} : route_changes);
}

/// Those that a prefix follows.
std::vector<IpAddr> Gateway::markers_among(std::span<const AddressInfo> addresses) const {
    std::vector<IpAddr> out;
    const HostMappings& mappings = cache_.mappings();
    for (const AddressInfo& a : addresses) {
        if (std::ranges::any_of(mappings.around_wire(a.address),
                                [&](MappingId id) { return mappings[id].way == Way::routed; })) {
            out.push_back(a.address);
        }
    }
    return out;
}

void Gateway::on_neighbours_changed(const std::vector<NeighbourKey>& neighbours) {
    for (const NeighbourKey& neighbour : neighbours) {
        // One that does not answer lets nothing go: a scan must not have all that waits looked at.
        if (w_.host.mac_of(neighbour)) {
            exception_path_.answered(neighbour);
            host_changed_ = true;
        }
        manager_.on_neighbour_changed(neighbour);
    }
}

void Gateway::on_mac_changed(PortId port, const std::string& text, Nanos now) {
    basic_sender_.mac_changed(port, w_.ports[port.value].mac);
    manager_.on_routes_changed(); // every path through the port asks for its address again
    exception_path_.mac_changed(port, now);
    events_.note(EventKind::mac_changed, now, {}, {}, text);
}

void Gateway::apply(PortId port, const std::vector<UplinkEffect>& effects, Nanos now) {
    for (const UplinkEffect& effect : effects) {
        std::visit(Overloaded{
                       [&](const AddressGained& e) {
                           address_gained(port, e.address);
                           mover_.serve_again(e.address);
                       },
                       [&](const AddressMoved& e) { address_moved(port, e.from, e.to, now); },
                       [&](const AddressLost& e) {
                           if (is_followed(e.address)) {
                               mover_.lose_local(e.address, Trigger::netlink, now);
                           }
                       },
                       [&](const AddressReturned& e) { mover_.return_local(e.address, now); },
                       [&](const PrimaryChanged& e) {
                           if (e.address) {
                               primary_changed(port, *e.address);
                           }
                       },
                   },
                   effect);
    }
}

/// In advance, while all is well: when the address goes, its sockets must not notice.
void Gateway::address_gained(PortId port, IpAddr address) {
    if (cache_.mappings().of_box(port) && shadows_.insert(address).second) {
        w_.actions.keep_shadow(address);
    }
}

/// What follows one address: the hosts and the box behind it, and the prefixes it marks.
void Gateway::address_moved(PortId, IpAddr from, IpAddr to, Nanos now) {
    if (is_followed(from)) {
        move_local(IpPrefix::host(from), IpPrefix::host(to), Trigger::netlink, !is_present(from),
                   now);
    }
    exception_path_.ender().begin();
    for (const MappingId id : cache_.mappings().around_wire(from)) {
        const IpPrefix wire = *cache_.mappings()[id].wire;
        if (cache_.mappings()[id].way == Way::routed && !wire.contains(to)) {
            move_local(wire, {to, wire.length()}, Trigger::netlink, !is_present(from), now);
        }
    }
}

MoveId Gateway::move_local(IpPrefix from, IpPrefix to, Trigger trigger, bool old_gone, Nanos now) {
    const MoveId move = mover_.move_local(from, to, trigger, old_gone, now);
    carry_out_moves(now);
    return move;
}

void Gateway::carry_out_moves(Nanos now) {
    for (const Announcement& announcement : mover_.take_announcements()) {
        for (const PeerId peer : announcement.peers) {
            peer_session_->announce(peer, announcement.old_address_lost, now);
        }
        mover_.switch_announced(announcement, now);
    }
    notify_usable();
}

/// What waited for a way out goes as soon as there is one, ahead of the flows' packets.
void Gateway::notify_usable() {
    if (!manager_.any_outbound_usable()) {
        return;
    }
    for (const PathId path : manager_.take_outbound_usable()) {
        const PathEntry& entry = cache_.at(path);
        if (entry.in_use) { // it may be gone since, and its link header with it
            const DirectionRewrite& out = entry.slot.outbound;
            basic_sender_.path_ready(cache_.ref(path), {out.port, out.link->addresses()});
        }
    }
    if (peer_session_) {
        peer_session_->resume(time_);
    }
}

void Gateway::primary_changed(PortId port, IpAddr address) {
    if (cache_.mappings().give(port, address)) {
        exception_path_.ender().begin();
    }
}

bool Gateway::is_followed(IpAddr address) const { return cache_.has_at(IpPrefix::host(address)); }

std::variant<MoveId, Refusal> Gateway::request_move(const MoveRequest& request, Nanos now) {
    if (auto refusal = refuse(request, cache_, w_.host, w_.ports)) {
        moves_refused_.add();
        return *refusal;
    }
    time_ = now;
    for (const MappingId id : cache_.mappings().at_wire(request.from)) {
        cache_.mappings().set_home(id, std::nullopt);
    }
    return move_between_ports(request.from, request.to, Trigger::control, now);
}

/// New flows of hosts whose address is another uplink's now leave by that one, and its next change
/// is theirs.
MoveId Gateway::move_between_ports(IpPrefix from, IpPrefix to, Trigger trigger, Nanos now) {
    for (PortUplink& u : uplinks_) {
        u.uplink.forget(from.address());
    }
    const bool old_gone = from.is_host() && !uplinks_.empty() && !is_present(from.address());
    const MoveId move = move_local(from, to, trigger, old_gone, now);
    exception_path_.ender().begin();
    if (const auto port = resolver_.port_of_source(to.address())) {
        cache_.mappings().follow(to, *port);
    }
    return move;
}

/// What an uplink has lost for good goes where Linux goes then: to the one with the default route
/// of least metric. As soon as the one that was left has an address that leads out again, its hosts
/// are back there. Each move is refused as an operator's would be.
void Gateway::follow_default_route(Nanos now) {
    HostMappings& mappings = cache_.mappings();
    const auto move = [&](IpAddr from, IpAddr to) {
        const MoveRequest request{IpPrefix::host(from), IpPrefix::host(to)};
        const bool may = !refuse(request, cache_, w_.host, w_.ports);
        if (may) {
            move_between_ports(request.from, request.to, Trigger::netlink, now);
        }
        return may;
    };
    for (const PortUplink& u : uplinks_) {
        for (const IpAddr lost : u.uplink.lost()) {
            const auto to = next_way_out(u.port);
            if (!to || !move(lost, *to)) {
                continue;
            }
            for (const MappingId id : mappings.at_wire(IpPrefix::host(*to))) {
                if (mappings[id].wire && !mappings[id].left_port) {
                    mappings.set_home(id, u.port);
                }
            }
        }
    }
    for (const MappingId id : std::vector{mappings.away()}) {
        const HostMapping& mapping = mappings[id];
        const Uplink* const home = mapping.left_port ? uplink(*mapping.left_port) : nullptr;
        const auto to = home == nullptr ? std::nullopt : home->way_out();
        if (to && mapping.last_wire() && move(mapping.last_wire()->address(), *to)) {
            mappings.set_home(id, std::nullopt);
        }
    }
}

std::optional<IpAddr> Gateway::next_way_out(PortId lost) const {
    std::optional<IpAddr> out;
    uint32_t best = 0;
    for (const PortUplink& u : uplinks_) {
        const auto address = u.uplink.way_out();
        if (u.port == lost || !address) {
            continue;
        }
        const GatewayPort& port = w_.ports[u.port.value];
        const auto ways = ways_out(w_.host, port.host_interface, port.fallback_gateway);
        const uint32_t metric = std::ranges::min(ways, {}, &WayOut::metric).metric;
        if (!out || metric < best) {
            out = address;
            best = metric;
        }
    }
    return out;
}

/// Notifications go first; then what was held for a path that is usable now, or for a peer's word,
/// before anything that came later.
void Gateway::let_held_go() {
    notify_usable();
    const bool usable = manager_.take_usable();
    if (exception_path_.take_retry_held() || usable) {
        exception_path_.retry_held();
    }
    manager_.flip_waiting();
}

void Gateway::prefetch(std::span<const Frame> frames) const {
    std::array<FlowKey, HashIndex::max_burst> keys;
    std::array<const FlowKey*, HashIndex::max_burst> pointers{};
    std::array<int32_t, HashIndex::max_burst> positions;
    unsigned count = 0;
    for (const Frame& frame : frames) {
        // As if all were from the inside and plain: most are, and others do no harm.
        if (frame.length < ether_header_bytes + ipv4::min_header_bytes + udp::header_bytes) {
            continue;
        }
        const std::byte* ip = frame.data + ether_header_bytes;
        const std::byte* l4 = ip + ipv4::min_header_bytes;
        keys[count] = {ipv4::source(ip),          ipv4::destination(ip), udp::source_port(l4),
                       udp::destination_port(l4), ipv4::proto(ip),       {}};
        pointers[count] = &keys[count];
        count++;
    }
    w_.flows.find_burst(pointers.data(), count, positions.data());
}

/// True if all that workers decided to punt before has been received: a turn found nothing, and
/// each worker has ended the burst it was in. A flood of punts can't put that off for ever: rings
/// that were full at the time have been emptied by then.
bool Gateway::workers_are_done(bool all_received) {
    if (!all_received) {
        quiet_since_.reset();
        bursts_ended_ = false;
        return punts_in_turn_ > patience_in_punts;
    }
    if (bursts_ended_) { // and the turn after that found nothing, either
        return true;
    }
    quiet_since_ = quiet_since_.value_or(w_.paths.start_grace());
    bursts_ended_ = w_.paths.grace_passed(*quiet_since_);
    return false;
}

void Gateway::finish_turn(Nanos now, bool all_received) {
    time_ = now;
    // What is held for a path waits for that path; what has none waits for anything to change.
    let_held_go();
    if (std::exchange(host_changed_, false)) {
        exception_path_.retry_held();
    }
    mover_.finish_turn(now);
    if (!manager_.turns_last()) {
        punts_in_turn_ = 0;
        quiet_since_.reset();
        bursts_ended_ = false;
    } else if (workers_are_done(all_received && !exception_path_.has_backlog())) {
        manager_.end_turns();
    }
    exception_path_.work_off(now);
    if (now < next_tick_) {
        return;
    }
    next_tick_ = now + tick_every;
    for (PortUplink& u : uplinks_) {
        if (const auto due = u.uplink.next_deadline(); due && *due <= now) {
            apply(u.port, u.uplink.tick(now), now);
            follow_default_route(now);
        }
    }
    basic_sender_.tick(now);
    mover_.tick(now);
    if (peer_session_ && peer_session_->tick(now)) {
        exception_path_.retry_held();
    }
    manager_.tick(now);
    exception_path_.tick(now);
    if (now >= next_count_) {
        next_count_ = now + count_every;
        const uint64_t ended = exception_path_.flows_ended();
        if (ended > ended_told_) {
            events_.note(EventKind::ended, now, {}, {},
                         std::to_string(ended - std::exchange(ended_told_, ended)) + " flows");
        }
    }
    if (now >= next_look_) {
        next_look_ = now + look_around_every;
        look_after_shadows();
        // Workers use neighbours without Linux seeing it: have it confirm them now and then.
        for (const NeighbourKey& neighbour : manager_.neighbours_in_use()) {
            if (w_.host.mac_of(neighbour)) {
                w_.actions.resolve(neighbour);
            }
        }
    }
}

/// A shadow goes when its address is on no interface of ours and no flow uses it.
void Gateway::look_after_shadows() {
    std::set<IpAddr> wanted;
    for (const PortUplink& u : uplinks_) {
        for (const AddressInfo& a : w_.host.addresses(w_.ports[u.port.value].host_interface)) {
            wanted.insert(a.address);
        }
        for (const IpAddr lost : u.uplink.lost()) {
            wanted.insert(lost);
        }
    }
    for (const LocalId id : cache_.locals()) {
        wanted.insert(cache_.at(id).host);
    }
    std::erase_if(shadows_, [&](IpAddr shadow) {
        if (wanted.contains(shadow)) {
            return false;
        }
        w_.actions.drop_shadow(shadow);
        return true;
    });
}

void Gateway::shut_down() {
    for (const IpAddr shadow : shadows_) {
        w_.actions.drop_shadow(shadow);
    }
    shadows_.clear();
    exception_path_.release_all();
}

const Uplink* Gateway::uplink(PortId port) const {
    const auto found = std::ranges::find(uplinks_, port, &PortUplink::port);
    return found == uplinks_.end() ? nullptr : &found->uplink;
}

} // namespace sacip
