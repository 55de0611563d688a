// SPDX-License-Identifier: BSD-3-Clause
//
// ErrorText: ICMP errors in and out of a rig, with what they quote.
//
//   icmp 3/4 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80]     BAD ICMP behind it
//
// For tests only.
#pragma once

#include "tests/support/gateway_rig.hpp"

namespace sacip::test {

/// An error about `packet`, as whoever received that one on the wire or inside sends it.
inline PacketBuilder error_about(const PacketBuilder& error, const PacketBuilder& packet,
                                 uint8_t type = 3, uint8_t code = 4, uint32_t rest = 1280) {
    Bytes quote = packet.build();
    quote.erase(quote.begin(), quote.begin() + ether_header_bytes);
    PacketBuilder out = error;
    return out.icmp(type, code, rest).payload(quote);
}

/// A frame of an error without IP options, whose quote is a whole packet.
inline std::string error_text(const Bytes& bytes, bool with_l4_checksum) {
    constexpr size_t message_at = ether_header_bytes + ipv4::min_header_bytes;
    std::string out = text_of(bytes, with_l4_checksum);
    if (bytes.size() <= message_at + icmp::header_bytes) {
        return out;
    }
    Bytes quoted(bytes.begin(), bytes.begin() + ether_header_bytes);
    quoted.insert(quoted.end(), bytes.begin() + message_at + icmp::header_bytes, bytes.end());
    out += " [" + text_of(quoted, with_l4_checksum) + ']';
    return naive_checksum(std::span{bytes}.subspan(message_at)) == 0 ? out : out + " BAD ICMP";
}

inline Lines error_lines(GatewayRig& rig, PortId port, bool linux_side = false) {
    Lines out;
    for (const Bytes& bytes : rig.take(port, linux_side)) {
        out.push_back(error_text(bytes, linux_side || !rig.ports[port.value].outside));
    }
    return out;
}

} // namespace sacip::test
