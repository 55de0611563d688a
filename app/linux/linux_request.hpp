// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxRequest: what the slow path asks Linux to do, on its way to the thread that waits for it.
#pragma once

#include "app/linux/fallback.hpp"
#include "sacip_core/kernel/kernel_state.hpp"

#include <variant>
#include <vector>

namespace sacip {

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

} // namespace sacip
