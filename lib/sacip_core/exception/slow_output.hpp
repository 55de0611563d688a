// SPDX-License-Identifier: BSD-3-Clause
//
// SlowOutput: the ways out of the slow path. Every packet that it receives leaves by exactly one of
// them, and each counts what it lets out: transmit (forwarded), to_linux (delivered), consume (it
// was for us), drop (under a name). A packet that has to wait is in the hold queue, and counted as
// held.
//
// What was held is not let go at once: a gap may leave a thousand packets, each of which may take
// the kernel of a virtual port tens of microseconds, and what ends the gap for the other direction
// is in the messages that come meanwhile. It goes to a backlog, one for each direction, which is
// decided anew a few a turn, and what must not overtake it lines up behind it. It counts as held,
// too.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/token_bucket.hpp"
#include "sacip_core/exception/fragment_map.hpp"
#include "sacip_core/exception/hold_queue.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/packet/icmp_error.hpp"
#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/router_error.hpp"

#include <deque>

namespace sacip {

/// A packet being decided.
struct PuntedPacket {
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

/// Slow path only. Each of these takes the packet.
class SlowOutput {
public:
    /// All outlive it.
    SlowOutput(PacketIo& io, CoreCounters& counters, const KernelState& host,
               const std::vector<GatewayPort>& ports)
        : io_{io}, counters_{counters}, host_{host}, ports_{ports} {}

    void transmit(PuntedPacket& punted, PortId port);
    /// On the host interface of the port it came in on.
    void to_linux(PuntedPacket& punted);
    void drop(PuntedPacket& punted, DropReason why);
    /// The same, and tells the sender.
    void refuse(PuntedPacket& punted, DropReason why);
    /// The same for a flow that ends with this packet: each once, so there is no limit.
    void end(PuntedPacket& punted, DropReason why);
    /// Drops what a router can't pass on, and tells the sender so by ICMP. The packet is as it
    /// came.
    void unreachable(PuntedPacket& punted, DropReason why, const RouterErrorText& text);
    /// In pieces that fit `mtu`, for a packet that may be cut up and is ready to leave by `port`.
    void transmit_in_pieces(PuntedPacket& punted, PortId port, uint16_t mtu);
    void consume(PuntedPacket& punted);
    /// Until something changes, at most this long from its first time on.
    void hold(PuntedPacket& punted, uint64_t key, Nanos at_most,
              HoldShare share = HoldShare::moves);

    /// Those that wait for this, oldest first; they are the caller's again.
    std::vector<HeldPacket> take_held(uint64_t key);
    std::optional<HeldPacket> take_expired(Nanos now);

    /// All that waits, or waits for this, becomes the head of its backlog, oldest first: nothing in
    /// there came before it.
    void try_again();
    void try_again(uint64_t key);
    /// Behind all of its backlog, which is not empty. There is room for HoldQueue::max_packets in
    /// all: see is_full().
    void line_up(const HeldPacket& packet);
    /// The first of a backlog; it is the caller's again. Call until there is none: then all that it
    /// gave has left.
    std::optional<HeldPacket> next_in_backlog(Direction to);
    bool has_backlog(Direction to) const { return !backlog(to).empty(); }
    /// The last one of a backlog may not have left.
    bool keeps_turns(Direction to) const { return turns_kept_[static_cast<size_t>(to)]; }
    /// Inbound is what came by an outside port.
    Direction direction_of(const Origin& origin) const {
        return ports_[origin.port.value].outside && !origin.from_linux ? Direction::inbound
                                                                       : Direction::outbound;
    }
    bool is_full() const { return held() >= HoldQueue::max_packets; }

    size_t held() const { return queue_.size() + backlogs_[0].size() + backlogs_[1].size(); }
    /// Of them those that wait for more than their turn.
    size_t waiting() const { return queue_.size(); }

private:
    static void mark(PuntedPacket& punted, FragmentRoute::Way way) {
        punted.decided = punted.decided.value_or(FragmentRoute{way});
    }
    void answer(const PuntedPacket& punted, std::span<const std::byte> frame);
    Ipv4Addr router_address(const PuntedPacket& punted) const;
    void count_held() { counters_.held.set(held()); }
    void keep_turns(Direction to, bool keep);
    void put_first(const std::vector<HeldPacket>& packets);
    using Backlog = std::deque<HeldPacket>;
    Backlog& backlog(Direction to) { return backlogs_[static_cast<size_t>(to)]; }
    const Backlog& backlog(Direction to) const { return backlogs_[static_cast<size_t>(to)]; }

    PacketIo& io_;
    CoreCounters& counters_;
    const KernelState& host_;
    const std::vector<GatewayPort>& ports_;
    HoldQueue queue_;
    std::array<Backlog, 2> backlogs_;  ///< by Direction
    std::array<bool, 2> turns_kept_{}; ///< by Direction
    TokenBucket refusals_{1000, 100};
};

} // namespace sacip
