// SPDX-License-Identifier: BSD-3-Clause
//
// KernelRequests: the few things the slow path asks Linux to do.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

namespace sacip {

/// Slow path only. None of these waits for an outcome: it shows in KernelState.
class KernelRequests {
public:
    virtual ~KernelRequests() = default;
    /// Asks Linux to find the neighbour's Ethernet address, or to confirm it.
    virtual void resolve(NeighbourKey neighbour) = 0;
    /// Keeps an address of the box usable for its sockets whatever happens to the interface
    /// (address/32 on lo), or lets go of it.
    virtual void keep_shadow(IpAddr address) = 0;
    virtual void drop_shadow(IpAddr address) = 0;
};

} // namespace sacip
