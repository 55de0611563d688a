// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/error_text.hpp"

namespace sacip::test {

PacketBuilder error_about(const PacketBuilder& error, const PacketBuilder& packet, uint8_t type,
                          uint8_t code, uint32_t rest) {
    Bytes quote = packet.build();
    quote.erase(quote.begin(), quote.begin() + ether_header_bytes);
    PacketBuilder out = error;
    return out.icmp(type, code, rest).payload(quote);
}

std::string error_text(const Bytes& bytes, bool with_l4_checksum) {
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

Lines error_lines(GatewayRig& rig, PortId port, bool linux_side) {
    Lines out;
    for (const Bytes& bytes : rig.take(port, linux_side)) {
        out.push_back(error_text(bytes, linux_side || !rig.ports[port.value].outside));
    }
    return out;
}

} // namespace sacip::test
