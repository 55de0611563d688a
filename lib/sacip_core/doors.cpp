// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/doors.hpp"

#include "sacip_core/adjacency.hpp"
#include "sacip_core/headers.hpp"
#include "sacip_core/refusal.hpp"

namespace sacip {

void Doors::transmit(Guest& guest, PortId port) {
    mark(guest, FragmentRoute::Way::as_it_is);
    if (guest.origin.from_linux && guest.frame().length >= ether_header_bytes &&
        ether::destination(guest.frame().data) == fallback_mac) {
        drop(guest, DropReason::no_route);
    } else if (io_.transmit(port, guest.packet)) {
        counters_.forwarded.add();
    } else {
        counters_.drop(DropReason::tx_full);
    }
}

void Doors::to_linux(Guest& guest) {
    mark(guest, FragmentRoute::Way::as_it_is);
    if (guest.origin.from_linux) { // where it came from: there is no other place for it
        drop(guest, DropReason::no_route);
    } else if (io_.to_linux(guest.origin.port, guest.packet)) {
        counters_.delivered.add();
    } else {
        counters_.drop(DropReason::linux_full);
    }
}

void Doors::drop(Guest& guest, DropReason why) {
    mark(guest, FragmentRoute::Way::refused);
    io_.release(guest.packet);
    counters_.drop(why);
}

void Doors::refuse(Guest& guest, DropReason why) {
    std::array<std::byte, refusal_max_bytes> answer;
    const uint32_t length =
        refusals_.take(guest.now) ? write_refusal(guest.frame(), guest.view, answer) : 0;
    const OwnedPacket packet = length > 0 ? io_.allocate(length) : OwnedPacket{};
    if (packet.owner != nullptr) {
        std::copy_n(answer.data(), length, packet.frame.data);
        guest.origin.from_linux ? io_.to_linux(guest.origin.port, packet)
                                : io_.transmit(guest.origin.port, packet);
    }
    drop(guest, why);
}

void Doors::consume(Guest& guest) {
    io_.release(guest.packet);
    counters_.consumed.add();
}

void Doors::hold(Guest& guest, uint64_t key, Nanos at_most, bool for_neighbour) {
    const bool first_time = guest.deadline.value == 0;
    const Nanos deadline = first_time ? guest.now + at_most : guest.deadline;
    if (const auto leaving =
            queue_.push({guest.packet, guest.origin, key, deadline, for_neighbour})) {
        io_.release(leaving->packet);
        counters_.drop(DropReason::hold_overflow);
    }
    held_total_.add(first_time ? 1 : 0);
    count_held();
}

std::vector<HeldPacket> Doors::take_held() {
    auto out = queue_.take_all();
    count_held();
    return out;
}

std::vector<HeldPacket> Doors::take_held(uint64_t key) {
    auto out = queue_.take_by_key(key);
    count_held();
    return out;
}

std::optional<HeldPacket> Doors::take_expired(Nanos now) {
    auto out = queue_.pop_expired(now);
    count_held();
    return out;
}

} // namespace sacip
