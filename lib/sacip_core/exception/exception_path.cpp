// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/exception_path.hpp"

#include "sacip_core/packet/l4_fields.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>

namespace sacip {

ExceptionPath::ExceptionPath(const Deps& deps)
    : r_{deps}, output_{deps.io, deps.counters, deps.host, deps.ports},
      forwarder_{deps.cache, deps.manager, deps.ports, deps.actions, output_, deps.counters},
      basic_receiver_{deps.cache, deps.mover, deps.host}, guard_{deps.policy, deps.cache,
                                                                 deps.flows, deps.peer_session},
      decider_{{deps.ports, deps.host, deps.resolver, deps.flows, deps.paths, deps.cache}},
      flow_setup_{{decider_, deps.host, deps.flows, deps.paths, deps.cache, deps.manager, output_,
                   forwarder_, guard_, deps.peer_session}},
      addresses_{{deps.ports, deps.host, decider_, deps.paths, deps.cache, output_, forwarder_}},
      errors_{{deps.boot, deps.host, deps.flows, deps.paths, deps.cache, decider_, output_,
               forwarder_, addresses_}},
      fragments_{{deps.host, deps.paths, deps.cache, output_, forwarder_, addresses_}, deps.secret},
      arp_{{deps.policy, deps.ports, deps.host, deps.cache, deps.io, output_}},
      hairpin_{{deps.resolver, decider_, deps.flows, deps.cache, deps.manager, output_, forwarder_,
                flow_setup_}},
      ender_{deps.flows, deps.cache, deps.manager, deps.resolver, deps.io} {}

namespace {

constexpr uint32_t flows_per_tick = 256;
/// Few enough for a peer's message not to wait for milliseconds behind slow ports.
constexpr unsigned leave_per_turn = 32;

/// What waits for no path, and has no flow to stay in order with.
bool goes_ahead(PuntReason reason) {
    return reason == PuntReason::notification || reason == PuntReason::not_ip ||
           reason == PuntReason::link_group;
}

bool is_ipv4(const Frame& frame) {
    return frame.length >= ether_header_bytes && ether::type(frame.data) == Be16{ether_type_ipv4};
}

} // namespace

// ---- where packets come from

void ExceptionPath::on_punted(OwnedPacket packet, PortId port, PuntReason reason, Nanos now) {
    r_.counters.received.add();
    HeldPacket taken{packet, {port, false}};
    taken.to_box = reason == PuntReason::to_box;
    goes_ahead(reason) ? decide(taken, now) : decide_in_order(taken, now);
}

void ExceptionPath::on_from_linux(OwnedPacket packet, PortId port, Nanos now) {
    r_.counters.received.add();
    const HeldPacket taken{packet, {port, true}};
    is_ipv4(packet.frame) ? decide_in_order(taken, now) : decide(taken, now);
}

void ExceptionPath::decide_in_order(const HeldPacket& packet, Nanos now) {
    const Direction to = output_.direction_of(packet.origin);
    while (output_.is_full() && has_backlog()) {
        const Direction other =
            to == Direction::outbound ? Direction::inbound : Direction::outbound;
        decide(*output_.next_in_backlog(output_.has_backlog(to) ? to : other), now);
    }
    if (output_.has_backlog(to)) {
        lined_up_[static_cast<size_t>(to)]++;
        output_.line_up(packet);
    } else {
        decide(packet, now);
    }
}

void ExceptionPath::decide(const HeldPacket& packet, Nanos now) {
    if (packet.to_box) {
        PuntedPacket punted{packet.packet, packet.origin, {}, now};
        output_.to_linux(punted);
    } else {
        decide(packet.packet, packet.origin, now, packet.deadline, false);
    }
}

/// More than have lined up, so that it ends whatever comes. Those that have to wait on take little
/// time, and are let pass.
void ExceptionPath::work_off(Direction to, Nanos now) {
    unsigned left = leave_per_turn + std::exchange(lined_up_[static_cast<size_t>(to)], 0);
    while (left > 0) {
        const auto packet = output_.next_in_backlog(to);
        if (!packet) {
            return;
        }
        const size_t waiting = output_.waiting();
        decide(*packet, now);
        left -= output_.waiting() > waiting ? 0 : 1;
    }
}

void ExceptionPath::tick(Nanos now) {
    while (const auto h = output_.take_expired(now)) {
        decide(h->packet, h->origin, now, h->deadline, true);
    }

    const auto ticks = [](Milliseconds t) { return to_tick(from_ms(t.count())); };
    const TimeoutsConfig& t = r_.policy->timeouts;
    expired_.clear();
    r_.flows.collect_expired(
        to_tick(now), {ticks(t.tcp_established), ticks(t.tcp_other), ticks(t.udp), ticks(t.other)},
        flows_per_tick, expired_);
    for (const FlowInfo& flow : expired_) {
        if (hairpin_.lives_on(flow, to_tick(now), ticks(t.tcp_established))) {
            continue;
        }
        r_.flows.erase(flow);
        r_.manager.flow_removed(flow.path, now);
        statistics_.flows_expired.add();
    }
    flow_setup_.tick(now);
    forwarder_.tick();
    fragments_.tick(now);
    arp_.tick(now);
    ender_.tick(now);
}

void ExceptionPath::release_all() {
    output_.try_again();
    for (const Direction to : {Direction::outbound, Direction::inbound}) {
        while (const auto h = output_.next_in_backlog(to)) {
            PuntedPacket punted{h->packet, h->origin, {}, {}};
            output_.drop(punted, DropReason::hold_expired);
        }
    }
}

// ---- decisions

ParseContext ExceptionPath::context_of(const PuntedPacket& punted) const {
    const GatewayPort& port = r_.ports[punted.origin.port.value];
    ParseContext context{port.mac,     r_.boot.protocol.icmp_type,
                         port.outside, r_.boot.notification_port(),
                         port.mtu,     port.former_mac};
    if (punted.origin.from_linux && punted.frame().length >= ether_header_bytes) {
        // Linux's frames are for others; and it sends no notifications.
        context.port_mac = ether::destination(punted.frame().data);
        context.outside = false;
        context.mtu = UINT16_MAX;
    }
    return context;
}

void ExceptionPath::decide(OwnedPacket packet, Origin origin, Nanos now, Nanos deadline,
                           bool last_try) {
    PuntedPacket punted{packet, origin, {}, now, deadline, last_try};
    const Verdict parsed = parse(punted.frame(), context_of(punted), punted.view);
    if (origin.from_linux) {
        from_linux(punted, parsed);
    } else if (parsed.action == Action::drop) {
        output_.drop(punted, parsed.drop_reason());
    } else if (parsed.action == Action::punt) {
        decide_punt(punted, parsed.punt_reason());
    } else if (r_.ports[origin.port.value].outside) {
        inbound(punted);
    } else {
        outbound(punted);
    }
}

void ExceptionPath::decide_punt(PuntedPacket& punted, PuntReason reason) {
    switch (reason) {
    case PuntReason::notification:
        on_notification(punted);
        break;
    case PuntReason::icmp:
        on_icmp(punted);
        break;
    case PuntReason::fragment:
        on_fragment(punted);
        break;
    case PuntReason::dhcp:
        on_dhcp(punted);
        break;
    case PuntReason::not_ip:
    case PuntReason::link_group: // ARP requests are broadcast
        arp_.decide(punted);
        break;
    default:
        output_.to_linux(punted);
    }
}

/// Linux's packets leave as they are, unless their source is one that we translate.
void ExceptionPath::from_linux(PuntedPacket& punted, Verdict parsed) {
    const PortId port = punted.origin.port;
    if (!r_.ports[port.value].outside) {
        parsed == Verdict::punt(PuntReason::icmp) && errors_.is_to_be_swallowed(punted)
            ? output_.drop(punted, DropReason::icmp_swallowed)
            : output_.transmit(punted, port);
    } else if (parsed == Verdict::proceed()) {
        outbound(punted);
    } else if (parsed == Verdict::punt(PuntReason::dhcp)) {
        on_dhcp(punted);
    } else if (parsed == Verdict::punt(PuntReason::icmp)) {
        on_icmp(punted);
    } else if (parsed == Verdict::punt(PuntReason::fragment)) {
        on_fragment(punted);
    } else {
        output_.transmit(punted, port);
    }
}

/// Looked at where a flow begins only: its sender's card does not change its ways later.
bool ExceptionPath::is_left_unfinished(const PuntedPacket& punted) {
    return !punted.origin.from_linux && !punted.view.fragment &&
           is_unfinished(punted.frame(), punted.view);
}

void ExceptionPath::begin_outbound(PuntedPacket& punted) {
    const auto neighbour =
        punted.origin.from_linux ? std::nullopt : hairpin_.mapping_behind(punted.view);
    if (is_left_unfinished(punted)) {
        output_.drop(punted, DropReason::l4_unfinished);
    } else if (neighbour) {
        hairpin_.begin(punted, *neighbour);
    } else {
        flow_setup_.outbound(punted);
    }
}

void ExceptionPath::outbound(PuntedPacket& punted) {
    const int32_t position = r_.flows.find(key_from_host(punted.view));
    if (position < 0 || flow_setup_.begins_again<Direction::outbound>(punted, position)) {
        begin_outbound(punted);
        return;
    }
    const PathId path = r_.flows.path_at(position);
    if (ender_.is_over(path)) {
        end(punted, position);
    } else {
        forwarder_.by_path(punted, Direction::outbound, path);
    }
}

/// The packet's flow can't go on: TCP is told so, all else begins anew.
void ExceptionPath::end(PuntedPacket& punted, int32_t position) {
    ender_.end(*r_.flows.at({static_cast<uint32_t>(position)}), punted.now);
    is_midst_of_tcp(punted.view) ? output_.end(punted, DropReason::flow_ended)
                                 : flow_setup_.outbound(punted);
}

void ExceptionPath::inbound(PuntedPacket& punted) {
    int32_t flow = HashIndex::not_found;
    const auto path = decider_.path_of_wire(punted.view, flow);
    if (path && flow_setup_.contest(punted, *path, flow)) {
        return;
    }
    if (!path) {
        is_left_unfinished(punted) ? output_.drop(punted, DropReason::l4_unfinished)
                                   : flow_setup_.inbound(punted);
    } else if (flow_setup_.begins_again<Direction::inbound>(punted, flow)) {
        inbound(punted); // another flow may take it
    } else {
        forwarder_.by_path(punted, Direction::inbound, *path);
    }
}

/// All ICMP but echo, and notifications.
void ExceptionPath::on_icmp(PuntedPacket& punted) {
    const uint8_t type = punted.view.icmp_type;
    is_error(type) || type == icmp::type_redirect ? errors_.decide(punted)
                                                  : addresses_.decide(punted);
}

void ExceptionPath::on_fragment(PuntedPacket& punted) {
    if (is_cut_notification(punted)) {
        output_.drop(punted, DropReason::notification_length);
    } else if (!fragments_.concerns(punted)) {
        addresses_.as_it_is(punted);
    } else if (ipv4::has_fragment_offset(punted.frame().data + punted.view.l3)) {
        fragments_.follow(punted);
    } else {
        const FragmentKey key = fragments_.key_of(punted);
        first_fragment(punted);
        for (const HeldPacket& h : fragments_.decided(punted, key)) {
            decide(h.packet, h.origin, punted.now, {}, false); // may have to wait as long as it
        }
    }
}

/// DHCP to, from or broadcast at the box is Linux's. Its client has port 68, also where hosts share
/// its address, and at an address that it is only offered (RFC 2131 §4.1). All else is traffic
/// (§4.3.6: renewals; RFC 3022 §2.2), a relay's too.
void ExceptionPath::on_dhcp(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    if (addresses_.is_inbound(punted)) {
        int32_t flow = HashIndex::not_found;
        const bool of_box =
            v.destination_port == udp::dhcp_client ||
            (r_.host.is_local(v.destination) && !r_.cache.mappings().of_wire(v.destination));
        !of_box || decider_.path_of_wire(v, flow) ? inbound(punted) : addresses_.as_it_is(punted);
        return;
    }
    const bool of_box = v.source.is_unspecified() || r_.host.is_local(v.source) ||
                        r_.host.is_local(v.destination) || is_broadcast_at(v.destination, punted);
    of_box ? addresses_.as_it_is(punted) : outbound(punted);
}

/// To all hosts of a network that the packet's port is in.
bool ExceptionPath::is_broadcast_at(IpAddr destination, const PuntedPacket& punted) const {
    const auto has = r_.host.addresses(r_.ports[punted.origin.port.value].host_interface);
    return std::ranges::any_of(has,
                               [&](const AddressInfo& a) { return a.is_broadcast(destination); });
}

/// As parse() sorts whole packets.
void ExceptionPath::first_fragment(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    if (!read_first_fragment(punted.frame(), punted.view)) {
        output_.drop(punted, DropReason::l4_truncated);
    } else if (is_dhcp(v)) {
        on_dhcp(punted);
    } else if (v.is(IpProto::icmp) && !is_echo(v)) {
        on_icmp(punted);
    } else {
        addresses_.is_inbound(punted) ? inbound(punted) : outbound(punted);
    }
}

/// The first piece of a notification: they are never cut up, and never for anybody but us. What
/// follows it finds no first piece.
bool ExceptionPath::is_cut_notification(const PuntedPacket& punted) const {
    PacketView v = punted.view;
    if (!addresses_.is_inbound(punted) || ipv4::has_fragment_offset(punted.frame().data + v.l3)) {
        return false;
    }
    if (v.is(IpProto::icmp)) {
        return v.l4_length > 0 &&
               icmp::type(punted.frame().data + v.l4) == r_.boot.protocol.icmp_type;
    }
    return v.is(IpProto::udp) && r_.peer_session != nullptr &&
           read_first_fragment(punted.frame(), v) &&
           v.destination_port == r_.boot.notification_port() &&
           has_secure_magic({punted.frame().data + v.l4 + udp::header_bytes,
                             size_t{v.l4_length} - udp::header_bytes});
}

// ---- notifications

void ExceptionPath::on_notification(PuntedPacket& punted) {
    const bool basic = punted.view.is(IpProto::icmp) &&
                       punted.view.icmp_code == static_cast<uint8_t>(NotificationCode::basic);
    if (r_.peer_session != nullptr && !basic) {
        const auto outcome = r_.peer_session->receive(punted.frame(), punted.view, punted.now);
        int32_t flow = HashIndex::not_found;
        if (outcome.why == DropReason::notification_malformed && punted.view.is(IpProto::udp) &&
            punted.view.source_port != punted.view.destination_port &&
            decider_.path_of_wire(punted.view, flow)) {
            inbound(punted); // of a flow that happens to have the port; peers use it at both ends
            return;
        }
        outcome.why == DropReason::none ? output_.consume(punted)
                                        : output_.drop(punted, outcome.why);
        retry_held_ = retry_held_ || outcome.retry_held;
        return;
    }
    statistics_.notifications_received.add();
    const BasicVerdict verdict = basic_receiver_.receive(punted.frame(), punted.view);
    if (const auto* why = std::get_if<DropReason>(&verdict)) {
        output_.drop(punted, *why);
        return;
    }
    output_.consume(punted);
    if (const auto* move = std::get_if<PeerMove>(&verdict)) {
        r_.cache.set_heard(r_.cache.at(move->bindings.front()).speaker);
        r_.mover.move_remote(move->bindings, IpPrefix::host(move->from), IpPrefix::host(move->to),
                             true, punted.now);
        // At once, or what is behind the message would overtake them. The others wait for the end
        // of the turn: whoever may move a far end may do so a thousand times in it.
        output_.try_again(key_of_guard);
    }
}

} // namespace sacip
