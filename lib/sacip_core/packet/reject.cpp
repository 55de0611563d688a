// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/reject.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/ipv4_writer.hpp"
#include "sacip_core/packet/tcp_segment.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint8_t code_admin_prohibited = 13;
constexpr uint32_t quoted_l4_bytes = 8;

/// What a closed port answers, in 20 bytes at `out`.
uint32_t write_rst(const Frame& packet, const PacketView& v, std::byte* out) {
    const std::byte* in = packet.data + v.l4;
    BareSegment rst{.source = v.destination,
                    .destination = v.source,
                    .source_port = v.destination_port,
                    .destination_port = v.source_port};
    if ((v.tcp_flags & tcp_ack) != 0) {
        rst.sequence = tcp::acknowledgement(in);
        rst.flags = tcp_rst;
    } else {
        const uint32_t header = tcp::data_offset(in);
        const uint32_t data = v.l4_length > header ? v.l4_length - header : 0;
        const uint32_t length =
            data + ((v.tcp_flags & tcp_syn) != 0 ? 1 : 0) + ((v.tcp_flags & tcp_fin) != 0 ? 1 : 0);
        rst.acknowledgement = Be32{tcp::sequence(in).value() + length};
        rst.flags = tcp_rst | tcp_ack;
    }
    write_bare_segment(rst, out);
    return tcp::min_header_bytes;
}

uint32_t write_prohibited(const Frame& packet, const PacketView& v, std::byte* out) {
    const uint32_t quote = (v.l4 - v.l3) + std::min<uint32_t>(v.l4_length, quoted_l4_bytes);
    std::fill_n(out, icmp::header_bytes, std::byte{0});
    icmp::set_type(out, icmp::type_unreachable);
    icmp::set_code(out, code_admin_prohibited);
    std::copy_n(packet.data + v.l3, quote, out + icmp::header_bytes);
    const uint32_t length = icmp::header_bytes + quote;
    icmp::set_checksum(out, internet_checksum({out, length}));
    return length;
}

} // namespace

uint32_t write_refusal(const Frame& packet, const PacketView& v, std::span<std::byte> out) {
    const bool answerable = v.is(IpProto::tcp)    ? (v.tcp_flags & tcp_rst) == 0
                            : v.is(IpProto::icmp) ? v.icmp_type == icmp::type_echo_request
                                                  : true;
    if (!answerable || v.fragment || !v.source.is_host_unicast() ||
        out.size() < refusal_max_bytes) {
        return 0;
    }
    std::byte* const ip = out.data() + ether_header_bytes;
    std::byte* const l4 = ip + ipv4::min_header_bytes;
    const bool tcp = v.is(IpProto::tcp);
    const uint32_t length = tcp ? write_rst(packet, v, l4) : write_prohibited(packet, v, l4);
    write_own_ip_header(ip, v.destination, v.source, tcp ? IpProto::tcp : IpProto::icmp, length);
    ether::set_destination(out.data(), ether::source(packet.data));
    ether::set_source(out.data(), ether::destination(packet.data));
    ether::set_type(out.data(), Be16{ether_type_ipv4});
    return ether_header_bytes + ipv4::min_header_bytes + length;
}

} // namespace sacip
