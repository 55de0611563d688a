// SPDX-License-Identifier: BSD-3-Clause
//
// HoldQueue: packets that wait for a path, a neighbour or a notification.
//
// First in, first out, bounded in number (in all and per key, oldest out first) and in time.
// Whoever holds a packet again after a try keeps its place in time: the deadline travels with it.
#pragma once

#include "sacip_core/packet_io.hpp"

#include <deque>
#include <optional>
#include <utility>

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
    std::deque<HeldPacket> take_all() { return std::exchange(queue_, {}); }
    /// The oldest one whose time is up, if any.
    std::optional<HeldPacket> pop_expired(Nanos now);
    size_t size() const { return queue_.size(); }

private:
    std::deque<HeldPacket> queue_;
};

} // namespace sacip
