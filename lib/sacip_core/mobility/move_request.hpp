// SPDX-License-Identifier: BSD-3-Clause
//
// MoveRequest: an operator's wish that an address or prefix become another, and why it can't be.
//
// What Linux says by itself is followed; what a person types is checked first. Hosts that follow an
// uplink share the address of one of its interfaces: an address that none of them has is one that
// nobody answers for, and that no router sends us packets of. Routed prefixes are the routers'
// business, so there is nothing to check.
#pragma once

#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/mobility/binding_cache.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sacip {

struct MoveRequest {
    IpPrefix from, to;
    bool force{false}; ///< though Linux has no such address
};

/// What can't be, and what could.
struct Refusal {
    std::string what;
    std::string remedy;
};

/// Nothing if it may be done.
std::optional<Refusal> refuse(const MoveRequest& request, const BindingCache& cache,
                              const KernelState& host, const std::vector<GatewayPort>& ports);

} // namespace sacip
