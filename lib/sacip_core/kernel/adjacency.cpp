// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/adjacency.hpp"

#include <algorithm>

namespace sacip {
namespace {

using State = Adjacency::State;

constexpr IfIndex loopback{1};

} // namespace

std::optional<PortId> outside_port_within(const IpPrefix& prefix, const KernelState& host,
                                          const std::vector<GatewayPort>& ports) {
    const auto is_within = [&](const AddressInfo& a) { return prefix.contains(a.address); };
    for (uint8_t i = 0; i < ports.size(); i++) {
        if (ports[i].outside &&
            std::ranges::any_of(host.addresses(ports[i].host_interface), is_within)) {
            return PortId{i};
        }
    }
    return std::nullopt;
}

Adjacency AdjacencyResolver::outward(const Departure& packet) const {
    const auto free =
        ask({packet.destination, packet.host, packet.of_box ? loopback : packet.in, {}});
    if (packet.pinned == no_port) {
        return free ? by(*free) : fixed_or(State::refused, true);
    }
    const GatewayPort& port = ports_[packet.pinned.value];
    if (port.next_hop_mac) {
        return fixed(packet.pinned);
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
        return {.state = State::no_route};
    }
    return fixed_or(State::absent, true);
}

Adjacency AdjacencyResolver::inward(IpAddr host, IpAddr remote, IfIndex in) const {
    const auto answer = ask({host, remote, in, {}});
    if (!answer || answer->type != RouteType::unicast) {
        return fixed_or(State::refused, false);
    }
    const auto port = port_of(answer->hop.interface);
    return port && !ports_[port->value].outside
               ? through(*port, *answer)
               : Adjacency{.state = State::linux_only, .interface = answer->hop.interface};
}

Adjacency AdjacencyResolver::to_box(PortId port) const {
    const MacAddr mac = ports_[port.value].mac;
    return {.state = State::ready, .port = port, .ether = {mac, mac}};
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
        return {.state = State::refused};
    }
    const auto port = port_of(answer.hop.interface);
    return port && ports_[port->value].outside
               ? through(*port, answer)
               : Adjacency{.state = State::linux_only, .interface = answer.hop.interface};
}

Adjacency AdjacencyResolver::fixed(PortId id) const {
    const GatewayPort& port = ports_[id.value];
    return {.state = State::ready, .port = id, .ether = {*port.next_hop_mac, port.mac}};
}

/// No route at all: the first port without a Linux side, if there is one.
Adjacency AdjacencyResolver::fixed_or(State otherwise, bool outside) const {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (ports_[i].next_hop_mac && ports_[i].outside == outside) {
            return fixed({i});
        }
    }
    return {.state = otherwise};
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
    const auto mac = mac_of(neighbour);
    return {.state = mac ? State::ready : State::unresolved,
            .port = port,
            .neighbour = neighbour,
            .ether = mac ? EtherAddresses{*mac, ports_[port.value].mac} : EtherAddresses{},
            .interface = neighbour.interface};
}

} // namespace sacip
