// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/ipv4_writer.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"

namespace sacip {
namespace {

constexpr uint8_t plain_ipv4_header = 0x45; // version 4, five words
constexpr uint8_t tos_internetwork_control = 0xC0;
constexpr uint8_t first_ttl = 64;

} // namespace

void write_own_ip_header(std::byte* ip, Ipv4Addr source, Ipv4Addr destination, IpProto proto,
                         size_t l4_bytes) {
    ipv4::set_version_and_length(ip, plain_ipv4_header);
    ipv4::set_tos(ip, tos_internetwork_control);
    ipv4::set_total_length(ip, Be16{static_cast<uint16_t>(ipv4::min_header_bytes + l4_bytes)});
    ipv4::set_id(ip, Be16{0});
    ipv4::set_fragment_field(ip, Be16{ipv4::flag_dont_fragment});
    ipv4::set_ttl(ip, first_ttl);
    ipv4::set_proto(ip, static_cast<uint8_t>(proto));
    ipv4::set_checksum(ip, 0);
    ipv4::set_source(ip, source);
    ipv4::set_destination(ip, destination);
    ipv4::set_checksum(ip, internet_checksum({ip, ipv4::min_header_bytes}));
}

} // namespace sacip
