// SPDX-License-Identifier: BSD-3-Clause
//
// What nearly all packets are, told at a glance: the data path's short cut past parse().
//
// Plain is: unicast to us, IPv4 without options, not a fragment, lengths and header checksum right,
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
[[gnu::always_inline]] inline bool parse_plain(const Frame& frame, const ParseContext& context,
                                               PacketView& view) {
    constexpr uint8_t version_4_no_options = 0x45;
    constexpr uint32_t l4_at = ether_header_bytes + ipv4::min_header_bytes;
    const std::byte* const ip = frame.data + ether_header_bytes;
    const std::byte* const l4 = frame.data + l4_at;
    const uint32_t available = frame.length - ether_header_bytes;
    if (frame.length < l4_at + udp::header_bytes || available > context.mtu ||
        !ether::is_for(frame.data, context.port_mac) ||
        ether::type(frame.data) != Be16{ether_type_ipv4} ||
        ipv4::version_and_length(ip) != version_4_no_options || ipv4::is_fragment(ip))
        [[unlikely]] {
        return false;
    }
    const uint32_t total = ipv4::total_length(ip).value();
    const uint32_t from = load<uint8_t>(ip + 12); // the first byte of an address tells its kind
    const uint32_t to = load<uint8_t>(ip + 16);
    if (total > available || from - 1 >= 223 || from == 127 || to >= 224) [[unlikely]] {
        return false;
    }
    const uint32_t proto = ipv4::proto(ip);
    uint8_t tcp_flags = 0;
    if (proto == static_cast<uint8_t>(IpProto::tcp)) {
        if (total < ipv4::min_header_bytes + tcp::min_header_bytes) [[unlikely]] {
            return false;
        }
        tcp_flags = tcp::flags(l4);
    } else {
        const L4Port destination = udp::destination_port(l4);
        if (proto != static_cast<uint8_t>(IpProto::udp) ||
            total < ipv4::min_header_bytes + udp::header_bytes || destination == udp::dhcp_server ||
            destination == udp::dhcp_client || destination == context.notification_udp_port)
            [[unlikely]] {
            return false;
        }
    }
    if (!has(frame.facts, RxFacts::ip_checksum_good) && !is_right_sum(sum_of_plain_ipv4_header(ip)))
        [[unlikely]] {
        return false;
    }
    // Both addresses and both ports.
    std::memcpy(static_cast<void*>(&view), ip + 12, PacketView::wire_bytes);
    std::memcpy(static_cast<void*>(&view.proto), &proto, sizeof proto); // and the zeros
    view.ttl = ipv4::ttl(ip);
    view.tcp_flags = tcp_flags;
    view.fragment = false;
    view.icmp_type = 0;
    view.icmp_code = 0;
    view.l3 = ether_header_bytes;
    view.l4 = l4_at;
    view.l4_length = static_cast<uint16_t>(total - ipv4::min_header_bytes);
    return true;
}

} // namespace sacip
