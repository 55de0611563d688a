// SPDX-License-Identifier: BSD-3-Clause
//
// Secure carrier: the packets a secure notification travels in.
//
// The same sealed bytes go out behind an ICMP header (code 1) or as the payload of UDP, in parallel
// until one of the two is known to get through: many a firewall drops ICMP types it does not know.
//
//   IPv4 | type, code = 1, checksum              | message
//   IPv4 | ports, length, checksum               | message
//
// The IPv4 header is that of the basic notification: 20 bytes, TTL 64, don't fragment, precedence
// internetwork control, id 0 (RFC 6864 §4.1).
#pragma once

#include "sacip_core/wire/basic_notification.hpp"
#include "sacip_core/wire/secure_message.hpp"

namespace sacip {

enum class Carrier : uint8_t { icmp, udp };

/// How a message is sent, or how one came. Of ICMP the ports are 0.
struct CarrierRoute {
    Carrier carrier{Carrier::icmp};
    SecureAddresses addresses{};
    /// Both default_notification_udp_port (or as configured) when sending unasked; an answer goes
    /// to the port the question came from, because a NAT may have changed it.
    L4Port source_port{};
    L4Port destination_port{};
};

/// Frame with the longest message.
inline constexpr size_t secure_frame_max_bytes =
    ether_header_bytes + 20 + 8 + secure_message_max_bytes;

/// Writes Ethernet, IPv4 and carrier headers and the message (sealed for the route's addresses)
/// into `out`, all checksums filled in. The length of the frame, not padded to Ethernet's minimum;
/// 0 if it does not fit in `out` or the message is longer than 1,200 bytes, and then nothing is
/// written. `icmp_type` is looked at for ICMP only.
size_t encode_carrier(std::span<const std::byte> message, const CarrierRoute& route,
                      uint8_t icmp_type, const EtherAddresses& ether, std::span<std::byte> out);

/// A message with the way it came; the span looks into the frame.
struct CarriedMessage {
    CarrierRoute route{};
    std::span<const std::byte> message{};
};

/// Reads a packet that parse() has seen, and which is ICMP of the notification type with code 1,
/// or UDP to the notification port: which of them, the caller knows. Never DropReason::none.
/// In this order: no room for a message, or a UDP length that is not that of the IP packet's rest
/// (notification_malformed) -> ICMP or UDP checksum (notification_checksum; 0 over UDP is none, RFC
/// 768) -> of ICMP, another code than 1 (notification_code). Pure, any core.
std::variant<CarriedMessage, DropReason> decode_carrier(const Frame& frame, const PacketView& view);

} // namespace sacip
