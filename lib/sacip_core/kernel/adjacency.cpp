// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/adjacency.hpp"

#include <algorithm>

namespace sacip {
namespace {

using State = Adjacency::State;

constexpr IfIndex loopback{1};

} // namespace

Adjacency AdjacencyResolver::outward(const Departure& packet) const {
    const auto free =
        ask({packet.destination, packet.host, packet.of_box ? loopback : packet.in, {}});
    if (packet.pinned == no_port) {
        return free ? by(*free) : fixed_or(State::refused, true);
    }
    const GatewayPort& port = ports_[packet.pinned.value];
    if (port.next_hop_mac) {
        return {State::ready, packet.pinned, {}, *port.next_hop_mac, {}};
    }
    const auto bound = ask({packet.destination, packet.wire, loopback, port.host_interface});
    const bool leads = bound && bound->type == RouteType::unicast;
    if (free && !packet.of_box && (!leads || free->length > bound->length)) {
        const Adjacency there = by(*free);
        if (there.state == State::linux_only || there.state == State::refused) {
            return there;
        }
    }
    if (leads) {
        return by(*bound);
    }
    if (free && free->type == RouteType::unicast) {
        return {State::no_route, no_port, {}, {}, {}};
    }
    return fixed_or(State::absent, true);
}

Adjacency AdjacencyResolver::inward(Ipv4Addr host, Ipv4Addr remote, IfIndex in) const {
    const auto answer = ask({host, remote, in, {}});
    if (!answer || answer->type != RouteType::unicast) {
        return fixed_or(State::refused, false);
    }
    const auto port = port_of(answer->hop.interface);
    return port && !ports_[port->value].outside
               ? through(*port, *answer)
               : Adjacency{State::linux_only, no_port, {}, {}, answer->hop.interface};
}

/// Linux's answer, without its last way out for the box's sockets.
std::optional<RouteAnswer> AdjacencyResolver::ask(const RouteQuery& query) const {
    const auto answer = host_.route(query);
    const auto port = answer ? port_of(answer->hop.interface) : std::nullopt;
    const bool fallback = port && answer->type == RouteType::unicast &&
                          answer->hop.address == ports_[port->value].fallback_gateway;
    return fallback ? std::nullopt : answer;
}

/// The way out that a route shows.
Adjacency AdjacencyResolver::by(const RouteAnswer& answer) const {
    if (answer.type != RouteType::unicast) {
        return {State::refused, no_port, {}, {}, {}};
    }
    const auto port = port_of(answer.hop.interface);
    return port && ports_[port->value].outside
               ? through(*port, answer)
               : Adjacency{State::linux_only, no_port, {}, {}, answer.hop.interface};
}

/// No route at all: the first port without a Linux side, if there is one.
Adjacency AdjacencyResolver::fixed_or(State otherwise, bool outside) const {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].next_hop_mac && ports_[i].outside == outside) {
            return {State::ready, {i}, {}, *ports_[i].next_hop_mac, {}};
        }
    }
    return {otherwise, no_port, {}, {}, {}};
}

std::optional<PortId> AdjacencyResolver::port_within(const Ipv4Prefix& prefix) const {
    const auto is_within = [&](const AddressInfo& a) { return prefix.contains(a.address); };
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].outside &&
            std::ranges::any_of(host_.addresses(ports_[i].host_interface), is_within)) {
            return PortId{i};
        }
    }
    return std::nullopt;
}

std::optional<PortId> AdjacencyResolver::port_of(IfIndex interface) const {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].host_interface == interface && interface.value != 0) {
            return PortId{i};
        }
    }
    return std::nullopt;
}

Adjacency AdjacencyResolver::through(PortId port, const RouteAnswer& answer) const {
    const NeighbourKey neighbour{answer.hop.interface, answer.hop.address};
    const NeighbourInfo* info = host_.neighbour(neighbour.interface, neighbour.address);
    if (info != nullptr && info->state == NeighbourState::resolved && !info->mac.is_zero()) {
        return {State::ready, port, neighbour, info->mac, neighbour.interface};
    }
    return {State::unresolved, port, neighbour, {}, neighbour.interface};
}

} // namespace sacip
