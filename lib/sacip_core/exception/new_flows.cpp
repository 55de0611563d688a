// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/new_flows.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint64_t key_of_shield = ~uint64_t{0};

/// Without one nobody can be told of a move: such flows stay with their address.
bool has_speaker(const Ledger& ledger, RemoteId remote) {
    return ledger.at(remote).speaker.kind != Speaker::Kind::none;
}

} // namespace

/// True if packets of this path may come in on this pair: in force, or draining from any move.
bool NewFlows::takes(PathId path, WirePair pair) const {
    const PathEntry& entry = r_.ledger.at(path);
    return entry.pair == pair || std::ranges::any_of(entry.draining, [&](const DrainingPair& d) {
               return d.pair == pair;
           });
}

std::optional<PathId> NewFlows::path_of_wire(const PacketView& view, int32_t& flow) const {
    const WirePair pair{view.source, view.destination};
    const int32_t wire = r_.paths.find(pair);
    if (wire < 0) {
        return std::nullopt;
    }
    const PathTable::Views views = r_.paths.views(wire);
    for (size_t i = 0; i < views.size(); i++) {
        const WireView seen = views[i];
        flow = r_.flows.find(key_from_wire(view, seen.host, seen.remote));
        if (flow >= 0) {
            const PathId path{r_.flows.record(flow).path.load(std::memory_order_relaxed)};
            if (takes(path, pair)) {
                return path;
            }
        }
    }
    return std::nullopt;
}

void NewFlows::outbound(Guest& guest) {
    const PacketView& v = guest.view;
    const PortId port = guest.origin.port;
    if (guest.origin.from_linux && r_.host.is_local(v.source)) {
        outbound_of_box(guest);
        return;
    }
    const auto site = r_.ledger.site_of_host(v.source);
    const auto wire = site ? r_.ledger.wire_of(*site, v.source) : std::nullopt;
    const Adjacency way = site ? way_out(v, *site, wire, guest.origin) : Adjacency{};
    if (!site || is_for_linux(v, wire, way)) {
        guest.origin.from_linux ? r_.doors.transmit(guest, port) : r_.doors.to_linux(guest);
    } else if (wire && way.state == Adjacency::State::no_route) {
        r_.doors.unreachable(guest, DropReason::no_route, net_unreachable);
    } else if (!wire) {
        // No address to go out with, yet.
        guest.last_try ? r_.doors.drop(guest, DropReason::hold_expired)
                       : r_.doors.hold(guest, hold_key_no_path, hold_for_path);
    } else if (const Admission admission = r_.shield.outbound(guest, *wire);
               admission.what == Admission::What::known &&
               admission.remote_original == v.destination) {
        explained(guest, Direction::outbound, key_from_host(v), *site, *wire, admission);
    } else if (admit(guest, admission)) {
        const RemoteId far = remote_of(v.source, v.destination);
        make(guest, Direction::outbound, key_from_host(v),
             r_.ledger.local(v.source, *wire, *wire, *site, has_speaker(r_.ledger, far)), far);
    }
}

/// A socket of the box: tracked where its address is one that moves, or that a host shares. One
/// with the address of an inside port is behind the uplink as any host there is.
void NewFlows::outbound_of_box(Guest& guest) {
    const PacketView& v = guest.view;
    const PortId port = guest.origin.port;
    const auto box = r_.ledger.box_site(port);
    const bool of_port = is_of_port(v.source, port);
    const bool moved = box && !of_port && has_left(v.source, *box, guest.now);
    const auto listed = r_.ledger.site_of_host(v.source);
    const auto routed = listed ? r_.ledger.wire_of(*listed, v.source) : std::nullopt;
    const bool shared = r_.ledger.site_of_wire(v.source).has_value();
    if (!box || (!shared && !v.source.is_host_unicast()) ||
        !(shared || of_port || moved || routed || is_of_inside_port(v.source))) {
        r_.doors.transmit(guest, port);
        return;
    }
    const auto& wire = r_.ledger.sites()[*box].wire;
    const Ipv4Addr stands = wire ? wire->address() : v.source;
    Ipv4Addr original = v.source, active = v.source;
    if (moved) { // a shadow's packets go on under the address that stands for it now
        active = stands;
    } else if (!of_port && !shared) {
        original = active = routed.value_or(stands);
    }
    if (!of_port && !shared && !moved && !routed && !wire) {
        guest.last_try ? r_.doors.drop(guest, DropReason::hold_expired)
                       : r_.doors.hold(guest, hold_key_no_path, hold_for_path);
        return;
    }
    const RemoteId far = remote_of(v.source, v.destination);
    make(guest, Direction::outbound, key_from_host(v),
         r_.ledger.local(v.source, original, active, *box, has_speaker(r_.ledger, far)), far);
}

bool NewFlows::is_of_port(Ipv4Addr address, PortId port) const {
    return std::ranges::any_of(
        r_.host.addresses(r_.ports[port.value].host_interface),
        [&](const AddressInfo& a) { return a.address == address && !a.deprecated; });
}

bool NewFlows::is_of_inside_port(Ipv4Addr address) const {
    return std::ranges::any_of(r_.ports, [&](const GatewayPort& port) {
        const auto has = r_.host.addresses(port.host_interface);
        return !port.outside && std::ranges::find(has, address, &AddressInfo::address) != has.end();
    });
}

/// True if this address of the box was on its port, and sockets are left that have it.
bool NewFlows::has_left(Ipv4Addr address, uint32_t box, Nanos now) const {
    const Site& site = r_.ledger.sites()[box];
    const auto has = r_.host.addresses(r_.ports[site.port.value].host_interface);
    const auto locals = r_.ledger.locals_of_host(address);
    return std::ranges::find(has, address, &AddressInfo::address) != has.end() || // deprecated
           std::ranges::any_of(locals,
                               [&](LocalId id) {
                                   return r_.ledger.at(id).original == address &&
                                          r_.ledger.at(id).follows;
                               }) ||
           std::ranges::any_of(site.left, [&](const Site::Left& left) {
               return left.until > now && left.wire.contains(address);
           });
}

Adjacency NewFlows::way_out(const PacketView& v, uint32_t site, std::optional<Ipv4Addr> wire,
                            const Origin& origin) const {
    return r_.resolver.outward({v.destination, v.source, wire.value_or(Ipv4Addr{}),
                                r_.ledger.sites()[site].port,
                                r_.ports[origin.port.value].host_interface, origin.from_linux});
}

bool NewFlows::is_for_linux(const PacketView& v, std::optional<Ipv4Addr> wire,
                            const Adjacency& way) const {
    return way.state == Adjacency::State::linux_only ||
           (wire && way.state == Adjacency::State::refused) || r_.host.is_local(v.destination) ||
           r_.ledger.site_of_host(v.destination);
}

/// False if the shield keeps or drops the packet.
bool NewFlows::admit(Guest& guest, const Admission& admission) {
    if (admission.what == Admission::What::wait) {
        r_.doors.hold(guest, key_of_shield, r_.shield.time());
    } else if (admission.what == Admission::What::refuse) {
        r_.doors.drop(guest, DropReason::shield_expired);
    }
    return admission.what == Admission::What::welcome || admission.what == Admission::What::known;
}

std::optional<RemoteId> NewFlows::session_that_left(Ipv4Addr host, Ipv4Addr destination) const {
    if (r_.ledger.speaker_of(destination, destination).kind != Speaker::Kind::none) {
        return std::nullopt; // a peer is there
    }
    for (uint32_t peer = 0; peer < r_.config.peers.size(); peer++) {
        const Claim* claim = r_.ledger.claim_for(peer, destination);
        if (claim == nullptr || claim->active_for(destination) == destination) {
            continue;
        }
        for (const RemoteId id : r_.ledger.remotes_active_at(claim->active_for(destination))) {
            if (r_.ledger.at(id).original != destination ||
                r_.ledger.checksum_mode(id) == L4ChecksumMode::original) {
                continue; // in whose terms it would be, the far end could not know
            }
            for (const LocalId local : r_.ledger.locals_of_host(host)) {
                const auto path = r_.ledger.find_path(local, id);
                if (path && r_.ledger.at(*path).flows > 0) {
                    return id;
                }
            }
        }
    }
    return std::nullopt;
}

/// The far end of a new flow from here.
RemoteId NewFlows::remote_of(Ipv4Addr host, Ipv4Addr destination) {
    const auto session = session_that_left(host, destination);
    return session ? *session : r_.ledger.remote(destination, destination);
}

/// The far end of a flow, where its peer says that it is now.
RemoteId NewFlows::remote_at(Ipv4Addr original, Ipv4Addr active) {
    const RemoteId id = r_.ledger.remote(original, active);
    RemoteBinding& remote = r_.ledger.at(id);
    if (remote.paths.empty() && remote.speaker.is_secure() &&
        r_.office->is_on_trial(remote.speaker.index, active)) {
        remote.proven = false;
    }
    return id;
}

/// A flow that a peer knows: with what it was set up with, at what stands for it now.
void NewFlows::explained(Guest& guest, Direction direction, const FlowKey& key, uint32_t site,
                         Ipv4Addr wire, const Admission& admission) {
    const auto owner = r_.ledger.site_of_wire(admission.local_original);
    const bool of_box = r_.ledger.sites()[site].way == Way::box;
    if (owner.value_or(site) != site ||
        (of_box && !r_.host.is_local(admission.local_original))) { // it is not ours to answer for
        r_.doors.drop(guest, DropReason::flow_conflict);
        return;
    }
    if (!give_way(guest, r_.flows.find(key))) {
        return;
    }
    // Where the peer says it is; as long as it has said nothing, where its packet came from.
    const Claim* claim = r_.ledger.claim_for(admission.peer, admission.remote_original);
    const Ipv4Addr seen =
        direction == Direction::inbound ? guest.view.source : admission.remote_original;
    const Ipv4Addr remote_active =
        claim != nullptr ? claim->active_for(admission.remote_original) : seen;
    const LocalId local = r_.ledger.local(key.host, admission.local_original, wire, site);
    const RemoteId remote = remote_at(admission.remote_original, remote_active);
    if (admission.local_original != wire) {
        r_.office->mention(admission.peer, guest.now); // an original that we had not named
    }
    make(guest, direction, key, local, remote);
}

/// The site a new inbound flow is for: the mapped host, or the box for its own ports or where no
/// host shares the address.
std::optional<uint32_t> NewFlows::inbound_site(const PacketView& view, PortId port) const {
    const auto host = r_.ledger.site_of_wire(view.destination);
    const auto box = r_.ledger.box_site(port);
    if (!box || !r_.host.is_local(view.destination)) {
        return host;
    }
    const auto& ports = r_.ledger.sites()[*box].box_ports;
    const bool for_box = std::ranges::any_of(ports, [&](const BoxPort& p) {
        return view.is(p.protocol) && view.destination_port == Be16{p.port};
    });
    return host && !for_box ? host : box;
}

void NewFlows::inbound(Guest& guest) {
    const PacketView& v = guest.view;
    const auto site = inbound_site(v, guest.origin.port);
    if (!site) {
        // An address that we have just left: a peer that moved, too, may not have heard of it, nor
        // we of its own move.
        const auto left = r_.ledger.site_of_left_wire(v.destination, guest.now);
        const Admission waits =
            left ? r_.shield.inbound(guest, r_.ledger.host_behind(*left, v.destination))
                 : Admission{};
        if (waits.what == Admission::What::wait) {
            r_.doors.hold(guest, key_of_shield, r_.shield.time());
        } else {
            r_.doors.to_linux(guest);
        }
        return;
    }
    const Ipv4Addr host = r_.ledger.host_behind(*site, v.destination);
    const Admission admission = r_.shield.inbound(guest, host);
    if (admission.what == Admission::What::known) {
        const bool of_box = r_.ledger.sites()[*site].way == Way::box;
        const Ipv4Addr socket = of_box ? admission.local_original : host;
        explained(guest, Direction::inbound, key_from_wire(v, socket, admission.remote_original),
                  *site, v.destination, admission);
        return;
    }
    if (!admit(guest, admission)) {
        return;
    }
    const FlowKey key = key_from_wire(v, host, v.source);
    if (!give_way(guest, r_.flows.find(key))) {
        return;
    }
    // To another address of the box than its port's, which no move concerns.
    const bool moves = r_.ledger.sites()[*site].way != Way::box ||
                       is_of_port(v.destination, guest.origin.port) ||
                       r_.ledger.is_own_wire(v.destination);
    const Departure* left = r_.ledger.departed_from(v.source, guest.now);
    // Begun just before its peer left from there, and overtaken by the word of that: it is the
    // peer's and follows it; what was sent with its first packet comes on the same pair.
    const RemoteId remote = left != nullptr
                                ? remote_at(v.source, left->to.with_host_part_of(v.source))
                                : r_.ledger.remote(v.source, v.source);
    const LocalId local = r_.ledger.local(host, v.destination, v.destination, *site,
                                          moves && has_speaker(r_.ledger, remote));
    const WirePair pair{v.source, v.destination};
    const std::optional<Nanos> also_until =
        left != nullptr ? std::optional{left->until} : std::nullopt;
    make(guest, Direction::inbound, key, local, remote);
    const auto path = r_.ledger.find_path(local, remote);
    if (also_until && path) {
        r_.keeper.accept_also(*path, pair, *also_until);
    }
}

/// A live flow at this position belongs to somebody whose address moved on: never mix the two. A
/// dead one makes room. False if the packet was refused.
bool NewFlows::give_way(Guest& guest, int32_t position) {
    const auto flow = position < 0 ? std::nullopt : r_.flows.at({static_cast<uint32_t>(position)});
    if (!flow) {
        return true;
    }
    if (!FlowTable::is_closed(flow->seen)) {
        // The midst of a TCP flow may be its own, from where its peer has not said that it is.
        is_midst_of_tcp(guest.view) ? r_.doors.drop(guest, DropReason::flow_conflict)
                                    : r_.doors.refuse(guest, DropReason::flow_conflict);
        return false;
    }
    forget(*flow, guest.now);
    return true;
}

void NewFlows::forget(const FlowInfo& flow, Nanos now) {
    r_.flows.erase(flow);
    r_.keeper.flow_removed(flow.path, now);
}

bool NewFlows::contest(Guest& guest, PathId path, int32_t flow) {
    const PacketView& v = guest.view;
    const PathEntry& entry = r_.ledger.at(path);
    const uint8_t seen = r_.flows.record(flow).seen.load(std::memory_order_relaxed);
    constexpr uint8_t established = flow_seen_out | flow_seen_in;
    if (entry.pair == WirePair{v.source, v.destination} || !v.is(IpProto::tcp)) {
        return false;
    }
    if ((v.tcp_flags & tcp_rst) != 0) {
        r_.doors.drop(guest, DropReason::rst_swallowed);
        return true;
    }
    if (is_midst_of_tcp(v) || (seen & established) != established) {
        return false;
    }
    if (give_way(guest, flow)) { // the old one was over
        inbound(guest);
    }
    return true;
}

void NewFlows::make(Guest& guest, Direction direction, const FlowKey& key, LocalId local,
                    RemoteId remote) {
    if (direction == Direction::outbound) {
        // Inbound packets of this flow must not be taken for those of an older one.
        const PacketView reply{.source = r_.ledger.at(remote).active,
                               .destination = r_.ledger.at(local).active,
                               .source_port = key.remote_port,
                               .destination_port = key.host_port,
                               .proto = key.proto};
        int32_t other = HashIndex::not_found;
        if (path_of_wire(reply, other) && !give_way(guest, other)) {
            r_.ledger.forget_unused(local, remote);
            return;
        }
    }
    const auto path = r_.keeper.obtain(local, remote, guest.now);
    if (!path) { // fail open: translated from the bindings alone, without mobility
        statistics_.untracked_path_table_full.add();
        const LocalBinding& l = r_.ledger.at(local);
        const RemoteBinding& r = r_.ledger.at(remote);
        const PathAddresses addresses{l.host, l.original, l.active, r.original, r.active};
        const uint32_t site = l.site;
        const L4ChecksumMode mode = r_.ledger.checksum_mode(remote);
        r_.ledger.forget_unused(local, remote);
        r_.dispatch.by_addresses(guest, direction, site, addresses, mode);
        return;
    }
    if (const RemoteBinding& far = r_.ledger.at(remote); far.speaker.is_secure()) {
        r_.office->flow_begins(far.speaker.index, {r_.ledger.at(local).active, far.active},
                               guest.now);
    }
    if (const auto flow = r_.flows.insert(key, *path, to_tick(guest.now))) {
        r_.keeper.flow_added(*path);
        statistics_.created.add();
        FlowRecord& record = r_.flows.record(static_cast<int32_t>(flow->value));
        const bool tcp = guest.view.is(IpProto::tcp);
        if (direction == Direction::outbound) {
            FlowTable::touch<Direction::outbound>(record, to_tick(guest.now), tcp,
                                                  guest.view.tcp_flags);
        } else {
            FlowTable::touch<Direction::inbound>(record, to_tick(guest.now), tcp,
                                                 guest.view.tcp_flags);
        }
    } else {
        statistics_.untracked_flow_table_full.add();
    }
    r_.dispatch.by_path(guest, direction, *path);
}

} // namespace sacip
