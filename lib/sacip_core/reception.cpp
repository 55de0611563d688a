// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/reception.hpp"

#include "sacip_core/arp.hpp"
#include "sacip_core/headers.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr Nanos hold_for_path = from_s(10);
constexpr Nanos hold_for_neighbour = from_s(3); ///< Linux gives up on a neighbour after that
constexpr Nanos ask_again = from_ms(200);
constexpr uint32_t flows_per_tick = 256;
constexpr size_t max_peers_considered = 256;
constexpr uint64_t key_of_shield = ~uint64_t{0};
constexpr uint64_t key_of_no_path = ~uint64_t{1};

FlowKey key_from_host(const PacketView& v) {
    return {v.source, v.destination, v.source_port, v.destination_port, v.proto, {}};
}

FlowKey key_from_wire(const PacketView& v, Ipv4Addr host, Ipv4Addr remote) {
    return {host, remote, v.destination_port, v.source_port, v.proto, {}};
}

} // namespace

// ---- the doors

void Reception::transmit(Guest& guest, PortId port) {
    if (guest.origin.from_linux && guest.frame().length >= ether_header_bytes &&
        ether::destination(guest.frame().data) == fallback_mac) {
        drop(guest, DropReason::no_route);
        return;
    }
    if (r_.io.transmit(port, guest.packet)) {
        r_.counters.forwarded.add();
    } else {
        r_.counters.drop(DropReason::tx_full);
    }
}

void Reception::to_linux(Guest& guest) {
    if (guest.origin.from_linux) { // where it came from: there is no other place for it
        drop(guest, DropReason::no_route);
    } else if (r_.io.to_linux(guest.origin.port, guest.packet)) {
        r_.counters.delivered.add();
    } else {
        r_.counters.drop(DropReason::linux_full);
    }
}

void Reception::drop(Guest& guest, DropReason why) {
    r_.io.release(guest.packet);
    r_.counters.drop(why);
}

void Reception::consume(Guest& guest) {
    r_.io.release(guest.packet);
    r_.counters.consumed.add();
}

void Reception::hold(Guest& guest, uint64_t key, Nanos at_most) {
    const Nanos deadline = guest.deadline.value != 0 ? guest.deadline : guest.now + at_most;
    if (const auto leaving = hold_.push({guest.packet, guest.origin, key, deadline})) {
        r_.io.release(leaving->packet);
        r_.counters.drop(DropReason::hold_overflow);
    }
    statistics_.held.add(guest.deadline.value == 0 ? 1 : 0);
    r_.counters.held.set(hold_.size());
}

// ---- where packets come from

void Reception::on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now) {
    r_.counters.received.add();
    if (reason == PuntReason::to_box) { // rewritten by the worker, on its way to a socket
        Guest guest{packet, {port, false}, {}, now};
        to_linux(guest);
        return;
    }
    decide(packet, {port, false}, now, {}, false);
}

void Reception::on_from_linux(OwnedPacket packet, PortId port, Nanos now) {
    r_.counters.received.add();
    decide(packet, {port, true}, now, {}, false);
}

void Reception::retry_held(Nanos now) {
    for (HeldPacket& h : hold_.take_all()) {
        decide(h.packet, h.origin, now, h.deadline, false);
    }
    r_.counters.held.set(hold_.size());
}

void Reception::tick(Nanos now) {
    while (const auto h = hold_.pop_expired(now)) {
        decide(h->packet, h->origin, now, h->deadline, true);
    }
    r_.counters.held.set(hold_.size());

    const auto ticks = [](Milliseconds t) { return to_tick(from_ms(t.count())); };
    const TimeoutsConfig& t = r_.config.timeouts;
    expired_.clear();
    r_.flows.collect_expired(
        to_tick(now), {ticks(t.tcp_established), ticks(t.tcp_other), ticks(t.udp), ticks(t.other)},
        flows_per_tick, expired_);
    for (const FlowInfo& flow : expired_) {
        r_.flows.erase(flow);
        r_.keeper.flow_removed(flow.path, now);
        statistics_.flows_expired.add();
    }
    if (asked_.size() > 10'000) {
        asked_.clear();
    }
}

void Reception::release_all() {
    for (const HeldPacket& h : hold_.take_all()) {
        r_.io.release(h.packet);
        r_.counters.drop(DropReason::hold_expired);
    }
    r_.counters.held.set(0);
}

// ---- decisions

ParseContext Reception::context_of(const Guest& guest) const {
    const GatewayPort& port = r_.ports[guest.origin.port.value];
    ParseContext context{port.mac, r_.config.protocol.icmp_type, port.outside};
    if (guest.origin.from_linux && guest.frame().length >= ether_header_bytes) {
        // Linux's frames are for others; and it sends no notifications.
        context.port_mac = ether::destination(guest.frame().data);
        context.outside = false;
    }
    return context;
}

void Reception::decide(OwnedPacket packet, Origin origin, Nanos now, Nanos deadline,
                       bool last_try) {
    Guest guest{packet, origin, {}, now, deadline, last_try};
    const Verdict parsed = parse(guest.frame(), context_of(guest), guest.view);
    if (origin.from_linux) {
        from_linux(guest, parsed);
    } else if (parsed.action == Action::drop) {
        drop(guest, parsed.drop_reason());
    } else if (parsed.action == Action::punt) {
        decide_punt(guest, parsed.punt_reason());
    } else if (r_.ports[origin.port.value].outside) {
        inbound(guest);
    } else {
        outbound(guest);
    }
}

void Reception::decide_punt(Guest& guest, PuntReason reason) {
    switch (reason) {
    case PuntReason::not_ip:
        on_arp(guest);
        break;
    case PuntReason::notification:
        on_notification(guest);
        break;
    case PuntReason::icmp:
    case PuntReason::fragment:
        without_ports(guest);
        break;
    case PuntReason::link_group: // ARP requests are broadcast
        on_arp(guest);
        break;
    default:
        to_linux(guest);
    }
}

/// Linux's packets leave as they are, unless their source is one that we translate.
void Reception::from_linux(Guest& guest, Verdict parsed) {
    const PortId port = guest.origin.port;
    const bool ipv4_flow = parsed == Verdict::proceed();
    const bool ipv4_other =
        parsed == Verdict::punt(PuntReason::fragment) || parsed == Verdict::punt(PuntReason::icmp);
    if (!r_.ports[port.value].outside || !(ipv4_flow || ipv4_other)) {
        transmit(guest, port);
    } else if (ipv4_flow) {
        outbound(guest);
    } else if (r_.ledger.any_path(guest.view.source, guest.view.destination)) {
        without_ports(guest);
    } else {
        transmit(guest, port);
    }
}

void Reception::outbound(Guest& guest) {
    const int32_t position = r_.flows.find(key_from_host(guest.view));
    if (position < 0) {
        new_outbound(guest);
        return;
    }
    FlowRecord& record = r_.flows.record(position);
    FlowTable::touch<Direction::outbound>(record, to_tick(guest.now), guest.view.is(IpProto::tcp),
                                          guest.view.tcp_flags);
    send_by_path(guest, Direction::outbound, {record.path.load(std::memory_order_relaxed)});
}

/// True if packets of this path may come in on this pair: in force, or draining from any move.
bool Reception::takes(PathId path, WirePair pair) const {
    const PathEntry& entry = r_.ledger.at(path);
    return entry.pair == pair || std::ranges::any_of(entry.draining, [&](const DrainingPair& d) {
               return d.pair == pair;
           });
}

std::optional<PathId> Reception::path_of_wire(const PacketView& view, int32_t& flow) const {
    const WirePair pair{view.source, view.destination};
    const int32_t wire = r_.paths.find(pair);
    if (wire < 0) {
        return std::nullopt;
    }
    for (const WireView& seen : r_.paths.views(wire)) {
        flow = r_.flows.find(key_from_wire(view, seen.host, seen.remote));
        if (flow >= 0) {
            const PathId path{r_.flows.record(flow).path.load(std::memory_order_relaxed)};
            if (takes(path, pair)) {
                return path;
            }
        }
    }
    return std::nullopt;
}

void Reception::inbound(Guest& guest) {
    int32_t flow = HashIndex::not_found;
    const auto path = path_of_wire(guest.view, flow);
    if (!path) {
        new_inbound(guest);
        return;
    }
    FlowTable::touch<Direction::inbound>(r_.flows.record(flow), to_tick(guest.now),
                                         guest.view.is(IpProto::tcp), guest.view.tcp_flags);
    send_by_path(guest, Direction::inbound, *path);
}

// ---- new flows

void Reception::new_outbound(Guest& guest) {
    const PacketView& v = guest.view;
    const PortId port = guest.origin.port;
    if (guest.origin.from_linux && r_.host.is_local(v.source)) {
        // The box's own: tracked where its address is one that moves, or that a host shares.
        const auto box = r_.ledger.box_site(port);
        const bool shared = r_.ledger.site_of_wire(v.source).has_value();
        if (!box || (!shared && !v.source.is_host_unicast())) {
            transmit(guest, port);
            return;
        }
        // A shadow's packets go on under the address that stands for it now.
        const Site& site = r_.ledger.sites()[*box];
        const bool present = std::ranges::any_of(
            r_.host.addresses(r_.ports[port.value].host_interface),
            [&](const AddressInfo& a) { return a.address == v.source && !a.deprecated; });
        const Ipv4Addr active = present || !site.wire ? v.source : site.wire->address();
        new_flow(guest, Direction::outbound, key_from_host(v),
                 r_.ledger.local(v.source, v.source, active, *box),
                 r_.ledger.remote(v.destination, v.destination));
        return;
    }
    const auto site = r_.ledger.site_of_host(v.source);
    const auto wire = site ? r_.ledger.wire_of(*site, v.source) : std::nullopt;
    const bool stays_inside =
        r_.host.is_local(v.destination) || r_.ledger.site_of_host(v.destination).has_value();
    if (!site || stays_inside) {
        guest.origin.from_linux ? transmit(guest, port) : to_linux(guest);
    } else if (!wire) {
        // No address to go out with, yet.
        guest.last_try ? drop(guest, DropReason::hold_expired)
                       : hold(guest, key_of_no_path, hold_for_path);
    } else {
        new_flow(guest, Direction::outbound, key_from_host(v),
                 r_.ledger.local(v.source, *wire, *wire, *site),
                 r_.ledger.remote(v.destination, v.destination));
    }
}

/// The site a new inbound flow is for: the mapped host, or the box for its own ports or where no
/// host shares the address.
std::optional<uint32_t> Reception::inbound_site(const PacketView& view, PortId port) const {
    const auto host = r_.ledger.site_of_wire(view.destination);
    const auto box = r_.ledger.box_site(port);
    if (!box || !r_.host.is_local(view.destination)) {
        return host;
    }
    const auto& ports = r_.ledger.sites()[*box].box_ports;
    const bool for_box = std::ranges::any_of(ports, [&](const BoxPort& p) {
        return view.is(p.protocol) && view.destination_port == Be16{p.port};
    });
    return host && !for_box ? host : box;
}

void Reception::new_inbound(Guest& guest) {
    const PacketView& v = guest.view;
    const auto site = inbound_site(v, guest.origin.port);
    if (!site) {
        // An address that we have just left: a peer that moved, too, may not have heard of it, nor
        // we of its own move.
        const auto left = r_.ledger.site_of_left_wire(v.destination, guest.now);
        if (left && !guest.last_try &&
            awaits_notification(v, r_.ledger.host_behind(*left, v.destination))) {
            hold(guest, key_of_shield, from_ms(r_.config.move.shield.count()));
        } else {
            to_linux(guest);
        }
        return;
    }
    const Ipv4Addr host = r_.ledger.host_behind(*site, v.destination);
    if (!guest.last_try && awaits_notification(v, host)) {
        hold(guest, key_of_shield, from_ms(r_.config.move.shield.count()));
        return;
    }
    const FlowKey key = key_from_wire(v, host, v.source);
    if (!give_way(guest, r_.flows.find(key))) {
        return;
    }
    new_flow(guest, Direction::inbound, key,
             r_.ledger.local(host, v.destination, v.destination, *site),
             r_.ledger.remote(v.source, v.source));
}

/// The RST shield's question: could this be a packet of a flow that we know under the address its
/// far end had before? Then a basic peer that may have roamed here has a live flow with these
/// ports.
bool Reception::awaits_notification(const PacketView& v, Ipv4Addr host) const {
    if (v.is(IpProto::tcp) && (v.tcp_flags & tcp_syn) != 0) {
        return false;
    }
    for (const RemoteId id : r_.ledger.remotes_of_host(host, max_peers_considered)) {
        const RemoteBinding& remote = r_.ledger.at(id);
        if (!remote.basic_peer || remote.active == v.source ||
            !r_.ledger.may_roam_to(*remote.basic_peer, v.source)) {
            continue;
        }
        const int32_t flow = r_.flows.find(key_from_wire(v, host, remote.original));
        if (flow >= 0 && !FlowTable::is_closed(r_.flows.record(flow).seen)) {
            return true;
        }
    }
    return false;
}

/// A live flow at this position belongs to somebody whose address moved on: never mix the two. A
/// dead one makes room. False if the packet was refused.
bool Reception::give_way(Guest& guest, int32_t position) {
    const auto flow = position < 0 ? std::nullopt : r_.flows.at({static_cast<uint32_t>(position)});
    if (!flow) {
        return true;
    }
    if (!FlowTable::is_closed(flow->seen)) {
        drop(guest, DropReason::flow_conflict);
        return false;
    }
    r_.flows.erase(*flow);
    r_.keeper.flow_removed(flow->path, guest.now);
    return true;
}

void Reception::new_flow(Guest& guest, Direction direction, const FlowKey& key, LocalId local,
                         RemoteId remote) {
    if (direction == Direction::outbound) {
        // Inbound packets of this flow must not be taken for those of an older one.
        const PacketView reply{.proto = key.proto,
                               .source = r_.ledger.at(remote).active,
                               .destination = r_.ledger.at(local).active,
                               .source_port = key.remote_port,
                               .destination_port = key.host_port};
        int32_t other = HashIndex::not_found;
        if (path_of_wire(reply, other) && !give_way(guest, other)) {
            r_.ledger.forget_unused(local, remote);
            return;
        }
    }
    const auto path = r_.keeper.obtain(local, remote, guest.now);
    if (!path) { // fail open: translated from the bindings alone, without mobility
        statistics_.untracked_path_table_full.add();
        const LocalBinding& l = r_.ledger.at(local);
        const RemoteBinding& r = r_.ledger.at(remote);
        const PathAddresses addresses{l.host, l.original, l.active, r.original, r.active};
        const uint32_t site = l.site;
        const L4ChecksumMode mode = r_.ledger.checksum_mode(remote);
        r_.ledger.forget_unused(local, remote);
        send_without_path(guest, direction, site, addresses, mode);
        return;
    }
    if (const auto flow = r_.flows.insert(key, *path, to_tick(guest.now))) {
        r_.keeper.flow_added(*path);
        statistics_.flows_created.add();
        FlowRecord& record = r_.flows.record(static_cast<int32_t>(flow->value));
        const bool tcp = guest.view.is(IpProto::tcp);
        if (direction == Direction::outbound) {
            FlowTable::touch<Direction::outbound>(record, to_tick(guest.now), tcp,
                                                  guest.view.tcp_flags);
        } else {
            FlowTable::touch<Direction::inbound>(record, to_tick(guest.now), tcp,
                                                 guest.view.tcp_flags);
        }
    } else {
        statistics_.untracked_flow_table_full.add();
    }
    send_by_path(guest, direction, *path);
}

/// Fragments and ICMP messages have no flow key; the addresses alone say how to translate them.
void Reception::without_ports(Guest& guest) {
    const PacketView& v = guest.view;
    const bool in = r_.ports[guest.origin.port.value].outside && !guest.origin.from_linux;
    if (!in) {
        const auto site = r_.ledger.site_of_host(v.source);
        const auto wire = site ? r_.ledger.wire_of(*site, v.source) : std::nullopt;
        if (const auto path = r_.ledger.any_path(v.source, v.destination)) {
            send_by_path(guest, Direction::outbound, *path);
        } else if (site && wire && !r_.host.is_local(v.destination)) {
            send_without_path(guest, Direction::outbound, *site,
                              {v.source, *wire, *wire, v.destination, v.destination},
                              L4ChecksumMode::wire);
        } else {
            to_linux(guest);
        }
        return;
    }
    // The first piece of a notification: they are never cut up, and never for anybody but us.
    if (v.fragment && v.is(IpProto::icmp) && v.l4_length > 0 &&
        !ipv4::has_fragment_offset(guest.frame().data + v.l3) &&
        icmp::type(guest.frame().data + v.l4) == r_.config.protocol.icmp_type) {
        drop(guest, DropReason::notification_length);
        return;
    }
    const int32_t wire = r_.paths.find(WirePair{v.source, v.destination});
    if (wire >= 0) {
        for (const WireView& seen : r_.paths.views(wire)) {
            if (const auto path = r_.ledger.any_path(seen.host, seen.remote)) {
                send_by_path(guest, Direction::inbound, *path);
                return;
            }
        }
    }
    const auto site = r_.ledger.site_of_wire(v.destination);
    if (site && !r_.host.is_local(v.destination)) {
        const Ipv4Addr host = r_.ledger.host_of(*site, v.destination);
        send_without_path(guest, Direction::inbound, *site,
                          {host, v.destination, v.destination, v.source, v.source},
                          L4ChecksumMode::wire);
    } else {
        to_linux(guest);
    }
}

// ---- sending

void Reception::send_by_path(Guest& guest, Direction direction, PathId path) {
    const PathEntry& entry = r_.ledger.at(path);
    const bool out = direction == Direction::outbound;
    if (const Adjacency& hop = out ? entry.out : entry.in;
        hop.state == Adjacency::State::unresolved) {
        resolve(hop.neighbour, guest.now);
    }
    send(guest, out ? entry.slot.outbound : entry.slot.inbound, path.value);
}

void Reception::send_without_path(Guest& guest, Direction direction, uint32_t site,
                                  const PathAddresses& addresses, L4ChecksumMode mode) {
    const PathKeeper::Composed composed = r_.keeper.compose(site, addresses, mode);
    const bool out = direction == Direction::outbound;
    if (const Adjacency& hop = out ? composed.out : composed.in;
        hop.state == Adjacency::State::unresolved) {
        resolve(hop.neighbour, guest.now);
    }
    send(guest, out ? composed.slot.outbound : composed.slot.inbound, key_of_no_path);
}

void Reception::send(Guest& guest, const DirectionRewrite& to, uint64_t hold_key) {
    switch (to.action) {
    case PathAction::hold:
        guest.last_try ? drop(guest, DropReason::hold_expired)
                       : hold(guest, hold_key, hold_for_path);
        return;
    case PathAction::unresolved:
        guest.last_try ? drop(guest, DropReason::neighbour_failed)
                       : hold(guest, hold_key, hold_for_neighbour);
        return;
    case PathAction::to_box:
        rewrite_addresses(guest.frame(), guest.view, to);
        guest.origin.port = to.port;
        to_linux(guest);
        return;
    case PathAction::forward:
        break;
    }
    if (guest.origin.from_linux) { // a router's work on the TTL is done already, or not due
        rewrite_addresses(guest.frame(), guest.view, to);
        ether::set_destination(guest.frame().data, to.next_hop);
        ether::set_source(guest.frame().data, to.port_mac);
    } else if (guest.view.ttl <= 1) {
        r_.ports[guest.origin.port.value].outside ? drop(guest, DropReason::ttl_expired)
                                                  : to_linux(guest);
        return;
    } else {
        rewrite_addresses(guest.frame(), guest.view, to);
        rewrite_next_hop(guest.frame(), guest.view, to);
    }
    r_.counters.rewritten.add(to.changes(guest.view.source, guest.view.destination) ? 1 : 0);
    transmit(guest, to.port);
}

void Reception::resolve(NeighbourKey neighbour, Nanos now) {
    Nanos& last = asked_[neighbour];
    if (last.value == 0 || now - last > ask_again) {
        last = now;
        r_.actions.resolve(neighbour);
    }
}

// ---- ARP and notifications

bool Reception::answers_arp_for(Ipv4Addr target, PortId port) const {
    const GatewayPort& p = r_.ports[port.value];
    if (!p.outside || !r_.ledger.site_of_wire(target) || r_.host.is_local(target)) {
        return false;
    }
    const auto on_link = r_.host.addresses(p.host_interface);
    return p.next_hop_mac || std::ranges::any_of(on_link, [&](const AddressInfo& a) {
               return a.prefix_length < 32 &&
                      Ipv4Prefix{a.address, a.prefix_length}.contains(target);
           });
}

void Reception::on_arp(Guest& guest) {
    const PortId port = guest.origin.port;
    const auto request = read_arp_request(guest.frame());
    if (!request || request->sender == request->target || !answers_arp_for(request->target, port)) {
        to_linux(guest);
        return;
    }
    const OwnedPacket reply = r_.io.allocate(arp_frame_bytes);
    if (reply.owner == nullptr) {
        drop(guest, DropReason::no_memory);
        return;
    }
    write_arp_reply(reply.frame, *request, r_.ports[port.value].mac);
    r_.io.transmit(port, reply);
    consume(guest);
}

/// Whether a well-formed notification may be believed (PROTOCOL §2, §3 "Authorisation").
DropReason Reception::judge(const BasicNotification& message) const {
    const auto peer = r_.ledger.basic_peer_of(message.old_address);
    if (!peer) {
        return DropReason::notification_peer;
    }
    if (!message.new_address.is_host_unicast()) {
        return DropReason::notification_address;
    }
    if (r_.host.is_local(message.new_address) || r_.ledger.is_own_wire(message.new_address) ||
        r_.ledger.site_of_host(message.new_address)) {
        return DropReason::notification_own;
    }
    const auto& allowed = r_.config.basic_peers[*peer].roam_to;
    return std::ranges::any_of(allowed,
                               [&](const Ipv4Prefix& p) { return p.contains(message.new_address); })
               ? DropReason::none
               : DropReason::notification_roam;
}

void Reception::on_notification(Guest& guest) {
    statistics_.notifications_received.add();
    const DecodedNotification decoded = decode(guest.frame(), guest.view);
    if (const auto* why = std::get_if<DropReason>(&decoded)) {
        drop(guest, *why);
        return;
    }
    const auto& message = std::get<BasicNotification>(decoded);
    auto bindings = r_.ledger.remotes_active_at(message.old_address);
    std::erase_if(bindings, [&](RemoteId id) { return !r_.ledger.at(id).basic_peer; });
    if (bindings.empty() && r_.mover.has_just_left(message.old_address)) { // said again
        consume(guest);
        return;
    }
    if (const DropReason why = judge(message); why != DropReason::none) {
        drop(guest, why);
        return;
    }
    if (bindings.empty()) {
        drop(guest, DropReason::notification_unbound);
        return;
    }
    consume(guest);
    if (message.old_address != message.new_address) {
        r_.mover.move_remote(bindings, message.old_address, message.new_address, guest.now);
        retry_held(guest.now); // at once: what is behind the message must not overtake them
    }
}

} // namespace sacip
