// SPDX-License-Identifier: BSD-3-Clause
//
// Translation: what becomes of the addresses of a packet, each direction ready to be written.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/address_family.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/link_header.hpp"
#include "sacip_core/packet/words.hpp"

#include <array>
#include <type_traits>

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
template <AddressFamily F>
struct DirectionRewriteOf {
    using Addr = typename F::Addr;
    Addr source{};                           ///< written into the IP header
    Addr destination{};                      ///< written into the IP header
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
    bool changes(Addr from, Addr to) const {
        using Both = std::array<Addr, 2>; // they lie together, as in a packet
        return differences(Both{from, to}, Both{source, destination}) != 0;
    }
    bool operator==(const DirectionRewriteOf&) const = default;
};
using DirectionRewrite = DirectionRewriteOf<Ipv4>;

/// Both directions; those of IPv4 in one cache line.
template <AddressFamily F>
struct alignas(64) RewriteSlotOf {
    DirectionRewriteOf<F> outbound;
    DirectionRewriteOf<F> inbound{.direction = Direction::inbound};
    bool operator==(const RewriteSlotOf&) const = default;
};
using RewriteSlot = RewriteSlotOf<Ipv4>;
static_assert(sizeof(RewriteSlot) == 64);

/// Addresses of a packet on the wire, seen from this gateway. Hash key: no padding.
template <AddressFamily F>
struct WirePairOf {
    typename F::Addr remote;
    typename F::Addr local;
    constexpr bool operator==(const WirePairOf&) const = default;
    constexpr auto operator<=>(const WirePairOf&) const = default;
};
using WirePair = WirePairOf<Ipv4>;
static_assert(std::has_unique_object_representations_v<WirePair>);

} // namespace sacip
