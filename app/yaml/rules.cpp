// SPDX-License-Identifier: BSD-3-Clause
//
// Rules on prefixes and hosts; those on ports are in port_rules, on peers in peer_rules.
#include "app/yaml/rules.hpp"

#include "app/yaml/scalars.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace sacip::yaml {

namespace {

struct Block {
    IpPrefix prefix;
    std::string_view name;
};

/// Where no host of a routed network can be (RFC 1122 §3.2.1.3, RFC 3927, RFC 1112 §4).
constexpr std::array<Block, 5> hostless{{{{{0, 0, 0, 0}, 8}, "0.0.0.0/8 (this network)"},
                                         {{{127, 0, 0, 0}, 8}, "127.0.0.0/8 (loopback)"},
                                         {{{169, 254, 0, 0}, 16}, "169.254.0.0/16 (link-local)"},
                                         {{{224, 0, 0, 0}, 4}, "224.0.0.0/4 (multicast)"},
                                         {{{240, 0, 0, 0}, 4}, "240.0.0.0/4 (reserved)"}}};

/// The port a host entry follows, if it exists; its absence is reported.
const PortConfig* followed_port(const Config& config, const Places& places, const std::string& name,
                                Mark at, Errors& errors) {
    std::string outside_names;
    bool all_known = true;
    for (size_t i = 0; i < config.ports.size(); ++i) {
        const auto& port = config.ports[i];
        const auto& place = places.port_entries[i];
        all_known = all_known && place.name && place.role;
        if (!place.name || !place.role) {
            continue;
        }
        if (port.role == PortRole::outside) {
            outside_names += (outside_names.empty() ? "" : ", ") + port.name;
        }
        if (port.name == name && port.role == PortRole::outside) {
            return place.interface_kind ? &port : nullptr;
        }
    }
    if (all_known) {
        const bool is_inside = config.port_named(name).has_value();
        report(errors, at,
               is_inside ? "outside names the port " + quoted(name) + ", which has role: inside"
                         : "outside names no port: " + quoted(name),
               outside_names.empty() ? "add a port with role: outside"
                                     : "write an outside port (" + outside_names + ") or a prefix");
    }
    return nullptr;
}

/// An entry whose `outside` is the name of a port.
void check_following_host(const HostConfig& host, const HostPlaces& place, const PortConfig& port,
                          Errors& errors) {
    if (port.host_interface.kind == HostInterfaceKind::none) {
        report(errors, place.outside,
               "port " + quoted(port.name) +
                   " has kind: none, so Linux gives it no address to "
                   "follow",
               host.is_box() ? "give the port a host_interface with a name"
                             : "give the port a host_interface with a name, or write a prefix");
    }
    const IpPrefix* const inside = host.inside_prefix();
    if (place.inside && inside != nullptr && !inside->is_host()) {
        report(errors, place.outside,
               "a prefix can not share the one address of port " + quoted(port.name),
               "write outside: " + inside->to_text() +
                   " to keep its own addresses on the wire, or inside: with one address");
    }
}

/// A host with an address that the configuration gives to the gateway itself.
void check_own_address(const Config& config, const IpPrefix& inside, Mark at, Errors& errors) {
    for (const auto& port : config.ports) {
        for (const auto& own : port.host_interface.addresses) {
            if (inside.is_host() && own.address == inside.address()) {
                report(errors, at,
                       "inside " + quoted(inside.to_text()) + " is the gateway's own address on " +
                           quoted(port.host_interface.name),
                       "write the host's address, or box for the gateway's own sockets");
            }
        }
    }
}

/// An entry whose `outside` is a prefix.
void check_mapped_host(const HostConfig& host, const HostPlaces& place, Errors& errors) {
    const IpPrefix& outside = *host.outside_prefix();
    if (!place.inside) {
        return;
    }
    if (host.is_box()) {
        report(errors, place.outside, "the box can not have a prefix on the wire",
               "write the name of the outside port whose address its sockets use");
    } else if (host.inside_prefix()->length() != outside.length()) {
        report(errors, place.outside,
               "inside " + quoted(host.inside_prefix()->to_text()) + " and outside " +
                   quoted(outside.to_text()) + " have different lengths",
               "write an outside prefix with /" +
                   std::to_string(unsigned{host.inside_prefix()->length()}));
    }
}

void check_box_ports(const HostConfig& host, const HostPlaces& place, Errors& errors) {
    if (place.box_ports && place.inside && !host.is_box()) {
        report(errors, place.box_ports, "box_ports has a meaning only with inside: box",
               "delete it here, and write it in the entry with inside: box");
    }
    std::set<std::pair<IpProto, uint16_t>> seen;
    for (size_t i = 0; i < host.box_ports.size(); ++i) {
        if (!seen.emplace(host.box_ports[i].protocol, host.box_ports[i].port).second) {
            report(errors, place.box_port_entries[i], "this box port is listed twice",
                   "delete one of the two");
        }
    }
}

/// One outside address can carry one host and one box.
class Followers {
public:
    void add(const HostConfig& host, const HostPlaces& place, Errors& errors) {
        auto& taken = host.is_box() ? boxes_ : hosts_;
        const std::string& name = *host.outside_port();
        const auto [first, is_new] = taken.emplace(name, place.outside);
        if (is_new) {
            return;
        }
        if (host.is_box()) {
            report(errors, place.outside,
                   "inside: box is already on port " + quoted(name) + ", " + in_line(first->second),
                   "put all of its box_ports into one entry");
        } else {
            report(errors, place.outside,
                   "a second host on the one address of port " + quoted(name) + ", the first is " +
                       in_line(first->second),
                   "give it another outside port or a prefix; sharing an address needs port "
                   "mapping, which does not exist yet");
        }
    }

private:
    std::map<std::string, Mark> hosts_;
    std::map<std::string, Mark> boxes_;
};

/// The address a 1:1 host begins with must not be promised to a mapped prefix as well. Only the
/// first address of a port is its primary one; further ones may well carry prefixes.
void check_primary_addresses(const Config& config, const Places& places,
                             const std::map<IpAddr, const PortConfig*>& followed, Errors& errors) {
    for (size_t i = 0; i < config.hosts.size(); ++i) {
        const IpPrefix* const outside = config.hosts[i].outside_prefix();
        if (outside == nullptr || !places.host_entries[i].outside) {
            continue;
        }
        const auto hit = followed.lower_bound(outside->address());
        if (hit != followed.end() && outside->contains(hit->first)) {
            report(errors, places.host_entries[i].outside,
                   "outside " + quoted(outside->to_text()) + " holds " + hit->first.to_text() +
                       ", the address of port " + quoted(hit->second->name) +
                       " that another host follows",
                   "write a prefix without that address");
        }
    }
}

} // namespace

bool check_host_prefix(const IpPrefix& prefix, Mark at, std::string_view subject, Errors& errors) {
    for (const auto& block : hostless) {
        if (prefix.overlaps(block.prefix)) {
            report(errors, at,
                   std::string{subject} + " " + quoted(prefix.to_text()) +
                       " has addresses no host can have: " + std::string{block.name},
                   "write a prefix of addresses that hosts really use");
            return false;
        }
    }
    return true;
}

bool has_host_addresses(const IpPrefix& prefix) {
    return std::none_of(hostless.begin(), hostless.end(),
                        [&](const Block& block) { return block.prefix.contains(prefix); });
}

void Unique::add(const std::string& value, Mark at, Errors& errors) {
    if (!at) {
        return;
    }
    const auto [first, is_new] = first_.emplace(value, at);
    if (!is_new) {
        report(errors, at,
               std::string{what_} + " " + quoted(value) + " is already used " +
                   in_line(first->second),
               std::string{remedy_});
    }
}

void check_overlaps(std::vector<PlacedPrefix> prefixes, std::string_view remedy, Errors& errors) {
    std::stable_sort(prefixes.begin(), prefixes.end(), [](const auto& a, const auto& b) {
        return std::pair{a.prefix.address(), a.prefix.length()} <
               std::pair{b.prefix.address(), b.prefix.length()};
    });
    const PlacedPrefix* cover = nullptr; // the last prefix not inside an earlier one
    for (const auto& placed : prefixes) {
        if (cover == nullptr || !cover->prefix.contains(placed.prefix)) {
            cover = &placed;
            continue;
        }
        const bool cover_is_first = std::pair{cover->at.line, cover->at.column} <
                                    std::pair{placed.at.line, placed.at.column};
        const PlacedPrefix& first = cover_is_first ? *cover : placed;
        const PlacedPrefix& second = cover_is_first ? placed : *cover;
        report(errors, second.at,
               std::string{second.subject} + " " + quoted(second.prefix.to_text()) + " overlaps " +
                   quoted(first.prefix.to_text()) + " " + in_line(first.at),
               std::string{remedy});
    }
}

void check_hosts(const Config& config, const Places& places, Errors& errors) {
    std::vector<PlacedPrefix> insides;
    std::vector<PlacedPrefix> outsides;
    std::map<IpAddr, const PortConfig*> followed;
    Followers followers;
    for (size_t i = 0; i < config.hosts.size(); ++i) {
        const HostConfig& host = config.hosts[i];
        const HostPlaces& place = places.host_entries[i];
        check_box_ports(host, place, errors);
        if (place.inside && !host.is_box()) {
            if (check_host_prefix(*host.inside_prefix(), place.inside, "inside", errors)) {
                insides.push_back({*host.inside_prefix(), place.inside, "inside"});
            }
            check_own_address(config, *host.inside_prefix(), place.inside, errors);
        }
        if (!place.outside) {
            continue;
        }
        const std::string* const name = host.outside_port();
        if (name == nullptr) {
            if (check_host_prefix(*host.outside_prefix(), place.outside, "outside", errors)) {
                outsides.push_back({*host.outside_prefix(), place.outside, "outside"});
            }
            check_mapped_host(host, place, errors);
            continue;
        }
        const PortConfig* const port = followed_port(config, places, *name, place.outside, errors);
        if (port == nullptr || !place.inside) {
            continue;
        }
        check_following_host(host, place, *port, errors);
        followers.add(host, place, errors);
        if (!port->host_interface.addresses.empty()) {
            followed.emplace(port->host_interface.addresses.front().address, port);
        }
    }
    check_overlaps(std::move(insides), "let each inside address stand in one entry only", errors);
    check_overlaps(std::move(outsides), "give each entry outside addresses of its own", errors);
    check_primary_addresses(config, places, followed, errors);
}

} // namespace sacip::yaml
