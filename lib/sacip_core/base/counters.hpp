// SPDX-License-Identifier: BSD-3-Clause
//
// Counters: one block per core, one writer each, so counting is a plain add in an own cache line.
//
// Readers (metrics, control) sum the blocks whenever they like; relaxed atomics make that
// well-defined and compile to ordinary moves. Per block, once it is quiet:
// received = forwarded + punted + held + dropped.
#pragma once

#include "sacip_core/base/verdict.hpp"

#include <array>
#include <atomic>

namespace sacip {

/// A number with one writer and any readers.
class Counter {
public:
    void add(uint64_t n = 1) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void set(uint64_t n) { value_.store(n, std::memory_order_relaxed); }
    uint64_t get() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<uint64_t> value_{0};
};

struct PortCounters {
    Counter rx_packets, rx_bytes, tx_packets, tx_bytes;
};

/// Of one worker, or of the slow path (whose input are the workers' punts and what Linux sends).
struct alignas(64) CoreCounters {
    Counter received;
    Counter forwarded;
    Counter rewritten;  ///< of the forwarded: an address was changed
    Counter held;       ///< slow path: packets held at this moment (a gauge)
    Counter held_total; ///< slow path: packets that had to wait
    std::array<Counter, punt_reason_count> punted; ///< worker: to the slow path
    Counter delivered;                             ///< slow path: given to Linux
    Counter consumed;                              ///< slow path: was for the gateway itself
    std::array<Counter, drop_reason_count> dropped;
    std::array<PortCounters, max_ports> ports;
    Counter busy_cycles, idle_cycles, loops;

    void drop(DropReason why) { dropped[static_cast<size_t>(why)].add(); }
    void punt(PuntReason why) { punted[static_cast<size_t>(why)].add(); }
    uint64_t dropped_total() const { return sum(dropped); }
    /// Punted by a worker, or by the slow path to Linux or to itself.
    uint64_t punted_total() const { return sum(punted) + delivered.get() + consumed.get(); }
    bool balanced() const {
        return received.get() == forwarded.get() + punted_total() + held.get() + dropped_total();
    }

private:
    template <size_t N>
    static uint64_t sum(const std::array<Counter, N>& counters) {
        uint64_t out = 0;
        for (const auto& c : counters) {
            out += c.get();
        }
        return out;
    }
};

} // namespace sacip
