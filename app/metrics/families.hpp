// SPDX-License-Identifier: BSD-3-Clause
//
// Families: our samples in the form prometheus-cpp serialises, one family per name. For this
// folder only; everybody else includes sample.hpp.
#pragma once

#include "app/metrics/sample.hpp"

#include <prometheus/metric_family.h>

#include <vector>

namespace sacip::metrics {

/// Families in the order their names first appear. A sample with a bad metric or label name, or
/// with another kind than the first of its name, is left out: one malformed line would make
/// Prometheus reject the whole scrape.
std::vector<prometheus::MetricFamily> to_families(const std::vector<Sample>& samples);

} // namespace sacip::metrics
