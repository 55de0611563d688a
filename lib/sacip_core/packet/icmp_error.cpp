// SPDX-License-Identifier: BSD-3-Clause
//
// A second, shorter ladder than that of parse.cpp: what it reads was cut off and went through the
// hands of a stranger.
#include "sacip_core/packet/icmp_error.hpp"

#include "sacip_core/packet/l4_fields.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint32_t promised_l4_bytes = 8; ///< RFC 792: "first 64 bits of the original datagram"

/// The header at the quote's l3, of which `available` bytes are there.
bool read_ipv4(const std::byte* ip, uint32_t available, PacketView& packet) {
    if (available < ipv4::min_header_bytes || ipv4::version(ip) != 4) {
        return false;
    }
    const uint32_t header = ipv4::header_length(ip);
    const uint32_t end = std::min<uint32_t>(available, ipv4::total_length(ip).value());
    if (header < ipv4::min_header_bytes || header > end) {
        return false;
    }
    packet.l4 = static_cast<uint16_t>(packet.l3 + header);
    packet.l4_length = static_cast<uint16_t>(end - header);
    packet.proto = ipv4::proto(ip);
    packet.ttl = ipv4::ttl(ip);
    packet.source = ipv4::source(ip);
    packet.destination = ipv4::destination(ip);
    packet.fragment = ipv4::is_fragment(ip);
    return true;
}

/// False if this is a quote that must not be.
bool read_l4(const std::byte* l4, Quote& quote) {
    PacketView& packet = quote.packet;
    if (packet.l4_length < std::min(least_l4_bytes(packet), promised_l4_bytes)) {
        return false;
    }
    read_l4_fields(l4, packet, false);
    quote.keyed = !packet.is(IpProto::icmp) || is_echo(packet);
    return quote.keyed || (!is_error(packet.icmp_type) && packet.icmp_type != icmp::type_redirect);
}

} // namespace

bool is_error(uint8_t icmp_type) {
    switch (icmp_type) {
    case icmp::type_unreachable:
    case icmp::type_source_quench:
    case icmp::type_time_exceeded:
    case icmp::type_parameter_problem:
        return true;
    default:
        return false;
    }
}

bool says_unreachable(const PacketView& error) {
    return error.is(IpProto::icmp) && error.icmp_type == icmp::type_unreachable &&
           error.icmp_code != icmp::code_fragmentation_needed;
}

bool says_no_route(const PacketView& error) {
    constexpr unsigned codes = 1U << 0 | 1U << 1 | 1U << 5 | 1U << 6 | 1U << 7 | 1U << 8 |
                               1U << 11 | 1U << 12; // RFC 792, RFC 1122 §3.2.2.1
    return says_unreachable(error) && error.icmp_code < 16 && (codes >> error.icmp_code & 1) != 0;
}

std::optional<Quote> read_quote(const Frame& frame, const PacketView& error) {
    if (!error.is(IpProto::icmp) || error.fragment || !is_error(error.icmp_type) ||
        error.l4_length < icmp::header_bytes) {
        return std::nullopt;
    }
    Quote quote;
    PacketView& packet = quote.packet;
    packet.l3 = static_cast<uint16_t>(error.l4 + icmp::header_bytes);
    const std::byte* ip = frame.data + packet.l3;
    if (!read_ipv4(ip, error.l4_length - icmp::header_bytes, packet) ||
        packet.source != error.destination) {
        return std::nullopt;
    }
    if (!ipv4::has_fragment_offset(ip) && !read_l4(frame.data + packet.l4, quote)) {
        return std::nullopt;
    }
    return quote;
}

PacketView answer_to(const Quote& quote) {
    const PacketView& asked = quote.packet;
    return {.source = asked.destination,
            .destination = asked.source,
            .source_port = asked.destination_port,
            .destination_port = asked.source_port,
            .proto = asked.proto};
}

Ipv4Addr translated_source(const PacketView& error, const Quote& quote,
                           const DirectionRewrite& to) {
    return error.source == quote.packet.destination ? to.source : error.source;
}

} // namespace sacip
