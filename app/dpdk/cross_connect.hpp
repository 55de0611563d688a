// SPDX-License-Identifier: BSD-3-Clause
//
// CrossConnect: what is not ours, between a worker's ports and their host interfaces.
//
// IPv6 above all, and every other EtherType than IPv4 and ARP, and all group frames but ARP:
// Linux's business, whoever asks. It does not pass the slow path, where it would take the place of
// first packets. Toward Linux it waits in a queue of the worker's own, and each turn gives Linux a
// limited number of packets: since a tap's write is a system call that lasts as long as Linux
// forwards the packet, a flood costs the worker's IPv4 packets that share of its time at most, and
// drops its own packets (linux_full) when the queue is full. From Linux, each host interface is
// read by one worker; what is ours to judge, IPv4 and ARP, goes on to the slow path by a ring of
// its own.
#pragma once

#include "app/dpdk/host_interface.hpp"
#include "app/dpdk/punt_rings.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/verdict.hpp"

#include <array>
#include <poll.h>
#include <span>
#include <vector>

namespace sacip {

/// Of one worker, which alone calls it.
class CrossConnect {
public:
    /// Packets toward Linux that wait at most, of each worker: their share in the ports' pool.
    static constexpr uint32_t capacity = 1024;
    /// Packets given to Linux in a turn, and taken from each host interface.
    static constexpr unsigned burst = 32;

    /// `interfaces` by PortId, nullptr where there is none, to send to; `reads`: those whose
    /// packets this worker takes. Nothing of it is owned; all of it outlives this.
    CrossConnect(std::vector<HostInterface*> interfaces, std::vector<PortId> reads,
                 PuntRings& punts, CoreCounters& counters);
    /// Frees what waits, as linux_full.
    ~CrossConnect();
    CrossConnect(const CrossConnect&) = delete;
    CrossConnect& operator=(const CrossConnect&) = delete;

    /// Whether a packet that the pipeline punted for that reason is Linux's business in any case.
    static bool concerns(const rte_mbuf& packet, PuntReason reason);
    /// Takes a packet that concerns() is true of. It counts as held until Linux has it.
    void to_linux(rte_mbuf* packet, PortId port, PuntReason reason);
    /// Gives Linux the next burst of what waits. True if there was any.
    bool send_waiting();
    /// What Linux sent on host interface number `i` of those that this worker reads, and is to
    /// leave by its port; padded, and counted as received. Returns how many. `any` becomes true if
    /// there was anything.
    unsigned from_linux(size_t i, std::span<rte_mbuf*, burst> out, bool& any);
    std::span<const PortId> reads() const { return reads_; }
    /// To wait for what Linux sends; without those that can't be waited for.
    std::span<pollfd> readable() { return readable_; }

private:
    struct Waiting {
        rte_mbuf* packet;
        PortId port;
        PuntReason reason;
    };
    std::vector<HostInterface*> interfaces_;
    std::vector<PortId> reads_;
    std::vector<pollfd> readable_;
    PuntRings& punts_;
    CoreCounters& counters_;
    std::array<Waiting, capacity> waiting_; ///< a ring
    uint32_t head_{0}, tail_{0};            ///< take at head, modulo capacity
};

/// Fills the TCP or UDP checksum of an IPv6 packet in that its device says is not filled in: the
/// field holds the pseudo-header's sum (virtio). Nothing else is touched.
void finish_ipv6_checksum(rte_mbuf& packet);

} // namespace sacip
