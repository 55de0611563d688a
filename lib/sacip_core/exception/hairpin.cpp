// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/hairpin.hpp"

namespace sacip {

std::optional<MappingId> Hairpin::mapping_behind(const PacketView& view) const {
    const auto mapping = r_.cache.mappings().of_wire(view.destination);
    if (!mapping || r_.cache.mappings().host_of(*mapping, view.destination) == view.destination) {
        return std::nullopt;
    }
    const auto port = r_.resolver.port_of_source(view.destination);
    return !port || r_.decider.inbound_mapping(view, *port) == mapping ? mapping : std::nullopt;
}

void Hairpin::begin(PuntedPacket& punted, MappingId mapping) {
    const PacketView& v = punted.view;
    const IpAddr neighbour = r_.cache.mappings().host_of(mapping, v.destination);
    const auto own_mapping = r_.cache.mappings().of_host(v.source);
    const auto wire =
        own_mapping ? r_.cache.mappings().wire_of(*own_mapping, v.source) : std::nullopt;
    const IpAddr seen_as = wire.value_or(v.destination);
    const FlowKey there = key_from_host(v);
    const FlowKey back{neighbour.v4(),  seen_as.v4(), there.remote_port,
                       there.host_port, there.proto,  {}};

    const LocalId here = r_.cache.inside_local(v.source, seen_as, own_mapping.value_or(mapping));
    const RemoteId far = r_.cache.remote(v.destination, neighbour, Speaker{});
    const auto way_there = path(here, far, punted.now);
    const LocalId its = r_.cache.inside_local(neighbour, v.destination, mapping);
    const RemoteId its_far = r_.cache.remote(seen_as, v.source, Speaker{});
    const auto way_back = path(its, its_far, punted.now);
    if (!way_there || !way_back) {
        r_.output.to_linux(punted);
        return;
    }
    if (!make_room(punted, back, *way_back)) {
        return;
    }
    if (!add(there, *way_there, punted.now) ||
        (!(back == there) && !add(back, *way_back, punted.now))) {
        r_.output.to_linux(punted); // the table is full
        return;
    }
    FlowTable::touch<Direction::outbound>(r_.flows.record(r_.flows.find(there)),
                                          to_tick(punted.now), v.is(IpProto::tcp), v.tcp_flags);
    r_.forwarder.by_path(punted, Direction::outbound, *way_there);
}

/// The other half of a connection whose ports are used again begins again, too.
bool Hairpin::make_room(PuntedPacket& punted, const FlowKey& key, PathId path) {
    const int32_t old = r_.flows.find(key);
    if (old < 0 || r_.flows.path_at(old) != path) {
        return r_.flow_setup.give_way(punted, old);
    }
    r_.flows.erase(*r_.flows.at({static_cast<uint32_t>(old)}));
    r_.manager.flow_removed(path, punted.now);
    return true;
}

std::optional<PathId> Hairpin::path(LocalId local, RemoteId remote, Nanos now) {
    const auto found = r_.manager.obtain(local, remote, now);
    if (!found) {
        r_.cache.forget_unused(local, remote);
    }
    return found;
}

bool Hairpin::add(const FlowKey& key, PathId path, Nanos now) {
    const bool done = r_.flows.insert(key, path, to_tick(now)).has_value();
    if (done) {
        r_.manager.flow_added(path);
    }
    return done;
}

bool Hairpin::lives_on(const FlowInfo& flow, Tick now, Tick established) const {
    const PathEntry& path = r_.cache.at(flow.path);
    const LocalBinding& local = r_.cache.at(path.local);
    if (!local.inside || flow.key.proto != static_cast<uint8_t>(IpProto::tcp)) {
        return false;
    }
    const FlowKey other{r_.cache.at(path.remote).active.v4(),
                        local.active.v4(),
                        flow.key.remote_port,
                        flow.key.host_port,
                        flow.key.proto,
                        {}};
    const int32_t position = r_.flows.find(other);
    if (position < 0) {
        return false;
    }
    const uint8_t its = r_.flows.record(position).seen.load(std::memory_order_relaxed);
    const bool both = (flow.seen & its & flow_seen_out) != 0;
    const bool over =
        ((flow.seen | its) & flow_seen_rst) != 0 || (flow.seen & its & flow_seen_fin_out) != 0;
    return both && !over && now.value - flow.last_seen.value < established.value;
}

} // namespace sacip
