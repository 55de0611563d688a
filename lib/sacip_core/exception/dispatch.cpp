// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/dispatch.hpp"

#include "sacip_core/packet/headers.hpp"

namespace sacip {
namespace {

constexpr Nanos hold_for_neighbour = from_s(3); ///< Linux gives up on a neighbour after that
constexpr Nanos ask_again = from_ms(200);
constexpr size_t max_asked = 10'000;

/// Neither a path's nor a fragment's, nor one of the last two numbers.
uint64_t hold_key_of(NeighbourKey neighbour) {
    return uint64_t{1} << 62 |
           uint64_t{static_cast<uint32_t>(neighbour.interface.value) & 0x3FFFFFFF} << 32 |
           neighbour.address.value();
}

} // namespace

void Dispatch::by_path(Guest& guest, Direction direction, PathId path, WirePair left_with) {
    const PathEntry& entry = ledger_.at(path);
    guest.decided = {FragmentRoute::Way::path, path, {}};
    if (direction == Direction::inbound) {
        send(guest, entry.slot.inbound, entry.in, path.value, !entry.draining.empty());
        return;
    }
    DirectionRewrite out = entry.slot.outbound;
    if (goes_unproven(guest, entry)) {
        out.action = PathAction::forward;
    }
    if (left_with != WirePair{}) {
        out.source = left_with.local;
        out.destination = left_with.remote;
    }
    if (out.action == PathAction::forward) {
        guest.decided->left_with = {out.destination, out.source};
    }
    send(guest, out, entry.out, path.value, !entry.draining.empty());
}

/// To an address that the peer has not proved yet, within what came from there.
bool Dispatch::goes_unproven(const Guest& guest, const PathEntry& entry) {
    const RemoteBinding& remote = ledger_.at(entry.remote);
    return !remote.proven && ledger_.at(entry.local).usable &&
           entry.out.state == Adjacency::State::ready &&
           ledger_.spend(remote.active, guest.view.l4 - guest.view.l3 + guest.view.l4_length);
}

void Dispatch::by_addresses(Guest& guest, Direction direction, uint32_t site,
                            const PathAddresses& addresses, L4ChecksumMode mode) {
    const PathKeeper::Composed composed = keeper_.compose(site, addresses, mode);
    guest.decided = {FragmentRoute::Way::addresses};
    if (direction == Direction::outbound) {
        send(guest, composed.slot.outbound, composed.out, hold_key_no_path, false);
    } else {
        send(guest, composed.slot.inbound, composed.in, hold_key_no_path, false);
    }
}

void Dispatch::send(Guest& guest, const DirectionRewrite& to, const Adjacency& hop,
                    uint64_t hold_key, bool moving) {
    switch (to.action) {
    case PathAction::hold:
        if ((guest.view.tcp_flags & tcp_rst) != 0) {
            doors_.drop(guest, DropReason::rst_swallowed);
            break;
        }
        guest.last_try ? doors_.drop(guest, DropReason::hold_expired)
                       : doors_.hold(guest, hold_key, hold_for_path);
        break;
    case PathAction::unresolved:
        resolve(hop.neighbour, guest.now, !moving && hop.neighbour.address == to.destination);
        if (guest.last_try && moving) { // nobody is told of what a move may mend
            doors_.drop(guest, DropReason::neighbour_failed);
        } else if (guest.last_try) {
            doors_.unreachable(guest, DropReason::neighbour_failed, host_unreachable);
        } else if (!moving && hop.neighbour.address == to.destination) { // it may not be there
            doors_.hold(guest, hold_key_of(hop.neighbour), hold_for_neighbour, true);
        } else {
            doors_.hold(guest, hold_key, hold_for_neighbour);
        }
        break;
    case PathAction::to_box:
        translate(guest, to);
        guest.origin.port = to.port;
        doors_.to_linux(guest);
        break;
    case PathAction::to_linux:
        if (guest.origin.from_linux) { // it has chosen this port, for a reason that we do not see
            const auto site = ledger_.site_of_host(guest.view.source);
            site&& ledger_.sites()[*site].way == Way::uplink
                ? doors_.drop(guest, DropReason::no_route) // never with an inside source
                : doors_.transmit(guest, guest.origin.port);
        } else {
            translate(guest, to);
            doors_.to_linux(guest);
        }
        break;
    case PathAction::forward:
    case PathAction::forward_in_turn:
        forward(guest, to);
    }
}

void Dispatch::forward(Guest& guest, const DirectionRewrite& to) {
    const bool too_long = guest.view.ip_length() > to.mtu;
    if (guest.view.ttl <= 1 && !guest.origin.from_linux) {
        end_here(guest, to);
        return;
    }
    if (too_long && (ipv4::fragment_field(guest.frame().data + guest.view.l3).value() &
                     ipv4::flag_dont_fragment) != 0) {
        doors_.unreachable(guest, DropReason::too_big, fragmentation_needed(to.mtu));
        return;
    }
    if (guest.origin.from_linux) { // a router's work on the TTL is done already, or not due
        translate(guest, to);
        ether::set_destination(guest.frame().data, to.next_hop);
        ether::set_source(guest.frame().data, to.port_mac);
    } else {
        translate(guest, to);
        rewrite_next_hop(guest.frame(), guest.view, to);
    }
    counters_.rewritten.add(to.changes(guest.view.source, guest.view.destination) ? 1 : 0);
    too_long ? doors_.transmit_in_pieces(guest, to.port, to.mtu) : doors_.transmit(guest, to.port);
}

/// Linux finds out that the time to live is over, and tells the sender. It knows our host by the
/// host's own address.
void Dispatch::end_here(Guest& guest, const DirectionRewrite& to) {
    const GatewayPort& port = ports_[guest.origin.port.value];
    if (port.host_interface.value == 0) {
        doors_.drop(guest, DropReason::ttl_expired);
        return;
    }
    if (port.outside) {
        translate(guest, to);
    }
    doors_.to_linux(guest);
}

void Dispatch::translate(Guest& guest, const DirectionRewrite& to) {
    if (!guest.quote) {
        rewrite_addresses(guest.frame(), guest.view, to);
        return;
    }
    const Ipv4Addr source = guest.speaker.value_or(translated_source(guest.view, *guest.quote, to));
    rewrite_error(guest.frame(), guest.view, guest.quote->packet, to, source);
}

/// Linux has room for 1,024 neighbours (gc_thresh3), each three seconds if it does not answer: a
/// scan must leave some for next hops. Who answers does not count.
void Dispatch::resolve(NeighbourKey neighbour, Nanos now, bool may_be_absent) {
    Asked& asked = asked_[neighbour];
    if ((asked.last.value == 0 || now - asked.last > ask_again) &&
        (!may_be_absent || for_absent_.take(now))) {
        asked = {now, may_be_absent};
        actions_.resolve(neighbour);
    }
}

void Dispatch::answered(NeighbourKey neighbour) {
    const auto asked = asked_.find(neighbour);
    if (asked != asked_.end() && std::exchange(asked->second.counted, false)) {
        for_absent_.give_back();
    }
}

void Dispatch::tick() {
    if (asked_.size() > max_asked) {
        asked_.clear();
    }
}

} // namespace sacip
