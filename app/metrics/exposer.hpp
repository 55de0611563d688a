// SPDX-License-Identifier: BSD-3-Clause
//
// Exposer: the gateway's metrics over HTTP, for Prometheus to pull.
//
// Nothing is kept here. At each scrape the source is asked for all values, so that counting costs
// the workers no more than the counters they have anyway.
//
// A client that connects and then sends nothing, or half a request, occupies a thread of the web
// server. The library's defaults (2 threads, 30 s) let two such clients block every scrape for
// half a minute. Here there are 16 threads, and a silent client is cut off after 2 s.
#pragma once

#include "app/metrics/sample.hpp"

#include <memory>
#include <string>

namespace sacip::metrics {

/// Serves GET /metrics until destroyed.
class Exposer {
public:
    struct Result;

    /// Listens on `address`, "host:port" with an IPv4 address, an IPv6 address in brackets or
    /// "localhost"; port 0 takes a free one. Starts its threads: they inherit the caller's CPU
    /// affinity (call it from a thread that may not run on worker cores) and take no signals.
    static Result open(const std::string& address, Source source);

    Exposer(const Exposer&) = delete;
    Exposer& operator=(const Exposer&) = delete;
    /// The source is not called any more afterwards. Waits for requests under way, at most 2 s.
    ~Exposer();

    /// Port it listens on.
    int port() const;

private:
    struct Impl;
    explicit Exposer(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// An exposer, or why there is none ("what: remedy", naming the address).
struct Exposer::Result {
    std::unique_ptr<Exposer> exposer;
    std::string error;
};

} // namespace sacip::metrics
