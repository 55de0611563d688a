// SPDX-License-Identifier: BSD-3-Clause
//
// Notification: the wire format of "my address changes", and all its numbers.
//
// The basic notification is the one of the SACIP paper (§3.3): an ICMP message sent *from the old
// address* that carries the new one. Its receiver learns the old address from the IP source, so it
// has to leave before that address is lost; it is not answered, hence the repeats; it is not
// authenticated, hence who may send it and to where is decided elsewhere (basic_peers). Here is
// only what can be told from the bytes.
//
//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |   Type = 20   |   Code = 0    |           Checksum            |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                New IP address of the sending device           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// The checksum is ICMP's own (RFC 792), over these eight bytes.
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/packet/link_header.hpp"
#include "sacip_core/packet/notification_marks.hpp"
#include "sacip_core/packet/parse.hpp"

#include <span>
#include <variant>

namespace sacip {

/// The ICMP code says which kind of message follows.
enum class NotificationCode : uint8_t { basic = 0, secure = 1 };

/// Length of the ICMP message; exactly.
inline constexpr uint32_t basic_notification_bytes = 8;
/// With its IPv4 and Ethernet headers.
inline constexpr uint32_t basic_notification_frame_bytes =
    ether_header_bytes + 20 + basic_notification_bytes;

/// A sender says it again this long after the first time; nobody acknowledges it.
inline constexpr Nanos basic_notification_repeats[] = {from_ms(20), from_ms(100)};

struct BasicNotification {
    IpAddr old_address; ///< IP source: the sender's active address until now
    IpAddr new_address; ///< the sender's active address from now on
    IpAddr to;          ///< IP destination: the active address of a host behind the receiver
    bool operator==(const BasicNotification&) const = default;
};

/// The message, or why it is none: never DropReason::none.
using DecodedNotification = std::variant<BasicNotification, DropReason>;

/// Reads a packet that parse() punted as `notification`; pure, any core. Checks, in this order:
/// length (notification_length: below 8 bytes, or not exactly 8 and of the basic kind; the length
/// is that of the IP packet, padding of the frame does not count) -> checksum
/// (notification_checksum) -> code (notification_code: all but basic). Whether the addresses make
/// sense, and whether the sender may say so, is not looked at.
DecodedNotification decode(const Frame& frame, const PacketView& view);

/// Writes Ethernet header, IPv4 header (TTL 64, don't fragment, precedence internetwork control,
/// id 0 as RFC 6864 §4.1 allows) and message into `out`. Gives back the length of the frame, always
/// basic_notification_frame_bytes and not padded to Ethernet's minimum; 0 if `out` is shorter than
/// that, and then nothing is written.
uint32_t encode(const BasicNotification& message, uint8_t icmp_type,
                const EtherAddresses& addresses, std::span<std::byte> out);

} // namespace sacip
