// SPDX-License-Identifier: BSD-3-Clause
//
// Path: a local and a remote binding together, all that is needed to rewrite a packet both ways.
//
// The paper gives every socket a pair of addresses and an index of the active one (§3.1:
// sac_daddr[2], sac_daddr_act). We give the pair to the path that all flows between two hosts
// share, and make it the lock-free publication: the slow path fills the idle slot (sac_add_*), then
// flips the index with a release store (sac_act_*); a worker loads the index with acquire and uses
// that slot for the whole packet. So no packet is ever half old and half new, and nobody waits. A
// slot is filled again only after a grace period, when no worker can still be reading it.
#pragma once

#include "sacip_core/frame.hpp"
#include "sacip_core/units.hpp"

#include <array>
#include <atomic>
#include <bit>

namespace sacip {

enum class Direction : uint8_t { outbound, inbound };

/// In whose addresses the TCP/UDP checksum on the wire is valid (DESIGN §5).
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
    Ipv4Addr source{};      ///< written into the IPv4 header
    Ipv4Addr destination{}; ///< written into the IPv4 header
    /// Mode `original` only: one's complement sum to add to the complement of the L4 checksum
    /// (RFC 1624 eqn. 3: ~m + m', folded), in memory order. What the addresses themselves do to a
    /// checksum is worked out from the packet: around a move packets of two pairs are under way.
    uint16_t l4_delta{0};
    L4ChecksumMode l4_mode{L4ChecksumMode::wire};
    MacAddr next_hop{}; ///< these two as they lie in a frame
    MacAddr port_mac{};
    PortId port{no_port};
    PathAction action{PathAction::hold};
    TxChecksums device{TxChecksums::none}; ///< what `port` fills in by itself
    uint16_t mtu{UINT16_MAX};              ///< of `port`: bytes of an IP packet
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
    DirectionRewrite inbound;
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

/// What workers read of a path. Written by the slow path only.
struct alignas(64) Path {
    /// Index of the slot in force, 0 or 1.
    std::atomic<uint32_t> active{0};
    /// Wire pairs from which inbound packets of this path are taken: the one in force and the one
    /// before or after it (packed). A pair outside these is the slow path's to judge.
    std::atomic<uint64_t> accept[2]{};
    /// Set by the first worker that sends a packet out after a flip.
    mutable std::atomic<bool> used{false};
    RewriteSlot slots[2];

    const RewriteSlot& slot() const { return slots[active.load(std::memory_order_acquire)]; }
    /// A packet went out. Writes once for each flip.
    void mark_used() const {
        if (!used.load(std::memory_order_relaxed)) [[unlikely]] {
            used.store(true, std::memory_order_relaxed);
        }
    }
    bool accepts(WirePair pair) const {
        const uint64_t p = pair.packed();
        return accept[0].load(std::memory_order_relaxed) == p ||
               accept[1].load(std::memory_order_relaxed) == p;
    }
};
static_assert(sizeof(Path) == 192);

} // namespace sacip
