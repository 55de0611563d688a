// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/tcp_segment.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"

#include <algorithm>

namespace sacip {

void write_bare_segment(const BareSegment& segment, std::byte* out) {
    std::fill_n(out, tcp::min_header_bytes, std::byte{0});
    tcp::set_source_port(out, segment.source_port);
    tcp::set_destination_port(out, segment.destination_port);
    tcp::set_sequence(out, segment.sequence);
    tcp::set_acknowledgement(out, segment.acknowledgement);
    tcp::set_data_offset(out, tcp::min_header_bytes);
    tcp::set_flags(out, segment.flags);
    tcp::set_checksum(out, l4_checksum(segment.source, segment.destination,
                                       static_cast<uint8_t>(IpProto::tcp),
                                       {out, tcp::min_header_bytes}));
}

} // namespace sacip
