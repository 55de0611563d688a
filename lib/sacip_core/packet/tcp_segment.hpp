// SPDX-License-Identifier: BSD-3-Clause
//
// BareSegment: a TCP segment that the gateway makes itself: a header, no options, no data.
//
// A RST that refuses a connection (refusal), a question whether an end still has one (flow_ender).
#pragma once

#include "sacip_core/base/units.hpp"

#include <cstddef>

namespace sacip {

struct BareSegment {
    Ipv4Addr source, destination; ///< of the packet: the checksum covers them
    L4Port source_port, destination_port;
    Be32 sequence{}, acknowledgement{};
    uint8_t flags{0}; ///< tcp_*
};

/// Writes the segment and its checksum, 20 bytes at `out` (tcp::min_header_bytes).
void write_bare_segment(const BareSegment& segment, std::byte* out);

} // namespace sacip
