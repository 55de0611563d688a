// SPDX-License-Identifier: BSD-3-Clause
//
// Headers: where each field lies in Ethernet, ARP, IPv4, TCP, UDP and ICMP.
//
// One namespace per protocol, one pair of functions per field, each taking a pointer to the first
// byte of that header. Fields are copied in and out (memcpy compiles to one move): casting a struct
// onto a packet would be undefined where it is unaligned or aliased. Nothing here checks a length;
// parse() has, or the caller must. Checksum fields are in memory order, as checksum.hpp wants them.
#pragma once

#include "sacip_core/base/units.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

namespace sacip {

class IpAddr; // that of the control path, which is not laid out as any header has it

/// The value of type T at `at`, whatever its alignment.
template <typename T>
inline T load(const std::byte* at) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, IpAddr>);
    T out;
    std::memcpy(&out, at, sizeof out);
    return out;
}

template <typename T>
inline void store(std::byte* at, const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_same_v<T, IpAddr>);
    std::memcpy(at, &value, sizeof value);
}

inline constexpr uint16_t ether_type_ipv4 = 0x0800;
inline constexpr uint16_t ether_type_arp = 0x0806;

// One field, one line.
// clang-format off

namespace ether {
inline constexpr uint32_t header_bytes = 14;
inline constexpr MacAddr broadcast{{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}};
inline MacAddr destination(const std::byte* h) { return load<MacAddr>(h); }
inline MacAddr source(const std::byte* h) { return load<MacAddr>(h + 6); }
inline Be16 type(const std::byte* h) { return load<Be16>(h + 12); }
/// True if the frame is for this station: six bytes in two comparisons.
inline bool is_for(const std::byte* h, const MacAddr& mac) {
    const std::byte* station = std::as_bytes(std::span{mac.bytes}).data();
    return load<uint32_t>(h) == load<uint32_t>(station) &&
           load<uint16_t>(h + 4) == load<uint16_t>(station + 4);
}
inline void set_destination(std::byte* h, const MacAddr& mac) { store(h, mac); }
inline void set_source(std::byte* h, const MacAddr& mac) { store(h + 6, mac); }
inline void set_type(std::byte* h, Be16 type) { store(h + 12, type); }
} // namespace ether

/// RFC 826 for IPv4 over Ethernet.
namespace arp {
inline constexpr uint32_t packet_bytes = 28;
inline constexpr uint16_t hardware_ethernet = 1;
inline constexpr uint16_t operation_request = 1;
inline constexpr uint16_t operation_reply = 2;
inline Be16 hardware(const std::byte* h) { return load<Be16>(h); }
inline Be16 protocol(const std::byte* h) { return load<Be16>(h + 2); }
inline uint8_t hardware_length(const std::byte* h) { return load<uint8_t>(h + 4); }
inline uint8_t protocol_length(const std::byte* h) { return load<uint8_t>(h + 5); }
inline Be16 operation(const std::byte* h) { return load<Be16>(h + 6); }
inline MacAddr sender_mac(const std::byte* h) { return load<MacAddr>(h + 8); }
inline Ipv4Addr sender(const std::byte* h) { return load<Ipv4Addr>(h + 14); }
inline MacAddr target_mac(const std::byte* h) { return load<MacAddr>(h + 18); }
inline Ipv4Addr target(const std::byte* h) { return load<Ipv4Addr>(h + 24); }
inline void set_hardware(std::byte* h, Be16 v) { store(h, v); }
inline void set_protocol(std::byte* h, Be16 v) { store(h + 2, v); }
inline void set_hardware_length(std::byte* h, uint8_t v) { store(h + 4, v); }
inline void set_protocol_length(std::byte* h, uint8_t v) { store(h + 5, v); }
inline void set_operation(std::byte* h, Be16 v) { store(h + 6, v); }
inline void set_sender_mac(std::byte* h, const MacAddr& v) { store(h + 8, v); }
inline void set_sender(std::byte* h, Ipv4Addr v) { store(h + 14, v); }
inline void set_target_mac(std::byte* h, const MacAddr& v) { store(h + 18, v); }
inline void set_target(std::byte* h, Ipv4Addr v) { store(h + 24, v); }
} // namespace arp

/// RFC 791 §3.1.
namespace ipv4 {
inline constexpr uint32_t min_header_bytes = 20;
inline constexpr uint32_t addresses_at = 12; ///< the source's place; the destination follows
inline constexpr uint16_t flag_dont_fragment = 0x4000;
inline constexpr uint16_t flag_more_fragments = 0x2000;
inline constexpr uint16_t fragment_offset_mask = 0x1FFF; ///< in units of 8 bytes
inline constexpr uint8_t option_end = 0;
inline constexpr uint8_t option_no_operation = 1;
inline constexpr uint8_t option_loose_source_route = 131;
inline constexpr uint8_t option_strict_source_route = 137;
inline uint8_t version_and_length(const std::byte* h) { return load<uint8_t>(h); }
inline uint8_t version(const std::byte* h) {
    return static_cast<uint8_t>(version_and_length(h) >> 4);
}
/// In bytes, 0 to 60.
inline uint32_t header_length(const std::byte* h) { return (version_and_length(h) & 15U) * 4; }
inline uint8_t tos(const std::byte* h) { return load<uint8_t>(h + 1); }
inline Be16 total_length(const std::byte* h) { return load<Be16>(h + 2); }
inline Be16 id(const std::byte* h) { return load<Be16>(h + 4); }
/// Flags and fragment offset together.
inline Be16 fragment_field(const std::byte* h) { return load<Be16>(h + 6); }
inline bool is_fragment(const std::byte* h) {
    constexpr Be16 mask{flag_more_fragments | fragment_offset_mask};
    return (fragment_field(h).raw() & mask.raw()) != 0;
}
/// A fragment that isn't the first one: no L4 header in it.
inline bool has_fragment_offset(const std::byte* h) {
    constexpr Be16 mask{fragment_offset_mask};
    return (fragment_field(h).raw() & mask.raw()) != 0;
}
inline uint8_t ttl(const std::byte* h) { return load<uint8_t>(h + 8); }
inline uint8_t proto(const std::byte* h) { return load<uint8_t>(h + 9); }
inline uint16_t checksum(const std::byte* h) { return load<uint16_t>(h + 10); }
inline Ipv4Addr source(const std::byte* h) { return load<Ipv4Addr>(h + 12); }
inline Ipv4Addr destination(const std::byte* h) { return load<Ipv4Addr>(h + 16); }
inline void set_version_and_length(std::byte* h, uint8_t v) { store(h, v); }
inline void set_tos(std::byte* h, uint8_t v) { store(h + 1, v); }
inline void set_total_length(std::byte* h, Be16 v) { store(h + 2, v); }
inline void set_id(std::byte* h, Be16 v) { store(h + 4, v); }
inline void set_fragment_field(std::byte* h, Be16 v) { store(h + 6, v); }
inline void set_ttl(std::byte* h, uint8_t v) { store(h + 8, v); }
inline void set_proto(std::byte* h, uint8_t v) { store(h + 9, v); }
inline void set_checksum(std::byte* h, uint16_t v) { store(h + 10, v); }
inline void set_source(std::byte* h, Ipv4Addr v) { store(h + 12, v); }
inline void set_destination(std::byte* h, Ipv4Addr v) { store(h + 16, v); }
inline void set_addresses(std::byte* h, Ipv4Addr source, Ipv4Addr destination) {
    store(h + addresses_at, uint64_t{destination.raw()} << 32 | source.raw());
}
} // namespace ipv4

/// RFC 9293 §3.1.
namespace tcp {
inline constexpr uint32_t min_header_bytes = 20;
inline constexpr uint32_t checksum_end = 18; ///< the checksum lies before this
inline L4Port source_port(const std::byte* h) { return load<L4Port>(h); }
inline L4Port destination_port(const std::byte* h) { return load<L4Port>(h + 2); }
inline Be32 sequence(const std::byte* h) { return load<Be32>(h + 4); }
inline Be32 acknowledgement(const std::byte* h) { return load<Be32>(h + 8); }
/// In bytes, as the sender says: 0 to 60.
inline uint32_t data_offset(const std::byte* h) { return (load<uint8_t>(h + 12) >> 4U) * 4U; }
inline uint8_t flags(const std::byte* h) { return load<uint8_t>(h + 13); }
inline uint16_t checksum(const std::byte* h) { return load<uint16_t>(h + 16); }
inline void set_source_port(std::byte* h, L4Port v) { store(h, v); }
inline void set_destination_port(std::byte* h, L4Port v) { store(h + 2, v); }
inline void set_sequence(std::byte* h, Be32 v) { store(h + 4, v); }
inline void set_acknowledgement(std::byte* h, Be32 v) { store(h + 8, v); }
/// `bytes` is a multiple of 4, at most 60.
inline void set_data_offset(std::byte* h, uint32_t bytes) {
    store(h + 12, static_cast<uint8_t>(bytes << 2));
}
inline void set_flags(std::byte* h, uint8_t v) { store(h + 13, v); }
inline void set_window(std::byte* h, Be16 v) { store(h + 14, v); }
inline void set_checksum(std::byte* h, uint16_t v) { store(h + 16, v); }
} // namespace tcp

/// RFC 768.
namespace udp {
inline constexpr uint32_t header_bytes = 8;
inline constexpr Be16 dhcp_server{67};
inline constexpr Be16 dhcp_client{68};
inline L4Port source_port(const std::byte* h) { return load<L4Port>(h); }
inline L4Port destination_port(const std::byte* h) { return load<L4Port>(h + 2); }
inline Be16 length(const std::byte* h) { return load<Be16>(h + 4); }
inline uint16_t checksum(const std::byte* h) { return load<uint16_t>(h + 6); }
inline void set_source_port(std::byte* h, L4Port v) { store(h, v); }
inline void set_destination_port(std::byte* h, L4Port v) { store(h + 2, v); }
inline void set_length(std::byte* h, Be16 v) { store(h + 4, v); }
inline void set_checksum(std::byte* h, uint16_t v) { store(h + 6, v); }
} // namespace udp

/// RFC 792.
namespace icmp {
inline constexpr uint32_t min_header_bytes = 4; ///< what all types share
inline constexpr uint32_t header_bytes = 8;     ///< all types of RFC 792
inline constexpr uint8_t type_echo_reply = 0;
inline constexpr uint8_t type_unreachable = 3;
inline constexpr uint8_t type_source_quench = 4;
inline constexpr uint8_t type_redirect = 5;
inline constexpr uint8_t type_echo_request = 8;
inline constexpr uint8_t type_time_exceeded = 11;
inline constexpr uint8_t type_parameter_problem = 12;
inline constexpr uint8_t code_fragmentation_needed = 4; ///< of unreachable (RFC 1191)
inline uint8_t type(const std::byte* h) { return load<uint8_t>(h); }
inline uint8_t code(const std::byte* h) { return load<uint8_t>(h + 1); }
inline uint16_t checksum(const std::byte* h) { return load<uint16_t>(h + 2); }
/// Of an echo.
inline Be16 identifier(const std::byte* h) { return load<Be16>(h + 4); }
inline Be16 sequence(const std::byte* h) { return load<Be16>(h + 6); }
inline void set_type(std::byte* h, uint8_t v) { store(h, v); }
inline void set_code(std::byte* h, uint8_t v) { store(h + 1, v); }
inline void set_checksum(std::byte* h, uint16_t v) { store(h + 2, v); }
inline void set_identifier(std::byte* h, Be16 v) { store(h + 4, v); }
inline void set_sequence(std::byte* h, Be16 v) { store(h + 6, v); }
} // namespace icmp

// clang-format on

} // namespace sacip
