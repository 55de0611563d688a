// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/fallback.hpp"

#include <algorithm>
#include <cerrno>

namespace sacip {

netlink::Result Fallback::make(netlink::Requests& requests) const {
    // Under a label of its own: DHCP clients flush all addresses that carry the interface's name.
    netlink::AddressRequest address{interface, own(), 32, AddressScope::host};
    address.label = "sacip" + std::to_string(number);
    if (auto refusal = requests.add_address(address); refusal && refusal->error != EEXIST) {
        return refusal;
    }
    if (auto refusal = requests.set_neighbour(interface, gateway(), fallback_mac)) {
        return refusal;
    }
    netlink::RouteRequest route;
    route.destination = {{}, 0};
    route.via = gateway();
    route.interface = interface;
    route.metric = metric();
    route.onlink = true;
    return requests.replace_route(route);
}

bool Fallback::is_whole(const KernelState& host) const {
    const LinkInfo* const link = host.link(interface);
    if (link == nullptr || !link->up) {
        return true;
    }
    const auto is_ours = [&](const RouteInfo& r) {
        return r.via == gateway() && r.interface == interface;
    };
    const auto addresses = host.addresses(interface);
    const NeighbourInfo* const neighbour = host.neighbour(interface, gateway());
    return std::ranges::find(addresses, own(), &AddressInfo::address) != addresses.end() &&
           std::ranges::any_of(host.routes_to({}), is_ours) && neighbour != nullptr &&
           neighbour->mac == fallback_mac;
}

} // namespace sacip
