// SPDX-License-Identifier: BSD-3-Clause
//
// Fragmentation: cuts an IPv4 packet up for a link with a smaller MTU (RFC 791 §3.2).
//
// Linux does that for whatever it routes itself; here it is needed where a packet leaves by another
// port than Linux would choose.
#pragma once

#include "sacip_core/packet/parse.hpp"

#include <span>

namespace sacip {

struct Piece {
    uint32_t frame_bytes{0};   ///< written; 0: none can be made
    uint32_t payload_bytes{0}; ///< of the packet, in this piece
};

/// Writes Ethernet header, IPv4 header and the payload from `offset` on (bytes, a multiple of 8)
/// of a parsed packet into `out`, which has room for an Ethernet header and `mtu` bytes. The packet
/// may be a fragment itself; its L4 checksum has to be finished. The caller looks at DF.
Piece write_piece(const Frame& packet, const PacketView& view, uint32_t offset, uint16_t mtu,
                  std::span<std::byte> out);

} // namespace sacip
