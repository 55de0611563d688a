// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/clock.hpp"

#include <chrono>
#include <rte_cycles.h>

namespace sacip {
namespace {

struct Scale {
    uint64_t start{rte_rdtsc()};
    uint64_t hz{rte_get_tsc_hz()};
};

const Scale& scale() {
    static const Scale once;
    return once;
}

} // namespace

Nanos Clock::now() {
    const Scale& s = scale();
    const uint64_t cycles = rte_rdtsc() - s.start;
    // Whole seconds and the rest apart: cycles * 1e9 would overflow after five seconds.
    constexpr uint64_t nanos = 1'000'000'000;
    return Nanos{static_cast<int64_t>(cycles / s.hz * nanos + cycles % s.hz * nanos / s.hz)};
}

uint64_t Clock::wall_us() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(since).count());
}

uint64_t Clock::cycles() { return rte_rdtsc(); }

uint64_t Clock::cycles_per_second() { return scale().hz; }

} // namespace sacip
