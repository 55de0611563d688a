// SPDX-License-Identifier: BSD-3-Clause
//
// router_probe [EAL options] -- PATHS CHANGES
//
// A router's new Ethernet address, with PATHS paths that go by it, one flow each. A thread forwards
// a packet of each of them in turn, as a worker does; the other one tells the slow path CHANGES
// times that the router has another address. For each: nanoseconds from the event until the last
// packet with the former address had been written. Prints all of them as a JSON list.
//
// The gateway is the real one but for ports and Linux, which are in memory.
#include "app/dpdk/eal.hpp"
#include "tests/support/rig_sites.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace sacip::test {
namespace {

constexpr unsigned burst = 32;
constexpr size_t frame_bytes = 64;
using Packet = std::array<std::byte, frame_bytes>;

int64_t nanoseconds() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

Ipv4Addr far_end(uint32_t i) { return Ipv4Addr{Be32{(100U << 24 | 64U << 16) + i}}; }

Config config_of(uint32_t paths) {
    Config c = small_config();
    c.limits.flows = paths + paths / 4 + 64;
    c.limits.paths = paths + paths / 4 + 64;
    c.hosts = {uplink_host("10.1.0.10")};
    c.basic_peers = {peer("100.64.0.0/10", {prefix("100.64.0.0/10")})};
    return c;
}

MacAddr router_mac(uint8_t number) { return {{0x06, 0, 0, 0, 0, number}}; }

/// What both threads know.
struct Shared {
    std::atomic<uint8_t> now{0};       ///< the router's number, set just before the event
    std::atomic<uint32_t> in_a_row{0}; ///< packets with that address since one with another
    std::atomic<int64_t> last_former{0};
    std::atomic<bool> stop{false}, failed{false};
};

class Worker {
public:
    Worker(GatewayRig& rig, uint32_t paths, Shared& shared)
        : rig_{rig}, shared_{shared}, tick_{to_tick(rig.now)}, pipeline_{*rig.flows, *rig.paths,
                                                                         counters_} {
        for (uint32_t i = 0; i < paths; i++) {
            const Bytes built = packet(i).build();
            std::copy_n(built.begin(), std::min(built.size(), frame_bytes),
                        packets_.emplace_back().begin());
        }
    }
    PacketBuilder packet(uint32_t i) const {
        PacketBuilder out = rig_.frame(lan);
        return out.from("10.1.0.10").to(far_end(i).to_text()).udp(4000, 53);
    }
    void run() {
        rig_.grace->online({0});
        while (!shared_.stop.load(std::memory_order_relaxed)) {
            forward_burst();
            rig_.grace->quiescent({0});
        }
        rig_.grace->offline({0});
    }

private:
    void forward_burst() {
        std::array<Frame, burst> frames;
        std::array<Verdict, burst> verdicts;
        for (unsigned i = 0; i < burst; i++) {
            bytes_[i] = packets_[next_++ % packets_.size()];
            frames[i] = {bytes_[i].data(), frame_bytes};
        }
        pipeline_.process(frames, {.port_mac = rig_.ports[lan.value].mac, .mtu = 1500}, tick_,
                          verdicts);
        const int64_t at = nanoseconds();
        const MacAddr wanted = router_mac(shared_.now.load(std::memory_order_acquire));
        for (unsigned i = 0; i < burst; i++) {
            if (verdicts[i].action != Action::forward) {
                shared_.failed = true;
                return;
            }
            if (ether::destination(bytes_[i].data()) == wanted) {
                shared_.in_a_row.fetch_add(1, std::memory_order_relaxed);
            } else {
                shared_.in_a_row.store(0, std::memory_order_relaxed);
                shared_.last_former.store(at, std::memory_order_relaxed);
            }
        }
    }

    GatewayRig& rig_;
    Shared& shared_;
    const Tick tick_; ///< no flow grows old meanwhile
    CoreCounters counters_;
    Pipeline pipeline_;
    std::vector<Packet> packets_;
    std::array<Packet, burst> bytes_{};
    size_t next_{0};
};

/// Nanoseconds until all paths had it.
int64_t change_router(GatewayRig& rig, uint32_t paths, uint8_t number, Shared& shared) {
    rig.host.upsert(NeighbourInfo{rig.ports[wan.value].host_interface, addr("10.0.1.1"),
                                  router_mac(number), NeighbourState::resolved});
    const auto changed = rig.host.take_changed_neighbours();
    shared.in_a_row = 0;
    const int64_t event = nanoseconds();
    shared.now.store(number, std::memory_order_release);
    rig.slow->on_neighbours_changed(changed);
    while (shared.in_a_row < paths + burst && !shared.failed) {
        std::this_thread::yield();
    }
    rig.advance(from_ms(1));
    return std::max<int64_t>(shared.last_former - event, 0);
}

int probe(uint32_t paths, unsigned changes) {
    GatewayRig rig{config_of(paths)};
    set_up_a(rig);
    Shared shared;
    Worker worker{rig, paths, shared};
    for (uint32_t i = 0; i < paths; i++) {
        rig.receive(lan, worker.packet(i));
        rig.io.departures.clear();
    }
    if (rig.paths->size() != paths) {
        std::cerr << "router_probe: " << rig.paths->size() << " paths, not " << paths << '\n';
        return 1;
    }
    std::thread thread{[&] { worker.run(); }};
    std::string out;
    for (unsigned i = 1; i <= changes && !shared.failed; i++) {
        out += (i == 1 ? "[" : ", ") +
               std::to_string(change_router(rig, paths, static_cast<uint8_t>(i % 200 + 1), shared));
    }
    shared.stop = true;
    thread.join();
    if (shared.failed) {
        std::cerr << "router_probe: a packet was not forwarded\n";
        return 1;
    }
    std::cout << out << "]\n";
    return 0;
}

} // namespace
} // namespace sacip::test

int main(int argc, char** argv) {
    auto eal = sacip::Eal::init(argc, argv);
    if (const auto* error = std::get_if<std::string>(&eal)) {
        std::cerr << *error << '\n';
        return 1;
    }
    const std::vector<std::string> words(argv + std::get<0>(eal)->arguments_used(), argv + argc);
    const auto number = [&](size_t i) {
        return words.size() == 2 ? std::strtoul(words[i].c_str(), nullptr, 10) : 0;
    };
    if (number(0) < 1 || number(0) > 1'000'000 || number(1) < 1 || number(1) > 100'000) {
        std::cerr << "usage: router_probe [EAL options] -- PATHS CHANGES\n";
        return 2;
    }
    return sacip::test::probe(static_cast<uint32_t>(number(0)), static_cast<unsigned>(number(1)));
}
