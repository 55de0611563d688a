// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/fragment_desk.hpp"

namespace sacip {
namespace {

constexpr uint32_t steps_per_tick = 64;

} // namespace

bool FragmentDesk::concerns(const Guest& guest) const {
    const PacketView& v = guest.view;
    const PortId port = guest.origin.port;
    if (r_.addresses.is_inbound(guest)) {
        return r_.paths.find(WirePair{v.source, v.destination}) >= 0 ||
               r_.ledger.site_of_wire(v.destination) ||
               r_.ledger.site_of_left_wire(v.destination, guest.now) ||
               (r_.ledger.box_site(port) && r_.host.is_local(v.destination));
    }
    return r_.ledger.site_of_host(v.source) ||
           (guest.origin.from_linux && r_.ledger.box_site(port));
}

FragmentKey FragmentDesk::key_of(const Guest& guest) const {
    FragmentKey key = fragment_key(guest.frame(), guest.view);
    key.way_in = guest.origin.from_linux ? 1 : 0; // Linux may give back what it was given
    return key;
}

std::vector<HeldPacket> FragmentDesk::decided(const Guest& first, const FragmentKey& key) {
    FragmentMap& map = map_of(first);
    if (!first.decided || map.learn(key, *first.decided, first.now) == 0) {
        return {};
    }
    return r_.doors.take_held(map.hold_key(key));
}

void FragmentDesk::follow(Guest& guest) {
    const FragmentKey key = key_of(guest);
    const auto route = map_of(guest).find(key, guest.now);
    route ? by_route(guest, *route) : wait(guest, key);
}

void FragmentDesk::by_route(Guest& guest, const FragmentRoute& route) {
    switch (route.way) {
    case FragmentRoute::Way::path:
        r_.dispatch.by_path(
            guest, r_.addresses.is_inbound(guest) ? Direction::inbound : Direction::outbound,
            route.path, route.left_with);
        break;
    case FragmentRoute::Way::addresses:
        r_.addresses.decide(guest);
        break;
    case FragmentRoute::Way::as_it_is:
        r_.addresses.as_it_is(guest);
        break;
    case FragmentRoute::Way::refused:
        r_.doors.drop(guest, DropReason::fragment_first);
    }
}

void FragmentDesk::wait(Guest& guest, const FragmentKey& key) {
    FragmentMap& map = map_of(guest);
    if (guest.last_try) {
        r_.doors.drop(guest, DropReason::fragment_waited);
    } else if (guest.deadline.value != 0) { // booked already
        r_.doors.hold(guest, map.hold_key(key), {});
    } else if (const auto time = map.wait(key, guest.now)) {
        r_.doors.hold(guest, map.hold_key(key), *time);
    } else {
        r_.doors.drop(guest, DropReason::fragment_storm);
    }
}

void FragmentDesk::tick(Nanos now) {
    inbound_.tick(now, steps_per_tick);
    outbound_.tick(now, steps_per_tick);
}

} // namespace sacip
