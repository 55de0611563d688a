// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/virtual_reassembly.hpp"

namespace sacip {
namespace {

constexpr uint32_t steps_per_tick = 64;

} // namespace

bool VirtualReassembly::concerns(const PuntedPacket& punted) const {
    const PacketView& v = punted.view;
    const PortId port = punted.origin.port;
    if (r_.addresses.is_inbound(punted)) {
        return r_.paths.find(WirePair{v.source, v.destination}) >= 0 ||
               r_.cache.mappings().of_wire(v.destination) ||
               r_.cache.mappings().of_left_wire(v.destination, punted.now) ||
               (r_.cache.mappings().of_box(port) && r_.host.is_local(v.destination));
    }
    return r_.cache.mappings().of_host(v.source) ||
           (punted.origin.from_linux && r_.cache.mappings().of_box(port));
}

FragmentKey VirtualReassembly::key_of(const PuntedPacket& punted) const {
    FragmentKey key = fragment_key(punted.frame(), punted.view);
    key.way_in = punted.origin.from_linux ? 1 : 0; // Linux may give back what it was given
    return key;
}

std::vector<HeldPacket> VirtualReassembly::decided(const PuntedPacket& first,
                                                   const FragmentKey& key) {
    FragmentMap& map = map_of(first);
    if (!first.decided || map.learn(key, *first.decided, first.now) == 0) {
        return {};
    }
    return r_.output.take_held(map.hold_key(key));
}

void VirtualReassembly::follow(PuntedPacket& punted) {
    const FragmentKey key = key_of(punted);
    const auto route = map_of(punted).find(key, punted.now);
    route ? by_route(punted, *route) : wait(punted, key);
}

void VirtualReassembly::by_route(PuntedPacket& punted, const FragmentRoute& route) {
    switch (route.way) {
    case FragmentRoute::Way::path:
        r_.forwarder.by_path(
            punted, r_.addresses.is_inbound(punted) ? Direction::inbound : Direction::outbound,
            route.path, route.left_with);
        break;
    case FragmentRoute::Way::addresses:
        r_.addresses.decide(punted);
        break;
    case FragmentRoute::Way::as_it_is:
        r_.addresses.as_it_is(punted);
        break;
    case FragmentRoute::Way::refused:
        r_.output.drop(punted, DropReason::fragment_first);
    }
}

void VirtualReassembly::wait(PuntedPacket& punted, const FragmentKey& key) {
    FragmentMap& map = map_of(punted);
    if (punted.last_try) {
        r_.output.drop(punted, DropReason::fragment_waited);
    } else if (punted.deadline.value != 0) { // booked already
        r_.output.hold(punted, map.hold_key(key), {});
    } else if (const auto time = map.wait(key, punted.now)) {
        r_.output.hold(punted, map.hold_key(key), *time);
    } else {
        r_.output.drop(punted, DropReason::fragment_storm);
    }
}

void VirtualReassembly::tick(Nanos now) {
    inbound_.tick(now, steps_per_tick);
    outbound_.tick(now, steps_per_tick);
}

} // namespace sacip
