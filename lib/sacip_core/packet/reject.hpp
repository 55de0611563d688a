// SPDX-License-Identifier: BSD-3-Clause
//
// Refusal: tells the sender of a packet that it will not get through.
//
// A RST for TCP (RFC 9293 §3.10.7.1: what a closed port would answer), ICMP "communication
// administratively prohibited" for all else (RFC 1812 §5.2.7.1, quoting header and 8 bytes). Goes
// back to the Ethernet address the packet came from.
#pragma once

#include "sacip_core/packet/parse.hpp"

#include <span>

namespace sacip {

/// Enough for any refusal.
inline constexpr uint32_t refusal_max_bytes = ether_header_bytes + 20 + 8 + 60 + 8;

/// Writes the answer to a parsed packet into `out` (of refusal_max_bytes): the length of the frame,
/// 0 if none is due: to a RST, an ICMP message other than an echo request, a fragment, or a source
/// that no host can have.
uint32_t write_refusal(const Frame& packet, const PacketView& view, std::span<std::byte> out);

} // namespace sacip
