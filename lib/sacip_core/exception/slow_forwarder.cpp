// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/slow_forwarder.hpp"

#include "sacip_core/packet/headers.hpp"

namespace sacip {
namespace {

constexpr Nanos hold_for_neighbour = from_s(3); ///< Linux gives up on a neighbour after that
constexpr Nanos ask_again = from_ms(200);
constexpr size_t max_asked = 10'000;

/// Neither a path's nor a fragment's, nor one of the last three numbers.
uint64_t hold_key_of(NeighbourKey neighbour) {
    return uint64_t{1} << 62 |
           uint64_t{static_cast<uint32_t>(neighbour.interface.value) & 0x3FFFFFFF} << 32 |
           neighbour.address.v4().value();
}

} // namespace

void SlowForwarder::by_path(PuntedPacket& punted, Direction direction, PathId path,
                            WirePair left_with) {
    const PathEntry& entry = cache_.at(path);
    punted.decided = {FragmentRoute::Way::path, path, {}};
    const Waits waits{path.value,
                      manager_.is_of_stranger(entry) ? HoldShare::strangers : HoldShare::moves,
                      !entry.draining.empty()};
    if (direction == Direction::inbound) {
        send(punted, entry.slot.inbound, entry.in, waits);
        return;
    }
    DirectionRewrite out = entry.slot.outbound;
    if (goes_unproven(punted, entry)) {
        out.action = PathAction::forward;
    }
    if (left_with != WirePair{}) {
        out.source = left_with.local;
        out.destination = left_with.remote;
    }
    if (out.action == PathAction::forward) {
        punted.decided->left_with = {out.destination, out.source};
    }
    send(punted, out, entry.out, waits);
}

/// To an address that the peer has not proved yet, within what came from there.
bool SlowForwarder::goes_unproven(const PuntedPacket& punted, const PathEntry& entry) {
    const RemoteBinding& remote = cache_.at(entry.remote);
    return !remote.proven && cache_.at(entry.local).usable &&
           entry.out.state == Adjacency::State::ready &&
           cache_.spend(remote.active, punted.view.l4 - punted.view.l3 + punted.view.l4_length);
}

void SlowForwarder::by_addresses(PuntedPacket& punted, Direction direction, MappingId mapping,
                                 const PathAddresses& addresses, L4ChecksumMode mode) {
    const PathManager::Composed composed = manager_.compose(mapping, addresses, mode);
    punted.decided = {FragmentRoute::Way::addresses};
    if (direction == Direction::outbound) {
        send(punted, composed.slot.outbound, composed.out, {});
    } else {
        send(punted, composed.slot.inbound, composed.in, {});
    }
}

void SlowForwarder::send(PuntedPacket& punted, const DirectionRewrite& to, const Adjacency& hop,
                         const Waits& waits) {
    switch (to.action) {
    case PathAction::hold:
        if ((punted.view.tcp_flags & tcp_rst) != 0) {
            output_.drop(punted, DropReason::rst_swallowed);
            break;
        }
        punted.last_try ? output_.drop(punted, DropReason::hold_expired)
                        : output_.hold(punted, waits.key, hold_for_path, waits.share);
        break;
    case PathAction::unresolved:
        resolve(hop.neighbour, punted.now,
                !waits.moving && hop.neighbour.address == to.destination);
        if (punted.last_try && waits.moving) { // nobody is told of what a move may mend
            output_.drop(punted, DropReason::neighbour_failed);
        } else if (punted.last_try) {
            output_.unreachable(punted, DropReason::neighbour_failed, host_unreachable);
        } else if (!waits.moving &&
                   hop.neighbour.address == to.destination) { // it may not be there
            output_.hold(punted, hold_key_of(hop.neighbour), hold_for_neighbour,
                         HoldShare::neighbours);
        } else {
            output_.hold(punted, waits.key, hold_for_neighbour, waits.share);
        }
        break;
    case PathAction::to_box:
        translate(punted, to);
        punted.origin.port = to.port;
        output_.to_linux(punted);
        break;
    case PathAction::to_linux:
        if (punted.origin.from_linux) { // it has chosen this port, for a reason that we do not see
            const auto mapping = cache_.mappings().of_host(punted.view.source);
            mapping&& cache_.mappings()[*mapping].way == Way::uplink
                ? output_.drop(punted, DropReason::no_route) // never with an inside source
                : output_.transmit(punted, punted.origin.port);
        } else {
            translate(punted, to);
            output_.to_linux(punted);
        }
        break;
    case PathAction::forward:
    case PathAction::forward_in_turn:
        forward(punted, to);
    }
}

void SlowForwarder::forward(PuntedPacket& punted, const DirectionRewrite& to) {
    const bool too_long = punted.view.ip_length() > to.mtu;
    if (punted.view.ttl <= 1 && !punted.origin.from_linux) {
        end_here(punted, to);
        return;
    }
    if (too_long && (ipv4::fragment_field(punted.frame().data + punted.view.l3).value() &
                     ipv4::flag_dont_fragment) != 0) {
        output_.unreachable(punted, DropReason::too_big, fragmentation_needed(to.mtu));
        return;
    }
    if (punted.origin.from_linux) { // a router's work on the TTL is done already, or not due
        translate(punted, to);
        to.link->write_to(punted.frame().data);
    } else {
        translate(punted, to);
        rewrite_next_hop(punted.frame(), punted.view, to);
    }
    counters_.rewritten.add(to.changes(punted.view.source, punted.view.destination) ? 1 : 0);
    too_long ? output_.transmit_in_pieces(punted, to.port, to.mtu)
             : output_.transmit(punted, to.port);
}

/// Linux finds out that the time to live is over, and tells the sender. It knows our host by the
/// host's own address.
void SlowForwarder::end_here(PuntedPacket& punted, const DirectionRewrite& to) {
    const GatewayPort& port = ports_[punted.origin.port.value];
    if (port.host_interface.value == 0) {
        output_.drop(punted, DropReason::ttl_expired);
        return;
    }
    if (port.outside) {
        translate(punted, to);
    }
    output_.to_linux(punted);
}

void SlowForwarder::translate(PuntedPacket& punted, const DirectionRewrite& to) {
    if (!punted.quote) {
        finish_l4_checksum(punted.packet.frame, punted.view, to);
        rewrite_addresses(punted.frame(), punted.view, to);
        return;
    }
    const Ipv4Addr source =
        punted.speaker.value_or(translated_source(punted.view, *punted.quote, to));
    rewrite_error(punted.frame(), punted.view, punted.quote->packet, to, source);
}

/// Linux has room for 1,024 neighbours (gc_thresh3), each three seconds if it does not answer: a
/// scan must leave some for next hops. Who answers does not count.
void SlowForwarder::resolve(NeighbourKey neighbour, Nanos now, bool may_be_absent) {
    Asked& asked = asked_[neighbour];
    if ((asked.last.value == 0 || now - asked.last > ask_again) &&
        (!may_be_absent || for_absent_.take(now))) {
        asked = {now, may_be_absent};
        actions_.resolve(neighbour);
    }
}

void SlowForwarder::answered(NeighbourKey neighbour) {
    const auto asked = asked_.find(neighbour);
    if (asked != asked_.end() && std::exchange(asked->second.counted, false)) {
        for_absent_.give_back();
    }
}

void SlowForwarder::tick() {
    if (asked_.size() > max_asked) {
        asked_.clear();
    }
}

} // namespace sacip
