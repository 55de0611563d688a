// SPDX-License-Identifier: BSD-3-Clause
//
// Gauges: levels that the slow path keeps in plain structures and shows to other threads.
//
// The metrics threads may read nothing of the slow path's but atomics; it copies these over a few
// times a second.
#pragma once

#include "app/operator/peer_state.hpp"
#include "sacip_core/base/counters.hpp"

namespace sacip {

struct Gauges {
    Counter flows, paths, local_bindings, remote_bindings;
    Counter moves_in_progress;
    std::array<Counter, max_ports> port_missed, port_errors; ///< since the start
    std::array<Counter, peer_state_names.size()> peers;      ///< by PeerState
};

/// Slow path. Counts the peers by state anew.
inline void count_peers(const std::vector<Peer>& peers, Nanos now, Gauges& out) {
    std::array<uint64_t, peer_state_names.size()> counts{};
    for (const Peer& peer : peers) {
        counts[static_cast<size_t>(state_of(peer, now))]++;
    }
    for (size_t i = 0; i < counts.size(); i++) {
        out.peers[i].set(counts[i]);
    }
}

} // namespace sacip
