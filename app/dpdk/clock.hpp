// SPDX-License-Identifier: BSD-3-Clause
//
// Clock: the CPU's cycle counter as monotonic Nanos.
//
// One counter for workers and slow path, so that a Tick means the same on every core. Reading it
// costs no system call. Zero is the moment the process first asked. Valid once Eal is up; any
// thread may read.
#pragma once

#include "sacip_core/units.hpp"

namespace sacip {

class Clock {
public:
    static Nanos now();
    /// Microseconds since 1970; may jump, and is for comparing starts only.
    static uint64_t wall_us();
    /// The counter itself, for the busy and idle cycles of CoreCounters.
    static uint64_t cycles();
    /// Cycles per second of the counter, for the busy and idle cycles of CoreCounters.
    static uint64_t cycles_per_second();
};

} // namespace sacip
