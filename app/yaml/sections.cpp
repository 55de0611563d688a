// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/sections.hpp"

#include "app/yaml/field_reader.hpp"
#include "app/yaml/peer_section.hpp"
#include "app/yaml/port_section.hpp"
#include "app/yaml/scalars.hpp"

#include <algorithm>

namespace sacip::yaml {

namespace {

using std::chrono::hours;
using std::chrono::seconds;

constexpr size_t max_gateway_name = 64;
constexpr Milliseconds longest_timeout = hours{24 * 7};
constexpr Milliseconds longest_wait = seconds{10};

constexpr std::array idle_words{Word<IdlePolicy>{"busy", IdlePolicy::busy},
                                Word<IdlePolicy>{"adaptive", IdlePolicy::adaptive}};
constexpr std::array l4_words{Word<L4Checksum>{"wire", L4Checksum::wire},
                              Word<L4Checksum>{"original", L4Checksum::original}};
constexpr std::array offload_words{Word<OffloadPolicy>{"auto", OffloadPolicy::automatic},
                                   Word<OffloadPolicy>{"off", OffloadPolicy::off}};

/// A number, but others than these may belong to somebody else.
constexpr std::array icmp_type_words{Word<uint8_t>{"20", 20}, Word<uint8_t>{"253", 253},
                                     Word<uint8_t>{"254", 254}};

template <typename T>
void set(T& target, const std::optional<T>& value) {
    if (value) {
        target = *value;
    }
}

void read_gateway(const Node& node, GatewayConfig& gateway, Errors& errors) {
    static constexpr std::string_view name_remedy =
        "write a name of letters, digits, '.', '_' and '-', for example branch-1";
    FieldReader fields{node, "gateway", {"name", "control_socket", "metrics"}, errors};
    if (const Node* name = fields.require("name", "add name: branch-1")) {
        if (const auto text = read_text(*name, "name", name_remedy, errors)) {
            if (is_plain_name(*text, max_gateway_name) && (*text)[0] != '.') {
                gateway.name = *text;
                gateway.control_socket = default_control_socket(*text);
            } else {
                report(errors, name->mark, "name " + quoted(*text) + " can not be used",
                       std::string{name_remedy});
            }
        }
    }
    if (const Node* socket = fields.find("control_socket")) {
        static constexpr std::string_view remedy = "write a path from the root, at most 107 bytes,"
                                                   " for example /run/sacip/branch-1.sock";
        if (const auto text = read_text(*socket, "control_socket", remedy, errors)) {
            if (text->front() == '/' && text->back() != '/' &&
                text->size() <= max_control_socket_path &&
                text->find('\0') == std::string_view::npos) {
                gateway.control_socket = *text;
            } else {
                report(errors, socket->mark, "control_socket " + quoted(*text) + " can not be used",
                       std::string{remedy});
            }
        }
    }
    if (const Node* metrics = fields.find("metrics")) {
        if (metrics->kind == Node::Kind::text && metrics->text == "off") {
            gateway.metrics.reset();
        } else {
            gateway.metrics = read_endpoint(*metrics, "metrics", errors);
        }
    }
}

void read_limits(const Node& node, LimitsConfig& limits, Errors& errors) {
    FieldReader fields{node, "limits", {"flows", "paths"}, errors};
    if (const Node* flows = fields.find("flows")) {
        set(limits.flows,
            read_integer(*flows, "flows", 1, max_flow_capacity, LimitsConfig{}.flows, errors));
    }
    if (const Node* paths = fields.find("paths")) {
        set(limits.paths,
            read_integer(*paths, "paths", 1, max_path_capacity, LimitsConfig{}.paths, errors));
    }
}

void read_time(const FieldReader& fields, std::string_view key, Milliseconds least,
               Milliseconds most, Milliseconds& target, Errors& errors) {
    if (const Node* node = fields.find(key)) {
        set(target, read_duration(*node, key, least, most, target, errors));
    }
}

void read_timeouts(const Node& node, TimeoutsConfig& timeouts, Errors& errors) {
    FieldReader fields{node, "timeouts", {"tcp_established", "tcp_other", "udp", "other"}, errors};
    const auto read = [&](std::string_view key, Milliseconds& target) {
        read_time(fields, key, seconds{1}, longest_timeout, target, errors);
    };
    read("tcp_established", timeouts.tcp_established);
    read("tcp_other", timeouts.tcp_other);
    read("udp", timeouts.udp);
    read("other", timeouts.other);
}

void read_move(const Node& node, MoveConfig& move, Errors& errors) {
    FieldReader fields{node, "move", {"settle", "drain", "switch_timeout", "shield"}, errors};
    read_time(fields, "settle", {}, longest_wait, move.settle, errors);
    read_time(fields, "drain", {}, hours{1}, move.drain, errors);
    read_time(fields, "switch_timeout", {}, longest_wait, move.switch_timeout, errors);
    read_time(fields, "shield", {}, longest_wait, move.shield, errors);
}

void read_checksum(const Node& node, Config& config, Errors& errors) {
    FieldReader fields{node, "checksum", {"l4", "offload"}, errors};
    if (const Node* l4 = fields.find("l4")) {
        set(config.checksum.l4, read_word(*l4, "l4", l4_words, errors));
    }
    if (const Node* offload = fields.find("offload")) {
        set(config.offload, read_word(*offload, "offload", offload_words, errors));
    }
}

void read_protocol(const Node& node, ProtocolConfig& protocol, Errors& errors) {
    FieldReader fields{node, "protocol", {"icmp_type", "udp_port"}, errors};
    if (const Node* type = fields.find("icmp_type")) {
        set(protocol.icmp_type, read_word(*type, "icmp_type", icmp_type_words, errors));
    }
    if (const Node* port = fields.find("udp_port")) {
        if (const auto number =
                read_integer(*port, "udp_port", 1, 65535, default_notification_udp_port, errors)) {
            protocol.udp_port = static_cast<uint16_t>(*number);
        }
    }
}

void read_host(const Node& node, HostConfig& host, HostPlaces& places, Errors& errors) {
    FieldReader fields{node, "an entry of hosts", {"inside", "outside", "box_ports"}, errors};
    places.entry = node.mark;
    if (const Node* inside = fields.require(
            "inside", "add inside: with an address, a prefix, or box for the gateway itself")) {
        const auto text = read_text(
            *inside, "inside", "write an address, a prefix, or box for the gateway itself", errors);
        if (text && *text == "box") {
            host.inside = Box{};
            places.inside = inside->mark;
        } else if (text) {
            if (const auto prefix = read_prefix(*inside, "inside", errors)) {
                host.inside = *prefix;
                places.inside = inside->mark;
            }
        }
    }
    static constexpr std::string_view outside_remedy =
        "write the name of an outside port to follow its address, or a prefix";
    if (const Node* outside = fields.require(
            "outside", "add outside: with the name of an outside port, or a prefix")) {
        const auto text = read_text(*outside, "outside", outside_remedy, errors);
        if (text && is_port_name(*text)) {
            host.outside = std::string{*text};
            places.outside = outside->mark;
        } else if (text) {
            if (const auto prefix = read_prefix(*outside, "outside", errors)) {
                host.outside = *prefix;
                places.outside = outside->mark;
            }
        }
    }
    if (const Node* box_ports = fields.find("box_ports")) {
        places.box_ports = fields.key_mark("box_ports");
        for (const auto& item : read_list(*box_ports, "box_ports", "22/tcp", errors)) {
            if (const auto box_port = read_box_port(item, errors)) {
                host.box_ports.push_back(*box_port);
                places.box_port_entries.push_back(item.mark);
            }
        }
    }
}

void read_hosts(const FieldReader& root, Config& config, Places& places, Errors& errors) {
    if (const Node* hosts = root.find("hosts")) {
        places.hosts = root.key_mark("hosts");
        for (const auto& item :
             read_list(*hosts, "hosts", "{inside: 10.1.0.10, outside: wan}", errors)) {
            read_host(item, config.hosts.emplace_back(), places.host_entries.emplace_back(),
                      errors);
        }
    }
}

} // namespace

void read_sections(const Node& root, Config& config, Places& places, Errors& errors) {
    FieldReader fields{root,
                       "the file",
                       {"gateway", "cores", "limits", "timeouts", "ports", "hosts", "basic_peers",
                        "checksum", "move", "protocol", "identity", "peers"},
                       errors};
    places.root = root.mark;
    if (const Node* node = fields.require("gateway", "add gateway: {name: branch-1}")) {
        read_gateway(*node, config.gateway, errors);
    }
    if (const Node* node = fields.find("cores")) {
        FieldReader cores{*node, "cores", {"idle"}, errors};
        if (const Node* idle = cores.find("idle")) {
            set(config.cores.idle, read_word(*idle, "idle", idle_words, errors));
        }
    }
    if (const Node* node = fields.find("limits")) {
        read_limits(*node, config.limits, errors);
    }
    if (const Node* node = fields.find("timeouts")) {
        read_timeouts(*node, config.timeouts, errors);
    }
    if (const Node* node =
            fields.require("ports", "add ports: with an inside and an outside port")) {
        if (node->kind == Node::Kind::list) {
            places.ports = fields.key_mark("ports");
        }
        read_ports(*node, config.ports, places.port_entries, errors);
    }
    read_hosts(fields, config, places, errors);
    read_peer_sections(fields, config, places, errors);
    if (const Node* node = fields.find("checksum")) {
        read_checksum(*node, config, errors);
    }
    if (const Node* node = fields.find("move")) {
        read_move(*node, config.move, errors);
    }
    if (const Node* node = fields.find("protocol")) {
        read_protocol(*node, config.protocol, errors);
    }
}

} // namespace sacip::yaml
