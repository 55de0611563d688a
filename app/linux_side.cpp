// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux_side.hpp"

#include "app/netlink/sysctl.hpp"

#include <cerrno>

namespace sacip {
namespace {

/// Above any metric that people and daemons use.
constexpr uint32_t fallback_metric = 65'535;

std::optional<std::string> said(const netlink::Result& result) {
    return result ? std::optional{result->to_text()} : std::nullopt;
}

bool failed(const netlink::Result& result) { return result && result->error != EEXIST; }

} // namespace

std::optional<std::string> LinuxSide::open() { return said(requests_.open()); }

std::optional<std::string> LinuxSide::set_up(GatewayPort& port, uint8_t number,
                                             const PortConfig& config, bool box,
                                             std::vector<std::string>& warnings) {
    const std::string& name = config.host_interface.name;
    if (const auto refusal = netlink::prepare_ipv4(name)) {
        return said(refusal);
    }
    if (netlink::read_ipv4("all", netlink::Ipv4Setting::rp_filter).value_or(0) != 0) {
        warnings.push_back("net.ipv4.conf.all.rp_filter is set, which overrules " + name +
                           "'s own 0: Linux may drop packets that came by another way; "
                           "run: sysctl -w net.ipv4.conf.all.rp_filter=0");
    }
    if (const auto refusal = requests_.set_link_up(port.host_interface, true)) {
        return said(refusal);
    }
    for (const InterfaceAddress& a : config.host_interface.addresses) {
        const auto refusal = requests_.add_address({port.host_interface, a.address, a.length});
        if (failed(refusal)) {
            return said(refusal);
        }
    }
    for (const RouteConfig& r : config.host_interface.routes) {
        if (const auto refusal = requests_.replace_route({r.to, r.via, port.host_interface})) {
            return said(refusal);
        }
    }
    return box ? add_fallback(port, number) : std::nullopt;
}

std::optional<std::string> LinuxSide::add_fallback(GatewayPort& port, uint8_t number) {
    const Ipv4Addr own{169, 254, static_cast<uint8_t>(number + 1), 2};
    const Ipv4Addr gateway{169, 254, static_cast<uint8_t>(number + 1), 1};
    if (const auto refusal = requests_.set_link_up(loopback_, true)) {
        return said(refusal);
    }
    // Under a label of its own: DHCP clients flush all addresses that carry the interface's name.
    netlink::AddressRequest address{port.host_interface, own, 32, AddressScope::link};
    address.label = "sacip" + std::to_string(number);
    if (const auto refusal = requests_.add_address(address); failed(refusal)) {
        return said(refusal);
    }
    if (const auto refusal = requests_.set_neighbour(port.host_interface, gateway, fallback_mac)) {
        return said(refusal);
    }
    netlink::RouteRequest route;
    route.destination = {{}, 0};
    route.via = gateway;
    route.interface = port.host_interface;
    route.metric = fallback_metric + number;
    route.onlink = true;
    if (const auto refusal = requests_.replace_route(route)) {
        return said(refusal);
    }
    port.fallback_gateway = gateway;
    return std::nullopt;
}

void LinuxSide::set_carrier(IfIndex interface, bool carrier) {
    requests_.set_carrier(interface, carrier); // virtio-user may refuse: then it stays as it is
}

void LinuxSide::resolve(NeighbourKey neighbour) {
    requests_.ask_neighbour(neighbour.interface, neighbour.address);
}

void LinuxSide::keep_shadow(Ipv4Addr address) { requests_.add_address({loopback_, address, 32}); }

void LinuxSide::drop_shadow(Ipv4Addr address) {
    requests_.delete_address({loopback_, address, 32});
}

} // namespace sacip
