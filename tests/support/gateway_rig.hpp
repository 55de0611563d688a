// SPDX-License-Identifier: BSD-3-Clause
//
// GatewayRig: a whole gateway in memory - pipeline, slow path, tables - without EAL and without
// Linux.
//
//   host frames -> receive(lan) -> pipeline -> punts -> slow path -> lines(lan), lines(wan), ...
//   Linux's     -> from_linux(wan) ------------------^      ^
//   ip addr, ip route, ip neigh -> KernelState -> notice() ---+        time -> advance()
//
// What a worker punts while the slow path is at work (RecordingIo::once_sent) waits in a ring, as
// in the product.
//
// It does with verdicts what app/dpdk/worker and app/appliance do, and counts as they do, so that
// check() can hold every story to the packet identity. The worker is offline between bursts, like
// one that sleeps: a single thread could not wait for it.
//
// For tests only: errors throw or fail the test.
#pragma once

#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/gateway.hpp"
#include "tests/support/frame_text.hpp"
#include "tests/support/recording_io.hpp"

#include <algorithm>
#include <deque>
#include <gtest/gtest.h>

namespace sacip::test {

using Lines = std::vector<std::string>;

inline Ipv4Prefix prefix(std::string_view text) { return Ipv4Prefix::from_text(text).value(); }

inline constexpr PortId lan{0};
inline constexpr PortId wan{1};
inline constexpr PortId wan2{2}; ///< only with small_config(2)
inline constexpr IfIndex loopback{1};

/// Ports lan and wan (and wan2), small tables, the rest as by default.
inline Config small_config(unsigned uplinks = 1) {
    Config c;
    c.gateway.name = "rig";
    c.limits = {64, 32};
    c.ports.resize(1 + uplinks);
    c.ports[0].name = "lan";
    for (unsigned i = 1; i <= uplinks; i++) {
        c.ports[i].name = i == 1 ? "wan" : "wan" + std::to_string(i);
        c.ports[i].role = PortRole::outside;
    }
    return c;
}
inline HostConfig uplink_host(std::string_view inside, std::string port = "wan") {
    return {Ipv4Prefix::host(addr(inside)), std::move(port), {}};
}
inline HostConfig routed(std::string_view inside, std::string_view outside) {
    return {prefix(inside), prefix(outside), {}};
}
inline HostConfig box(std::vector<BoxPort> ports = {}) { return {Box{}, "wan", std::move(ports)}; }
inline BasicPeerConfig peer(std::string_view from, std::vector<Ipv4Prefix> roam_to) {
    return {prefix(from), std::move(roam_to)};
}

/// What workers have punted and the slow path has not yet taken.
struct RigRing final : PuntsUnderWay {
    struct Entry {
        OwnedPacket packet;
        PortId port;
        PuntReason why;
    };
    std::deque<Entry> entries;
    bool in_hand{false}; ///< the slow path is at work, as PuntRings::any() has it
    const RecordingIo& io;
    explicit RigRing(const RecordingIo& of) : io{of} {}
    bool any(Direction to) const override {
        return in_hand || io.turns_kept[static_cast<size_t>(to)] ||
               std::ranges::any_of(
                   entries, [](const Entry& e) { return e.why != PuntReason::notification; });
    }
};

class GatewayRig {
public:
    explicit GatewayRig(Config c, uint8_t number = 1, std::optional<Identity> keys = {})
        : config{std::move(c)}, identity{std::move(keys)}, grace{std::get<0>(
                                                               GracePeriod::create(1))},
          flows{std::get<0>(FlowTable::create(config.limits.flows, *grace))},
          paths{std::get<0>(PathTable::create(config.limits.paths, *grace))}, pipeline{
                                                                                  *flows, *paths,
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
        slow = std::make_unique<Gateway>(Gateway::World{config, ports, host, *flows, *paths, io,
                                                        actions, slow_counters,
                                                        identity ? &*identity : nullptr});
        notice();
    }
    ~GatewayRig() {
        slow->shut_down();
        EXPECT_EQ(io.live(), 0U) << "packets leaked";
    }
    GatewayRig(const GatewayRig&) = delete;
    GatewayRig& operator=(const GatewayRig&) = delete;

    // ---- Linux's side; nothing is noticed before notice()

    /// "10.0.1.2/24"; with its connected route, as Linux has it.
    void add_address(PortId port, std::string_view cidr, bool secondary = false,
                     bool deprecated = false) {
        const auto [address, length] = split(cidr);
        host.upsert(AddressInfo{interface(port), address, length, secondary, deprecated});
        if (length < 32) {
            host.add(RouteInfo{Ipv4Prefix{address, length}, {}, interface(port)});
        }
    }
    void del_address(PortId port, std::string_view cidr) {
        const auto [address, length] = split(cidr);
        host.remove(AddressInfo{interface(port), address, length});
        const Ipv4Prefix net{address, length};
        for (const AddressInfo& a : host.addresses(interface(port))) {
            if (Ipv4Prefix{a.address, a.prefix_length} == net) {
                return;
            }
        }
        host.remove(RouteInfo{net, {}, interface(port)});
    }
    void add_route(PortId port, std::string_view to, std::string_view via, uint32_t metric = 0) {
        host.add(RouteInfo{prefix(to), addr(via), interface(port), metric});
    }
    void del_route(PortId port, std::string_view to, std::string_view via, uint32_t metric = 0) {
        host.remove(RouteInfo{prefix(to), addr(via), interface(port), metric});
    }
    void add_neighbour(PortId port, std::string_view address) {
        host.upsert(NeighbourInfo{interface(port), addr(address), mac_of(addr(address)),
                                  NeighbourState::resolved});
    }
    void del_neighbour(PortId port, std::string_view address) {
        host.remove_neighbour({interface(port), addr(address)});
    }
    /// The Ethernet address that add_neighbour gives.
    static MacAddr mac_of(Ipv4Addr a) {
        const uint32_t v = a.value();
        return {{0x06, 0, static_cast<uint8_t>(v >> 24), static_cast<uint8_t>(v >> 16),
                 static_cast<uint8_t>(v >> 8), static_cast<uint8_t>(v)}};
    }
    /// Shadows appear where Linux would show them.
    void obey_actions() {
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
    /// Shows the slow path what Linux has now, and ends the turn.
    void notice() {
        slow->on_neighbours_changed(host.take_changed_neighbours());
        slow->on_host_changed(host.take_changed_routes(), now);
        turn();
    }

    // ---- packets

    /// A builder whose frames are for the port.
    PacketBuilder frame(PortId port) const {
        PacketBuilder out;
        out.ether(ports[port.value].mac);
        return out;
    }
    /// One burst through a worker, its punts to the slow path, end of turn.
    void receive(PortId port, std::vector<Bytes> burst) {
        work(port, std::move(burst));
        turn();
    }
    void receive(PortId port, const PacketBuilder& packet) { receive(port, {packet.build()}); }
    /// The same without the end of the turn.
    void work(PortId port, std::vector<Bytes> burst) {
        std::vector<OwnedPacket> packets;
        std::vector<Frame> frames;
        std::vector<Verdict> verdicts(burst.size());
        for (Bytes& bytes : burst) {
            packets.push_back(io.own(std::move(bytes)));
            frames.push_back(packets.back().frame);
        }
        worker.received.add(frames.size());
        grace->online({0});
        pipeline.process(frames,
                         {ports[port.value].mac, config.protocol.icmp_type,
                          ports[port.value].outside, config.notification_port(), UINT16_MAX,
                          ports[port.value].former_mac},
                         to_tick(now), verdicts);
        grace->quiescent({0});
        grace->offline({0});
        for (size_t i = 0; i < packets.size(); i++) {
            carry_out(verdicts[i], packets[i], port);
        }
    }
    void from_linux(PortId port, const Bytes& bytes) {
        slow->on_from_linux(io.own(bytes), port, now);
        turn();
    }
    void from_linux(PortId port, const PacketBuilder& packet) { from_linux(port, packet.build()); }

    // ---- time

    void turn() {
        now = now + from_us(1);
        finish_turn();
    }
    /// Milliseconds up to a second, then in steps of 50 ms.
    void advance(Nanos time) {
        const Nanos step = time > from_s(1) ? from_ms(50) : from_ms(1);
        const Nanos end = now + time;
        while (now < end) {
            now = std::min(now + step, end);
            finish_turn();
        }
    }

    // ---- what left

    /// Of this port since the last look, on the cable or in Linux, and forgets it. L4 checksums are
    /// held against the addresses in the packet where a host or Linux would.
    Lines lines(PortId port, bool linux_side = false) {
        Lines out;
        for (const Bytes& bytes : take(port, linux_side)) {
            out.push_back(text_of(bytes, linux_side || !ports[port.value].outside));
        }
        return out;
    }
    Lines linux_lines(PortId port) { return lines(port, true); }
    std::vector<Bytes> take(PortId port, bool linux_side = false) {
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
    uint64_t dropped(DropReason why) const {
        const auto i = static_cast<size_t>(why);
        return worker.dropped[i].get() + slow_counters.dropped[i].get();
    }
    uint64_t punted(PuntReason why) const { return worker.punted[static_cast<size_t>(why)].get(); }
    const ExceptionStatistics& statistics() const { return slow->exception_path().statistics(); }
    const MoveRecord& last_move() const { return slow->mover().history().records().back(); }

    /// The identity: nothing appears from nowhere, nothing vanishes.
    void check() const {
        EXPECT_TRUE(worker.balanced());
        EXPECT_TRUE(slow_counters.balanced());
        EXPECT_EQ(slow_counters.held.get(), slow->exception_path().output().held());
        EXPECT_EQ(io.live(), slow->exception_path().output().held())
            << "packets that nobody accounts for";
    }

    Config config;
    std::optional<Identity> identity;
    KernelState host;
    RecordingIo io;
    RecordingActions actions;
    CoreCounters worker, slow_counters;
    std::unique_ptr<GracePeriod> grace;
    std::unique_ptr<FlowTable> flows;
    std::unique_ptr<PathTable> paths;
    std::vector<GatewayPort> ports;
    RigRing ring{io};
    Pipeline pipeline;
    std::unique_ptr<Gateway> slow;
    Nanos now{from_s(1000)};

private:
    IfIndex interface(PortId port) const { return ports[port.value].host_interface; }
    static std::pair<Ipv4Addr, uint8_t> split(std::string_view cidr) {
        const auto slash = cidr.find('/');
        return {addr(cidr.substr(0, slash)),
                static_cast<uint8_t>(std::stoi(std::string{cidr.substr(slash + 1)}))};
    }
    void finish_turn() {
        ring.in_hand = true;
        slow->finish_turn(now);
        ring.in_hand = false;
        serve();
    }
    /// The slow path takes what was punted, if it is not in the middle of something.
    void serve() {
        while (!ring.in_hand && !ring.entries.empty()) {
            const RigRing::Entry e = ring.entries.front();
            ring.entries.pop_front();
            ring.in_hand = true;
            slow->on_punted(e.packet, e.port, e.why, now);
            ring.in_hand = false;
        }
    }
    void carry_out(Verdict verdict, OwnedPacket packet, PortId port) {
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
};

} // namespace sacip::test
