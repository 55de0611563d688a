// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/slow_output.hpp"

#include "sacip_core/packet/fragmentation.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/reject.hpp"

#include <algorithm>
#include <utility>

namespace sacip {

void SlowOutput::transmit(PuntedPacket& punted, PortId port) {
    mark(punted, FragmentRoute::Way::as_it_is);
    if (punted.origin.from_linux && punted.frame().length >= ether_header_bytes &&
        ether::destination(punted.frame().data) == fallback_mac) {
        drop(punted, DropReason::no_route);
    } else if (io_.transmit(port, punted.packet)) {
        counters_.forwarded.add();
    } else {
        counters_.drop(DropReason::tx_full);
    }
}

void SlowOutput::to_linux(PuntedPacket& punted) {
    mark(punted, FragmentRoute::Way::as_it_is);
    if (punted.origin.from_linux) { // where it came from: there is no other place for it
        drop(punted, DropReason::no_route);
    } else if (io_.to_linux(punted.origin.port, punted.packet)) {
        counters_.delivered.add();
    } else {
        counters_.drop(DropReason::linux_full);
    }
}

void SlowOutput::drop(PuntedPacket& punted, DropReason why) {
    mark(punted, FragmentRoute::Way::refused);
    io_.release(punted.packet);
    counters_.drop(why);
}

void SlowOutput::refuse(PuntedPacket& punted, DropReason why) {
    refusals_.take(punted.now) ? end(punted, why) : drop(punted, why);
}

void SlowOutput::end(PuntedPacket& punted, DropReason why) {
    std::array<std::byte, refusal_max_bytes> frame;
    answer(punted, {frame.data(), write_refusal(punted.frame(), punted.view, frame)});
    drop(punted, why);
}

void SlowOutput::unreachable(PuntedPacket& punted, DropReason why, const RouterErrorText& text) {
    std::array<std::byte, router_error_max_bytes> frame;
    const uint32_t length =
        refusals_.take(punted.now)
            ? write_router_error(punted.frame(), punted.view, text, router_address(punted), frame)
            : 0;
    answer(punted, {frame.data(), length});
    drop(punted, why);
}

/// Back to where the packet came from.
void SlowOutput::answer(const PuntedPacket& punted, std::span<const std::byte> frame) {
    const auto length = static_cast<uint32_t>(frame.size());
    const OwnedPacket packet = length > 0 ? io_.allocate(length) : OwnedPacket{};
    if (packet.owner != nullptr) {
        std::ranges::copy(frame, packet.frame.data);
        punted.origin.from_linux ? io_.to_linux(punted.origin.port, packet)
                                 : io_.transmit(punted.origin.port, packet);
    }
}

/// Who the error is from: us, on the link where the packet came in (RFC 1812 §4.3.2.4). Linux takes
/// nothing from an address of its own: it hears it from the far end.
Ipv4Addr SlowOutput::router_address(const PuntedPacket& punted) const {
    if (punted.origin.from_linux) {
        return punted.view.destination;
    }
    const auto own = host_.addresses(ports_[punted.origin.port.value].host_interface);
    const auto found = std::ranges::find_if(
        own, [](const AddressInfo& a) { return a.scope == AddressScope::global && !a.deprecated; });
    return found == own.end() ? Ipv4Addr{} : found->address.v4();
}

void SlowOutput::transmit_in_pieces(PuntedPacket& punted, PortId port, uint16_t mtu) {
    std::vector<std::byte> piece(ether_header_bytes + size_t{mtu});
    DropReason why = DropReason::none;
    for (uint32_t offset = 0; why == DropReason::none;) {
        const Piece made = write_piece(punted.frame(), punted.view, offset, mtu, piece);
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
        mark(punted, FragmentRoute::Way::as_it_is);
        io_.release(punted.packet);
        counters_.forwarded.add();
    } else {
        drop(punted, why);
    }
}

void SlowOutput::consume(PuntedPacket& punted) {
    io_.release(punted.packet);
    counters_.consumed.add();
}

void SlowOutput::hold(PuntedPacket& punted, uint64_t key, Nanos at_most, HoldShare share) {
    const bool first_time = punted.deadline.value == 0;
    const Nanos deadline = first_time ? punted.now + at_most : punted.deadline;
    if (const auto leaving = queue_.push({punted.packet, punted.origin, key, deadline, share})) {
        io_.release(leaving->packet);
        counters_.drop(leaving->share == HoldShare::moves ? DropReason::hold_overflow
                                                          : DropReason::hold_crowded);
    }
    counters_.held_total.add(first_time ? 1 : 0);
    count_held();
}

std::vector<HeldPacket> SlowOutput::take_held(uint64_t key) {
    auto out = queue_.take_by_key(key);
    count_held();
    return out;
}

std::optional<HeldPacket> SlowOutput::take_expired(Nanos now) {
    auto out = queue_.pop_expired(now);
    count_held();
    return out;
}

// ---- the backlogs

void SlowOutput::try_again() { put_first(queue_.take_all()); }

void SlowOutput::try_again(uint64_t key) { put_first(queue_.take_by_key(key)); }

/// Workers are told before they can be shown a way on which they would overtake these.
void SlowOutput::put_first(const std::vector<HeldPacket>& packets) {
    for (auto packet = packets.rbegin(); packet != packets.rend(); ++packet) {
        backlog(direction_of(packet->origin)).push_front(*packet);
    }
    for (const Direction to : {Direction::outbound, Direction::inbound}) {
        if (has_backlog(to)) {
            keep_turns(to, true);
        }
    }
}

void SlowOutput::keep_turns(Direction to, bool keep) {
    if (std::exchange(turns_kept_[static_cast<size_t>(to)], keep) != keep) {
        io_.keep_turns(to, keep);
    }
}

void SlowOutput::line_up(const HeldPacket& packet) {
    backlog(direction_of(packet.origin)).push_back(packet);
    count_held();
}

std::optional<HeldPacket> SlowOutput::next_in_backlog(Direction to) {
    if (!has_backlog(to)) {
        keep_turns(to, false);
        return std::nullopt;
    }
    const HeldPacket out = backlog(to).front();
    backlog(to).pop_front();
    count_held();
    return out;
}

} // namespace sacip
