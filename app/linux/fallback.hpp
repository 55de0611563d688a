// SPDX-License-Identifier: BSD-3-Clause
//
// Fallback: the way out that never vanishes, of one port that the box's own sockets use.
//
// An address of host scope and a last-resort default route to a neighbour that nobody is: what
// Linux sends there comes to us (linux_side.hpp has the reasons).
#pragma once

#include "app/netlink/request.hpp"
#include "sacip_core/kernel/adjacency.hpp"

namespace sacip {

struct Fallback {
    IfIndex interface {};
    uint8_t number{0}; ///< of the port
    IpAddr own() const { return {169, 254, static_cast<uint8_t>(number + 1), 2}; }
    IpAddr gateway() const { return {169, 254, static_cast<uint8_t>(number + 1), 1}; }
    /// Of the route; above any that people and daemons use.
    uint32_t metric() const { return 65'535U + number; }

    /// Makes it in Linux, or what is missing of it. Waits for Linux.
    netlink::Result make(netlink::Requests& requests) const;
    /// Whether Linux has all of it; true, too, while the interface is down: nothing can be done
    /// then.
    bool is_whole(const KernelState& host) const;
};

} // namespace sacip
