// SPDX-License-Identifier: BSD-3-Clause
//
// The IPv4 header of what the gateway itself says: notifications, refusals, ICMP errors, questions.
#pragma once

#include "sacip_core/base/units.hpp"

#include <cstddef>

namespace sacip {

/// Writes 20 bytes at `ip`: TTL 64, don't fragment, precedence internetwork control, id 0 as
/// RFC 6864 §4.1 allows; `l4_bytes` follow it.
void write_own_ip_header(std::byte* ip, Ipv4Addr source, Ipv4Addr destination, IpProto proto,
                         size_t l4_bytes);

} // namespace sacip
