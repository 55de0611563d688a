// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/doors.hpp"

#include "sacip_core/packet/fragmentation.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/refusal.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>

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
    refusals_.take(guest.now) ? end(guest, why) : drop(guest, why);
}

void Doors::end(Guest& guest, DropReason why) {
    std::array<std::byte, refusal_max_bytes> frame;
    answer(guest, {frame.data(), write_refusal(guest.frame(), guest.view, frame)});
    drop(guest, why);
}

void Doors::unreachable(Guest& guest, DropReason why, const RouterErrorText& text) {
    std::array<std::byte, router_error_max_bytes> frame;
    const uint32_t length =
        refusals_.take(guest.now)
            ? write_router_error(guest.frame(), guest.view, text, router_address(guest), frame)
            : 0;
    answer(guest, {frame.data(), length});
    drop(guest, why);
}

/// Back to where the packet came from.
void Doors::answer(const Guest& guest, std::span<const std::byte> frame) {
    const auto length = static_cast<uint32_t>(frame.size());
    const OwnedPacket packet = length > 0 ? io_.allocate(length) : OwnedPacket{};
    if (packet.owner != nullptr) {
        std::ranges::copy(frame, packet.frame.data);
        guest.origin.from_linux ? io_.to_linux(guest.origin.port, packet)
                                : io_.transmit(guest.origin.port, packet);
    }
}

/// Who the error is from: us, on the link where the packet came in (RFC 1812 §4.3.2.4). Linux takes
/// nothing from an address of its own: it hears it from the far end.
Ipv4Addr Doors::router_address(const Guest& guest) const {
    if (guest.origin.from_linux) {
        return guest.view.destination;
    }
    const auto own = host_.addresses(ports_[guest.origin.port.value].host_interface);
    const auto found = std::ranges::find_if(
        own, [](const AddressInfo& a) { return a.scope == AddressScope::global && !a.deprecated; });
    return found == own.end() ? Ipv4Addr{} : found->address;
}

void Doors::transmit_in_pieces(Guest& guest, PortId port, uint16_t mtu) {
    finish_l4_checksum(guest.packet.frame, guest.view);
    std::vector<std::byte> piece(ether_header_bytes + size_t{mtu});
    DropReason why = DropReason::none;
    for (uint32_t offset = 0; why == DropReason::none;) {
        const Piece made = write_piece(guest.frame(), guest.view, offset, mtu, piece);
        if (made.frame_bytes == 0) {
            why = offset > 0 ? DropReason::none : DropReason::too_big;
            break;
        }
        const OwnedPacket packet = io_.allocate(made.frame_bytes);
        if (packet.owner == nullptr) {
            why = DropReason::no_memory;
            break;
        }
        std::copy_n(piece.data(), made.frame_bytes, packet.frame.data);
        why = io_.transmit(port, packet) ? DropReason::none : DropReason::tx_full;
        offset += made.payload_bytes;
    }
    if (why == DropReason::none) {
        mark(guest, FragmentRoute::Way::as_it_is);
        io_.release(guest.packet);
        counters_.forwarded.add();
    } else {
        drop(guest, why);
    }
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
