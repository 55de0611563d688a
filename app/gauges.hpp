// SPDX-License-Identifier: BSD-3-Clause
//
// Gauges: levels that the slow path keeps in plain structures and shows to other threads.
//
// The metrics threads may read nothing of the slow path's but atomics; it copies these over a few
// times a second.
#pragma once

#include "sacip_core/counters.hpp"

namespace sacip {

struct Gauges {
    Counter flows, paths, local_bindings, remote_bindings;
    Counter moves_in_progress;
};

} // namespace sacip
