// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/way_out.hpp"

#include <algorithm>
#include <array>

namespace sacip {
namespace {

bool is_in_subnet(const AddressInfo& a, IpAddr gateway) {
    return a.prefix_length > 0 && !gateway.is_unspecified() && gateway != a.address &&
           a.subnet().contains(gateway);
}

/// Whether a route of the interface, other than a default one, has the gateway on-link.
bool is_reached(const KernelState& host, IfIndex interface, IpAddr gateway) {
    for (uint8_t length = 32; length > 1; length--) {
        for (const RouteInfo& r : host.routes_to(IpPrefix{gateway, length})) {
            if (r.interface == interface && r.via.is_unspecified() &&
                r.type == RouteType::unicast) {
                return true;
            }
        }
    }
    return false;
}

LeadsOut by_way(const AddressInfo& a, std::span<const AddressInfo> present, const WayOut& way) {
    if (way.preferred_source == a.address) {
        return LeadsOut::preferred;
    }
    if (is_in_subnet(a, way.gateway)) {
        return LeadsOut::yes;
    }
    const bool elsewhere = std::ranges::none_of(
        present, [&](const AddressInfo& b) { return is_in_subnet(b, way.gateway); });
    if (!elsewhere || !way.preferred_source.is_unspecified()) {
        return LeadsOut::no;
    }
    if (way.reached && a.prefix_length == 32 && a.peer.is_unspecified()) {
        return LeadsOut::yes;
    }
    const auto first = std::ranges::find_if(present, [](const AddressInfo& b) {
        return is_eligible(b) && !b.secondary && !b.deprecated;
    });
    return first != present.end() && first->address == a.address ? LeadsOut::first : LeadsOut::no;
}

} // namespace

bool is_eligible(const AddressInfo& a) {
    return a.scope == AddressScope::global && a.address.is_host_unicast();
}

std::vector<WayOut> ways_out(const KernelState& host, IfIndex interface, IpAddr fallback) {
    constexpr std::array defaults{IpPrefix{{}, 0}, IpPrefix{{}, 1},
                                  IpPrefix{IpAddr{128, 0, 0, 0}, 1}};
    std::vector<WayOut> out;
    for (const IpPrefix& to : defaults) {
        for (const RouteInfo& r : host.routes_to(to)) {
            const bool dead_end = !fallback.is_unspecified() && r.via == fallback;
            if (r.interface == interface && r.type == RouteType::unicast && !dead_end) {
                const bool reached =
                    r.via.is_unspecified() || r.onlink || is_reached(host, interface, r.via);
                out.push_back({r.via, r.preferred_source, r.metric, reached});
            }
        }
    }
    return out;
}

LeadsOut leads_out(IpAddr address, std::span<const AddressInfo> present,
                   std::span<const WayOut> ways) {
    LeadsOut best = LeadsOut::no;
    for (const AddressInfo& a : present) {
        for (const WayOut& way : ways) {
            if (a.address == address && is_eligible(a)) {
                best = std::max(best, by_way(a, present, way));
            }
        }
    }
    return best;
}

} // namespace sacip
