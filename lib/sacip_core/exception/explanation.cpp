// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/explanation.hpp"

#include <algorithm>

namespace sacip {
namespace {

using Fate = Explanation::Fate;

std::string_view name_of(DropReason reason) { return text_of(reason).name; }
std::string_view name_of(PuntReason reason) { return text_of(reason).name; }

std::string end_text(IpAddr address, L4Port port) {
    return address.to_text() + (port.raw() == 0 ? "" : ':' + std::to_string(port.value()));
}

/// Of a packet that no flow has to do with.
Explanation answer(Fate fate, std::string_view reason, Direction direction, std::string text) {
    return {fate, reason, std::move(text), direction, {}, {}, {}};
}
Explanation linux_decides(Direction direction, std::string text) {
    return answer(Fate::to_linux, {}, direction, std::move(text));
}

/// An IPv4 source that no packet may have (parse() drops it under ip_source).
bool is_impossible_source(Ipv4Addr a) {
    return a.is_unspecified() || a.is_multicast() || a.is_loopback() || a.is_broadcast();
}

} // namespace

std::string_view to_text(Explanation::Fate fate) {
    constexpr std::string_view names[] = {"forward", "hold",     "refuse", "wait",
                                          "linux",   "new_flow", "drop"};
    return names[static_cast<size_t>(fate)];
}

Explanation Explainer::explain(const PacketView& v, Nanos now) const {
    const bool inside = is_inside(v.source);
    const Direction direction = inside ? Direction::outbound : Direction::inbound;
    if (is_impossible_source(v.source)) {
        return answer(Fate::drop, name_of(DropReason::ip_source), direction,
                      "No packet may come from " + v.source.to_text() + ".");
    }
    if (v.destination.is_multicast() || v.destination.is_broadcast()) {
        return answer(Fate::to_linux, name_of(PuntReason::ip_group), direction,
                      v.destination.to_text() + " is a group: Linux's business.");
    }
    return inside ? outbound(v, now) : inbound(v, now);
}

// ---- who is who

bool Explainer::is_inside(IpAddr address) const {
    if (r_.cache.mappings().of_host(address) || r_.host.is_local(address)) {
        return true;
    }
    const auto hop = r_.host.route(address);
    const PortId port = hop ? port_of_interface(hop->interface) : no_port;
    return hop && (port == no_port || !r_.ports[port.value].outside);
}

PortId Explainer::port_of_interface(IfIndex interface) const {
    const auto found = std::ranges::find(r_.ports, interface, &GatewayPort::host_interface);
    const bool known = interface != IfIndex{} && found != r_.ports.end();
    return known ? PortId{static_cast<uint8_t>(found - r_.ports.begin())} : no_port;
}

/// The outside port where a packet from the wire would come in: the one that has its destination,
/// else the way back to its source.
PortId Explainer::arrival_port(const PacketView& v) const {
    PortId any = no_port;
    for (uint8_t i = 0; i < r_.ports.size(); i++) {
        const auto& port = r_.ports[i];
        const auto has = r_.host.addresses(port.host_interface);
        if (port.outside &&
            std::ranges::find(has, v.destination, &AddressInfo::address) != has.end()) {
            return {i};
        }
        any = port.outside && any == no_port ? PortId{i} : any;
    }
    const auto back = r_.host.route(v.source);
    const PortId port = back ? port_of_interface(back->interface) : no_port;
    return port != no_port && r_.ports[port.value].outside ? port : any;
}

/// Where a packet from inside would come in: from the box itself where Linux would send it, else by
/// the way back to its source.
Origin Explainer::arrival_of(const PacketView& v) const {
    const bool of_box = r_.host.is_local(v.source);
    const auto hop = r_.host.route(of_box ? v.destination : v.source);
    const PortId port = hop ? port_of_interface(hop->interface) : no_port;
    return {port == no_port ? PortId{0} : port, of_box};
}

std::string Explainer::why_of_linux(IpAddr destination, const Adjacency& way) const {
    const LinkInfo* link = r_.host.link(way.interface);
    if (way.state == Adjacency::State::linux_only && link != nullptr) {
        const bool inside = port_of_interface(way.interface) != no_port;
        return destination.to_text() + " is reached by " + link->name +
               (inside ? ", on our side" : ", which is no port of the gateway") +
               ": Linux forwards it, with its own source.";
    }
    return way.state == Adjacency::State::refused
               ? "Linux has no route to " + destination.to_text() +
                     ", or one that says no: Linux "
                     "tells the sender."
               : destination.to_text() + " is on our side: Linux's business.";
}

std::optional<FlowInfo> Explainer::live(int32_t flow) const {
    const auto info = flow < 0 ? std::nullopt : r_.flows.at({static_cast<uint32_t>(flow)});
    return info && !FlowTable::is_closed(info->seen) ? info : std::nullopt;
}

std::string Explainer::far_end(const Speaker& speaker) const {
    return speaker.is_secure()  ? "a host of peer " + r_.policy->peer(speaker.peer()).name
           : speaker.is_basic() ? "a basic peer"
                                : "a host";
}

/// " (move 7)", the last one that left this address; empty if it is not remembered any more.
std::string Explainer::move_of(Side side, IpAddr left) const {
    const auto& records = r_.mover.history().records();
    for (auto m = records.rbegin(); m != records.rend(); ++m) {
        if (m->side == side && m->from.contains(left)) {
            return " (move " + std::to_string(m->id.value) + ')';
        }
    }
    return {};
}

// ---- known flows

std::string Explainer::why_held(const PathEntry& entry, Direction direction) const {
    const LocalBinding& local = r_.cache.at(entry.local);
    const RemoteBinding& remote = r_.cache.at(entry.remote);
    if (direction == Direction::outbound && !local.usable) {
        return local.active.to_text() + " is lost and nothing stands for it yet" +
               move_of(Side::local, local.active);
    }
    if (direction == Direction::outbound && !remote.proven) {
        return far_end(remote.speaker) + " has not proved yet that it is reached at " +
               remote.active.to_text() + move_of(Side::remote, remote.original);
    }
    const IpAddr to = direction == Direction::outbound ? remote.active : local.host;
    return "there is no way to " + to.to_text();
}

Explanation Explainer::of_known(const PacketView& v, Direction direction, int32_t flow,
                                PathId path) const {
    const PathEntry& entry = r_.cache.at(path);
    const bool out = direction == Direction::outbound;
    const DirectionRewrite& to = out ? entry.slot.outbound : entry.slot.inbound;
    Explanation e{Fate::forward, {}, {}, direction, r_.flows.at({static_cast<uint32_t>(flow)}),
                  path,          {}};
    const std::string of = "Of a known flow, by path " + std::to_string(path.value) + ": ";
    switch (to.action) {
    case PathAction::hold:
        e.fate = Fate::hold;
        e.reason = name_of(PuntReason::hold);
        e.text = of + "waits, for " + why_held(entry, direction) + '.';
        return e;
    case PathAction::unresolved:
        e.fate = Fate::hold;
        e.reason = name_of(PuntReason::neighbour);
        e.text = of + "waits, for " + (out ? entry.out : entry.in).neighbour.address.to_text() +
                 " does not answer ARP yet.";
        return e;
    case PathAction::to_linux:
        e.fate = Fate::to_linux;
        e.reason = name_of(PuntReason::linux_only);
        e.text = of + why_of_linux(to.destination, out ? entry.out : entry.in);
        return e;
    case PathAction::forward:
    case PathAction::forward_in_turn:
    case PathAction::to_box:
        break;
    }
    e.becomes = {to.source, to.destination};
    e.text = of + (to.changes(v.source, v.destination)
                       ? "leaves as " + to.source.to_text() + " > " + to.destination.to_text() + '.'
                       : "leaves as it came.");
    return e;
}

/// On addresses that a move has left, or may go to.
Explanation Explainer::of_draining(Explanation e, WirePair pair, Nanos now) const {
    const PathEntry& entry = r_.cache.at(*e.path);
    const auto draining = std::ranges::find(entry.draining, pair, &DrainingPair::pair);
    const Nanos left = draining == entry.draining.end() ? Nanos{} : draining->until - now;
    const bool far = pair.remote != entry.pair.remote;
    e.text += " Not the addresses in force, which are " + entry.pair.remote.to_text() + " > " +
              entry.pair.local.to_text() +
              (far ? move_of(Side::remote, pair.remote) : move_of(Side::local, pair.local)) +
              ": taken for another " +
              std::to_string(std::max<int64_t>(left.value, 0) / 1'000'000) +
              " ms, but a new TCP connection is refused (flow_conflict) while this flow lives.";
    return e;
}

Explanation Explainer::conflict(const PacketView& v, Direction direction,
                                const FlowInfo& flow) const {
    const PathEntry& entry = r_.cache.at(flow.path);
    const RemoteBinding& remote = r_.cache.at(entry.remote);
    const LocalBinding& local = r_.cache.at(entry.local);
    std::string text = "Refused: ";
    if (direction == Direction::inbound) {
        text += end_text(v.source, v.source_port) + " > " +
                end_text(v.destination, v.destination_port) + " belongs to a live flow of ";
    } else {
        text += "answers would be taken for those of a live flow, " +
                end_text(flow.key.host, flow.key.host_port) + " > " +
                end_text(flow.key.remote, flow.key.remote_port) + ", with ";
    }
    text += far_end(remote.speaker) + " that was set up as " + remote.original.to_text();
    if (remote.active != remote.original) {
        text +=
            " and is now at " + remote.active.to_text() + move_of(Side::remote, remote.original);
    } else if (local.active != local.original) {
        text += " when ours was " + local.original.to_text() + ", which is now " +
                local.active.to_text() + move_of(Side::local, local.original);
    }
    text += ". The two must not be mixed; other ports work.";
    return {Fate::refuse,
            name_of(DropReason::flow_conflict),
            std::move(text),
            direction,
            flow,
            flow.path,
            {}};
}

// ---- new flows

Explanation Explainer::begin(const PacketView& v, Direction direction,
                             Explanation::Addresses becomes) const {
    const IpAddr far = direction == Direction::outbound ? v.destination : v.source;
    const Speaker speaker =
        r_.cache.speaker_of(far, direction == Direction::outbound ? becomes.destination : far);
    std::string text = "Begins a flow with " + far_end(speaker) + ", which sees it as " +
                       becomes.source.to_text() + " > " + becomes.destination.to_text() + '.';
    if (direction == Direction::inbound) {
        text = "Begins a flow with " + far_end(speaker) + ", for " + becomes.destination.to_text() +
               '.';
    }
    if (r_.flows.size() >= r_.flows.capacity()) {
        text += " The flow table is full: it will not be followed, and end with a move.";
    }
    const bool asks = r_.peer_session != nullptr && v.is(IpProto::tcp);
    if (const auto peer = asks ? r_.peer_session->peer_near(far) : std::nullopt) {
        text += " The middle of a TCP connection would wait until peer " +
                r_.policy->peer(*peer).name + " has explained it.";
    }
    Explanation out = answer(Fate::new_flow, name_of(PuntReason::first_packet), direction, text);
    out.becomes = becomes;
    return out;
}

Explanation Explainer::outbound(const PacketView& v, Nanos now) const {
    constexpr auto way = Direction::outbound;
    if (const int32_t flow = r_.flows.find(key_from_host(v)); flow >= 0) {
        return of_known(v, way, flow, r_.flows.at({static_cast<uint32_t>(flow)})->path);
    }
    const auto there = r_.host.is_local(v.source) ? std::nullopt : r_.hairpin.mapping_behind(v);
    if (!there) {
        return begin_outbound(v, now);
    }
    const HostMappings& mappings = r_.cache.mappings();
    const IpAddr neighbour = mappings.host_of(*there, v.destination);
    const auto own = mappings.of_host(v.source);
    const auto wire = own ? mappings.wire_of(*own, v.source) : std::nullopt;
    Explanation out = answer(Fate::new_flow, {}, way,
                             "Begins a flow with " + neighbour.to_text() + ", for which " +
                                 v.destination.to_text() + " stands outside: a hairpin.");
    out.becomes = {wire.value_or(v.destination), neighbour};
    return out;
}

Explanation Explainer::begin_outbound(const PacketView& v, Nanos now) const {
    constexpr auto way = Direction::outbound;
    const FlowDecision d = r_.decider.outbound(v, arrival_of(v), now);
    switch (d.what) {
    case FlowDecision::What::to_linux:
        return linux_decides(
            way,
            d.of_box ? v.source.to_text() + " is the gateway's own and follows no port "
                                            "(no `inside: box`): leaves as it is."
            : r_.cache.mappings().of_host(v.source)
                ? why_of_linux(v.destination, d.way)
                : v.source.to_text() + " is in none of `hosts`: routed by Linux, not followed.");
    case FlowDecision::What::no_route:
        return answer(Fate::drop, name_of(DropReason::no_route), way,
                      "No route to " + v.destination.to_text() + " by port " +
                          r_.ports[r_.cache.mappings()[d.mapping].port.value].name + ", to which " +
                          d.active.to_text() + " belongs; other ports have one.");
    case FlowDecision::What::wait:
        return answer(Fate::hold, name_of(PuntReason::hold), way,
                      "Waits: nothing stands for " + v.source.to_text() +
                          " on the wire at the moment.");
    case FlowDecision::What::begin:
        break;
    }
    const bool has_speaker = r_.cache.speaker_of(v.destination, v.destination).is_known();
    const auto session =
        has_speaker ? std::nullopt : r_.decider.session_that_left(v.source, v.destination);
    const IpAddr far = session ? r_.cache.at(*session).active : v.destination;
    if (const auto flow =
            live(r_.decider.taker_of_answers(key_from_host(v), {far.v4(), d.active.v4()}))) {
        return conflict(v, way, *flow);
    }
    return begin(v, way, {d.active, far});
}

Explanation Explainer::inbound(const PacketView& v, Nanos now) const {
    constexpr auto way = Direction::inbound;
    const WirePair pair{v.source, v.destination};
    int32_t flow = HashIndex::not_found;
    if (const auto path = r_.decider.path_of_wire(v, flow)) {
        Explanation known = of_known(v, way, flow, *path);
        return r_.cache.at(*path).pair == pair ? known : of_draining(std::move(known), pair, now);
    }
    const PortId port = arrival_port(v);
    const FlowDecision d = port == no_port ? FlowDecision{} : r_.decider.inbound(v, port, now);
    if (d.what == FlowDecision::What::to_linux) {
        return linux_decides(way,
                             v.destination.to_text() +
                                 (d.left ? " is an address that we have left" +
                                               move_of(Side::local, v.destination) +
                                               ", and no flow is known there: Linux's business."
                                         : " stands for none of our hosts on the wire: Linux's "
                                           "business."));
    }
    if (const auto holder = live(r_.flows.find(key_from_wire(v, d.host.v4(), v.source)))) {
        return conflict(v, way, *holder);
    }
    if (const auto speaker = r_.guard.roamed_here(v, d.host)) {
        return answer(Fate::wait, name_of(PuntReason::first_packet), way,
                      "Has the ports of a live flow with " + far_end(*speaker) +
                          " that may have moved to " + v.source.to_text() +
                          ": waits for its word. A new TCP connection is taken at once.");
    }
    return begin(v, way, {v.source, d.host});
}

} // namespace sacip
