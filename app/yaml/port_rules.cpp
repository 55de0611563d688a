// SPDX-License-Identifier: BSD-3-Clause
//
// Rules on ports: what Linux or DPDK would refuse later, when half of the gateway already runs,
// or, worse, would take and quietly do something else.
#include "app/yaml/rules.hpp"
#include "app/yaml/scalars.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace sacip::yaml {

namespace {

/// Ports may share a device, each with a VLAN of its own, one without.
void check_device(const PortConfig& port, const PortPlaces& place,
                  std::map<std::pair<std::string, uint16_t>, Mark>& taken, Errors& errors) {
    if (!place.device || !place.vlan) {
        return;
    }
    const auto [first, is_new] = taken.emplace(std::pair{port.device, port.vlan}, place.device);
    if (is_new) {
        return;
    }
    if (port.vlan == 0) {
        report(errors, place.device,
               "device " + quoted(port.device) + " is already used " + in_line(first->second),
               "give each port its own, or add vlan: with a VLAN of its own");
    } else {
        report(errors, place.vlan,
               "vlan " + std::to_string(port.vlan) + " of device " + quoted(port.device) +
                   " is already used " + in_line(first->second),
               "give each port of a device a vlan of its own");
    }
}

void check_names(const Config& config, const Places& places, Errors& errors) {
    static constexpr std::string_view remedy = "give each port its own";
    Unique names{"port name", remedy};
    std::map<std::pair<std::string, uint16_t>, Mark> devices;
    Unique interfaces{"interface name", remedy};
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const PortConfig& port = config.ports[i];
        const PortPlaces& place = places.port_entries[i];
        names.add(port.name, place.name, errors);
        check_device(port, place, devices, errors);
        interfaces.add(port.host_interface.name, place.interface_name, errors);
    }
}

/// A device has one MTU, so a port without one would silently have what another port has.
void check_mtus(const Config& config, const Places& places, Errors& errors) {
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const PortConfig& port = config.ports[i];
        const uint16_t other = config.largest_mtu(port.device);
        if (port.mtu == 0 && other != 0 && places.port_entries[i].mtu) {
            report(errors, places.port_entries[i].mtu,
                   "another port of device " + quoted(port.device) + " has an mtu, this one none",
                   "write mtu: here too; the device gets the largest of its ports");
        }
    }
}

void check_roles(const Config& config, const Places& places, Errors& errors) {
    const auto& entries = places.port_entries;
    const bool all_known = std::all_of(entries.begin(), entries.end(),
                                       [](const auto& entry) { return bool{entry.role}; });
    if (!places.ports || !all_known) {
        return;
    }
    const auto has = [&](PortRole role) {
        return std::any_of(config.ports.begin(), config.ports.end(),
                           [&](const auto& port) { return port.role == role; });
    };
    const bool may_be_box_only =
        places.hosts &&
        std::none_of(config.hosts.begin(), config.hosts.end(), [&](const HostConfig& host) {
            const auto at = static_cast<size_t>(&host - config.hosts.data());
            return !host.is_box() && places.host_entries[at].inside;
        });
    if (!has(PortRole::outside)) {
        report(errors, places.ports, "no port has role: outside",
               "write role: outside at the port toward the network");
    }
    if (!has(PortRole::inside) && (!may_be_box_only || config.hosts.empty())) {
        report(errors, places.ports, "no port has role: inside",
               "write role: inside at the port toward the hosts; only a gateway with nothing but "
               "inside: box under hosts does without");
    }
}

/// One address of an interface; true if it can stand there.
bool check_address(const InterfaceAddress& address, Mark at, Errors& errors) {
    const std::string text =
        address.address.to_text() + "/" + std::to_string(unsigned{address.length});
    const std::string_view unusable = unusable_as_host(address.address);
    if (!unusable.empty()) {
        report(errors, at, "address " + quoted(text) + " is " + std::string{unusable},
               "write the address this gateway shall have there");
        return false;
    }
    if (address.length == 0) {
        report(errors, at, "address " + quoted(text) + " calls the whole world on-link",
               "write the length of the real subnet, for example /24");
        return false;
    }
    const IpPrefix prefix = address.prefix();
    const bool is_network = address.address == prefix.address();
    if (address.length <= 30 && (is_network || address.address == prefix.last())) {
        report(errors, at,
               "address " + quoted(text) + " is the " + (is_network ? "network" : "broadcast") +
                   " address of its subnet",
               "write a host address, for example " +
                   prefix.with_host_part_of(IpAddr{0, 0, 0, 1}).to_text() + "/" +
                   std::to_string(unsigned{address.length}));
        return false;
    }
    return true;
}

void check_addresses(const Config& config, const Places& places, Errors& errors) {
    std::map<IpAddr, Mark> taken;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const auto& addresses = config.ports[i].host_interface.addresses;
        for (size_t k = 0; k < addresses.size(); ++k) {
            const Mark at = places.port_entries[i].addresses[k];
            if (!check_address(addresses[k], at, errors)) {
                continue;
            }
            const auto [first, is_new] = taken.emplace(addresses[k].address, at);
            if (!is_new) {
                report(errors, at,
                       "address " + addresses[k].address.to_text() + " is already used in line " +
                           std::to_string(first->second.line),
                       "give each interface its own");
            }
        }
    }
}

/// Linux takes a route only if its next router can be reached without another route.
void check_via(const HostInterfaceConfig& interface, const PortPlaces& place, IpAddr via, Mark at,
               Errors& errors) {
    const std::string_view unusable = unusable_as_host(via);
    if (!unusable.empty()) {
        report(errors, at, "via " + quoted(via.to_text()) + " is " + std::string{unusable},
               "write the next router's address");
        return;
    }
    bool on_link = false;
    for (const auto& address : interface.addresses) {
        on_link = on_link || address.prefix().contains(via);
        if (address.address == via) {
            report(errors, at, "via " + quoted(via.to_text()) + " is the gateway's own address",
                   "write the next router's address");
            return;
        }
    }
    if (on_link || !place.all_addresses) {
        return;
    }
    report(errors, at, "via " + quoted(via.to_text()) + " is in no subnet of this interface",
           interface.addresses.empty()
               ? "add addresses: with one in the router's subnet, or delete the route if DHCP "
                 "brings it"
               : "write a router in the subnet of one of its addresses");
}

void check_routes(const Config& config, const Places& places, Errors& errors) {
    std::map<std::pair<IpAddr, uint8_t>, Mark> taken;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const auto& interface = config.ports[i].host_interface;
        const PortPlaces& place = places.port_entries[i];
        for (size_t k = 0; k < interface.routes.size(); ++k) {
            const RouteConfig& route = interface.routes[k];
            check_via(interface, place, route.via, place.vias[k], errors);
            if (route.to.length() > 0) {
                check_host_prefix(route.to, place.routes[k], "to", errors);
            }
            const auto [first, is_new] =
                taken.emplace(std::pair{route.to.address(), route.to.length()}, place.routes[k]);
            if (!is_new) {
                report(errors, place.routes[k],
                       "a second route to " +
                           (route.to.length() == 0 ? "default" : route.to.to_text()) +
                           ", the first is in line " + std::to_string(first->second.line),
                       "keep one; Linux's main table holds no two with the same metric");
            }
        }
    }
}

} // namespace

void check_ports(const Config& config, const Places& places, Errors& errors) {
    check_names(config, places, errors);
    check_mtus(config, places, errors);
    check_roles(config, places, errors);
    check_addresses(config, places, errors);
    check_routes(config, places, errors);
}

} // namespace sacip::yaml
