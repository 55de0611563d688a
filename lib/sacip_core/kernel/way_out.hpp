// SPDX-License-Identifier: BSD-3-Clause
//
// WayOut: what an interface's default routes say about its addresses.
//
// Not every address of an interface leads out of the network: one for the modem's own page, the end
// of a point-to-point pair, a second subnet are there for their neighbours only. Linux takes as a
// packet's source the route's preferred one, else the address in the gateway's subnet, else (the
// gateway lies in no subnet, as with a /32 lease) the first of the interface. Which address leads
// out is asked of the routes, for that reason, and not of the addresses.
//
// A default route stays behind when the address that its gateway was reached from goes; Linux goes
// on using it, with its first address. dhclient-script leaves it so, where others keep it alive.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

#include <compare>
#include <span>
#include <vector>

namespace sacip {

/// One default route through an interface, or one half of a default (0.0.0.0/1, 128.0.0.0/1).
struct WayOut {
    IpAddr gateway{};          ///< unspecified: everything is on-link
    IpAddr preferred_source{}; ///< unspecified: Linux chooses
    uint32_t metric{0};
    bool reached{true}; ///< `gateway` is on-link by a route of its own, or said to be (onlink)
};

/// Those of the interface, but for the one to `fallback`, which leads nowhere.
std::vector<WayOut> ways_out(const KernelState& host, IfIndex interface, IpAddr fallback);

/// How well an address leads out. The greater the better.
enum class LeadsOut : uint8_t {
    no,       ///< or nobody knows: there is no way out
    first,    ///< the gateway is in no subnet, and Linux takes the interface's first address
    yes,      ///< in the gateway's subnet, or a /32 with the gateway elsewhere
    preferred ///< the route names it
};

/// How well `address` leads out, with what the interface has. An address may be there more than
/// once, with different lengths or peers: the best counts.
LeadsOut leads_out(IpAddr address, std::span<const AddressInfo> present,
                   std::span<const WayOut> ways);

/// An address that flows may be bound to, deprecated or not: no link-local one.
bool is_eligible(const AddressInfo& a);

} // namespace sacip
