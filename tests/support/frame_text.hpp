// SPDX-License-Identifier: BSD-3-Clause
//
// FrameText: a frame as one line, so that a story can be told, and compared, in words.
//
//   tcp 10.0.1.2:40000 > 10.9.0.10:80 [S] hello      flags only where there are others than ACK
//   udp 10.0.1.2:5000 > 10.9.0.10:53 question
//   echo 8 10.0.1.2 id 7 > 10.9.0.10                 icmp 3/1 a > b; proto 50 a > b; frag 17 a > b
//   moved 10.0.1.2 > 10.0.2.2, told 10.9.0.10        arp 10.0.1.2 is at 02:...
//
// What is wrong with a frame is said behind it: BAD IP, and where the addresses in it are meant to
// be those of its L4 checksum, BAD L4.
#pragma once

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/wire/basic_notification.hpp"
#include "tests/support/packet_builder.hpp"

#include <string>

namespace sacip::test {

/// Everything after the L4 header, as text.
std::string payload_of(const Bytes& bytes, const PacketView& view);

PacketView view_of(Bytes& bytes);

/// True if the TCP or UDP checksum fits a packet between these addresses (0 is right for UDP).
bool l4_checksum_fits(const Bytes& bytes, const PacketView& view, Ipv4Addr source,
                      Ipv4Addr destination);

std::string tcp_flags_text(uint8_t flags);

std::string text_of(Bytes bytes, bool with_l4_checksum);

} // namespace sacip::test
