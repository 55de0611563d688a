// SPDX-License-Identifier: BSD-3-Clause
#include "app/metrics/families.hpp"

#include <prometheus/check_names.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <unordered_map>

namespace sacip::metrics {

namespace {

prometheus::MetricType type_of(Kind kind) {
    switch (kind) {
    case Kind::counter:
        return prometheus::MetricType::Counter;
    case Kind::gauge:
        return prometheus::MetricType::Gauge;
    case Kind::histogram:
        return prometheus::MetricType::Histogram;
    }
    return prometheus::MetricType::Untyped;
}

bool well_named(const Sample& sample) {
    return prometheus::CheckMetricName(sample.name) &&
           std::all_of(sample.labels.begin(), sample.labels.end(),
                       [](const auto& label) { return prometheus::CheckLabelName(label.first); });
}

prometheus::ClientMetric to_metric(const Sample& sample) {
    prometheus::ClientMetric out;
    for (const auto& [name, value] : sample.labels) {
        out.label.push_back({name, value});
    }
    switch (sample.kind) {
    case Kind::counter:
        out.counter.value = sample.value;
        break;
    case Kind::gauge:
        out.gauge.value = sample.value;
        break;
    case Kind::histogram:
        out.histogram.sample_count = sample.count;
        out.histogram.sample_sum = sample.sum;
        for (const Bucket& bucket : sample.buckets) {
            out.histogram.bucket.push_back({bucket.cumulative_count, bucket.upper_bound});
        }
        break;
    }
    return out;
}

} // namespace

std::vector<prometheus::MetricFamily> to_families(const std::vector<Sample>& samples) {
    std::vector<prometheus::MetricFamily> families;
    std::unordered_map<std::string_view, std::size_t> place;
    for (const Sample& sample : samples) {
        if (!well_named(sample)) {
            continue;
        }
        const auto [found, is_new] = place.emplace(sample.name, families.size());
        if (is_new) {
            families.push_back({sample.name, sample.help, type_of(sample.kind), {}});
        }
        prometheus::MetricFamily& family = families[found->second];
        if (family.type == type_of(sample.kind)) {
            family.metric.push_back(to_metric(sample));
        }
    }
    return families;
}

} // namespace sacip::metrics
