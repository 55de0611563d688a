// SPDX-License-Identifier: BSD-3-Clause
//
// What nearly all packets are, told at a glance: the data path's short cut past parse().
//
// Plain is: unicast to us, IP without options, not a fragment, lengths and header checksum right,
// whole TCP or UDP, nothing that a rule of parse() picks out. Every check is a comparison with what
// lies in the packet, in the order of the wire; whatever fails one, parse() judges and names. So
// this may be too strict, never too lax (tests/property holds the two against each other).
#pragma once

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"

namespace sacip {

/// True: parse() would say `proceed`, and `view` is what it would be. False: nothing is said, and
/// `view` is not touched.
template <AddressFamily F>
[[gnu::always_inline]] inline bool parse_plain(const Frame& frame, const ParseContext& context,
                                               PacketViewOf<F>& view) {
    using View = PacketViewOf<F>;
    static_assert(offsetof(View, proto) == View::wire_bytes &&
                  offsetof(View, ttl) == View::key_bytes);
    constexpr uint32_t l4_at = ether_header_bytes + F::min_header_bytes;
    constexpr uint32_t addresses_at = F::min_header_bytes - 2 * sizeof(typename F::Addr);
    const std::byte* const ip = frame.data + ether_header_bytes;
    const std::byte* const l4 = frame.data + l4_at;
    const uint32_t available = frame.length - ether_header_bytes;
    if (frame.length < l4_at + udp::header_bytes || available > context.mtu ||
        !ether::is_for(frame.data, context.port_mac) ||
        ether::type(frame.data) != Be16{F::ether_type} || !F::is_plain_start(load<uint8_t>(ip)) ||
        F::is_fragment(ip)) [[unlikely]] {
        return false;
    }
    const uint32_t total = F::total_length(ip);
    const uint32_t from = load<uint8_t>(ip + addresses_at);
    const uint32_t to = load<uint8_t>(ip + addresses_at + sizeof(typename F::Addr));
    // Comparisons as they stand, no functions: what those make of them takes more instructions.
    if (total > available ||
        from - F::first_byte_host >= F::first_byte_group - F::first_byte_host ||
        from == F::first_byte_loopback || to >= F::first_byte_group) [[unlikely]] {
        return false;
    }
    const uint32_t proto = F::proto(ip);
    uint8_t tcp_flags = 0;
    if (proto == static_cast<uint8_t>(IpProto::tcp)) [[likely]] {
        if (total < F::min_header_bytes + tcp::min_header_bytes) [[unlikely]] {
            return false;
        }
        tcp_flags = tcp::flags(l4);
    } else {
        const L4Port destination = udp::destination_port(l4);
        if (proto != static_cast<uint8_t>(IpProto::udp) ||
            total < F::min_header_bytes + udp::header_bytes || F::is_dhcp(destination) ||
            destination == context.notification_udp_port) [[unlikely]] {
            return false;
        }
    }
    if (!has(frame.facts, RxFacts::ip_checksum_good) && !F::is_header_sum_right(ip)) [[unlikely]] {
        return false;
    }
    // Both addresses and both ports.
    std::memcpy(static_cast<void*>(&view), ip + addresses_at, View::wire_bytes);
    std::memcpy(static_cast<void*>(&view.proto), &proto, sizeof proto); // and the zeros
    view.ttl = F::ttl(ip);
    view.tcp_flags = tcp_flags;
    view.fragment = false;
    view.icmp_type = 0;
    view.icmp_code = 0;
    view.l3 = ether_header_bytes;
    view.l4 = l4_at;
    view.l4_length = static_cast<uint16_t>(total - F::min_header_bytes);
    return true;
}

} // namespace sacip
