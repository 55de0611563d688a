// SPDX-License-Identifier: BSD-3-Clause
//
// Gauges: levels that the slow path keeps in plain structures and shows to other threads.
//
// The metrics threads may read nothing of the slow path's but atomics; it copies these over a few
// times a second.
#pragma once

#include "app/operator/peer_state.hpp"
#include "sacip_core/base/counters.hpp"

#include <optional>
#include <string>

namespace sacip {

struct Gauges {
    Counter flows, paths, local_bindings, remote_bindings;
    Counter moves_in_progress;
    std::array<Counter, max_ports> port_missed, port_errors; ///< since the start
    std::array<Counter, peer_state_names.size()> peers;      ///< by PeerState
    // The mirror of Linux; the first three since the start.
    Counter kernel_dumps, kernel_overruns, kernel_failed_dumps;
    Counter kernel_resolves_dropped; ///< since the start
    Counter kernel_lag_ns;           ///< the longest of late, from read to applied
    Counter kernel_wait_ns;          ///< for what Linux was asked last; 0: it has answered
};

/// What an operator should know when Linux is long about something.
inline std::optional<std::string> silence_warning(const Gauges& gauges) {
    constexpr uint64_t second = 1'000'000'000;
    const uint64_t waited = gauges.kernel_wait_ns.get();
    if (waited <= second) {
        return std::nullopt;
    }
    return "Linux has not answered for " + std::to_string(waited / second) +
           " s: another process holds its tables (RTNL)";
}

/// Slow path. Counts the peers by state anew.
inline void count_peers(const IdMap<PeerId, Peer>& peers, Nanos now, Gauges& out) {
    std::array<uint64_t, peer_state_names.size()> counts{};
    for (const Peer& peer : peers) {
        counts[static_cast<size_t>(state_of(peer, now))]++;
    }
    for (size_t i = 0; i < counts.size(); i++) {
        out.peers[i].set(counts[i]);
    }
}

} // namespace sacip
