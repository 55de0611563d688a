// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/clock.hpp"

#include "app/dpdk/cycle_time.hpp"

#include <chrono>
#include <ctime>
#include <rte_cycles.h>

namespace sacip {
namespace {

CycleTime& cycle_time() {
    static CycleTime once{rte_rdtsc(), rte_get_tsc_hz()};
    return once;
}

Nanos monotonic() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return from_s(now.tv_sec) + Nanos{now.tv_nsec};
}

} // namespace

Nanos Clock::now() {
    const CycleTime& time = cycle_time();
    return time.at(rte_rdtsc());
}

void Clock::correct() {
    CycleTime& time = cycle_time();
    const uint64_t longest = rte_get_tsc_hz() / 100'000; // 10 us
    for (int tries = 0; tries < 3; tries++) {
        const uint64_t before = rte_rdtsc();
        const Nanos reference = monotonic();
        const uint64_t took = rte_rdtsc() - before;
        if (took < longest) { // else we were interrupted in between, and know less
            time.correct(before + took / 2, reference);
            return;
        }
    }
}

uint64_t Clock::wall_us() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

Nanos Clock::wall_at_zero() { return from_us(static_cast<int64_t>(wall_us())) - now(); }

uint64_t Clock::cycles() { return rte_rdtsc(); }

uint64_t Clock::cycles_per_second() { return rte_get_tsc_hz(); }

} // namespace sacip
