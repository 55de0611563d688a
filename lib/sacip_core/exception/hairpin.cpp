// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/hairpin.hpp"

namespace sacip {

std::optional<uint32_t> Hairpin::site_behind(const PacketView& view) const {
    const auto site = r_.ledger.site_of_wire(view.destination);
    if (!site || r_.ledger.host_of(*site, view.destination) == view.destination) {
        return std::nullopt;
    }
    const auto port = r_.resolver.port_of_source(view.destination);
    return !port || r_.new_flows.inbound_site(view, *port) == site ? site : std::nullopt;
}

void Hairpin::begin(Guest& guest, uint32_t site) {
    const PacketView& v = guest.view;
    const Ipv4Addr neighbour = r_.ledger.host_of(site, v.destination);
    const auto own_site = r_.ledger.site_of_host(v.source);
    const auto wire = own_site ? r_.ledger.wire_of(*own_site, v.source) : std::nullopt;
    const Ipv4Addr seen_as = wire.value_or(v.destination);
    const FlowKey there = key_from_host(v);
    const FlowKey back{neighbour, seen_as, there.remote_port, there.host_port, there.proto, {}};

    const LocalId here = r_.ledger.inside_local(v.source, seen_as, own_site.value_or(site));
    const RemoteId far = r_.ledger.remote(v.destination, neighbour, Speaker{});
    const auto way_there = path(here, far, guest.now);
    const LocalId its = r_.ledger.inside_local(neighbour, v.destination, site);
    const RemoteId its_far = r_.ledger.remote(seen_as, v.source, Speaker{});
    const auto way_back = path(its, its_far, guest.now);
    if (!way_there || !way_back) {
        r_.doors.to_linux(guest);
        return;
    }
    if (!make_room(guest, back, *way_back)) {
        return;
    }
    if (!add(there, *way_there, guest.now) ||
        (!(back == there) && !add(back, *way_back, guest.now))) {
        r_.doors.to_linux(guest); // the table is full
        return;
    }
    FlowTable::touch<Direction::outbound>(r_.flows.record(r_.flows.find(there)), to_tick(guest.now),
                                          v.is(IpProto::tcp), v.tcp_flags);
    r_.dispatch.by_path(guest, Direction::outbound, *way_there);
}

/// The other half of a connection whose ports are used again begins again, too.
bool Hairpin::make_room(Guest& guest, const FlowKey& key, PathId path) {
    const int32_t old = r_.flows.find(key);
    if (old < 0 || r_.flows.path_at(old) != path) {
        return r_.new_flows.give_way(guest, old);
    }
    r_.flows.erase(*r_.flows.at({static_cast<uint32_t>(old)}));
    r_.keeper.flow_removed(path, guest.now);
    return true;
}

std::optional<PathId> Hairpin::path(LocalId local, RemoteId remote, Nanos now) {
    const auto found = r_.keeper.obtain(local, remote, now);
    if (!found) {
        r_.ledger.forget_unused(local, remote);
    }
    return found;
}

bool Hairpin::add(const FlowKey& key, PathId path, Nanos now) {
    const bool done = r_.flows.insert(key, path, to_tick(now)).has_value();
    if (done) {
        r_.keeper.flow_added(path);
    }
    return done;
}

bool Hairpin::lives_on(const FlowInfo& flow, Tick now, Tick established) const {
    const PathEntry& path = r_.ledger.at(flow.path);
    const LocalBinding& local = r_.ledger.at(path.local);
    if (!local.inside || flow.key.proto != static_cast<uint8_t>(IpProto::tcp)) {
        return false;
    }
    const FlowKey other{r_.ledger.at(path.remote).active,
                        local.active,
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
