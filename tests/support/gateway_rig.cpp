// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/gateway_rig.hpp"

#include <algorithm>

namespace sacip::test {

namespace {

std::pair<Ipv4Addr, uint8_t> split(std::string_view cidr) {
    const auto slash = cidr.find('/');
    return {addr(cidr.substr(0, slash)),
            static_cast<uint8_t>(std::stoi(std::string{cidr.substr(slash + 1)}))};
}

} // namespace

bool RigRing::any(Direction to) const {
    return in_hand || io.turns_kept[static_cast<size_t>(to)] ||
           std::ranges::any_of(entries,
                               [](const Entry& e) { return e.why != PuntReason::notification; });
}

GatewayRig::GatewayRig(Config c, uint8_t number, std::optional<Identity> keys)
    : config{std::move(c)}, identity{std::move(keys)}, grace{std::get<0>(GracePeriod::create(1))},
      flows{std::get<0>(FlowTable::create(config.limits.flows, *grace))},
      paths{std::get<0>(PathTable::create(config.limits.paths, *grace))}, pipeline{*flows, *paths,
                                                                                   worker, &ring} {
    for (uint8_t i = 0; i < config.ports.size(); i++) {
        const bool fixed = config.ports[i].next_hop_mac.has_value();
        ports.push_back({config.ports[i].name,
                         config.ports[i].role == PortRole::outside,
                         {{0x02, 0, 0, number, 0, i}},
                         fixed ? IfIndex{} : IfIndex{10 + i},
                         config.ports[i].next_hop_mac,
                         {}});
        if (!fixed) {
            host.upsert(LinkInfo{{10 + i}, ports[i].name, ports[i].mac, true, true});
        }
    }
    slow = std::make_unique<Gateway>(Gateway::World{config, policy, ports, host, *flows, *paths, io,
                                                    actions, slow_counters,
                                                    identity ? &*identity : nullptr});
    notice();
}

GatewayRig::~GatewayRig() {
    slow->shut_down();
    EXPECT_EQ(io.live(), 0U) << "packets leaked";
}

void GatewayRig::add_address(PortId port, std::string_view cidr, bool secondary, bool deprecated) {
    const auto [address, length] = split(cidr);
    host.upsert(AddressInfo{interface(port), address, length, secondary, deprecated});
    if (length < 32) {
        host.add(RouteInfo{IpPrefix{address, length}, {}, interface(port)});
    }
}

void GatewayRig::del_address(PortId port, std::string_view cidr) {
    const auto [address, length] = split(cidr);
    host.remove(AddressInfo{interface(port), address, length});
    const IpPrefix net{address, length};
    for (const AddressInfo& a : host.addresses(interface(port))) {
        if (IpPrefix{a.address, a.prefix_length} == net) {
            return;
        }
    }
    host.remove(RouteInfo{net, {}, interface(port)});
}

void GatewayRig::add_route(PortId port, std::string_view to, std::string_view via,
                           uint32_t metric) {
    host.add(RouteInfo{prefix(to), addr(via), interface(port), metric});
}

void GatewayRig::del_route(PortId port, std::string_view to, std::string_view via,
                           uint32_t metric) {
    host.remove(RouteInfo{prefix(to), addr(via), interface(port), metric});
}

void GatewayRig::add_neighbour(PortId port, std::string_view address) {
    host.upsert(NeighbourInfo{interface(port), addr(address), mac_of(addr(address)),
                              NeighbourState::resolved});
}

void GatewayRig::del_neighbour(PortId port, std::string_view address) {
    host.remove_neighbour({interface(port), addr(address)});
}

MacAddr GatewayRig::mac_of(Ipv4Addr a) {
    const uint32_t v = a.value();
    return {{0x06, 0, static_cast<uint8_t>(v >> 24), static_cast<uint8_t>(v >> 16),
             static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)}};
}

void GatewayRig::obey_actions() {
    for (const std::string& line : actions.take()) {
        const auto space = line.find(' ');
        const std::string verb = line.substr(0, space);
        const AddressInfo shadow{loopback, addr(line.substr(space + 1)), 32};
        if (verb == "keep") {
            host.upsert(shadow);
        } else if (verb == "drop") {
            host.remove(shadow);
        }
    }
}

void GatewayRig::notice() {
    slow->on_neighbours_changed(host.take_changed_neighbours());
    slow->on_host_changed(host.take_changed_routes(), now);
    turn();
}

PacketBuilder GatewayRig::frame(PortId port) const {
    PacketBuilder out;
    out.ether(ports[port.value].mac);
    return out;
}

void GatewayRig::receive(PortId port, std::vector<Bytes> burst) {
    work(port, std::move(burst));
    turn();
}

void GatewayRig::receive(PortId port, const PacketBuilder& packet) {
    receive(port, {packet.build()});
}

void GatewayRig::work(PortId port, std::vector<Bytes> burst, RxFacts facts) {
    std::vector<OwnedPacket> packets;
    std::vector<Frame> frames;
    std::vector<Verdict> verdicts(burst.size());
    for (Bytes& bytes : burst) {
        packets.push_back(io.own(std::move(bytes)));
        packets.back().frame.facts = facts;
        frames.push_back(packets.back().frame);
    }
    worker.received.add(frames.size());
    grace->online({0});
    pipeline.process(frames,
                     {ports[port.value].mac, config.protocol.icmp_type, ports[port.value].outside,
                      config.notification_port(), UINT16_MAX, ports[port.value].former_mac},
                     to_tick(now), verdicts);
    grace->quiescent({0});
    grace->offline({0});
    for (size_t i = 0; i < packets.size(); i++) {
        carry_out(verdicts[i], packets[i], port);
    }
}

void GatewayRig::from_linux(PortId port, const Bytes& bytes) {
    slow->on_from_linux(io.own(bytes), port, now);
    turn();
}

void GatewayRig::from_linux(PortId port, const PacketBuilder& packet) {
    from_linux(port, packet.build());
}

void GatewayRig::turn() {
    now = now + from_us(1);
    finish_turn();
}

void GatewayRig::advance(Nanos time) {
    const Nanos step = time > from_s(1) ? from_ms(50) : from_ms(1);
    const Nanos end = now + time;
    while (now < end) {
        now = std::min(now + step, end);
        finish_turn();
    }
}

Lines GatewayRig::lines(PortId port, bool linux_side) {
    Lines out;
    for (const Bytes& bytes : take(port, linux_side)) {
        out.push_back(text_of(bytes, linux_side || !ports[port.value].outside));
    }
    return out;
}

std::vector<Bytes> GatewayRig::take(PortId port, bool linux_side) {
    std::vector<Bytes> out;
    std::erase_if(io.departures, [&](Departure& d) {
        const bool match = d.port == port && d.linux_side == linux_side;
        if (match) {
            out.push_back(std::move(d.bytes));
        }
        return match;
    });
    return out;
}

uint64_t GatewayRig::dropped(DropReason why) const {
    const auto i = static_cast<size_t>(why);
    return worker.dropped[i].get() + slow_counters.dropped[i].get();
}

uint64_t GatewayRig::punted(PuntReason why) const {
    return worker.punted[static_cast<size_t>(why)].get();
}

const ExceptionStatistics& GatewayRig::statistics() const {
    return slow->exception_path().statistics();
}

const MoveRecord& GatewayRig::last_move() const { return slow->mover().history().records().back(); }

void GatewayRig::check() const {
    EXPECT_TRUE(worker.balanced());
    EXPECT_TRUE(slow_counters.balanced());
    EXPECT_EQ(slow_counters.held.get(), slow->exception_path().output().held());
    EXPECT_EQ(io.live(), slow->exception_path().output().held())
        << "packets that nobody accounts for";
}

void GatewayRig::finish_turn() {
    ring.in_hand = true;
    slow->finish_turn(now);
    ring.in_hand = false;
    serve();
}

void GatewayRig::serve() {
    while (!ring.in_hand && !ring.entries.empty()) {
        const RigRing::Entry e = ring.entries.front();
        ring.entries.pop_front();
        ring.in_hand = true;
        slow->on_punted(e.packet, e.port, e.why, now);
        ring.in_hand = false;
    }
}

void GatewayRig::carry_out(Verdict verdict, OwnedPacket packet, PortId port) {
    switch (verdict.action) {
    case Action::forward:
        worker.forwarded.add();
        io.transmit(verdict.port, packet);
        return;
    case Action::drop:
        worker.drop(verdict.drop_reason());
        io.release(packet);
        return;
    case Action::punt: {
        const PuntReason why = verdict.punt_reason();
        worker.punt(why);
        ring.entries.push_back({packet, why == PuntReason::to_box ? verdict.port : port, why});
        serve();
        return;
    }
    case Action::proceed:
        break;
    }
    ADD_FAILURE() << "the pipeline left a packet undecided";
    io.release(packet);
}

} // namespace sacip::test
