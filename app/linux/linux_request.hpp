// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxRequest: what the slow path asks Linux to do, on its way to the thread that waits for it.
#pragma once

#include "app/netlink/request.hpp"
#include "sacip_core/kernel/adjacency.hpp"

#include <variant>
#include <vector>

namespace sacip {

/// The way out that never vanishes, of one port (linux_side.hpp).
struct Fallback {
    IfIndex interface {};
    uint8_t number{0}; ///< of the port
    Ipv4Addr own() const { return {169, 254, static_cast<uint8_t>(number + 1), 2}; }
    Ipv4Addr gateway() const { return {169, 254, static_cast<uint8_t>(number + 1), 1}; }
};

struct ResolveNeighbour {
    NeighbourKey neighbour;
};
struct SetShadow {
    netlink::AddressRequest address;
    bool wanted{true};
};
struct SetCarrier {
    IfIndex interface {};
    bool on{false};
};
/// What others took away. Is answered: LinuxListener::Taken::put_back.
struct PutBack {
    std::vector<Fallback> fallbacks;
    std::vector<netlink::AddressRequest> shadows;
};

/// What is done now and then, at once.
struct DoChores {};

using LinuxRequest = std::variant<ResolveNeighbour, SetShadow, SetCarrier, PutBack, DoChores>;

/// Above any metric that people and daemons use.
inline constexpr uint32_t fallback_metric = 65'535;

/// Makes a fallback, or what is missing of it.
netlink::Result add(netlink::Requests& requests, const Fallback& fallback);

} // namespace sacip
