// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/adjacency.hpp"

namespace sacip {

Adjacency AdjacencyResolver::resolve(Ipv4Addr destination, bool outside, PortId preferred) const {
    std::optional<NextHop> hop;
    if (preferred != no_port) {
        const GatewayPort& port = ports_[preferred.value];
        if (port.next_hop_mac) {
            return {Adjacency::State::ready, preferred, {}, *port.next_hop_mac};
        }
        hop = host_.route(destination, port.host_interface);
        if (hop && hop->address == port.fallback_gateway) {
            hop.reset();
        }
    }
    if (!hop) {
        hop = host_.route(destination);
    }
    if (hop) {
        const auto port = port_of(hop->interface);
        if (!port) {
            return {Adjacency::State::linux_only, no_port, {}, {}};
        }
        if (hop->address != ports_[port->value].fallback_gateway) {
            return through(*port, {hop->interface, hop->address});
        }
    }
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].next_hop_mac && ports_[i].outside == outside) {
            return {Adjacency::State::ready, {i}, {}, *ports_[i].next_hop_mac};
        }
    }
    return {};
}

std::optional<PortId> AdjacencyResolver::port_of(IfIndex interface) const {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].host_interface == interface && interface.value != 0) {
            return PortId{i};
        }
    }
    return std::nullopt;
}

Adjacency AdjacencyResolver::through(PortId port, NeighbourKey neighbour) const {
    const NeighbourInfo* info = host_.neighbour(neighbour.interface, neighbour.address);
    if (info != nullptr && info->state == NeighbourState::resolved && !info->mac.is_zero()) {
        return {Adjacency::State::ready, port, neighbour, info->mac};
    }
    return {Adjacency::State::unresolved, port, neighbour, {}};
}

} // namespace sacip
