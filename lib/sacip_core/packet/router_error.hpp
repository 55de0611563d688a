// SPDX-License-Identifier: BSD-3-Clause
//
// RouterError: the ICMP error that a router owes the sender of a packet it can't pass on.
//
// RFC 792, RFC 1812 §4.3.2: quotes as much of the packet as fits into 576 bytes, has the TOS of
// network control (§4.3.2.5), goes back to the Ethernet address that the packet came from. Never
// about an ICMP error, a fragment but the first, a packet for a group, or from a source that is no
// single host (RFC 1122 §3.2.2). The caller limits how many (RFC 1812 §4.3.2.8).
#pragma once

#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"

#include <span>

namespace sacip {

/// Of unreachable (RFC 792, RFC 1812 §5.2.7.1), beside icmp::code_fragmentation_needed.
inline constexpr uint8_t icmp_code_net_unreachable = 0;
inline constexpr uint8_t icmp_code_host_unreachable = 1;

/// Enough for any error: RFC 1812 §4.3.2.3.
inline constexpr uint32_t router_error_max_bytes = ether_header_bytes + 576;

struct RouterErrorText {
    uint8_t type{0}; ///< icmp::type_unreachable, icmp::type_time_exceeded
    uint8_t code{0};
    uint16_t mtu{0}; ///< of the next hop, for fragmentation needed (RFC 1191 §4); else 0
};

inline constexpr RouterErrorText net_unreachable{icmp::type_unreachable, icmp_code_net_unreachable,
                                                 0};
inline constexpr RouterErrorText host_unreachable{icmp::type_unreachable,
                                                  icmp_code_host_unreachable, 0};
/// `mtu`: of the next hop, bytes of an IP packet.
constexpr RouterErrorText fragmentation_needed(uint16_t mtu) {
    return {icmp::type_unreachable, icmp::code_fragmentation_needed, mtu};
}

/// True if an error about this packet may be sent.
bool deserves_router_error(const Frame& packet, const PacketView& view);

/// Writes the error about a parsed packet, from `router`, into `out` (of router_error_max_bytes):
/// the length of the frame, 0 if none is due. `packet` is as the sender sent it.
uint32_t write_router_error(const Frame& packet, const PacketView& view,
                            const RouterErrorText& text, Ipv4Addr router, std::span<std::byte> out);

} // namespace sacip
