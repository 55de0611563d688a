// SPDX-License-Identifier: BSD-3-Clause
//
// ErrorText: ICMP errors in and out of a rig, with what they quote.
//
//   icmp 3/4 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80]     BAD ICMP behind it
//
// For tests only.
#pragma once

#include "tests/support/gateway_rig.hpp"

namespace sacip::test {

/// An error about `packet`, as whoever received that one on the wire or inside sends it.
PacketBuilder error_about(const PacketBuilder& error, const PacketBuilder& packet, uint8_t type = 3,
                          uint8_t code = 4, uint32_t rest = 1280);

/// A frame of an error without IP options, whose quote is a whole packet.
std::string error_text(const Bytes& bytes, bool with_l4_checksum);

Lines error_lines(GatewayRig& rig, PortId port, bool linux_side = false);

} // namespace sacip::test
