// SPDX-License-Identifier: BSD-3-Clause
//
// Sample: one number as Prometheus will see it, in words of our own, so that whoever counts
// things needs no header of the library that serves them.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace sacip::metrics {

enum class Kind { counter, gauge, histogram };

/// One bucket of a histogram.
struct Bucket {
    double upper_bound;             ///< inclusive; base unit of the metric
    std::uint64_t cumulative_count; ///< observations up to the bound, smaller buckets included
};

/// One time series. Samples of one name are one metric: give all of them the same kind and help,
/// and different labels. Naming: prefix "sacip_", base units, "_total" on counters only.
struct Sample {
    std::string name; ///< whole name, with the prefix
    std::string help; ///< a sentence without a full stop
    Kind kind{Kind::gauge};
    std::vector<std::pair<std::string, std::string>> labels{};
    double value{0};               ///< counter, gauge
    std::vector<Bucket> buckets{}; ///< histogram; bounds rise, +Inf may be left out
    double sum{0};                 ///< histogram: sum of all observations
    std::uint64_t count{0};        ///< histogram: number of all observations
};

/// Gives the current values of everything, every series from the start, with 0 if nothing
/// happened yet. CALLED ON A THREAD OF THE EXPOSER, at any time, never by two threads at once: it
/// may read atomics and constants only, and must take no lock that the slow path or a worker
/// takes. It must not throw.
using Source = std::function<std::vector<Sample>()>;

} // namespace sacip::metrics
