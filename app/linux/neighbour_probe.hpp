// SPDX-License-Identifier: BSD-3-Clause
//
// NeighbourProbe: has Linux resolve a neighbour while it can't be asked to.
//
// The request for that (Requests::ask_neighbour) needs RTNL, as all do. A packet for the neighbour
// needs no lock: Linux asks by ARP before it sends it, and what it learns is an event. So while the
// lock is somebody else's, an empty datagram to the neighbour's discard port goes out, which no
// router forwards (TTL 1). Not otherwise, for it is seen on the wire when the neighbour is there.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

namespace sacip {

/// Slow path only; waits for nothing.
class NeighbourProbe {
public:
    NeighbourProbe() = default;
    ~NeighbourProbe();
    NeighbourProbe(const NeighbourProbe&) = delete;
    NeighbourProbe& operator=(const NeighbourProbe&) = delete;

    /// In the network namespace of the calling thread. Where it fails there are no probes.
    void open();
    /// At most 64 a second; more are left out.
    void send(NeighbourKey neighbour, Nanos now);

private:
    int fd_{-1};
    Nanos refilled_{};
    unsigned left_{0}; ///< of this second
};

} // namespace sacip
