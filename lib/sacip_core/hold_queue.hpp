// SPDX-License-Identifier: BSD-3-Clause
//
// HoldQueue: packets that wait for a path, a neighbour, a notification or a first fragment.
//
// First in, first out, bounded in number (in all and per key, oldest out first) and in time.
// Whoever holds a packet again after a try keeps its place in time: the deadline travels with it.
//
// Places are in two lists at once, of all packets and of the packets of one key, so that neither
// coming nor going looks at the others: what waits may be a storm.
#pragma once

#include "sacip_core/packet_io.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace sacip {

/// Where a packet came in.
struct Origin {
    PortId port{no_port};
    bool from_linux{false}; ///< on the port's host interface
};

struct HeldPacket {
    OwnedPacket packet;
    Origin origin;
    uint64_t key{0}; ///< what it waits for; packets of one key share a bound
    Nanos deadline{};
};

/// Slow path only. Packets given out belong to the caller.
class HoldQueue {
public:
    static constexpr size_t max_packets = 4096;
    static constexpr size_t max_per_key = 1024;

    /// Takes the packet; gives back the one that had to make room, if any.
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
    };

    Index take_place();
    HeldPacket remove(Index at);
    void append(List& list, Links Place::*links, Index at);
    void unlink(List& list, Links Place::*links, Index at);

    std::vector<Place> places_; ///< grows to max_packets at most
    Index free_{none};
    List all_;
    std::unordered_map<uint64_t, List> by_key_;
    size_t size_{0};
    Nanos earliest_{}; ///< no deadline is before this
};

} // namespace sacip
