// SPDX-License-Identifier: BSD-3-Clause
//
// SlowOutput: the ways out of the slow path. Every packet that it receives leaves by exactly one of
// them, and each counts what it lets out: transmit (forwarded), to_linux (delivered), consume (it
// was for us), drop (under a name). A packet that has to wait is in the hold queue, and counted
// there.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/token_bucket.hpp"
#include "sacip_core/exception/fragment_map.hpp"
#include "sacip_core/exception/hold_queue.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/packet/icmp_error.hpp"
#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/router_error.hpp"

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

    /// Those that wait, oldest first; they are the caller's again.
    std::vector<HeldPacket> take_held();
    std::vector<HeldPacket> take_held(uint64_t key);
    std::optional<HeldPacket> take_expired(Nanos now);
    size_t held() const { return queue_.size(); }
    /// Packets that ever had to wait.
    const Counter& held_total() const { return held_total_; }

private:
    static void mark(PuntedPacket& punted, FragmentRoute::Way way) {
        punted.decided = punted.decided.value_or(FragmentRoute{way});
    }
    void answer(const PuntedPacket& punted, std::span<const std::byte> frame);
    Ipv4Addr router_address(const PuntedPacket& punted) const;
    void count_held() { counters_.held.set(queue_.size()); }

    PacketIo& io_;
    CoreCounters& counters_;
    const KernelState& host_;
    const std::vector<GatewayPort>& ports_;
    HoldQueue queue_;
    TokenBucket refusals_{1000, 100};
    Counter held_total_;
};

} // namespace sacip
