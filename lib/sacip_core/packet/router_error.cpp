// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/router_error.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/icmp_error.hpp"
#include "sacip_core/packet/ipv4_writer.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint32_t headers_before_quote = ipv4::min_header_bytes + icmp::header_bytes;
constexpr uint32_t max_quote = router_error_max_bytes - ether_header_bytes - headers_before_quote;

} // namespace

bool deserves_router_error(const Frame& packet, const PacketView& v) {
    const bool later_fragment = ipv4::has_fragment_offset(packet.data + v.l3);
    const bool silent =
        v.is(IpProto::icmp) &&
        (v.l4_length == 0 || v.icmp_type == icmp::type_redirect || is_error(v.icmp_type));
    const bool to_group = (ether::destination(packet.data).bytes[0] & 1) != 0 ||
                          v.destination.is_multicast() || v.destination.is_reserved();
    const bool from_a_host = !v.source.is_this_network() && !v.source.is_multicast() &&
                             !v.source.is_loopback() && !v.source.is_reserved();
    return !later_fragment && !silent && !to_group && from_a_host;
}

uint32_t write_router_error(const Frame& packet, const PacketView& v, const RouterErrorText& text,
                            Ipv4Addr router, std::span<std::byte> out) {
    if (!deserves_router_error(packet, v) || !router.is_host_unicast() ||
        out.size() < router_error_max_bytes) {
        return 0;
    }
    std::byte* const ip = out.data() + ether_header_bytes;
    std::byte* const message = ip + ipv4::min_header_bytes;
    const uint32_t quote = std::min(v.ip_length(), max_quote);
    std::fill_n(message, icmp::header_bytes, std::byte{0});
    icmp::set_type(message, text.type);
    icmp::set_code(message, text.code);
    icmp::set_sequence(message, Be16{text.mtu}); // where RFC 1191 has the next hop's MTU
    std::copy_n(packet.data + v.l3, quote, message + icmp::header_bytes);
    const uint32_t length = icmp::header_bytes + quote;
    icmp::set_checksum(message, internet_checksum({message, length}));
    write_own_ip_header(ip, router, v.source, IpProto::icmp, length);
    ether::set_destination(out.data(), ether::source(packet.data));
    ether::set_source(out.data(), ether::destination(packet.data));
    ether::set_type(out.data(), Be16{ether_type_ipv4});
    return ether_header_bytes + ipv4::min_header_bytes + length;
}

} // namespace sacip
