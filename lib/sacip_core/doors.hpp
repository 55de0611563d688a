// SPDX-License-Identifier: BSD-3-Clause
//
// Doors: the ways out of the slow path. Every packet that it receives leaves by exactly one of
// them, and each counts what it lets out: transmit (forwarded), to_linux (delivered), consume (it
// was for us), drop (under a name). A packet that has to wait is in the hold queue, and counted
// there.
#pragma once

#include "sacip_core/counters.hpp"
#include "sacip_core/fragment_map.hpp"
#include "sacip_core/hold_queue.hpp"
#include "sacip_core/icmp_error.hpp"
#include "sacip_core/packet.hpp"
#include "sacip_core/token_bucket.hpp"

namespace sacip {

/// A packet being decided.
struct Guest {
    OwnedPacket packet;
    Origin origin;
    PacketView view;
    Nanos now;
    Nanos deadline{};                  ///< of a packet that was held before
    bool last_try{false};              ///< its time is up: no more waiting
    std::optional<Quote> quote{};      ///< of an ICMP error; translated with it
    std::optional<Ipv4Addr> speaker{}; ///< the error's source, where translated_source() is wrong
    /// What it was decided to be, for those that have to follow it; nothing while it waits to be
    /// decided.
    std::optional<FragmentRoute> decided{};
    const Frame& frame() const { return packet.frame; }
};

/// Slow path only. Each door takes the guest's packet.
class Doors {
public:
    /// Both outlive it.
    Doors(PacketIo& io, CoreCounters& counters) : io_{io}, counters_{counters} {}

    void transmit(Guest& guest, PortId port);
    /// On the host interface of the port it came in on.
    void to_linux(Guest& guest);
    void drop(Guest& guest, DropReason why);
    /// The same, and tells the sender.
    void refuse(Guest& guest, DropReason why);
    void consume(Guest& guest);
    /// Until something changes, at most this long from its first time on.
    void hold(Guest& guest, uint64_t key, Nanos at_most, bool for_neighbour = false);

    /// Those that wait, oldest first; they are the caller's again.
    std::vector<HeldPacket> take_held();
    std::vector<HeldPacket> take_held(uint64_t key);
    std::optional<HeldPacket> take_expired(Nanos now);
    size_t held() const { return queue_.size(); }
    /// Packets that ever had to wait.
    const Counter& held_total() const { return held_total_; }

private:
    static void mark(Guest& guest, FragmentRoute::Way way) {
        guest.decided = guest.decided.value_or(FragmentRoute{way});
    }
    void count_held() { counters_.held.set(queue_.size()); }

    PacketIo& io_;
    CoreCounters& counters_;
    HoldQueue queue_;
    TokenBucket refusals_{1000, 100};
    Counter held_total_;
};

} // namespace sacip
