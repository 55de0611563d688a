// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/reception.hpp"

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>

namespace sacip {

Reception::Reception(const Rooms& rooms)
    : r_{rooms}, doors_{rooms.io, rooms.counters, rooms.host, rooms.ports},
      dispatch_{rooms.ledger, rooms.keeper, rooms.ports, rooms.actions, doors_, rooms.counters},
      gatehouse_{rooms.ledger, rooms.mover, rooms.host}, shield_{rooms.config, rooms.ledger,
                                                                 rooms.flows, rooms.office},
      new_flows_{{rooms.config, rooms.ports, rooms.host, rooms.resolver, rooms.flows, rooms.paths,
                  rooms.ledger, rooms.keeper, doors_, dispatch_, shield_, rooms.office}},
      addresses_{
          {rooms.ports, rooms.host, new_flows_, rooms.paths, rooms.ledger, doors_, dispatch_}},
      errors_{{rooms.config, rooms.host, rooms.flows, rooms.paths, rooms.ledger, new_flows_, doors_,
               dispatch_, addresses_}},
      fragments_{{rooms.host, rooms.paths, rooms.ledger, doors_, dispatch_, addresses_},
                 rooms.secret},
      arp_{{rooms.config, rooms.ports, rooms.host, rooms.ledger, rooms.io, doors_}},
      hairpin_{
          {rooms.resolver, rooms.flows, rooms.ledger, rooms.keeper, doors_, dispatch_, new_flows_}},
      ender_{rooms.flows, rooms.ledger, rooms.keeper, rooms.resolver, rooms.io} {}

namespace {

constexpr uint32_t flows_per_tick = 256;

} // namespace

// ---- where packets come from

void Reception::on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now) {
    r_.counters.received.add();
    if (reason == PuntReason::to_box) { // rewritten by the worker, on its way to a socket
        Guest guest{packet, {port, false}, {}, now};
        doors_.to_linux(guest);
        return;
    }
    decide(packet, {port, false}, now, {}, false);
}

void Reception::on_from_linux(OwnedPacket packet, PortId port, Nanos now) {
    r_.counters.received.add();
    decide(packet, {port, true}, now, {}, false);
}

void Reception::retry_held(Nanos now) {
    for (const HeldPacket& h : doors_.take_held()) {
        decide(h.packet, h.origin, now, h.deadline, false);
    }
}

void Reception::tick(Nanos now) {
    while (const auto h = doors_.take_expired(now)) {
        decide(h->packet, h->origin, now, h->deadline, true);
    }

    const auto ticks = [](Milliseconds t) { return to_tick(from_ms(t.count())); };
    const TimeoutsConfig& t = r_.config.timeouts;
    expired_.clear();
    r_.flows.collect_expired(
        to_tick(now), {ticks(t.tcp_established), ticks(t.tcp_other), ticks(t.udp), ticks(t.other)},
        flows_per_tick, expired_);
    for (const FlowInfo& flow : expired_) {
        if (hairpin_.lives_on(flow, to_tick(now), ticks(t.tcp_established))) {
            continue;
        }
        r_.flows.erase(flow);
        r_.keeper.flow_removed(flow.path, now);
        statistics_.flows_expired.add();
    }
    dispatch_.tick();
    fragments_.tick(now);
    arp_.tick(now);
    ender_.tick(now);
}

void Reception::release_all() {
    for (const HeldPacket& h : doors_.take_held()) {
        Guest guest{h.packet, h.origin, {}, {}};
        doors_.drop(guest, DropReason::hold_expired);
    }
}

// ---- decisions

ParseContext Reception::context_of(const Guest& guest) const {
    const GatewayPort& port = r_.ports[guest.origin.port.value];
    ParseContext context{port.mac,     r_.config.protocol.icmp_type,
                         port.outside, r_.config.notification_port(),
                         port.mtu,     port.former_mac};
    if (guest.origin.from_linux && guest.frame().length >= ether_header_bytes) {
        // Linux's frames are for others; and it sends no notifications.
        context.port_mac = ether::destination(guest.frame().data);
        context.outside = false;
        context.mtu = UINT16_MAX;
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
        doors_.drop(guest, parsed.drop_reason());
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
    case PuntReason::notification:
        on_notification(guest);
        break;
    case PuntReason::icmp:
        on_icmp(guest);
        break;
    case PuntReason::fragment:
        on_fragment(guest);
        break;
    case PuntReason::dhcp:
        on_dhcp(guest);
        break;
    case PuntReason::not_ip:
    case PuntReason::link_group: // ARP requests are broadcast
        arp_.decide(guest);
        break;
    default:
        doors_.to_linux(guest);
    }
}

/// Linux's packets leave as they are, unless their source is one that we translate.
void Reception::from_linux(Guest& guest, Verdict parsed) {
    const PortId port = guest.origin.port;
    if (!r_.ports[port.value].outside) {
        parsed == Verdict::punt(PuntReason::icmp) && errors_.is_to_be_swallowed(guest)
            ? doors_.drop(guest, DropReason::icmp_swallowed)
            : doors_.transmit(guest, port);
    } else if (parsed == Verdict::proceed()) {
        outbound(guest);
    } else if (parsed == Verdict::punt(PuntReason::dhcp)) {
        on_dhcp(guest);
    } else if (parsed == Verdict::punt(PuntReason::icmp)) {
        on_icmp(guest);
    } else if (parsed == Verdict::punt(PuntReason::fragment)) {
        on_fragment(guest);
    } else {
        doors_.transmit(guest, port);
    }
}

/// Looked at where a flow begins only: its sender's card does not change its ways later.
bool Reception::is_left_unfinished(const Guest& guest) {
    return !guest.origin.from_linux && !guest.view.fragment &&
           is_unfinished(guest.frame(), guest.view);
}

void Reception::begin_outbound(Guest& guest) {
    const auto neighbour =
        guest.origin.from_linux ? std::nullopt : hairpin_.site_behind(guest.view);
    if (is_left_unfinished(guest)) {
        doors_.drop(guest, DropReason::l4_unfinished);
    } else if (neighbour) {
        hairpin_.begin(guest, *neighbour);
    } else {
        new_flows_.outbound(guest);
    }
}

void Reception::outbound(Guest& guest) {
    const int32_t position = r_.flows.find(key_from_host(guest.view));
    if (position < 0 || new_flows_.begins_again<Direction::outbound>(guest, position)) {
        begin_outbound(guest);
        return;
    }
    const PathId path = r_.flows.path_at(position);
    if (ender_.is_over(path)) {
        end(guest, position);
    } else {
        dispatch_.by_path(guest, Direction::outbound, path);
    }
}

/// The packet's flow can't go on: TCP is told so, all else begins anew.
void Reception::end(Guest& guest, int32_t position) {
    ender_.end(*r_.flows.at({static_cast<uint32_t>(position)}), guest.now);
    is_midst_of_tcp(guest.view) ? doors_.end(guest, DropReason::flow_ended)
                                : new_flows_.outbound(guest);
}

void Reception::inbound(Guest& guest) {
    int32_t flow = HashIndex::not_found;
    const auto path = new_flows_.path_of_wire(guest.view, flow);
    if (path && new_flows_.contest(guest, *path, flow)) {
        return;
    }
    if (!path) {
        is_left_unfinished(guest) ? doors_.drop(guest, DropReason::l4_unfinished)
                                  : new_flows_.inbound(guest);
    } else if (new_flows_.begins_again<Direction::inbound>(guest, flow)) {
        inbound(guest); // another flow may take it
    } else {
        dispatch_.by_path(guest, Direction::inbound, *path);
    }
}

/// All ICMP but echo, and notifications.
void Reception::on_icmp(Guest& guest) {
    const uint8_t type = guest.view.icmp_type;
    is_error(type) || type == icmp::type_redirect ? errors_.decide(guest)
                                                  : addresses_.decide(guest);
}

void Reception::on_fragment(Guest& guest) {
    if (is_cut_notification(guest)) {
        doors_.drop(guest, DropReason::notification_length);
    } else if (!fragments_.concerns(guest)) {
        addresses_.as_it_is(guest);
    } else if (ipv4::has_fragment_offset(guest.frame().data + guest.view.l3)) {
        fragments_.follow(guest);
    } else {
        const FragmentKey key = fragments_.key_of(guest);
        first_fragment(guest);
        for (const HeldPacket& h : fragments_.decided(guest, key)) {
            decide(h.packet, h.origin, guest.now, {}, false); // may have to wait as long as it
        }
    }
}

/// DHCP to, from or broadcast at the box is Linux's. Its client has port 68, also where hosts share
/// its address, and at an address that it is only offered (RFC 2131 §4.1). All else is traffic
/// (§4.3.6: renewals; RFC 3022 §2.2), a relay's too.
void Reception::on_dhcp(Guest& guest) {
    const PacketView& v = guest.view;
    if (addresses_.is_inbound(guest)) {
        int32_t flow = HashIndex::not_found;
        const bool of_box =
            v.destination_port == udp::dhcp_client ||
            (r_.host.is_local(v.destination) && !r_.ledger.site_of_wire(v.destination));
        !of_box || new_flows_.path_of_wire(v, flow) ? inbound(guest) : addresses_.as_it_is(guest);
        return;
    }
    const bool of_box = v.source.is_unspecified() || r_.host.is_local(v.source) ||
                        r_.host.is_local(v.destination) || is_broadcast_at(v.destination, guest);
    of_box ? addresses_.as_it_is(guest) : outbound(guest);
}

/// To all hosts of a network that the packet's port is in.
bool Reception::is_broadcast_at(Ipv4Addr destination, const Guest& guest) const {
    const auto has = r_.host.addresses(r_.ports[guest.origin.port.value].host_interface);
    return std::ranges::any_of(has, [&](const AddressInfo& a) {
        const Ipv4Prefix net{a.address, a.prefix_length};
        return net.length() < 31 && destination == net.with_host_part_of({255, 255, 255, 255});
    });
}

/// As parse() sorts whole packets.
void Reception::first_fragment(Guest& guest) {
    const PacketView& v = guest.view;
    if (!read_first_fragment(guest.frame(), guest.view)) {
        doors_.drop(guest, DropReason::l4_truncated);
    } else if (v.is(IpProto::udp) &&
               (v.destination_port == udp::dhcp_server || v.destination_port == udp::dhcp_client)) {
        on_dhcp(guest);
    } else if (v.is(IpProto::icmp) && v.icmp_type != icmp::type_echo_request &&
               v.icmp_type != icmp::type_echo_reply) {
        on_icmp(guest);
    } else {
        addresses_.is_inbound(guest) ? inbound(guest) : outbound(guest);
    }
}

/// The first piece of a notification: they are never cut up, and never for anybody but us. What
/// follows it finds no first piece.
bool Reception::is_cut_notification(const Guest& guest) const {
    PacketView v = guest.view;
    if (!addresses_.is_inbound(guest) || ipv4::has_fragment_offset(guest.frame().data + v.l3)) {
        return false;
    }
    if (v.is(IpProto::icmp)) {
        return v.l4_length > 0 &&
               icmp::type(guest.frame().data + v.l4) == r_.config.protocol.icmp_type;
    }
    return v.is(IpProto::udp) && r_.office != nullptr && read_first_fragment(guest.frame(), v) &&
           v.destination_port == r_.config.notification_port() &&
           has_secure_magic({guest.frame().data + v.l4 + udp::header_bytes,
                             size_t{v.l4_length} - udp::header_bytes});
}

// ---- notifications

void Reception::on_notification(Guest& guest) {
    const bool basic = guest.view.is(IpProto::icmp) &&
                       guest.view.icmp_code == static_cast<uint8_t>(NotificationCode::basic);
    if (r_.office != nullptr && !basic) {
        const auto outcome = r_.office->receive(guest.frame(), guest.view, guest.now);
        int32_t flow = HashIndex::not_found;
        if (outcome.why == DropReason::notification_malformed && guest.view.is(IpProto::udp) &&
            guest.view.source_port != guest.view.destination_port &&
            new_flows_.path_of_wire(guest.view, flow)) {
            inbound(guest); // of a flow that happens to have the port; peers use it at both ends
            return;
        }
        outcome.why == DropReason::none ? doors_.consume(guest) : doors_.drop(guest, outcome.why);
        look_again_ = look_again_ || outcome.look_again;
        return;
    }
    statistics_.notifications_received.add();
    const GatehouseVerdict verdict = gatehouse_.receive(guest.frame(), guest.view);
    if (const auto* why = std::get_if<DropReason>(&verdict)) {
        doors_.drop(guest, *why);
        return;
    }
    doors_.consume(guest);
    if (const auto* move = std::get_if<PeerMove>(&verdict)) {
        r_.ledger.set_heard(r_.ledger.at(move->bindings.front()).speaker);
        r_.mover.move_remote(move->bindings, Ipv4Prefix::host(move->from),
                             Ipv4Prefix::host(move->to), true, guest.now);
        retry_held(guest.now); // at once: what is behind the message must not overtake them
    }
}

} // namespace sacip
