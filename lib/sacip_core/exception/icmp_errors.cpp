// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/icmp_errors.hpp"

#include "sacip_core/packet/headers.hpp"

namespace sacip {

void IcmpErrors::decide(PuntedPacket& punted) {
    if (punted.view.icmp_type == icmp::type_redirect) {
        of_no_flow(punted, DropReason::icmp_redirect);
        return;
    }
    punted.quote = read_quote(punted.frame(), punted.view);
    if (!punted.quote) {
        of_no_flow(punted, DropReason::icmp_quote);
    } else if (!r_.addresses.is_inbound(punted)) {
        from_inside(punted);
    } else if (is_notification(punted.quote->packet)) {
        r_.output.consume(punted); // "port unreachable" from a far end without a gateway, as a rule
    } else {
        from_wire(punted);
    }
}

/// The host sent the quoted packet, and an answer to it would take the path that we look for.
void IcmpErrors::from_wire(PuntedPacket& punted) {
    const PacketView& quoted = punted.quote->packet;
    int32_t flow = HashIndex::not_found;
    const auto path = punted.quote->keyed
                          ? r_.decider.path_of_wire(answer_to(*punted.quote), flow)
                          : r_.addresses.path_of_pair({quoted.destination, quoted.source});
    if (path) {
        is_of_move(punted, *path) ? r_.output.drop(punted, DropReason::icmp_swallowed)
                                  : r_.forwarder.by_path(punted, Direction::inbound, *path);
        return;
    }
    const auto mapping = r_.cache.mappings().of_wire(quoted.source);
    if (mapping && tables_are_full()) { // fail open, as the flow itself was
        const Ipv4Addr host = r_.cache.mappings().host_of(*mapping, quoted.source).v4();
        r_.forwarder.by_addresses(
            punted, Direction::inbound, *mapping,
            {host, quoted.source, quoted.source, quoted.destination, quoted.destination},
            L4ChecksumMode::wire);
    } else {
        of_no_flow(punted, DropReason::icmp_no_flow);
    }
}

/// The host received the quoted packet, and its answer would take the path that we look for.
void IcmpErrors::from_inside(PuntedPacket& punted) {
    const PacketView& quoted = punted.quote->packet;
    std::optional<PathId> path;
    if (!punted.quote->keyed) {
        path = r_.cache.any_path(quoted.destination, quoted.source);
    } else if (const int32_t flow = r_.flows.find(key_from_host(answer_to(*punted.quote)));
               flow >= 0) {
        path = r_.flows.path_at(flow);
    }
    if (path) {
        const PathEntry& entry = r_.cache.at(*path);
        punted.speaker =
            speaker(punted, r_.cache.at(entry.local).mapping, entry.slot.outbound.source);
        r_.forwarder.by_path(punted, Direction::outbound, *path);
        return;
    }
    const auto mapping = r_.cache.mappings().of_host(quoted.destination);
    const auto wire =
        mapping ? r_.cache.mappings().wire_of(*mapping, quoted.destination) : std::nullopt;
    if (wire && tables_are_full() && !is_linuxs(punted)) {
        punted.speaker = speaker(punted, *mapping, wire->v4());
        r_.forwarder.by_addresses(
            punted, Direction::outbound, *mapping,
            {quoted.destination, wire->v4(), wire->v4(), quoted.source, quoted.source},
            L4ChecksumMode::wire);
    } else {
        of_no_flow(punted, DropReason::icmp_no_flow);
    }
}

/// The source of a router's error on its way out: translated_source() has the receiver's. A router
/// inside has an address of its mapping outside, or borrows that of the host behind an uplink.
std::optional<Ipv4Addr> IcmpErrors::speaker(const PuntedPacket& punted, MappingId mapping,
                                            Ipv4Addr active) const {
    const Ipv4Addr router = punted.view.source;
    if (router == punted.quote->packet.destination || r_.host.is_local(router)) {
        return std::nullopt;
    }
    if (const auto own = r_.cache.mappings().of_host(router)) {
        const auto wire = r_.cache.mappings().wire_of(*own, router);
        return wire ? std::optional{wire->v4()} : std::nullopt;
    }
    return r_.cache.mappings()[mapping].way == Way::uplink ? std::optional{active} : std::nullopt;
}

void IcmpErrors::of_no_flow(PuntedPacket& punted, DropReason why) {
    is_linuxs(punted) ? r_.addresses.as_it_is(punted) : r_.output.drop(punted, why);
}

/// To, from or about what we do not translate.
bool IcmpErrors::is_linuxs(const PuntedPacket& punted) const {
    const PacketView& v = punted.view;
    if (r_.addresses.is_inbound(punted)) {
        return r_.host.is_local(v.destination) ||
               (!r_.cache.mappings().of_wire(v.destination) &&
                !r_.cache.mappings().of_left_wire(v.destination, punted.now));
    }
    const IpAddr ours = punted.quote ? punted.quote->packet.destination : v.source;
    return r_.host.is_local(ours) || !r_.cache.mappings().of_host(ours) ||
           r_.host.is_local(v.destination) || r_.cache.mappings().of_host(v.destination);
}

bool IcmpErrors::is_notification(const PacketView& quoted) const {
    const L4Port port = r_.boot.notification_port();
    return quoted.is(IpProto::udp)
               ? port != L4Port{} && quoted.source_port == port && quoted.destination_port == port
               : quoted.is(IpProto::icmp) && quoted.icmp_type == r_.boot.protocol.icmp_type;
}

/// True for "unreachable" of a packet from before a move, or of a path that has no way out now.
bool IcmpErrors::is_of_move(const PuntedPacket& punted, PathId path) const {
    const PathEntry& entry = r_.cache.at(path);
    const PacketView& quoted = punted.quote->packet;
    return says_unreachable(punted.view) &&
           (entry.slot.outbound.action == PathAction::hold ||
            entry.pair != WirePair{quoted.destination, quoted.source});
}

/// A flow's packet goes to Linux if its TTL ran out, or if it is too long for its way out. That
/// Linux then has no route to complain along is a matter of a moment, and of a move: the flow's way
/// is the path's to know, not the routing table's, which changes before we hear of it.
bool IcmpErrors::is_to_be_swallowed(const PuntedPacket& from_linux) const {
    const auto quote = says_unreachable(from_linux.view)
                           ? read_quote(from_linux.frame(), from_linux.view)
                           : std::nullopt;
    if (!quote) {
        return false;
    }
    const PacketView& sent = quote->packet;
    std::optional<PathId> path;
    if (!quote->keyed) {
        path = r_.cache.any_path(sent.source, sent.destination);
    } else if (const int32_t flow = r_.flows.find(key_from_host(sent)); flow >= 0) {
        path = r_.flows.path_at(flow);
    }
    return path && (says_no_route(from_linux.view) ||
                    r_.cache.at(*path).slot.outbound.action == PathAction::hold);
}

bool IcmpErrors::tables_are_full() const {
    return r_.flows.size() >= r_.flows.capacity() || r_.paths.size() >= r_.paths.capacity();
}

} // namespace sacip
