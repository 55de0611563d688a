// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/flow_decider.hpp"

#include "sacip_core/exception/mid_flow_guard.hpp"

#include <algorithm>

namespace sacip {

using What = FlowDecision::What;

FlowDecision FlowDecider::outbound(const PacketView& v, const Origin& origin, Nanos now) const {
    if (origin.from_linux && r_.host.is_local(v.source)) {
        return of_box(v, origin.port, now);
    }
    const HostMappings& mappings = r_.cache.mappings();
    const auto mapping = mappings.of_host(v.source);
    if (!mapping) {
        return {};
    }
    const auto wire = mappings.wire_of(*mapping, v.source);
    FlowDecision out{.mapping = *mapping, .host = v.source};
    const Leaving& leaving =
        routes_.of({v.destination, v.source, wire.value_or(IpAddr{}), mappings[*mapping].port,
                    r_.ports[origin.port.value].host_interface, origin.from_linux},
                   r_.host, mappings.generation(), [&](const auto& question) {
                       const Adjacency way = r_.resolver.outward(question);
                       return Leaving{way, is_for_linux(v.destination, wire.has_value(), way)};
                   });
    if (leaving.is_for_linux) {
        out.way = leaving.way;
        return out;
    }
    out.original = out.active = wire.value_or(IpAddr{});
    out.what = !wire                                             ? What::wait
               : leaving.way.state == Adjacency::State::no_route ? What::no_route
                                                                 : What::begin;
    return out;
}

/// One with the address of an inside port is behind the uplink as any host there is.
FlowDecision FlowDecider::of_box(const PacketView& v, PortId port, Nanos now) const {
    const HostMappings& mappings = r_.cache.mappings();
    const auto box = mappings.of_box(port);
    const bool of_port = is_of_port(v.source, port);
    const bool moved = box && !of_port && has_left(v.source, *box, now);
    const auto listed = mappings.of_host(v.source);
    const auto routed = listed ? mappings.wire_of(*listed, v.source) : std::nullopt;
    const bool shared = mappings.of_wire(v.source).has_value();
    FlowDecision out{.of_box = true, .host = v.source};
    if (!box || (!shared && !v.source.is_host_unicast()) ||
        !(shared || of_port || moved || routed || is_of_inside_port(v.source))) {
        return out;
    }
    const auto& wire = mappings[*box].wire;
    const IpAddr stands = wire ? wire->address() : v.source;
    const bool has_own = of_port || shared || moved;
    out.mapping = *box;
    out.what = has_own || routed || wire ? What::begin : What::wait;
    out.original = has_own ? v.source : routed.value_or(stands);
    // A shadow's packets go on under the address that stands for it now.
    out.active = moved ? stands : out.original;
    return out;
}

/// True if a packet of a listed host is none of ours: to the box, to a listed host, or by a way
/// that Linux has to go. Where the host has no address out, no way may be one in the making.
bool FlowDecider::is_for_linux(IpAddr destination, bool has_wire, const Adjacency& way) const {
    return way.state == Adjacency::State::linux_only ||
           (has_wire && way.state == Adjacency::State::refused) || r_.host.is_local(destination) ||
           r_.cache.mappings().of_host(destination);
}

bool FlowDecider::is_of_port(IpAddr address, PortId port) const {
    return std::ranges::any_of(
        r_.host.addresses(r_.ports[port.value].host_interface),
        [&](const AddressInfo& a) { return a.address == address && !a.deprecated; });
}

bool FlowDecider::is_of_inside_port(IpAddr address) const {
    return std::ranges::any_of(r_.ports, [&](const GatewayPort& port) {
        const auto has = r_.host.addresses(port.host_interface);
        return !port.outside && std::ranges::find(has, address, &AddressInfo::address) != has.end();
    });
}

/// True if this address of the box was on its port, and sockets are left that have it.
bool FlowDecider::has_left(IpAddr address, MappingId box, Nanos now) const {
    const HostMapping& mapping = r_.cache.mappings()[box];
    const auto has = r_.host.addresses(r_.ports[mapping.port.value].host_interface);
    const auto locals = r_.cache.locals_of_host(address);
    return std::ranges::find(has, address, &AddressInfo::address) != has.end() || // deprecated
           std::ranges::any_of(locals,
                               [&](LocalId id) {
                                   return r_.cache.at(id).original == address &&
                                          r_.cache.at(id).follows;
                               }) ||
           r_.cache.mappings().has_left(box, address, now);
}

std::optional<MappingId> FlowDecider::inbound_mapping(const PacketView& view, PortId port) const {
    const auto host = r_.cache.mappings().of_wire(view.destination);
    const auto box = r_.cache.mappings().of_box(port);
    if (!box || !r_.host.is_local(view.destination)) {
        return host;
    }
    const auto& ports = r_.cache.mappings()[*box].box_ports;
    const bool for_box = std::ranges::any_of(ports, [&](const BoxPort& p) {
        return view.is(p.protocol) && view.destination_port == Be16{p.port};
    });
    return host && !for_box ? host : box;
}

FlowDecision FlowDecider::inbound(const PacketView& v, PortId port, Nanos now) const {
    const HostMappings& mappings = r_.cache.mappings();
    const auto mapping = inbound_mapping(v, port);
    if (!mapping) {
        return {.left = mappings.of_left_wire(v.destination, now)};
    }
    const bool of_box = mappings[*mapping].way == Way::box;
    return {.what = What::begin,
            .mapping = *mapping,
            .of_box = of_box,
            .host = mappings.host_behind(*mapping, v.destination),
            .original = v.destination,
            .active = v.destination,
            // Not to another address of the box than its port's, which no move concerns.
            .moves =
                !of_box || is_of_port(v.destination, port) || mappings.is_own_wire(v.destination)};
}

/// True if packets of this path may come in on this pair: in force, or draining from any move.
bool FlowDecider::takes(PathId path, WirePair pair) const {
    const PathEntry& entry = r_.cache.at(path);
    return entry.pair == pair || std::ranges::any_of(entry.draining, [&](const DrainingPair& d) {
               return d.pair == pair;
           });
}

/// `missing`: the key of a flow that is known not to be there, if there is one.
std::optional<PathId> FlowDecider::path_of_wire(const PacketView& view, int32_t& flow,
                                                const FlowKey* missing) const {
    const WirePair pair{view.source, view.destination};
    const int32_t wire = r_.paths.find(pair);
    if (wire < 0) {
        return std::nullopt;
    }
    const PathTable::Views views = r_.paths.views(wire);
    for (size_t i = 0; i < views.size(); i++) {
        const WireView seen = views[i];
        const FlowKey key = key_from_wire(view, seen.host, seen.remote);
        flow = missing != nullptr && key == *missing ? HashIndex::not_found : r_.flows.find(key);
        if (flow >= 0) {
            const PathId path = r_.flows.path_at(flow);
            if (takes(path, pair)) {
                return path;
            }
        }
    }
    return std::nullopt;
}

int32_t FlowDecider::taker_of_answers(const FlowKey& key, WirePair leaves) const {
    const PacketView answer{.source = leaves.remote,
                            .destination = leaves.local,
                            .source_port = key.remote_port,
                            .destination_port = key.host_port,
                            .proto = key.proto};
    int32_t flow = HashIndex::not_found;
    return path_of_wire(answer, flow, &key) ? flow : HashIndex::not_found;
}

std::optional<RemoteId> FlowDecider::session_that_left(IpAddr host, IpAddr destination) const {
    for (const Claim* claim : r_.cache.claims().all_around(destination)) {
        if (claim->active_for(destination) == destination) {
            continue;
        }
        for (const RemoteId id : r_.cache.remotes_active_at(claim->active_for(destination))) {
            if (r_.cache.at(id).original != destination ||
                r_.cache.checksum_mode(id) == L4ChecksumMode::original) {
                continue; // in whose terms it would be, the far end could not know
            }
            for (const LocalId local : r_.cache.locals_of_host(host)) {
                const auto path = r_.cache.find_path(local, id);
                if (path && r_.cache.at(*path).flows > 0) {
                    return id;
                }
            }
        }
    }
    return std::nullopt;
}

} // namespace sacip
