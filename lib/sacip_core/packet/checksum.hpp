// SPDX-License-Identifier: BSD-3-Clause
//
// Checksum: the Internet checksum, and the only arithmetic of that kind.
//
// All 16-bit values here are in memory order, as loaded from a packet: one's complement addition
// is the same in either byte order (RFC 1071 §2(B)), so nothing is ever swapped.
//
// One's complement has two zeros, 0x0000 and 0xFFFF. A sum of anything that is not all zeros is
// never 0x0000, so a computed IPv4 or TCP checksum (its complement) is never 0xFFFF; UDP puts
// 0xFFFF for a computed 0, because 0 means "none" there (RFC 768). Deltas are kept in the range 0
// to 0xFFFE: then adding a delta of "no change" changes no bit, and adding a delta and its inverse
// gives back every computed checksum. Linux writes 0xFFFF for 0 in TCP, too, where it computes in
// software: after a change and its inverse that is 0x0000, the same number to every receiver.
#pragma once

#include "sacip_core/base/units.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sacip {

/// One's complement sum of the four 16-bit parts; 0 only for 0. Adding a number to itself with the
/// halves crossed leaves the sum of the halves in the upper one, carry and all.
constexpr uint16_t fold_sum(uint64_t sum) {
    const auto half = static_cast<uint32_t>((sum + std::rotr(sum, 32)) >> 32);
    return static_cast<uint16_t>((half + std::rotr(half, 16)) >> 16);
}

/// One's complement sum of two numbers.
constexpr uint16_t ones_add(uint16_t a, uint16_t b) {
    const uint32_t sum = uint32_t{a} + b;
    return static_cast<uint16_t>(sum + (sum >> 16));
}

/// One's complement sum of any number of bytes, an odd last one padded with zero (RFC 1071 §1).
/// Not complemented. At most 2^31 bytes.
inline uint16_t sum_of_bytes(std::span<const std::byte> bytes) {
    uint64_t sum = 0;
    const std::byte* at = bytes.data();
    size_t left = bytes.size();
    for (; left >= 4; at += 4, left -= 4) {
        uint32_t word;
        std::memcpy(&word, at, 4);
        sum += word;
    }
    if (left > 0) {
        uint32_t word = 0;
        std::memcpy(&word, at, left);
        sum += word;
    }
    return fold_sum(sum);
}

/// Sum of an IPv4 header without options: 20 bytes at `header`, no loop.
inline uint16_t sum_of_plain_ipv4_header(const std::byte* header) {
    uint64_t first;
    uint64_t second;
    uint32_t third;
    std::memcpy(&first, header, 8);
    std::memcpy(&second, header + 8, 8);
    std::memcpy(&third, header + 16, 4);
    uint64_t sum = first + second;
    sum += sum < second ? 1 : 0; // the carry comes round
    sum += third;
    sum += sum < third ? 1 : 0;
    return fold_sum(sum);
}

/// Sum of header and checksum together as a receiver sees it when all is well.
constexpr bool is_right_sum(uint16_t sum_with_checksum) { return sum_with_checksum == 0xFFFF; }

/// Checksum of bytes whose checksum field holds 0.
inline uint16_t internet_checksum(std::span<const std::byte> bytes) {
    return static_cast<uint16_t>(~sum_of_bytes(bytes));
}

/// The 32-bit words of an address, of any family.
template <typename Addr>
using AddressWords = std::array<uint32_t, sizeof(Addr) / sizeof(uint32_t)>;

/// What an address adds to a sum that is still to be folded.
template <typename Addr>
constexpr uint64_t terms_of(Addr address) {
    uint64_t sum = 0;
    for (const uint32_t word : std::bit_cast<AddressWords<Addr>>(address)) {
        sum += word;
    }
    return sum;
}
/// What its complement does.
template <typename Addr>
constexpr uint64_t terms_of_complement(Addr address) {
    uint64_t sum = 0;
    for (const uint32_t word : std::bit_cast<AddressWords<Addr>>(address)) {
        sum += ~word;
    }
    return sum;
}

/// Sum of the pseudo header of TCP and UDP; `l4_length` in host order.
template <typename Addr = Ipv4Addr>
constexpr uint16_t sum_of_pseudo_header(Addr source, Addr destination, uint8_t proto,
                                        uint16_t l4_length) {
    return fold_sum(terms_of(source) + terms_of(destination) + Be16{proto}.raw() +
                    Be16{l4_length}.raw());
}

/// UDP's zero rule for a freshly computed checksum.
constexpr uint16_t udp_checksum_on_wire(uint16_t computed) {
    return computed == 0 ? uint16_t{0xFFFF} : computed;
}

/// Checksum of a whole TCP or UDP segment whose checksum field holds 0. For UDP the zero rule is
/// the caller's to apply.
template <typename Addr = Ipv4Addr>
inline uint16_t l4_checksum(Addr source, Addr destination, uint8_t proto,
                            std::span<const std::byte> segment) {
    const uint16_t pseudo =
        sum_of_pseudo_header(source, destination, proto, static_cast<uint16_t>(segment.size()));
    return static_cast<uint16_t>(~ones_add(pseudo, sum_of_bytes(segment)));
}

/// What a change does to a checksum: ~m + m' of RFC 1624 eqn. 3, from 0 to 0xFFFE, memory order.
/// No branch: flows that have moved and others come mixed.
constexpr uint16_t as_delta(uint16_t sum) {
    return static_cast<uint16_t>(sum + ((uint32_t{sum} + 1) >> 16));
}

/// Delta of writing `to` where `from` was.
template <typename Addr = Ipv4Addr>
constexpr uint16_t address_delta(Addr from, Addr to) {
    return as_delta(fold_sum(terms_of_complement(from) + terms_of(to)));
}

/// Delta of writing two addresses over two others.
template <typename Addr = Ipv4Addr>
constexpr uint16_t addresses_delta(Addr from_a, Addr from_b, Addr to_a, Addr to_b) {
    return as_delta(fold_sum(terms_of_complement(from_a) + terms_of_complement(from_b) +
                             terms_of(to_a) + terms_of(to_b)));
}

/// Delta of the change back.
constexpr uint16_t inverse_delta(uint16_t delta) { return as_delta(static_cast<uint16_t>(~delta)); }

/// Delta of a TTL one lower. The TTL is the first byte of its word, which in (little-endian)
/// memory order is the low one: m' = m - 1, so ~m + m' is the same for every TTL above 0.
inline constexpr uint16_t ttl_decrement_delta = 0xFFFE;

/// The checksum after a change: HC' = ~(~HC + ~m + m'), RFC 1624 eqn. 3, which is HC - (~m + m')
/// with the borrow taken round.
constexpr uint16_t mend_checksum(uint16_t checksum, uint16_t delta) {
    const uint32_t difference = uint32_t{checksum} - delta;
    return static_cast<uint16_t>(difference - (difference >> 31));
}

/// The same for UDP: 0 (none) stays 0, a computed 0 becomes 0xFFFF (RFC 768).
constexpr uint16_t mend_udp_checksum(uint16_t checksum, uint16_t delta) {
    return checksum == 0 ? uint16_t{0} : udp_checksum_on_wire(mend_checksum(checksum, delta));
}

} // namespace sacip
