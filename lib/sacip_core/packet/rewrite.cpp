// SPDX-License-Identifier: BSD-3-Clause
//
// The delta of the addresses comes from the packet as it is and the addresses it gets: around a
// move packets of the old pair and of the new one meet the same slot, and each needs its own.
//
// A checksum that is not filled in yet (RxFacts::l4_checksum_partial) can't be mended: its field
// holds a sum, not a complement. It is finished first, or left to the sending device.
#include "sacip_core/packet/rewrite.hpp"

#include <algorithm>

namespace sacip {

using rewrite_step::l4_delta;
using rewrite_step::take_hop;
using rewrite_step::write_addresses;

namespace {

/// The L4 checksum of what write_addresses() was done to.
template <AddressFamily F>
inline void mend_l4_checksum(const Frame& frame, const PacketViewOf<F>& view,
                             const DirectionRewriteOf<F>& to, uint16_t delta) {
    const uint32_t least = view.is(IpProto::tcp) ? tcp::min_header_bytes : udp::header_bytes;
    if (view.l4_length < least || (view.fragment && F::has_fragment_offset(frame.data + view.l3)))
        [[unlikely]] {
        return;
    }
    rewrite_step::mend_l4_checksum(frame.data + view.l4, view, l4_delta(to, delta));
}

/// Which L4 checksum, if any, the sending device may fill in.
template <AddressFamily F>
TxChecksums l4_left_to_device(const Frame& frame, const PacketViewOf<F>& view,
                              const DirectionRewriteOf<F>& to) {
    const bool unfilled = has(frame.facts, RxFacts::l4_checksum_partial);
    if ((!unfilled && !has(frame.facts, RxFacts::l4_checksum_good)) ||
        to.l4_mode != L4ChecksumMode::wire || view.fragment ||
        frame.length != view.l3 + view.ip_length()) {
        return TxChecksums::none;
    }
    const std::byte* l4 = frame.data + view.l4;
    if (view.is(IpProto::tcp) && has(to.device, TxChecksums::tcp)) {
        return TxChecksums::tcp;
    }
    if (view.is(IpProto::udp) && has(to.device, TxChecksums::udp) && udp::checksum(l4) != 0 &&
        udp::length(l4).value() == view.l4_length) {
        return TxChecksums::udp;
    }
    return TxChecksums::none;
}

/// What the addresses that the sender's checksum is in terms of are more than those of the packet.
template <AddressFamily F>
uint16_t terms_of_sender(const PacketViewOf<F>& view, const DirectionRewriteOf<F>& to) {
    if (to.direction == Direction::outbound) {
        return 0; // a host knows no others
    }
    const uint16_t wire = addresses_delta(view.source, view.destination, to.source, to.destination);
    return as_delta(ones_add(wire, inverse_delta(l4_delta(to, wire))));
}

template <AddressFamily F>
void fill_in(Frame& frame, const PacketViewOf<F>& view, uint16_t terms) {
    frame.facts = without(frame.facts, RxFacts::l4_checksum_partial);
    std::byte* l4 = frame.data + view.l4;
    if (view.l4 == 0 || view.fragment) {
        return;
    }
    const auto sum_of = [&](size_t length) {
        return mend_checksum(l4_checksum(view.source, view.destination, view.proto, {l4, length}),
                             terms);
    };
    if (view.is(IpProto::tcp) && view.l4_length >= tcp::min_header_bytes) {
        tcp::set_checksum(l4, 0);
        tcp::set_checksum(l4, sum_of(view.l4_length));
    } else if (view.is(IpProto::udp) && view.l4_length >= udp::header_bytes &&
               udp::checksum(l4) != 0) {
        const uint16_t told = udp::length(l4).value();
        udp::set_checksum(l4, 0);
        udp::set_checksum(
            l4, udp_checksum_on_wire(sum_of(
                    told >= udp::header_bytes && told <= view.l4_length ? told : view.l4_length)));
    }
}

} // namespace

template <AddressFamily F>
void prepare_rewrite(const PathAddressesOf<F>& addresses, L4ChecksumMode mode,
                     RewriteSlotOf<F>& slot) {
    const uint16_t host_to_original = address_delta(addresses.host, addresses.local_original);

    slot.outbound.source = addresses.local_active;
    slot.outbound.destination = addresses.remote_active;
    slot.outbound.l4_mode = mode;
    slot.outbound.l4_delta = host_to_original;

    slot.inbound.source = addresses.remote_original;
    slot.inbound.destination = addresses.host;
    slot.inbound.l4_mode = mode;
    slot.inbound.l4_delta = inverse_delta(host_to_original);
}

template <AddressFamily F>
void rewrite_addresses(const Frame& frame, const PacketViewOf<F>& view,
                       const DirectionRewriteOf<F>& to) {
    std::byte* ip = frame.data + view.l3;
    const uint16_t delta = write_addresses(ip, view, to);
    F::set_checksum(ip, mend_checksum(F::checksum(ip), delta));
    mend_l4_checksum(frame, view, to, delta);
}

template <AddressFamily F>
void finish_l4_checksum(Frame& frame, const PacketViewOf<F>& view) {
    if (has(frame.facts, RxFacts::l4_checksum_partial)) [[unlikely]] {
        fill_in(frame, view, 0);
    }
}

template <AddressFamily F>
void finish_l4_checksum(Frame& frame, const PacketViewOf<F>& view,
                        const DirectionRewriteOf<F>& to) {
    if (has(frame.facts, RxFacts::l4_checksum_partial)) [[unlikely]] {
        fill_in(frame, view, terms_of_sender(view, to));
    }
}

template <AddressFamily F>
bool is_unfinished(const Frame& frame, const PacketViewOf<F>& view) {
    const bool is_tcp = view.is(IpProto::tcp);
    if (!is_tcp && !view.is(IpProto::udp)) {
        return false;
    }
    const std::byte* l4 = frame.data + view.l4;
    const uint16_t seed =
        sum_of_pseudo_header(view.source, view.destination, view.proto, view.l4_length);
    return (is_tcp ? tcp::checksum(l4) : udp::checksum(l4)) == seed &&
           !is_right_sum(ones_add(seed, sum_of_bytes({l4, view.l4_length})));
}

template <AddressFamily F>
void rewrite_for_device(Frame& frame, const PacketViewOf<F>& view,
                        const DirectionRewriteOf<F>& to) {
    std::byte* ip = frame.data + view.l3;
    frame.unfinished = l4_left_to_device(frame, view, to);
    if (frame.unfinished == TxChecksums::none) {
        finish_l4_checksum(frame, view, to);
    }
    const uint16_t delta = write_addresses(ip, view, to);
    if (frame.unfinished == TxChecksums::none) {
        mend_l4_checksum(frame, view, to, delta);
    } else {
        const uint16_t seed =
            sum_of_pseudo_header(to.source, to.destination, view.proto, view.l4_length);
        std::byte* l4 = frame.data + view.l4;
        view.is(IpProto::tcp) ? tcp::set_checksum(l4, seed) : udp::set_checksum(l4, seed);
    }
    take_hop(frame, view, to);
    if (has(to.device, F::header_checksum)) {
        F::set_checksum(ip, 0); // as some devices want it
        frame.unfinished = frame.unfinished | F::header_checksum;
    } else {
        const uint16_t mended = mend_checksum(F::checksum(ip), delta);
        F::set_checksum(ip, mend_checksum(mended, ttl_decrement_delta));
    }
}

void rewrite_error(const Frame& frame, const PacketView& error, const PacketView& quoted,
                   const DirectionRewrite& to, Ipv4Addr source) {
    PacketView inner = quoted;
    if (inner.is(IpProto::tcp) && inner.l4_length >= tcp::checksum_end) {
        // Cut off behind the checksum: as good as whole for us.
        inner.l4_length = std::max<uint16_t>(inner.l4_length, tcp::min_header_bytes);
    }
    DirectionRewrite crosswise = to;
    crosswise.source = to.destination;
    crosswise.destination = to.source;

    // All that can change lies in the quoted headers, which begin at an even place of the message.
    const std::span<const std::byte> headers{
        frame.data + quoted.l3,
        size_t{quoted.l4} - quoted.l3 + std::min<size_t>(quoted.l4_length, tcp::min_header_bytes)};
    const uint16_t before = sum_of_bytes(headers);
    rewrite_addresses(frame, inner, crosswise);
    const uint16_t delta =
        as_delta(ones_add(static_cast<uint16_t>(~before), sum_of_bytes(headers)));
    std::byte* message = frame.data + error.l4;
    icmp::set_checksum(message, mend_checksum(icmp::checksum(message), delta));

    DirectionRewrite outer = to;
    outer.source = source;
    rewrite_addresses(frame, error, outer);
}

template <AddressFamily F>
void rewrite_next_hop(const Frame& frame, const PacketViewOf<F>& view,
                      const DirectionRewriteOf<F>& to) {
    std::byte* ip = frame.data + view.l3;
    take_hop(frame, view, to);
    F::set_checksum(ip, mend_checksum(F::checksum(ip), ttl_decrement_delta));
}

template void prepare_rewrite(const PathAddresses&, L4ChecksumMode, RewriteSlot&);
template void rewrite_addresses(const Frame&, const PacketView&, const DirectionRewrite&);
template void finish_l4_checksum(Frame&, const PacketView&);
template void finish_l4_checksum(Frame&, const PacketView&, const DirectionRewrite&);
template bool is_unfinished(const Frame&, const PacketView&);
template void rewrite_for_device(Frame&, const PacketView&, const DirectionRewrite&);
template void rewrite_next_hop(const Frame&, const PacketView&, const DirectionRewrite&);

} // namespace sacip
