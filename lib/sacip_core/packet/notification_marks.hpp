// SPDX-License-Identifier: BSD-3-Clause
//
// What tells a notification from other traffic, and nothing of what it says (PROTOCOL §1). The
// type and the port can be configured; these are the defaults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace sacip {

inline constexpr uint8_t default_notification_icmp_type = 20;
inline constexpr uint16_t default_notification_udp_port = 4720; ///< secure kind only; host order
/// The first two bytes of the secure kind, big-endian.
inline constexpr uint16_t secure_magic = 0x5AC1;

/// True if these bytes, the payload of UDP to the notification's port, may be a message or the
/// beginning of one. What is none belongs to whoever has the port.
inline bool has_secure_magic(std::span<const std::byte> payload) {
    return payload.size() >= 2 && std::to_integer<uint16_t>(payload[0]) == secure_magic >> 8 &&
           std::to_integer<uint16_t>(payload[1]) == (secure_magic & 0xFF);
}

} // namespace sacip
