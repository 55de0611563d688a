// SPDX-License-Identifier: BSD-3-Clause
//
// Packet: bytes -> what it is, or a named end.
//
// The only place where lengths are checked. After parse() has said `proceed`, every offset in the
// view lies inside the frame, and no later stage asks again. RFC 791, RFC 1812 §5.2.2, RFC 792,
// RFC 768, RFC 9293.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/base/verdict.hpp"
#include "sacip_core/packet/address_family.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/notification_marks.hpp"

#include <cstddef>

namespace sacip {

inline constexpr uint32_t ether_header_bytes = 14;

/// TCP flag bits as they lie in byte 13 of the header.
inline constexpr uint8_t tcp_fin = 0x01;
inline constexpr uint8_t tcp_syn = 0x02;
inline constexpr uint8_t tcp_rst = 0x04;
inline constexpr uint8_t tcp_ack = 0x10;

/// A parsed IP packet. Offsets count from the start of the frame, in bytes. What lies together in
/// a packet without options lies together here, in the same order: it can be copied at once.
template <AddressFamily F>
struct PacketViewOf {
    using Addr = typename F::Addr;
    /// From `source` to `destination_port`.
    static constexpr size_t wire_bytes = 2 * sizeof(Addr) + 2 * sizeof(L4Port);
    /// From `source` to `zero`: what tells flows apart.
    static constexpr size_t key_bytes = wire_bytes + 4;
    Addr source{};
    Addr destination{};
    /// Ports of TCP and UDP; the identifier of an ICMP echo in both; 0 for all else.
    L4Port source_port{};
    L4Port destination_port{};
    uint8_t proto{0}; ///< of L4
    uint8_t zero[3]{};
    uint8_t ttl{0};
    uint8_t tcp_flags{0}; ///< 0 unless TCP
    bool fragment{false}; ///< more fragments follow, or the offset is not 0; ports are then 0
    uint8_t icmp_type{0}; ///< 0 unless ICMP (and then 0 is an echo reply: look at proto)
    uint8_t icmp_code{0};
    uint16_t l3{0};        ///< offset of the IP header
    uint16_t l4{0};        ///< offset of what follows it
    uint16_t l4_length{0}; ///< bytes from l4 to the end of the IP packet (not of the frame)

    bool is(IpProto p) const { return proto == static_cast<uint8_t>(p); }
    /// Of the IP packet, header included.
    uint32_t ip_length() const { return uint32_t{l4} - l3 + l4_length; }
    bool operator==(const PacketViewOf&) const = default;
};
using PacketView = PacketViewOf<Ipv4>;
static_assert(sizeof(PacketView) == 28 && offsetof(PacketView, proto) == PacketView::wire_bytes &&
              offsetof(PacketView, ttl) == PacketView::key_bytes);

/// What parse() needs to know of the port the frame came in on.
struct ParseContext {
    MacAddr port_mac{};
    uint8_t notification_icmp_type{default_notification_icmp_type};
    bool outside{false};            ///< notifications are looked for on outside ports only
    L4Port notification_udp_port{}; ///< 0 where no peer with keys is known
    uint16_t mtu{UINT16_MAX};       ///< of the port: bytes of an IP packet
    /// What the port had before: neighbours may send there until their ARP caches know better.
    /// Zero: nothing.
    MacAddr former_mac{};
};

/// The parser of IPv4; that of another family is an overload for its view.
///
/// Fills `view` and says `proceed` for an IPv4 packet that has a flow key (TCP, UDP, ICMP echo,
/// other IP protocols by address); punt or drop for everything else. `view` is filled as far as
/// the packet is understood also where the answer is a punt of an IPv4 packet (its addresses, l3,
/// l4, proto are then right). Reads no byte outside [data, data + length).
///
/// Order of checks: runt -> group destination address (punt link_group) -> not our MAC (drop; our
/// former one is replaced in the frame by the one of now) -> not IPv4 (punt not_ip) -> version,
/// header length, too long for the port (drop frame_too_long), total length, header checksum,
/// options (drop)
/// -> bad source (drop; 0.0.0.0 is let through for DHCP) -> group destination (punt ip_group)
/// -> fragment (punt fragment) -> L4 header fits (drop l4_truncated) -> notification (punt;
/// whole, whatever its length, ICMP of the configured type, or UDP to the configured port that
/// begins as a message does, on an outside port)
/// -> DHCP, UDP to port 67 or 68 (punt) -> ICMP other than echo (punt icmp) -> proceed.
/// A UDP length field that lies is not looked at: the host's business.
/// Too long is what no link of the port's MTU carries: a packet that says it must not be cut up, or
/// one of which a part is missing behind that length. So segments that a sender left to its device
/// to cut are known. Fragments that the device has put together are longer, and welcome.
/// Options are well formed and without a source route: RFC 7126 §4.3 and §4.4 have a router drop
/// those; all others pass as they are.
Verdict parse(const Frame& frame, const ParseContext& context, PacketView& view);

} // namespace sacip
