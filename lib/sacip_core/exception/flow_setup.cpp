// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/flow_setup.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// Others' flows stay with their address.
bool has_speaker(const BindingCache& cache, RemoteId remote) {
    return cache.at(remote).speaker.is_known();
}

} // namespace

/// True if packets of this path may come in on this pair: in force, or draining from any move.
bool FlowSetup::takes(PathId path, WirePair pair) const {
    const PathEntry& entry = r_.cache.at(path);
    return entry.pair == pair || std::ranges::any_of(entry.draining, [&](const DrainingPair& d) {
               return d.pair == pair;
           });
}

std::optional<PathId> FlowSetup::path_of_wire(const PacketView& view, int32_t& flow) const {
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

void FlowSetup::outbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    const PortId port = punted.origin.port;
    if (punted.origin.from_linux && r_.host.is_local(v.source)) {
        outbound_of_box(punted);
        return;
    }
    const auto mapping = r_.cache.mappings().of_host(v.source);
    const auto wire = mapping ? r_.cache.mappings().wire_of(*mapping, v.source) : std::nullopt;
    const Adjacency way = mapping ? egress(v, *mapping, wire, punted.origin) : Adjacency{};
    if (!mapping || is_for_linux(v, wire, way)) {
        punted.origin.from_linux ? r_.output.transmit(punted, port) : r_.output.to_linux(punted);
    } else if (wire && way.state == Adjacency::State::no_route) {
        r_.output.unreachable(punted, DropReason::no_route, net_unreachable);
    } else if (!wire) {
        // No address to go out with, yet.
        punted.last_try ? r_.output.drop(punted, DropReason::hold_expired)
                        : hold_for_address(punted);
    } else if (const Admission admission = r_.guard.outbound(punted, *wire);
               admission.what == Admission::What::known &&
               admission.remote_original == v.destination) {
        explained(punted, Direction::outbound, key_from_host(v), *mapping, *wire, admission);
    } else if (admit(punted, admission)) {
        const RemoteId far = remote_of(v.source, v.destination);
        make(punted, Direction::outbound, key_from_host(v),
             r_.cache.local(v.source, *wire, *wire, *mapping, has_speaker(r_.cache, far)), far);
    }
}

/// A socket of the box: tracked where its address is one that moves, or that a host shares. One
/// with the address of an inside port is behind the uplink as any host there is.
void FlowSetup::outbound_of_box(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    const PortId port = punted.origin.port;
    const auto box = r_.cache.mappings().of_box(port);
    const bool of_port = is_of_port(v.source, port);
    const bool moved = box && !of_port && has_left(v.source, *box, punted.now);
    const auto listed = r_.cache.mappings().of_host(v.source);
    const auto routed = listed ? r_.cache.mappings().wire_of(*listed, v.source) : std::nullopt;
    const bool shared = r_.cache.mappings().of_wire(v.source).has_value();
    if (!box || (!shared && !v.source.is_host_unicast()) ||
        !(shared || of_port || moved || routed || is_of_inside_port(v.source))) {
        r_.output.transmit(punted, port);
        return;
    }
    const auto& wire = r_.cache.mappings()[*box].wire;
    const Ipv4Addr stands = wire ? wire->address() : v.source;
    Ipv4Addr original = v.source, active = v.source;
    if (moved) { // a shadow's packets go on under the address that stands for it now
        active = stands;
    } else if (!of_port && !shared) {
        original = active = routed.value_or(stands);
    }
    if (!of_port && !shared && !moved && !routed && !wire) {
        punted.last_try ? r_.output.drop(punted, DropReason::hold_expired)
                        : hold_for_address(punted);
        return;
    }
    const RemoteId far = remote_of(v.source, v.destination);
    make(punted, Direction::outbound, key_from_host(v),
         r_.cache.local(v.source, original, active, *box, has_speaker(r_.cache, far)), far);
}

/// There is none to go out with, yet.
void FlowSetup::hold_for_address(PuntedPacket& punted) {
    const Ipv4Addr to = punted.view.destination;
    r_.cache.speaker_of(to, to).is_known()
        ? r_.output.hold(punted, hold_key_no_path, hold_for_path)
        : r_.output.hold(punted, hold_key_of_strangers, hold_for_path, HoldShare::strangers);
}

bool FlowSetup::is_of_port(Ipv4Addr address, PortId port) const {
    return std::ranges::any_of(
        r_.host.addresses(r_.ports[port.value].host_interface),
        [&](const AddressInfo& a) { return a.address == address && !a.deprecated; });
}

bool FlowSetup::is_of_inside_port(Ipv4Addr address) const {
    return std::ranges::any_of(r_.ports, [&](const GatewayPort& port) {
        const auto has = r_.host.addresses(port.host_interface);
        return !port.outside && std::ranges::find(has, address, &AddressInfo::address) != has.end();
    });
}

/// True if this address of the box was on its port, and sockets are left that have it.
bool FlowSetup::has_left(Ipv4Addr address, MappingId box, Nanos now) const {
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

Adjacency FlowSetup::egress(const PacketView& v, MappingId mapping, std::optional<Ipv4Addr> wire,
                            const Origin& origin) const {
    return r_.resolver.outward({v.destination, v.source, wire.value_or(Ipv4Addr{}),
                                r_.cache.mappings()[mapping].port,
                                r_.ports[origin.port.value].host_interface, origin.from_linux});
}

bool FlowSetup::is_for_linux(const PacketView& v, std::optional<Ipv4Addr> wire,
                             const Adjacency& way) const {
    return way.state == Adjacency::State::linux_only ||
           (wire && way.state == Adjacency::State::refused) || r_.host.is_local(v.destination) ||
           r_.cache.mappings().of_host(v.destination);
}

/// False if the guard keeps or drops the packet.
bool FlowSetup::admit(PuntedPacket& punted, const Admission& admission) {
    if (admission.what == Admission::What::wait) {
        r_.output.hold(punted, key_of_guard, r_.guard.time(), HoldShare::questions);
    } else if (admission.what == Admission::What::refuse) {
        r_.output.drop(punted, DropReason::shield_expired);
    }
    return admission.what == Admission::What::welcome || admission.what == Admission::What::known;
}

std::optional<RemoteId> FlowSetup::session_that_left(Ipv4Addr host, Ipv4Addr destination) const {
    if (r_.cache.speaker_of(destination, destination).is_known()) {
        return std::nullopt; // a peer is there
    }
    for (uint32_t peer = 0; peer < r_.config.peers.size(); peer++) {
        const Claim* claim = r_.cache.claim_for(peer, destination);
        if (claim == nullptr || claim->active_for(destination) == destination) {
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

/// The far end of a new flow from here.
RemoteId FlowSetup::remote_of(Ipv4Addr host, Ipv4Addr destination) {
    const auto session = session_that_left(host, destination);
    return session ? *session : r_.cache.remote(destination, destination);
}

/// The far end of a flow, where its peer says that it is now.
RemoteId FlowSetup::remote_at(Ipv4Addr original, Ipv4Addr active) {
    const RemoteId id = r_.cache.remote(original, active);
    RemoteBinding& remote = r_.cache.at(id);
    if (remote.paths.empty() && remote.speaker.is_secure() &&
        r_.peer_session->is_on_trial(remote.speaker.index, active)) {
        remote.proven = false;
    }
    return id;
}

/// A flow that a peer knows: with what it was set up with, at what stands for it now.
void FlowSetup::explained(PuntedPacket& punted, Direction direction, const FlowKey& key,
                          MappingId mapping, Ipv4Addr wire, const Admission& admission) {
    const auto owner = r_.cache.mappings().of_wire(admission.local_original);
    const bool of_box = r_.cache.mappings()[mapping].way == Way::box;
    if (owner.value_or(mapping) != mapping ||
        (of_box && !r_.host.is_local(admission.local_original))) { // it is not ours to answer for
        r_.output.drop(punted, DropReason::flow_conflict);
        return;
    }
    if (!give_way(punted, r_.flows.find(key))) {
        return;
    }
    // Where the peer says it is; as long as it has said nothing, where its packet came from.
    const Claim* claim = r_.cache.claim_for(admission.peer, admission.remote_original);
    const Ipv4Addr seen =
        direction == Direction::inbound ? punted.view.source : admission.remote_original;
    const Ipv4Addr remote_active =
        claim != nullptr ? claim->active_for(admission.remote_original) : seen;
    const LocalId local = r_.cache.local(key.host, admission.local_original, wire, mapping);
    const RemoteId remote = remote_at(admission.remote_original, remote_active);
    if (admission.local_original != wire) {
        r_.peer_session->bind_soon(admission.peer, punted.now); // an original that we had not named
    }
    make(punted, direction, key, local, remote);
}

/// The mapping a new inbound flow is for: the mapped host, or the box for its own ports or where no
/// host shares the address.
std::optional<MappingId> FlowSetup::inbound_mapping(const PacketView& view, PortId port) const {
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

void FlowSetup::inbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    const auto mapping = inbound_mapping(v, punted.origin.port);
    if (!mapping) {
        // An address that we have just left: a peer that moved, too, may not have heard of it, nor
        // we of its own move.
        const auto left = r_.cache.mappings().of_left_wire(v.destination, punted.now);
        const Admission waits =
            left ? r_.guard.inbound(punted, r_.cache.mappings().host_behind(*left, v.destination))
                 : Admission{};
        if (waits.what == Admission::What::wait) {
            r_.output.hold(punted, key_of_guard, r_.guard.time(), HoldShare::questions);
        } else {
            r_.output.to_linux(punted);
        }
        return;
    }
    const Ipv4Addr host = r_.cache.mappings().host_behind(*mapping, v.destination);
    const Admission admission = r_.guard.inbound(punted, host);
    if (admission.what == Admission::What::known) {
        const bool of_box = r_.cache.mappings()[*mapping].way == Way::box;
        const Ipv4Addr socket = of_box ? admission.local_original : host;
        explained(punted, Direction::inbound, key_from_wire(v, socket, admission.remote_original),
                  *mapping, v.destination, admission);
        return;
    }
    if (!admit(punted, admission)) {
        return;
    }
    const FlowKey key = key_from_wire(v, host, v.source);
    if (!give_way(punted, r_.flows.find(key))) {
        return;
    }
    // To another address of the box than its port's, which no move concerns.
    const bool moves = r_.cache.mappings()[*mapping].way != Way::box ||
                       is_of_port(v.destination, punted.origin.port) ||
                       r_.cache.mappings().is_own_wire(v.destination);
    const Departure* left = r_.cache.departed_from(v.source, punted.now);
    // Begun just before its peer left from there, and overtaken by the word of that: it is the
    // peer's and follows it; what was sent with its first packet comes on the same pair.
    const RemoteId remote = left != nullptr
                                ? remote_at(v.source, left->to.with_host_part_of(v.source))
                                : r_.cache.remote(v.source, v.source);
    const LocalId local = r_.cache.local(host, v.destination, v.destination, *mapping,
                                         moves && has_speaker(r_.cache, remote));
    const WirePair pair{v.source, v.destination};
    const std::optional<Nanos> also_until =
        left != nullptr ? std::optional{left->until} : std::nullopt;
    make(punted, Direction::inbound, key, local, remote);
    const auto path = r_.cache.find_path(local, remote);
    if (also_until && path) {
        r_.manager.accept_also(*path, pair, *also_until);
    }
}

/// A live flow at this position belongs to somebody whose address moved on: never mix the two. A
/// dead one makes room. False if the packet was refused.
bool FlowSetup::give_way(PuntedPacket& punted, int32_t position) {
    const auto flow = position < 0 ? std::nullopt : r_.flows.at({static_cast<uint32_t>(position)});
    if (!flow) {
        return true;
    }
    if (!FlowTable::is_closed(flow->seen)) {
        // The midst of a TCP flow may be its own, from where its peer has not said that it is.
        is_midst_of_tcp(punted.view) ? r_.output.drop(punted, DropReason::flow_conflict)
                                     : r_.output.refuse(punted, DropReason::flow_conflict);
        return false;
    }
    forget(*flow, punted.now);
    return true;
}

void FlowSetup::forget(const FlowInfo& flow, Nanos now) {
    r_.flows.erase(flow);
    r_.manager.flow_removed(flow.path, now);
}

bool FlowSetup::contest(PuntedPacket& punted, PathId path, int32_t flow) {
    const PacketView& v = punted.view;
    const PathEntry& entry = r_.cache.at(path);
    const uint8_t seen = r_.flows.record(flow).seen.load(std::memory_order_relaxed);
    constexpr uint8_t established = flow_seen_out | flow_seen_in;
    if (entry.pair == WirePair{v.source, v.destination} || !v.is(IpProto::tcp)) {
        return false;
    }
    if ((v.tcp_flags & tcp_rst) != 0) {
        r_.output.drop(punted, DropReason::rst_swallowed);
        return true;
    }
    if (is_midst_of_tcp(v) || (seen & established) != established) {
        return false;
    }
    if (give_way(punted, flow)) { // the old one was over
        inbound(punted);
    }
    return true;
}

void FlowSetup::make(PuntedPacket& punted, Direction direction, const FlowKey& key, LocalId local,
                     RemoteId remote) {
    if (direction == Direction::outbound) {
        // Inbound packets of this flow must not be taken for those of an older one.
        const PacketView reply{.source = r_.cache.at(remote).active,
                               .destination = r_.cache.at(local).active,
                               .source_port = key.remote_port,
                               .destination_port = key.host_port,
                               .proto = key.proto};
        int32_t other = HashIndex::not_found;
        if (path_of_wire(reply, other) && !give_way(punted, other)) {
            r_.cache.forget_unused(local, remote);
            return;
        }
    }
    const bool stranger = !has_speaker(r_.cache, remote);
    auto path = r_.cache.find_path(local, remote);
    const auto lack = early_drop_.make_room(stranger, !path, punted.now);
    if (!path && lack == EarlyDrop::Lack::nothing) {
        path = r_.manager.obtain(local, remote, punted.now);
    }
    if (!path) { // fail open: translated from the bindings alone, without mobility
        (lack == EarlyDrop::Lack::flows ? statistics_.untracked_flow_table_full
                                        : statistics_.untracked_path_table_full)
            .add();
        const LocalBinding& l = r_.cache.at(local);
        const RemoteBinding& r = r_.cache.at(remote);
        const PathAddresses addresses{l.host, l.original, l.active, r.original, r.active};
        const MappingId mapping = l.mapping;
        const L4ChecksumMode mode = r_.cache.checksum_mode(remote);
        r_.cache.forget_unused(local, remote);
        r_.forwarder.by_addresses(punted, direction, mapping, addresses, mode);
        return;
    }
    if (const RemoteBinding& far = r_.cache.at(remote); far.speaker.is_secure()) {
        r_.peer_session->flow_begins(far.speaker.index, {r_.cache.at(local).active, far.active},
                                     punted.now);
    }
    const auto flow = lack == EarlyDrop::Lack::nothing
                          ? r_.flows.insert(key, *path, to_tick(punted.now))
                          : std::nullopt;
    if (flow) {
        r_.manager.flow_added(*path);
        early_drop_.began(*flow, direction, stranger, punted.now);
        statistics_.created.add();
        FlowRecord& record = r_.flows.record(static_cast<int32_t>(flow->value));
        const bool tcp = punted.view.is(IpProto::tcp);
        if (direction == Direction::outbound) {
            FlowTable::touch<Direction::outbound>(record, to_tick(punted.now), tcp,
                                                  punted.view.tcp_flags);
        } else {
            FlowTable::touch<Direction::inbound>(record, to_tick(punted.now), tcp,
                                                 punted.view.tcp_flags);
        }
    } else {
        statistics_.untracked_flow_table_full.add();
    }
    r_.forwarder.by_path(punted, direction, *path);
}

} // namespace sacip
