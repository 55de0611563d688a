// SPDX-License-Identifier: BSD-3-Clause
//
// The replies of `sacipctl -j`, one function per command; the longer ones in gateway_moves.cpp,
// gateway_peers.cpp and gateway_why.cpp.
#include "app/control/request.hpp"
#include "app/operator/gateway_text.hpp"
#include "app/operator/gateway_view.hpp"
#include "app/operator/list_part.hpp"

#include <algorithm>
#include <optional>

namespace sacip {
namespace {

using nlohmann::json;

/// Who speaks for a far end: the peer's name, "basic" or "none".
std::string peer_name(const Policy& policy, const Speaker& speaker) {
    return speaker.is_secure()  ? policy.peer(speaker.peer()).name
           : speaker.is_basic() ? "basic"
                                : "none";
}

json number_or_null(std::optional<uint64_t> number) {
    return number ? json(*number) : json(nullptr);
}

/// What an operator should know of a table that newcomers find full.
std::optional<std::string> fullness_warning(const std::string& of, uint32_t used,
                                            uint32_t by_strangers, uint32_t places) {
    const std::string remedy = "; raise limits." + of + "s if these are welcome";
    if (used >= places) {
        return "the " + of + " table is full (" + std::to_string(places) +
               "): new flows that find no unanswered one to replace have no mobility" + remedy;
    }
    if (by_strangers >= EarlyDrop::share_of_strangers(places)) {
        return "far ends that no peer speaks for have used up their share of the " + of +
               " table (" + std::to_string(by_strangers) + " of " + std::to_string(places) +
               "): the oldest of their unanswered flows make room" + remedy;
    }
    return std::nullopt;
}

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
        return path_list(args);
    }
    if (command == "bindings") {
        return binding_list(args);
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
    json warnings = json::array();
    if (const auto warning = silence_warning(gauges)) {
        warnings.push_back(*warning);
    }
    const PathManager& manager = slow_path.path_manager();
    for (const auto& warning :
         {fullness_warning("flow", flows.size(), manager.flows_of_strangers(), flows.capacity()),
          fullness_warning("path", manager.paths_with_flows(), manager.paths_of_strangers(),
                           paths.capacity())}) {
        if (warning) {
            warnings.push_back(*warning);
        }
    }
    return {{"name", boot.gateway.name},
            {"version", SACIP_VERSION},
            {"uptime_s", static_cast<double>(now.value) / 1e9},
            {"workers", cores.size() - 1},
            {"flows", flows.size()},
            {"flow_capacity", flows.capacity()},
            {"paths", paths.size()},
            {"path_capacity", paths.capacity()},
            {"moves_total", slow_path.mover().history().total()},
            {"moves_in_progress", slow_path.mover().history().in_progress()},
            {"stages", stages},
            {"balanced", balanced},
            {"warnings", warnings}};
}

/// The hosts whose address is the port's, as they stand in the configuration.
json GatewayView::hosts_behind(PortId port) const {
    json out = json::array();
    for (const HostMapping& mapping : slow_path.cache().mappings().all()) {
        if (mapping.port == port) {
            out.push_back(mapping.way == Way::box ? "box" : mapping.inside.to_text());
        }
    }
    return out;
}

json GatewayView::port_list() const {
    json out = json::array();
    for (size_t i = 0; i < ports.size(); i++) {
        const PortConfig& c = boot.ports[i];
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
        const Port::Losses losses = port_watch.losses(p.id());
        out.push_back(
            {{"name", c.name},
             {"device", c.device},
             {"vlan", c.vlan == 0 ? json(nullptr) : json(c.vlan)},
             {"role", c.role == PortRole::inside ? "inside" : "outside"},
             {"mac", p.mac().to_text()},
             {"link", is_link_up(p, port_watch, host)},
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
    const auto wanted = IpAddr::from_text(host_text);
    if (!host_text.empty() && !wanted) {
        return control::refusal("--host " + host_text + " is not an IPv4 address",
                                "write it as 10.1.0.10");
    }
    ListPart part{args};
    json out = json::array();
    part.fill(flows.positions(), flows.size(), [&](uint32_t position) {
        const auto flow = flows.at({position});
        if (!flow || (wanted && flow->key.host != *wanted)) {
            return flow ? ListPart::Position::passed : ListPart::Position::empty;
        }
        out.push_back(flow_json(*flow, now));
        return ListPart::Position::shown;
    });
    return {{"flows", out},
            {"total", flows.size()},
            {"truncated", part.next().has_value()},
            {"next", number_or_null(part.next())}};
}

json GatewayView::path_json(PathId id) const {
    const BindingCache& cache = slow_path.cache();
    const PathEntry& entry = cache.at(id);
    const PathAddresses a = cache.addresses(entry.local, entry.remote);
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
            {"port", to.port == no_port ? json(nullptr) : json(boot.ports[to.port.value].name)},
            {"next_hop_mac", to.link->next_hop().to_text()}};
}

json GatewayView::path_list(const json& args) const {
    const BindingCache& cache = slow_path.cache();
    ListPart part{args};
    json out = json::array();
    part.fill(cache.path_positions(), paths.size(), [&](uint32_t position) {
        if (!cache.at(PathId{position}).in_use) {
            return ListPart::Position::empty;
        }
        out.push_back(path_json({position}));
        return ListPart::Position::shown;
    });
    return {{"paths", out}, {"total", paths.size()}, {"next", number_or_null(part.next())}};
}

json GatewayView::local_binding_json(const LocalBinding& b) const {
    const HostMapping& mapping = slow_path.cache().mappings()[b.mapping];
    return {{"host", b.host.to_text()},
            {"original", b.original.to_text()},
            {"active", b.usable ? json(b.active.to_text()) : json(nullptr)},
            {"paths", b.paths.size()},
            {"way", to_text(mapping.way)},
            {"port",
             mapping.port == no_port ? json(nullptr) : json(boot.ports[mapping.port.value].name)}};
}

json GatewayView::remote_binding_json(const RemoteBinding& b) const {
    return {{"original", b.original.to_text()},
            {"active", b.active.to_text()},
            {"paths", b.paths.size()},
            {"peer", peer_name(*policy, b.speaker)},
            {"proven", b.proven}};
}

/// First the local ones, then the remote ones.
json GatewayView::binding_list(const json& args) const {
    const BindingCache& cache = slow_path.cache();
    const uint32_t locals = cache.local_positions();
    ListPart part{args};
    json local = json::array(), remote = json::array();
    const uint64_t total = cache.local_count() + cache.remote_count();
    part.fill(uint64_t{locals} + cache.remote_positions(), total, [&](uint32_t position) {
        const bool is_local = position < locals;
        const LocalId l{is_local ? position : 0};
        const RemoteId r{is_local ? 0 : position - locals};
        if (is_local ? cache.at(l).paths.empty() : cache.at(r).paths.empty()) {
            return ListPart::Position::empty;
        }
        is_local ? local.push_back(local_binding_json(cache.at(l)))
                 : remote.push_back(remote_binding_json(cache.at(r)));
        return ListPart::Position::shown;
    });
    return {{"local", local},
            {"remote", remote},
            {"total", total},
            {"next", number_or_null(part.next())}};
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
