// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxSide: sets our host interfaces up in Linux, and does what the slow path asks of it.
//
// At start, per interface: the per-interface settings a gateway needs, the configured addresses and
// routes, and for a port that the box's own sockets use a way out that never vanishes: a link-scope
// address, so that Linux does not flush the interface's routes when its last address goes, and a
// last-resort default route to a neighbour that nobody is. What Linux sends there comes to us.
#pragma once

#include "app/netlink/request.hpp"
#include "sacip_core/adjacency.hpp"
#include "sacip_core/config.hpp"
#include "sacip_core/host_actions.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sacip {

/// Slow path only.
class LinuxSide final : public HostActions {
public:
    /// Why Linux can't be asked anything, or nothing.
    std::optional<std::string> open();
    /// Sets one port's interface up; fills port.fallback_gateway where `box` uses the port.
    /// An error names the interface and what was tried; warnings are appended.
    std::optional<std::string> set_up(GatewayPort& port, uint8_t number, const PortConfig& config,
                                      bool box, std::vector<std::string>& warnings);
    void set_carrier(IfIndex interface, bool carrier);

    void resolve(NeighbourKey neighbour) override;
    void keep_shadow(Ipv4Addr address) override;
    void drop_shadow(Ipv4Addr address) override;

private:
    std::optional<std::string> add_fallback(GatewayPort& port, uint8_t number);

    netlink::Requests requests_;
    IfIndex loopback_{1};
};

} // namespace sacip
