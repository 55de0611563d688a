// SPDX-License-Identifier: BSD-3-Clause
//
// One ladder of three steps, link, network, transport, in the order that parse.hpp promises. A
// step answers `proceed` or the final verdict. Steps are inline and the common case (unicast, no
// options, TCP or UDP, not a fragment) falls straight through.
#include "sacip_core/packet/parse.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/l4_fields.hpp"

namespace sacip {
namespace {

inline Verdict parse_link(const Frame& frame, const ParseContext& context) {
    if (frame.length < ether_header_bytes) [[unlikely]] {
        return Verdict::drop(DropReason::frame_runt);
    }
    if (!ether::is_for(frame.data, context.port_mac)) [[unlikely]] {
        const MacAddr destination = ether::destination(frame.data);
        if (destination.is_group()) {
            return Verdict::punt(PuntReason::link_group);
        }
        if (destination.is_zero() || destination != context.former_mac) {
            return Verdict::drop(DropReason::frame_not_ours);
        }
        ether::set_destination(frame.data, context.port_mac); // Linux would refuse it otherwise
    }
    if (ether::type(frame.data) != Be16{ether_type_ipv4}) [[unlikely]] {
        return Verdict::punt(PuntReason::not_ip);
    }
    return Verdict::proceed();
}

/// 0.0.0.0 is a host that has no address yet; all it may say is DHCP (RFC 2131 §4.1).
bool is_dhcp_of_addressless(const std::byte* l4, const PacketView& view) {
    if (!view.is(IpProto::udp) || view.fragment || view.l4_length < udp::header_bytes) {
        return false;
    }
    return Ipv4::is_dhcp(udp::destination_port(l4));
}

inline Verdict check_addresses(const std::byte* l4, const PacketView& view) {
    if (view.source.is_multicast() || view.source.is_broadcast() || view.source.is_loopback() ||
        (view.source.is_unspecified() && !is_dhcp_of_addressless(l4, view))) [[unlikely]] {
        return Verdict::drop(DropReason::ip_source);
    }
    if (view.destination.is_multicast() || view.destination.is_broadcast()) [[unlikely]] {
        return Verdict::punt(PuntReason::ip_group);
    }
    if (view.fragment) [[unlikely]] {
        return Verdict::punt(PuntReason::fragment);
    }
    return Verdict::proceed();
}

/// True if every option fits the header, and none is a source route (RFC 791 §3.1).
bool are_options_good(std::span<const std::byte> options) {
    while (!options.empty()) {
        const auto type = static_cast<uint8_t>(options[0]);
        if (type == ipv4::option_end) {
            return true;
        }
        size_t length = 1;
        if (type != ipv4::option_no_operation) {
            length = options.size() < 2 ? 0 : static_cast<size_t>(options[1]);
            if (length < 2 || length > options.size() || type == ipv4::option_loose_source_route ||
                type == ipv4::option_strict_source_route) {
                return false;
            }
        }
        options = options.subspan(length);
    }
    return true;
}

/// Of a frame that is longer than the port's MTU.
bool is_too_long(const std::byte* ip, uint32_t total, uint32_t available, uint16_t mtu) {
    constexpr Be16 mask{ipv4::flag_dont_fragment};
    const bool whole = (ipv4::fragment_field(ip).raw() & mask.raw()) != 0;
    return total > available || (total > mtu && whole);
}

/// A header length beyond the frame is ip_header_length; a total length that is below the header
/// length or beyond the frame is ip_truncated. Bytes after the total length are Ethernet padding.
inline Verdict parse_ipv4(const Frame& frame, uint16_t mtu, PacketView& view) {
    const uint32_t available = frame.length - ether_header_bytes;
    const std::byte* ip = frame.data + ether_header_bytes;
    if (available < ipv4::min_header_bytes) [[unlikely]] {
        return Verdict::drop(DropReason::ip_truncated);
    }
    if (ipv4::version(ip) != 4) [[unlikely]] {
        return Verdict::drop(DropReason::ip_version);
    }
    const uint32_t header = ipv4::header_length(ip);
    if (header < ipv4::min_header_bytes || header > available) [[unlikely]] {
        return Verdict::drop(DropReason::ip_header_length);
    }
    const uint32_t total = ipv4::total_length(ip).value();
    if (available > mtu && is_too_long(ip, total, available, mtu)) [[unlikely]] {
        return Verdict::drop(DropReason::frame_too_long);
    }
    if (total < header || total > available) [[unlikely]] {
        return Verdict::drop(DropReason::ip_truncated);
    }
    if (!has(frame.facts, RxFacts::ip_checksum_good)) {
        const uint16_t sum = header == ipv4::min_header_bytes ? sum_of_plain_ipv4_header(ip)
                                                              : sum_of_bytes({ip, header});
        if (!is_right_sum(sum)) [[unlikely]] {
            return Verdict::drop(DropReason::ip_checksum);
        }
    }
    if (header != ipv4::min_header_bytes &&
        !are_options_good({ip + ipv4::min_header_bytes, header - ipv4::min_header_bytes}))
        [[unlikely]] {
        return Verdict::drop(DropReason::ip_options);
    }
    view.l3 = ether_header_bytes;
    view.l4 = static_cast<uint16_t>(ether_header_bytes + header);
    view.l4_length = static_cast<uint16_t>(total - header);
    view.proto = ipv4::proto(ip);
    view.ttl = ipv4::ttl(ip);
    view.source = ipv4::source(ip);
    view.destination = ipv4::destination(ip);
    view.fragment = ipv4::is_fragment(ip);
    return check_addresses(ip + header, view);
}

/// The four bytes that all ICMP has come first, so that a notification of any length is known as
/// one; the echo identifier needs all eight.
Verdict parse_icmp(const std::byte* l4, const ParseContext& context, PacketView& view) {
    if (view.l4_length < icmp::min_header_bytes) [[unlikely]] {
        return Verdict::drop(DropReason::l4_truncated);
    }
    read_icmp_type(l4, view);
    if (context.outside && view.icmp_type == context.notification_icmp_type) {
        return Verdict::punt(PuntReason::notification);
    }
    if (view.l4_length < icmp::header_bytes) [[unlikely]] {
        return Verdict::drop(DropReason::l4_truncated);
    }
    if (!is_echo(view)) {
        return Verdict::punt(PuntReason::icmp);
    }
    read_echo(l4, view);
    return Verdict::proceed();
}

/// Of the addresses, too, so that it has to be mended.
bool has_checksum_like_udp(const PacketView& view) {
    return view.is(IpProto::udp_lite) || view.is(IpProto::dccp);
}

/// "Fits" is said of the fixed part of the header. A TCP data offset that lies is, like a UDP
/// length, the host's business: nothing here follows it.
inline Verdict parse_l4(const std::byte* l4, const ParseContext& context, PacketView& view) {
    if (view.is(IpProto::tcp)) {
        if (view.l4_length < tcp::min_header_bytes) [[unlikely]] {
            return Verdict::drop(DropReason::l4_truncated);
        }
        read_ports(l4, view);
        view.tcp_flags = tcp::flags(l4);
        return Verdict::proceed();
    }
    if (view.is(IpProto::udp)) {
        if (view.l4_length < udp::header_bytes) [[unlikely]] {
            return Verdict::drop(DropReason::l4_truncated);
        }
        read_ports(l4, view);
        if (is_dhcp(view)) [[unlikely]] {
            return Verdict::punt(PuntReason::dhcp);
        }
        if (view.destination_port == context.notification_udp_port && context.outside &&
            view.destination_port != L4Port{} &&
            has_secure_magic({l4 + udp::header_bytes, view.l4_length - udp::header_bytes}))
            [[unlikely]] {
            return Verdict::punt(PuntReason::notification);
        }
        return Verdict::proceed();
    }
    if (view.is(IpProto::icmp)) {
        return parse_icmp(l4, context, view);
    }
    return has_checksum_like_udp(view) && view.l4_length < udp::header_bytes
               ? Verdict::drop(DropReason::l4_truncated)
               : Verdict::proceed();
}

} // namespace

Verdict parse(const Frame& frame, const ParseContext& context, PacketView& view) {
    view = PacketView{};
    if (const Verdict link = parse_link(frame, context); link.decided()) [[unlikely]] {
        return link;
    }
    if (const Verdict network = parse_ipv4(frame, context.mtu, view); network.decided())
        [[unlikely]] {
        return network;
    }
    return parse_l4(frame.data + view.l4, context, view);
}

} // namespace sacip
