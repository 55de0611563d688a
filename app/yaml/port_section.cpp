// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/port_section.hpp"

#include "app/yaml/field_reader.hpp"
#include "app/yaml/scalars.hpp"

#include <algorithm>

namespace sacip::yaml {

namespace {

constexpr size_t max_port_name = 32;
constexpr size_t max_device_name = 63; // what DPDK takes as a device name

constexpr std::array role_words{Word<PortRole>{"inside", PortRole::inside},
                                Word<PortRole>{"outside", PortRole::outside}};
constexpr std::array kind_words{
    Word<HostInterfaceKind>{"auto", HostInterfaceKind::automatic},
    Word<HostInterfaceKind>{"virtio_user", HostInterfaceKind::virtio_user},
    Word<HostInterfaceKind>{"tap", HostInterfaceKind::tap},
    Word<HostInterfaceKind>{"none", HostInterfaceKind::none}};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/// What Linux takes (dev_valid_name), without the names that mean something else in /proc/sys.
bool is_interface_name(std::string_view text) {
    return text.size() <= max_host_interface_name && text != "." && text != ".." && text != "lo" &&
           text != "all" && text != "default" && std::all_of(text.begin(), text.end(), [](char c) {
               return c > ' ' && c <= '~' && c != '/' && c != ':' && c != '%';
           });
}

void read_name(FieldReader& fields, PortConfig& port, PortPlaces& places, Errors& errors) {
    static constexpr std::string_view remedy =
        "write a letter and then letters, digits, '.', '_' or '-', for example wan";
    const Node* const node = fields.require("name", "add name: wan, or another short name");
    const auto text = node == nullptr ? std::nullopt : read_text(*node, "name", remedy, errors);
    if (!text) {
        return;
    }
    if (!is_port_name(*text) || *text == "box") {
        report(errors, node->mark, "port name " + quoted(*text) + " can not be used",
               *text == "box" ? "write another name: box means the gateway itself"
                              : std::string{remedy});
        return;
    }
    port.name = *text;
    places.name = node->mark;
}

void read_device(FieldReader& fields, PortConfig& port, PortPlaces& places, Errors& errors) {
    static constexpr std::string_view remedy =
        "write DPDK's name of the port, for example 0000:03:00.0 or net_af_packet0";
    const Node* const node = fields.require("device", "add device: with DPDK's name of the port, "
                                                      "for example 0000:03:00.0");
    const auto text = node == nullptr ? std::nullopt : read_text(*node, "device", remedy, errors);
    if (!text) {
        return;
    }
    const bool usable = text->size() <= max_device_name &&
                        std::all_of(text->begin(), text->end(),
                                    [](char c) { return c > ' ' && c <= '~' && c != ','; });
    if (!usable) {
        report(errors, node->mark, "device " + quoted(*text) + " can not be used",
               text->find(',') == std::string_view::npos
                   ? std::string{remedy}
                   : "write only the name; what follows the comma belongs to --vdev or -a");
        return;
    }
    port.device = *text;
    places.device = node->mark;
}

void read_mtu(FieldReader& fields, PortConfig& port, PortPlaces& places, Errors& errors) {
    const Node* const node = fields.find("mtu");
    if (node == nullptr) {
        places.mtu = places.entry;
    } else if (const auto mtu = read_integer(*node, "mtu", least_mtu, most_mtu, 1500, errors)) {
        port.mtu = static_cast<uint16_t>(*mtu);
        places.mtu = node->mark;
    }
}

void read_vlan(FieldReader& fields, PortConfig& port, PortPlaces& places, Errors& errors) {
    const Node* const node = fields.find("vlan");
    if (node == nullptr) {
        places.vlan = places.entry;
    } else if (const auto vlan = read_integer(*node, "vlan", 1, max_vlan, 10, errors)) {
        port.vlan = static_cast<uint16_t>(*vlan);
        places.vlan = node->mark;
    }
}

void read_addresses(const Node& node, HostInterfaceConfig& interface, PortPlaces& places,
                    Errors& errors) {
    places.all_addresses = node.kind == Node::Kind::list;
    for (const auto& item : read_list(node, "addresses", "10.1.0.1/24", errors)) {
        if (const auto address = read_interface_address(item, "address", errors)) {
            interface.addresses.push_back(*address);
            places.addresses.push_back(item.mark);
        } else {
            places.all_addresses = false;
        }
    }
}

void read_routes(const Node& node, HostInterfaceConfig& interface, PortPlaces& places,
                 Errors& errors) {
    for (const auto& item : read_list(node, "routes", "{to: default, via: 10.0.1.1}", errors)) {
        FieldReader fields{item, "an entry of routes", {"to", "via"}, errors};
        const Node* const to = fields.require("to", "add to: default, or a prefix");
        const Node* const via = fields.require("via", "add via: with the next router's address");
        std::optional<IpPrefix> prefix;
        if (to != nullptr && to->kind == Node::Kind::text && to->text == "default") {
            prefix = IpPrefix{};
        } else if (to != nullptr) {
            prefix = read_prefix(*to, "to", errors);
        }
        const auto router = via == nullptr ? std::nullopt : read_address(*via, "via", errors);
        if (prefix && router) {
            interface.routes.push_back({*prefix, *router});
            places.routes.push_back(to->mark);
            places.vias.push_back(via->mark);
        }
    }
}

/// With `kind: none` nothing else may stand there; otherwise a name must.
void read_host_interface(const Node& node, HostInterfaceConfig& interface, PortPlaces& places,
                         Errors& errors) {
    FieldReader fields{node, "host_interface", {"kind", "name", "addresses", "routes"}, errors};
    if (!fields.is_map()) {
        return;
    }
    places.interface_kind = node.mark;
    if (const Node* kind = fields.find("kind")) {
        if (const auto value = read_word(*kind, "kind", kind_words, errors)) {
            interface.kind = *value;
        } else {
            places.interface_kind = {};
        }
    }
    if (interface.kind == HostInterfaceKind::none) {
        for (const std::string_view key : {"name", "addresses", "routes"}) {
            if (const Mark at = fields.key_mark(key)) {
                report(errors, at, std::string{key} + " has no meaning with kind: none",
                       "delete it, or use kind: auto to have an interface in Linux");
            }
        }
        return;
    }
    static constexpr std::string_view name_remedy =
        "write at most 15 characters without '/', ':' or space, for example wan0";
    const Node* const name =
        fields.require("name", "add name: wan0, or kind: none for a port without a side in Linux");
    const auto text =
        name == nullptr ? std::nullopt : read_text(*name, "name", name_remedy, errors);
    if (text && is_interface_name(*text)) {
        interface.name = *text;
        places.interface_name = name->mark;
    } else if (text) {
        report(errors, name->mark, "interface name " + quoted(*text) + " is not one Linux takes",
               std::string{name_remedy} + " (lo, all and default are taken)");
    }
    if (const Node* addresses = fields.find("addresses")) {
        read_addresses(*addresses, interface, places, errors);
    }
    if (const Node* routes = fields.find("routes")) {
        read_routes(*routes, interface, places, errors);
    }
}

void read_next_hop(FieldReader& fields, PortConfig& port, const PortPlaces& places,
                   Errors& errors) {
    if (!places.interface_kind) {
        return; // whether it may stand here depends on what was not understood
    }
    if (port.host_interface.kind == HostInterfaceKind::none) {
        if (const Node* mac =
                fields.require("next_hop_mac", "add next_hop_mac: \"02:00:00:00:00:01\" with the "
                                               "next hop's address, since Linux can not find it")) {
            port.next_hop_mac = read_mac(*mac, "next_hop_mac", errors);
        }
    } else if (const Mark at = fields.key_mark("next_hop_mac")) {
        report(errors, at, "next_hop_mac is only for a port with host_interface: {kind: none}",
               "delete it: Linux finds the next hop by ARP");
    }
}

void read_port(const Node& node, PortConfig& port, PortPlaces& places, Errors& errors) {
    FieldReader fields{node,
                       "an entry of ports",
                       {"name", "device", "vlan", "role", "mtu", "host_interface", "next_hop_mac"},
                       errors};
    places.entry = node.mark;
    read_name(fields, port, places, errors);
    read_device(fields, port, places, errors);
    read_vlan(fields, port, places, errors);
    if (const Node* role = fields.require("role", "add role: inside (toward the hosts) or role: "
                                                  "outside (toward the network)")) {
        if (const auto value = read_word(*role, "role", role_words, errors)) {
            port.role = *value;
            places.role = role->mark;
        }
    }
    read_mtu(fields, port, places, errors);
    if (const Node* interface = fields.require(
            "host_interface", "add host_interface: {name: wan0}, the port's side in Linux")) {
        read_host_interface(*interface, port.host_interface, places, errors);
    }
    read_next_hop(fields, port, places, errors);
}

} // namespace

bool is_plain_name(std::string_view text, size_t most) {
    return !text.empty() && text.size() <= most &&
           std::all_of(text.begin(), text.end(), [](char c) {
               return is_letter(c) || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
           });
}

bool is_port_name(std::string_view text) {
    return is_plain_name(text, max_port_name) && is_letter(text[0]);
}

void read_ports(const Node& node, std::vector<PortConfig>& ports, std::vector<PortPlaces>& places,
                Errors& errors) {
    for (const auto& item :
         read_list(node, "ports",
                   "{name: wan, device: 0000:03:00.0, role: outside, host_interface: {name: wan0}}",
                   errors)) {
        if (ports.size() == max_ports) {
            report(errors, item.mark, "more than " + std::to_string(max_ports) + " ports",
                   "delete this and all further ports, or split them over two gateways");
            return;
        }
        read_port(item, ports.emplace_back(), places.emplace_back(), errors);
    }
}

} // namespace sacip::yaml
