// SPDX-License-Identifier: BSD-3-Clause
//
// L4 fields: what of the header behind IP's tells flows apart, and where it lies.
//
// The ports of TCP and UDP, which lie in the same place, and the identifier of an ICMP echo, which
// stands for both ports. Three read them, and differ in how much of a header they can ask for:
// parse() (the fixed part, whole), virtual reassembly (the same, of a first fragment), and ICMP
// errors (the first 8 bytes, which are all that a quote has to have).
#pragma once

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"

namespace sacip {

inline bool has_ports(const PacketView& view) {
    return view.is(IpProto::tcp) || view.is(IpProto::udp);
}
inline bool is_echo(const PacketView& view) {
    return view.is(IpProto::icmp) &&
           (view.icmp_type == icmp::type_echo_request || view.icmp_type == icmp::type_echo_reply);
}
inline bool is_dhcp(const PacketView& view) {
    return view.is(IpProto::udp) && Ipv4::is_dhcp(view.destination_port);
}

/// How long the header of this protocol is at least; 0 for one that no flow needs to be read of.
inline uint32_t least_l4_bytes(const PacketView& view) {
    return view.is(IpProto::tcp)    ? tcp::min_header_bytes
           : view.is(IpProto::udp)  ? udp::header_bytes
           : view.is(IpProto::icmp) ? icmp::header_bytes
                                    : 0;
}

/// Of TCP or UDP: 4 bytes.
inline void read_ports(const std::byte* l4, PacketView& view) {
    view.source_port = udp::source_port(l4);
    view.destination_port = udp::destination_port(l4);
}
/// Of ICMP: 4 bytes.
inline void read_icmp_type(const std::byte* l4, PacketView& view) {
    view.icmp_type = icmp::type(l4);
    view.icmp_code = icmp::code(l4);
}
/// Of an echo: 8 bytes.
inline void read_echo(const std::byte* l4, PacketView& view) {
    view.source_port = view.destination_port = icmp::identifier(l4);
}

/// All of them: 8 bytes of a protocol that has any, 14 of TCP's where its flags are wanted.
inline void read_l4_fields(const std::byte* l4, PacketView& view, bool tcp_flags) {
    if (has_ports(view)) {
        read_ports(l4, view);
        view.tcp_flags = tcp_flags && view.is(IpProto::tcp) ? tcp::flags(l4) : uint8_t{0};
    } else if (view.is(IpProto::icmp)) {
        read_icmp_type(l4, view);
        if (is_echo(view)) {
            read_echo(l4, view);
        }
    }
}

} // namespace sacip
