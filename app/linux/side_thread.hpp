// SPDX-License-Identifier: BSD-3-Clause
//
// SideThread: a thread beside the slow path, and how long Linux has kept it waiting.
#pragma once

#include "sacip_core/base/units.hpp"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <thread>

namespace sacip {

/// CLOCK_MONOTONIC, for differences.
inline Nanos monotonic_now() {
    return {std::chrono::steady_clock::now().time_since_epoch().count()};
}

/// Written by one thread, read by any.
class WaitingTime {
public:
    void begin() { since_.store(monotonic_now().value, std::memory_order_relaxed); }
    void end() { since_.store(0, std::memory_order_relaxed); }
    /// Of what was begun last; zero: it has ended.
    Nanos so_far() const {
        const int64_t since = since_.load(std::memory_order_relaxed);
        return since == 0 ? Nanos{} : monotonic_now() - Nanos{since};
    }

private:
    std::atomic<int64_t> since_{0};
};

/// `name`: at most 15 characters. It inherits no signal, and of the creator's CPUs only those that
/// are not others' (`cpus`).
std::thread start_side_thread(const char* name, const std::optional<cpu_set_t>& cpus,
                              std::function<void()> body);

} // namespace sacip
