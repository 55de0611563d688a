// SPDX-License-Identifier: BSD-3-Clause
//
// What impair and forge must know of a frame: is it a notification (PROTOCOL §1), of either family?
//
// Written against the document and not against the gateway's own header, so that the tools that
// judge the gateway share no mistake with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sacip::notes {

inline constexpr std::size_t ethernet_header = 14;
inline constexpr std::size_t ipv4_header = 20;
inline constexpr std::size_t udp_header = 8;
inline constexpr std::size_t icmp_header = 4; // type, code, checksum: all that the carrier has
inline constexpr std::uint8_t protocol_icmp = 1;
inline constexpr std::uint8_t protocol_udp = 17;

struct Carriers {
    std::uint8_t icmp_type = 20;
    std::uint16_t udp_port = 4720;
};

inline std::uint16_t read_u16(std::span<const std::uint8_t> bytes, std::size_t at) {
    return static_cast<std::uint16_t>(bytes[at] << 8 | bytes[at + 1]);
}

inline void write_u16(std::span<std::uint8_t> bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

// `packet` begins at the IPv4 header. ICMP of the configured type with any code (0 is the paper's
// message, 1 the secure one), or UDP from or to the port; a fragment counts only if it is the
// first.
inline bool is_note_packet(std::span<const std::uint8_t> packet, const Carriers& carriers) {
    constexpr std::uint16_t fragment_offset = 0x1FFF;
    if (packet.size() < ipv4_header || packet[0] >> 4 != 4) {
        return false;
    }
    const std::size_t header = static_cast<std::size_t>(packet[0] & 15U) * 4;
    if (header < ipv4_header || packet.size() < header + icmp_header ||
        (read_u16(packet, 6) & fragment_offset) != 0) {
        return false;
    }
    if (packet[9] == protocol_icmp) {
        return packet[header] == carriers.icmp_type;
    }
    return packet[9] == protocol_udp && (read_u16(packet, header) == carriers.udp_port ||
                                         read_u16(packet, header + 2) == carriers.udp_port);
}

// `frame` begins at the Ethernet header; no VLAN tags.
inline bool is_note_frame(std::span<const std::uint8_t> frame, const Carriers& carriers) {
    constexpr std::uint16_t ethertype_ipv4 = 0x0800;
    return frame.size() >= ethernet_header && read_u16(frame, 12) == ethertype_ipv4 &&
           is_note_packet(frame.subspan(ethernet_header), carriers);
}

} // namespace sacip::notes
