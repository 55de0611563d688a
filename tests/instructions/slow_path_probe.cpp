// SPDX-License-Identifier: BSD-3-Clause
//
// slow_path_probe CASE N: what the slow path does in one case, with N of everything there.
//
// A gateway in memory (tests/support/gateway_rig.hpp) has N mapped hosts, each with a binding, a
// far end of its own, a path and a flow; and as many past moves of far ends, as long as they are
// remembered. Then the case happens `times` times, each with something that never happened before.
// Under callgrind, told to collect in `slow_path_at_work` only, this gives the instructions of one
// (slow_path.py). Prints how many times it happened.
//
// Cases: known, stranger (first packet of a flow, from inside and from the wire), punt, tick,
// route, neighbour, router (the next hop of all paths has another address), forged (a basic
// notification), moved (one that is believed).
#include "tests/support/rig_sites.hpp"

#include <cstdlib>
#include <functional>
#include <iostream>

namespace sacip::test {
namespace {

constexpr uint32_t times = 32;

Ipv4Addr inside_host(uint32_t i) { return Ipv4Addr{Be32{(10U << 24 | 128U << 16) + i}}; }
Ipv4Addr wire(uint32_t i) { return Ipv4Addr{Be32{(172U << 24 | 16U << 16) + i}}; }
Ipv4Addr far_end(uint32_t i) { return Ipv4Addr{Be32{(100U << 24 | 64U << 16) + i}}; }
Ipv4Addr stranger(uint32_t i) { return Ipv4Addr{Be32{(198U << 24 | 18U << 16) + i}}; }
/// Where a far end may roam.
Ipv4Addr roamed(uint32_t i) { return Ipv4Addr{Be32{(100U << 24 | 96U << 16) + i}}; }

Config config_of(uint32_t n) {
    Config c = small_config();
    c.limits.flows = 2 * n + 4096;
    c.limits.paths = 2 * n + 4096;
    c.hosts = {uplink_host("10.1.0.10")};
    for (uint32_t i = 0; i < n; i++) {
        c.hosts.push_back({Ipv4Prefix::host(inside_host(i)), Ipv4Prefix::host(wire(i)), {}});
    }
    c.basic_peers = {peer("100.64.0.0/10", {prefix("100.64.0.0/10")})};
    return c;
}

struct World : GatewayRig {
    explicit World(uint32_t n) : GatewayRig{config_of(n)} {
        set_up_a(*this);
        add_neighbour(lan, "10.1.0.9");
        add_route(lan, "10.128.0.0/9", "10.1.0.9");
        add_neighbour(wan, "10.0.1.7");
        notice();
        for (uint32_t i = 0; i < n; i++) {
            receive(lan, first_packet(i, far_end(i)));
            io.departures.clear();
            if (i < 1000) {
                receive(wan, std::vector<Bytes>{notification(far_end(i), roamed(i), wire(i))});
            }
        }
        for (int second = 0; second < 5; second++) { // what begins with an address ends
            advance(from_s(1));
        }
    }
    PacketBuilder first_packet(uint32_t i, Ipv4Addr to) const {
        return frame(lan).from(inside_host(i).to_text()).to(to.to_text()).udp(4000, 53);
    }
    Bytes notification(Ipv4Addr from, Ipv4Addr to, Ipv4Addr told) const {
        Bytes out(basic_notification_frame_bytes);
        encode({from, to, told}, 20, {ports[wan.value].mac, default_sender_mac}, out);
        return out;
    }
    OwnedPacket own(const Bytes& bytes) { return io.own(bytes); }
};

/// All that is counted.
[[gnu::noinline]] void slow_path_at_work(const std::function<void(uint32_t)>& happen) {
    for (uint32_t i = 0; i < times; i++) {
        happen(i);
    }
}

int probe(const std::string& what, uint32_t n) {
    World world{n};
    std::vector<OwnedPacket> packets;
    const auto punted = [&](PortId port, PuntReason why) {
        return [&, port, why](uint32_t i) {
            world.slow->on_punted(packets[i], port, why, world.now);
            world.slow->finish_turn(world.now);
        };
    };
    std::function<void(uint32_t)> happen;
    for (uint32_t i = 0; i < times; i++) {
        const uint32_t one = i % n;
        if (what == "known") {
            packets.push_back(world.own(world.first_packet(one, far_end((1 << 20) + i)).build()));
            happen = punted(lan, PuntReason::first_packet);
        } else if (what == "stranger") {
            packets.push_back(world.own(world.frame(wan)
                                            .from(stranger(i).to_text())
                                            .to(wire(one).to_text())
                                            .udp(53, 4000)
                                            .build()));
            happen = punted(wan, PuntReason::first_packet);
        } else if (what == "punt") {
            packets.push_back(world.own(world.first_packet(one, far_end(one)).build()));
            happen = punted(lan, PuntReason::in_turn);
        } else if (what == "forged") {
            packets.push_back(world.own(
                world.notification(far_end((1 << 20) + i), far_end((3 << 20) + i), wire(one))));
            happen = punted(wan, PuntReason::notification);
        } else if (what == "moved") {
            const Ipv4Addr from =
                i < n ? roamed(i) : far_end((3 << 20) + i - n); // from where it is
            packets.push_back(
                world.own(world.notification(from, far_end((3 << 20) + i), wire(one))));
            happen = punted(wan, PuntReason::notification);
        } else if (what == "tick") {
            happen = [&](uint32_t) {
                world.now = world.now + from_ms(1);
                world.slow->finish_turn(world.now);
            };
        } else if (what == "route") {
            happen = [&](uint32_t k) {
                world.add_route(wan, "203.0." + std::to_string(k) + ".0/24", "10.0.1.7");
                world.slow->on_host_changed(world.host.take_changed_routes(), world.now);
                world.slow->finish_turn(world.now);
            };
        } else if (what == "neighbour" || what == "router") {
            const Ipv4Addr whose = addr(what == "router" ? "10.0.1.1" : "10.0.1.77");
            happen = [&, whose](uint32_t k) {
                world.host.upsert(NeighbourInfo{world.ports[wan.value].host_interface,
                                                whose,
                                                {{2, 0, 0, 0, 9, static_cast<uint8_t>(k)}},
                                                NeighbourState::resolved});
                world.slow->on_neighbours_changed(world.host.take_changed_neighbours());
                world.slow->on_host_changed(world.host.take_changed_routes(), world.now);
                world.slow->finish_turn(world.now);
            };
        }
    }
    if (!happen) {
        std::cerr << "slow_path_probe: no such case: " << what << '\n';
        return 2;
    }
    slow_path_at_work(happen);
    std::cout << times << '\n';
    return 0;
}

} // namespace
} // namespace sacip::test

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: slow_path_probe CASE N\n";
        return 2;
    }
    return sacip::test::probe(argv[1], static_cast<uint32_t>(std::atoi(argv[2])));
}
