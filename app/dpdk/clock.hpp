// SPDX-License-Identifier: BSD-3-Clause
//
// Clock: the CPU's cycle counter as monotonic Nanos.
//
// One counter for workers and slow path, so that a Tick means the same on every core. Reading it
// costs no system call. It follows CLOCK_MONOTONIC, but that a suspended machine's time is made up
// for slowly (cycle_time.hpp). Zero is the moment the process first asked. Valid once Eal is up;
// any thread may read.
#pragma once

#include "sacip_core/base/units.hpp"

namespace sacip {

class Clock {
public:
    static Nanos now();
    /// Holds the counter against CLOCK_MONOTONIC. The slow path, a few times a second.
    static void correct();
    /// Microseconds since 1970; may jump, and is for comparing starts only.
    static uint64_t wall_us();
    /// What the wall clock showed when now() was zero; changes when that is set.
    static Nanos wall_at_zero();
    /// The counter itself, for the busy and idle cycles of CoreCounters.
    static uint64_t cycles();
    /// Cycles per second of the counter as the platform names it, for short waits and CoreCounters.
    static uint64_t cycles_per_second();
};

} // namespace sacip
