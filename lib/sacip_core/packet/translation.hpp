// SPDX-License-Identifier: BSD-3-Clause
//
// Translation: what becomes of the addresses of a packet, each direction ready to be written.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/link_header.hpp"

#include <array>
#include <bit>

namespace sacip {

enum class Direction : uint8_t { outbound, inbound };

/// In whose addresses the TCP/UDP checksum on the wire is valid.
enum class L4ChecksumMode : uint8_t {
    wire,     ///< the addresses on the wire
    original, ///< the originals, as in the paper; what basic peers expect
};

/// What to do with a packet of this path in this direction.
enum class PathAction : uint8_t {
    forward, ///< rewrite and transmit on `port`
    /// The same, but behind what was punted before: as long as that is under way, punt. So for a
    /// moment after a switch, or packets would overtake those that waited.
    forward_in_turn,
    to_box,     ///< rewrite and give to Linux on the host interface of `port`
    to_linux,   ///< the slow path rewrites it and lets Linux forward it from where it came in
    hold,       ///< no usable path now: the slow path keeps it
    unresolved, ///< the next hop's Ethernet address is not known: the slow path keeps it
};

/// One direction of a path, ready to be written into a packet.
struct DirectionRewrite {
    Ipv4Addr source{};                       ///< written into the IPv4 header
    Ipv4Addr destination{};                  ///< written into the IPv4 header
    const LinkHeader* link{&no_link_header}; ///< of the next hop; never nullptr
    /// Mode `original` only: one's complement sum to add to the complement of the L4 checksum
    /// (RFC 1624 eqn. 3: ~m + m', folded), in memory order. What the addresses themselves do to a
    /// checksum is worked out from the packet: around a move packets of two pairs are under way.
    uint16_t l4_delta{0};
    L4ChecksumMode l4_mode{L4ChecksumMode::wire};
    PortId port{no_port};
    PathAction action{PathAction::hold};
    TxChecksums device{TxChecksums::none}; ///< what `port` fills in by itself
    uint16_t mtu{UINT16_MAX};              ///< of `port`: bytes of an IP packet
    Direction direction{Direction::outbound};
    /// True if a packet with these addresses gets others.
    bool changes(Ipv4Addr from, Ipv4Addr to) const {
        using Both = std::array<Ipv4Addr, 2>; // at once: they lie together, as in a packet
        return std::bit_cast<uint64_t>(Both{from, to}) !=
               std::bit_cast<uint64_t>(Both{source, destination});
    }
    bool operator==(const DirectionRewrite&) const = default;
};

/// Both directions in one cache line.
struct alignas(64) RewriteSlot {
    DirectionRewrite outbound;
    DirectionRewrite inbound{.direction = Direction::inbound};
    bool operator==(const RewriteSlot&) const = default;
};
static_assert(sizeof(RewriteSlot) == 64);

/// Addresses of a packet on the wire, seen from this gateway. Hash key: no padding.
struct WirePair {
    Ipv4Addr remote;
    Ipv4Addr local;
    constexpr bool operator==(const WirePair&) const = default;
    constexpr auto operator<=>(const WirePair&) const = default;
    /// One number, for atomic publication.
    constexpr uint64_t packed() const { return std::bit_cast<uint64_t>(*this); }
};
static_assert(std::has_unique_object_representations_v<WirePair>);

} // namespace sacip
