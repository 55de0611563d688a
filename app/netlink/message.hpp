// SPDX-License-Identifier: BSD-3-Clause
//
// Message: rtnetlink messages as the structs of kernel/kernel_state, nothing else.
//
// Each reader takes a whole message of its kind and gives nothing where the message is not ours to
// mirror: not IPv4, of table local, cached, proxy, bridge ports. Attributes are read only if they
// are long enough; the kernel is trusted to mean what it says, not to be of our version.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"

#include <libmnl/libmnl.h>

#include <optional>

namespace sacip::netlink {

std::optional<LinkInfo> read_link(const nlmsghdr* message);           ///< RTM_NEWLINK, DELLINK
std::optional<AddressInfo> read_address(const nlmsghdr* message);     ///< RTM_NEWADDR, DELADDR
std::optional<RouteInfo> read_route(const nlmsghdr* message);         ///< RTM_NEWROUTE, DELROUTE
std::optional<RuleInfo> read_rule(const nlmsghdr* message);           ///< RTM_NEWRULE, DELRULE
std::optional<NeighbourInfo> read_neighbour(const nlmsghdr* message); ///< RTM_NEWNEIGH, DELNEIGH

} // namespace sacip::netlink
