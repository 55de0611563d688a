// SPDX-License-Identifier: BSD-3-Clause
//
// MacFollower: a port has the Ethernet address that its host interface has in Linux.
//
// They begin alike; then somebody clones another machine's address, or udev or networkd gives the
// interface one of its own. What Linux sends has the new address at once, so the device is given
// it, the workers judge by it, and all that we send has it. Neighbours hear of it by our
// announcements; what they sent to the old address before is taken for a minute more.
#pragma once

#include "app/dpdk/port_watch.hpp"
#include "app/dpdk/station_table.hpp"
#include "sacip_core/kernel/adjacency.hpp"

#include <memory>
#include <string>
#include <vector>

namespace sacip {

/// Slow path only. References outlive it.
class MacFollower {
public:
    MacFollower(std::vector<GatewayPort>& ports, PortWatch& devices, StationTable& stations);

    struct Change {
        PortId port;
        std::string text; ///< for operators
    };
    /// Carries out what is different in Linux, but for the devices, which have it by PortWatch's
    /// next look; the slow path is to be told of each.
    std::vector<Change> follow(const KernelState& host, Nanos now);
    /// Ends the time of former addresses.
    void tick(Nanos now);

private:
    std::vector<GatewayPort>& ports_;
    PortWatch& devices_;
    StationTable& stations_;
    std::vector<Nanos> former_until_; ///< by PortId
};

} // namespace sacip
