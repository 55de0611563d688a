// SPDX-License-Identifier: BSD-3-Clause
//
// Arp: reading requests and answering for addresses that stand for our hosts on an outside link
// (proxy ARP, RFC 1027). All other ARP is Linux's.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/frame.hpp"

#include <optional>

namespace sacip {

struct ArpRequest {
    MacAddr sender_mac;
    Ipv4Addr sender;
    Ipv4Addr target;
};

/// Ethernet header and ARP packet.
inline constexpr uint32_t arp_frame_bytes = 14 + 28;

/// The request in a frame, or nothing if it is not a well-formed one for IPv4 over Ethernet.
std::optional<ArpRequest> read_arp_request(const Frame& frame);
/// Writes the answer "target is at `mac`" into a frame of arp_frame_bytes.
void write_arp_reply(const Frame& frame, const ArpRequest& request, MacAddr mac);
/// Writes the announcement "address is at `mac`" into a frame of arp_frame_bytes, for everybody on
/// the link: a request for one's own address (RFC 5227 §2.3), which updates the caches of all that
/// have the address there, and answers nobody.
void write_arp_announcement(const Frame& frame, Ipv4Addr address, MacAddr mac);

} // namespace sacip
