// SPDX-License-Identifier: BSD-3-Clause
//
// The replies of `sacipctl -j`, one function per command; the longer ones in gateway_moves.cpp,
// gateway_peers.cpp and gateway_why.cpp.
#include "app/control/request.hpp"
#include "app/operator/gateway_text.hpp"
#include "app/operator/gateway_view.hpp"

namespace sacip {
namespace {

using nlohmann::json;

/// Who speaks for a far end: the peer's name, "basic" or "none".
std::string peer_name(const Config& config, const Speaker& speaker) {
    return speaker.is_secure()  ? config.peers[speaker.index].name
           : speaker.is_basic() ? "basic"
                                : "none";
}

/// The list is made on the slow path: a longer one would keep packets waiting.
constexpr uint64_t most_flows_listed = 10'000;

std::string_view path_state(const RewriteSlot& slot) {
    for (const PathAction action : {slot.outbound.action, slot.inbound.action}) {
        if (action == PathAction::hold) {
            return "hold";
        }
        if (action == PathAction::unresolved) {
            return "unresolved";
        }
    }
    return "forward";
}

} // namespace

json GatewayView::answer(const std::string& command, const json& args, Nanos now) const {
    if (command == "status") {
        return status(now);
    }
    if (command == "ports") {
        return port_list();
    }
    if (command == "flows") {
        return flow_list(args, now);
    }
    if (command == "paths") {
        return path_list();
    }
    if (command == "bindings") {
        return binding_list();
    }
    if (command == "peers") {
        return peer_list(now);
    }
    if (command == "moves") {
        return move_list(args);
    }
    if (command == "move") {
        return move(args, now);
    }
    if (command == "events") {
        return event_list(args);
    }
    if (command == "why") {
        return why(args, now);
    }
    if (command == "drops") {
        return drop_list();
    }
    return control::refusal(
        "unknown command " + command,
        "one of: status ports peers flows paths bindings moves move events why drops");
}

json GatewayView::status(Nanos now) const {
    json stages = json::array();
    bool balanced = true;
    for (size_t i = 0; i < cores.size(); i++) {
        const CoreCounters& c = *cores[i];
        const bool worker = i + 1 < cores.size();
        balanced = balanced && c.balanced();
        stages.push_back({{"stage", worker ? "worker " + std::to_string(i) : "slow path"},
                          {"received", c.received.get()},
                          {"forwarded", c.forwarded.get()},
                          {"punted", c.punted_total()},
                          {"held", c.held.get()},
                          {"dropped", c.dropped_total()},
                          {"balanced", c.balanced()}});
    }
    return {{"name", config.gateway.name},
            {"version", SACIP_VERSION},
            {"uptime_s", static_cast<double>(now.value) / 1e9},
            {"workers", cores.size() - 1},
            {"flows", flows.size()},
            {"flow_capacity", flows.capacity()},
            {"paths", paths.size()},
            {"path_capacity", paths.capacity()},
            {"moves_total", slow_path.mover().total()},
            {"moves_in_progress", slow_path.mover().in_progress()},
            {"stages", stages},
            {"balanced", balanced}};
}

/// The hosts whose address is the port's, as they stand in the configuration.
json GatewayView::hosts_behind(PortId port) const {
    json out = json::array();
    for (const Site& site : slow_path.cache().sites()) {
        if (site.port == port) {
            out.push_back(site.way == Way::box ? "box" : site.inside.to_text());
        }
    }
    return out;
}

json GatewayView::port_list() const {
    json out = json::array();
    for (size_t i = 0; i < ports.size(); i++) {
        const PortConfig& c = config.ports[i];
        const Port& p = *ports[i];
        uint64_t rx = 0, rx_bytes = 0, tx = 0, tx_bytes = 0;
        for (const auto& core : cores) {
            rx += core->ports[i].rx_packets.get();
            rx_bytes += core->ports[i].rx_bytes.get();
            tx += core->ports[i].tx_packets.get();
            tx_bytes += core->ports[i].tx_bytes.get();
        }
        json interface = nullptr;
        if (const auto& h = host_interfaces[i]) {
            json addresses = json::array();
            for (const AddressInfo& a : host.addresses(h->index())) {
                addresses.push_back(a.address.to_text() + '/' + std::to_string(a.prefix_length));
            }
            interface = {{"name", h->name()}, {"kind", h->kind()}, {"addresses", addresses}};
        }
        const Uplink* uplink = slow_path.uplink({static_cast<uint8_t>(i)});
        const auto primary = uplink != nullptr ? uplink->primary() : std::nullopt;
        const auto by = [](bool hardware) { return hardware ? "hardware" : "software"; };
        const Port::Losses losses = p.losses();
        out.push_back(
            {{"name", c.name},
             {"device", c.device},
             {"vlan", c.vlan == 0 ? json(nullptr) : json(c.vlan)},
             {"role", c.role == PortRole::inside ? "inside" : "outside"},
             {"mac", p.mac().to_text()},
             {"link", is_link_up(p, host)},
             {"mtu", p.mtu()},
             {"rx_packets", rx},
             {"rx_bytes", rx_bytes},
             {"tx_packets", tx},
             {"tx_bytes", tx_bytes},
             {"rx_missed", losses.missed},
             {"rx_errors", losses.errors},
             {"host_interface", interface},
             {"uplink", text_or_null(primary)},
             {"hosts", hosts_behind({static_cast<uint8_t>(i)})},
             {"offload",
              {{"ipv4", by(p.offloads().in_use.tx_ipv4)}, {"l4", by(p.offloads().in_use.tx_l4)}}}});
    }
    return {{"ports", out}};
}

json GatewayView::flow_json(const FlowInfo& flow, Nanos now) {
    const auto idle = static_cast<int32_t>(to_tick(now).value - flow.last_seen.value);
    return {{"proto", proto_text(flow.key.proto)},
            {"host", endpoint(flow.key.host, flow.key.host_port)},
            {"remote", endpoint(flow.key.remote, flow.key.remote_port)},
            {"path", flow.path.value},
            {"idle_s", std::max(0, idle) / 10.0}};
}

json GatewayView::flow_list(const json& args, Nanos now) const {
    const auto host_text = args.value("host", std::string{});
    const auto wanted = Ipv4Addr::from_text(host_text);
    if (!host_text.empty() && !wanted) {
        return control::refusal("--host " + host_text + " is not an IPv4 address",
                                "write it as 10.1.0.10");
    }
    const auto limit = std::min(args.value("limit", uint64_t{100}), most_flows_listed);
    json out = json::array();
    bool truncated = false;
    for (uint32_t i = 0; i < flows.positions() && !truncated; i++) {
        const auto flow = flows.at({i});
        if (!flow || (wanted && flow->key.host != *wanted)) {
            continue;
        }
        if (out.size() >= limit) {
            truncated = true;
            break;
        }
        out.push_back(flow_json(*flow, now));
    }
    return {{"flows", out}, {"total", flows.size()}, {"truncated", truncated}};
}

json GatewayView::path_json(PathId id) const {
    const BindingCache& cache = slow_path.cache();
    const PathEntry& entry = cache.at(id);
    const PathAddresses a = cache.addresses(entry);
    const DirectionRewrite& to = entry.slot.outbound;
    return {{"id", id.value},
            {"host", a.host.to_text()},
            {"local_original", a.local_original.to_text()},
            {"local_active", a.local_active.to_text()},
            {"remote_original", a.remote_original.to_text()},
            {"remote_active", a.remote_active.to_text()},
            {"flows", entry.flows},
            {"checksum", entry.mode == L4ChecksumMode::wire ? "wire" : "original"},
            {"state", path_state(entry.slot)},
            {"port", to.port == no_port ? json(nullptr) : json(config.ports[to.port.value].name)},
            {"next_hop_mac", to.next_hop.to_text()}};
}

json GatewayView::path_list() const {
    const BindingCache& cache = slow_path.cache();
    json out = json::array();
    for (uint32_t i = 0; i < cache.path_positions(); i++) {
        if (cache.at(PathId{i}).in_use) {
            out.push_back(path_json({i}));
        }
    }
    return {{"paths", out}};
}

json GatewayView::binding_list() const {
    const BindingCache& cache = slow_path.cache();
    json local = json::array();
    for (const LocalId id : cache.locals()) {
        const LocalBinding& b = cache.at(id);
        const Site& site = cache.sites()[b.site];
        local.push_back(
            {{"host", b.host.to_text()},
             {"original", b.original.to_text()},
             {"active", b.usable ? json(b.active.to_text()) : json(nullptr)},
             {"paths", b.paths.size()},
             {"way", to_text(site.way)},
             {"port",
              site.port == no_port ? json(nullptr) : json(config.ports[site.port.value].name)}});
    }
    json remote = json::array();
    for (const RemoteId id : cache.remotes()) {
        const RemoteBinding& b = cache.at(id);
        remote.push_back({{"original", b.original.to_text()},
                          {"active", b.active.to_text()},
                          {"paths", b.paths.size()},
                          {"peer", peer_name(config, b.speaker)},
                          {"proven", b.proven}});
    }
    return {{"local", local}, {"remote", remote}};
}

json GatewayView::drop_list() const {
    json out = json::array();
    uint64_t sum = 0;
    for (size_t reason = 1; reason < drop_reason_count; reason++) {
        uint64_t packets = 0;
        for (const auto& core : cores) {
            packets += core->dropped[reason].get();
        }
        sum += packets;
        out.push_back({{"reason", drop_reasons[reason].name},
                       {"description", drop_reasons[reason].description},
                       {"packets", packets}});
    }
    return {{"drops", out}, {"total", sum}};
}

} // namespace sacip
