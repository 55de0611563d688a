// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/error_desk.hpp"

#include "sacip_core/packet/headers.hpp"

namespace sacip {

void ErrorDesk::decide(Guest& guest) {
    if (guest.view.icmp_type == icmp::type_redirect) {
        of_no_flow(guest, DropReason::icmp_redirect);
        return;
    }
    guest.quote = read_quote(guest.frame(), guest.view);
    if (!guest.quote) {
        of_no_flow(guest, DropReason::icmp_quote);
    } else if (!r_.addresses.is_inbound(guest)) {
        from_inside(guest);
    } else if (is_notification(guest.quote->packet)) {
        r_.doors.consume(guest); // "port unreachable" from a far end without a gateway, as a rule
    } else {
        from_wire(guest);
    }
}

/// The host sent the quoted packet, and an answer to it would take the path that we look for.
void ErrorDesk::from_wire(Guest& guest) {
    const PacketView& quoted = guest.quote->packet;
    int32_t flow = HashIndex::not_found;
    const auto path = guest.quote->keyed
                          ? r_.new_flows.path_of_wire(answer_to(*guest.quote), flow)
                          : r_.addresses.path_of_pair({quoted.destination, quoted.source});
    if (path) {
        is_of_move(guest, *path) ? r_.doors.drop(guest, DropReason::icmp_swallowed)
                                 : r_.dispatch.by_path(guest, Direction::inbound, *path);
        return;
    }
    const auto site = r_.ledger.site_of_wire(quoted.source);
    if (site && tables_are_full()) { // fail open, as the flow itself was
        const Ipv4Addr host = r_.ledger.host_of(*site, quoted.source);
        r_.dispatch.by_addresses(
            guest, Direction::inbound, *site,
            {host, quoted.source, quoted.source, quoted.destination, quoted.destination},
            L4ChecksumMode::wire);
    } else {
        of_no_flow(guest, DropReason::icmp_no_flow);
    }
}

/// The host received the quoted packet, and its answer would take the path that we look for.
void ErrorDesk::from_inside(Guest& guest) {
    const PacketView& quoted = guest.quote->packet;
    std::optional<PathId> path;
    if (!guest.quote->keyed) {
        path = r_.ledger.any_path(quoted.destination, quoted.source);
    } else if (const int32_t flow = r_.flows.find(key_from_host(answer_to(*guest.quote)));
               flow >= 0) {
        path = r_.flows.path_at(flow);
    }
    if (path) {
        const PathEntry& entry = r_.ledger.at(*path);
        guest.speaker = speaker(guest, r_.ledger.at(entry.local).site, entry.slot.outbound.source);
        r_.dispatch.by_path(guest, Direction::outbound, *path);
        return;
    }
    const auto site = r_.ledger.site_of_host(quoted.destination);
    const auto wire = site ? r_.ledger.wire_of(*site, quoted.destination) : std::nullopt;
    if (wire && tables_are_full() && !is_linuxs(guest)) {
        guest.speaker = speaker(guest, *site, *wire);
        r_.dispatch.by_addresses(guest, Direction::outbound, *site,
                                 {quoted.destination, *wire, *wire, quoted.source, quoted.source},
                                 L4ChecksumMode::wire);
    } else {
        of_no_flow(guest, DropReason::icmp_no_flow);
    }
}

/// The source of a router's error on its way out: translated_source() has the receiver's. A router
/// inside has an address of its site outside, or borrows that of the host behind an uplink.
std::optional<Ipv4Addr> ErrorDesk::speaker(const Guest& guest, uint32_t site,
                                           Ipv4Addr active) const {
    const Ipv4Addr router = guest.view.source;
    if (router == guest.quote->packet.destination || r_.host.is_local(router)) {
        return std::nullopt;
    }
    if (const auto own = r_.ledger.site_of_host(router)) {
        return r_.ledger.wire_of(*own, router);
    }
    return r_.ledger.sites()[site].way == Way::uplink ? std::optional{active} : std::nullopt;
}

void ErrorDesk::of_no_flow(Guest& guest, DropReason why) {
    is_linuxs(guest) ? r_.addresses.as_it_is(guest) : r_.doors.drop(guest, why);
}

/// To, from or about what we do not translate.
bool ErrorDesk::is_linuxs(const Guest& guest) const {
    const PacketView& v = guest.view;
    if (r_.addresses.is_inbound(guest)) {
        return r_.host.is_local(v.destination) ||
               (!r_.ledger.site_of_wire(v.destination) &&
                !r_.ledger.site_of_left_wire(v.destination, guest.now));
    }
    const Ipv4Addr ours = guest.quote ? guest.quote->packet.destination : v.source;
    return r_.host.is_local(ours) || !r_.ledger.site_of_host(ours) ||
           r_.host.is_local(v.destination) || r_.ledger.site_of_host(v.destination);
}

bool ErrorDesk::is_notification(const PacketView& quoted) const {
    const L4Port port = r_.config.notification_port();
    return quoted.is(IpProto::udp)
               ? port != L4Port{} && quoted.source_port == port && quoted.destination_port == port
               : quoted.is(IpProto::icmp) && quoted.icmp_type == r_.config.protocol.icmp_type;
}

/// True for "unreachable" of a packet from before a move, or of a path that has no way out now.
bool ErrorDesk::is_of_move(const Guest& guest, PathId path) const {
    const PathEntry& entry = r_.ledger.at(path);
    const PacketView& quoted = guest.quote->packet;
    return says_unreachable(guest.view) &&
           (entry.slot.outbound.action == PathAction::hold ||
            entry.pair != WirePair{quoted.destination, quoted.source});
}

/// A flow's packet goes to Linux if its TTL ran out, or if it is too long for its way out. That
/// Linux then has no route to complain along is a matter of a moment, and of a move: the flow's way
/// is the path's to know, not the routing table's, which changes before we hear of it.
bool ErrorDesk::is_to_be_swallowed(const Guest& from_linux) const {
    const auto quote = says_unreachable(from_linux.view)
                           ? read_quote(from_linux.frame(), from_linux.view)
                           : std::nullopt;
    if (!quote) {
        return false;
    }
    const PacketView& sent = quote->packet;
    std::optional<PathId> path;
    if (!quote->keyed) {
        path = r_.ledger.any_path(sent.source, sent.destination);
    } else if (const int32_t flow = r_.flows.find(key_from_host(sent)); flow >= 0) {
        path = r_.flows.path_at(flow);
    }
    return path && (says_no_route(from_linux.view) ||
                    r_.ledger.at(*path).slot.outbound.action == PathAction::hold);
}

bool ErrorDesk::tables_are_full() const {
    return r_.flows.size() >= r_.flows.capacity() || r_.paths.size() >= r_.paths.capacity();
}

} // namespace sacip
