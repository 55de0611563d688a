// SPDX-License-Identifier: BSD-3-Clause
//
// HoldQueue: packets that wait for a path, a neighbour, a notification or a first fragment.
//
// First in, first out, bounded in number (in all and per key, oldest out first) and in time.
// Whoever holds a packet again after a try keeps its place in time: the deadline travels with it.
//
// What anybody can have held has a share of its own for each way to do so. Where all places are
// taken, the greatest of these gives way: never what a move holds for those we know. Few wait for
// hosts to answer ARP, in all and for each (RFC 1122 §2.3.2.2 asks for one).
//
// Places are in lists, of all packets of a share and of the packets of one key, and in a heap by
// deadline, so that neither coming nor going nor expiring looks at the others: what waits may be a
// storm.
#pragma once

#include "sacip_core/packet/packet_io.hpp"

#include <array>
#include <optional>
#include <unordered_map>
#include <vector>

namespace sacip {

/// Where a packet came in.
struct Origin {
    PortId port{no_port};
    bool from_linux{false}; ///< on the port's host interface
};

/// Whose place in the queue a packet takes.
enum class HoldShare : uint8_t {
    moves,     ///< of flows with those we know, for a path; and pieces, which are few (FragmentMap)
    questions, ///< for a peer's word on a flow that may be its own
    strangers, ///< of flows that no move concerns, for a path
    neighbours, ///< for a host to answer ARP
};
inline constexpr size_t hold_share_count = 4;

struct HeldPacket {
    OwnedPacket packet;
    Origin origin;
    uint64_t key{0}; ///< what it waits for; packets of one key share a bound
    Nanos deadline{};
    HoldShare share{HoldShare::moves};
    bool to_box{false}; ///< rewritten by a worker, for a socket of the box: awaits its turn only
};

/// Slow path only. Packets given out belong to the caller.
class HoldQueue {
public:
    static constexpr size_t max_packets = 4096;
    static constexpr size_t max_per_key = 1024;
    static constexpr size_t max_for_neighbours = 1024; ///< in all
    static constexpr size_t max_per_neighbour = 128;   ///< about as many as Linux (unres_qlen)

    /// Takes the packet; gives back the one that had to make room, if any: it may be the same.
    std::optional<HeldPacket> push(HeldPacket packet);
    /// All of them, oldest first; the queue is empty then.
    std::vector<HeldPacket> take_all();
    /// Those of one key, oldest first.
    std::vector<HeldPacket> take_by_key(uint64_t key);
    /// The oldest one whose time is up, if any.
    std::optional<HeldPacket> pop_expired(Nanos now);
    size_t size() const { return size_; }

private:
    using Index = uint16_t;
    static constexpr Index none = 0xFFFF;
    static_assert(max_packets < none);

    struct Links {
        Index before{none}, after{none};
    };
    /// Oldest first.
    struct List {
        Index first{none}, last{none};
        uint16_t count{0};
    };
    struct Place {
        HeldPacket held;
        Links all;    ///< or, of a free place, `after` is the next free one
        Links sister; ///< among those of its key
        Links share;  ///< among those of its share
        uint64_t order{0};
        Index in_heap{none};
    };

    Index take_place();
    HeldPacket remove(Index at);
    void append(List& list, Links Place::*links, Index at);
    void unlink(List& list, Links Place::*links, Index at);
    std::optional<Index> to_leave(const HeldPacket& packet) const;
    Index first_of_others() const;
    List& share_of(const HeldPacket& packet) { return shares_[static_cast<size_t>(packet.share)]; }
    const List& share_of(const HeldPacket& packet) const {
        return shares_[static_cast<size_t>(packet.share)];
    }
    bool is_due_before(Index a, Index b) const;
    void put(size_t slot, Index at);
    void rise(size_t slot);
    void sink(size_t slot);

    std::vector<Place> places_; ///< grows to max_packets at most
    std::vector<Index> heap_;   ///< binary, by deadline; equal ones in the order they came
    Index free_{none};
    List all_;
    std::array<List, hold_share_count> shares_;
    std::unordered_map<uint64_t, List> by_key_;
    size_t size_{0};
    uint64_t next_order_{0};
};

} // namespace sacip
