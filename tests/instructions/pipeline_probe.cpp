// SPDX-License-Identifier: BSD-3-Clause
//
// pipeline_probe [EAL options] -- FLOWS outbound|inbound still|moved udp|tcp VIEWS BURSTS
//
// The pipeline alone, on the real flow table and wire index: no device, no mbuf. Prints the cycles
// per packet. Under callgrind, told to collect in `judge_burst` only, it gives the instructions per
// packet (instructions.py).
//
// Packets of 60 bytes, 256 flows to a pair of addresses on the wire, VIEWS paths to a pair, in an
// order that has nothing to do with that of the records. What was rewritten is written anew between
// bursts, outside of what is counted.
#include "app/dpdk/eal.hpp"
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/packet_builder.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <random>
#include <string>
#include <vector>
#include <x86intrin.h>

namespace sacip {
namespace {

using test::PacketBuilder;

constexpr unsigned burst = 32;
constexpr unsigned turns = 9; // after a first one, which fills caches and hints
constexpr uint32_t flows_per_pair = 256;
constexpr uint32_t frame_bytes = 60;
constexpr uint16_t service = 5201;
constinit const LinkHeader link{test::default_sender_mac, test::default_port_mac};
constexpr uint32_t host_net = 0x0A020000;
constexpr uint32_t moved_net = 0x0A070000;
constexpr uint32_t remote_net = 0xC6120000;
using Bytes = std::array<std::byte, 64>;

struct Wanted {
    uint32_t flows;
    bool inbound, moved, tcp;
    uint32_t views; ///< with more than one nobody has its own address on the wire
    unsigned bursts;
    uint32_t flows_per_path() const { return flows_per_pair / views; }
};

/// Everything goes out on the other port.
struct World {
    std::unique_ptr<GracePeriod> grace = std::move(std::get<0>(GracePeriod::create(1)));
    std::unique_ptr<FlowTable> flows;
    std::unique_ptr<PathTable> paths;
    std::vector<Bytes> packets;
};

Bytes make_packet(const Wanted& wanted, Ipv4Addr local, Ipv4Addr remote, uint16_t port) {
    const uint16_t from_port = wanted.inbound ? service : port;
    const uint16_t to_port = wanted.inbound ? port : service;
    PacketBuilder builder;
    builder.from(wanted.inbound ? remote : local).to(wanted.inbound ? local : remote);
    wanted.tcp ? builder.tcp(from_port, to_port) : builder.udp(from_port, to_port);
    const auto built = builder.pad_to(frame_bytes).build();
    Bytes out{};
    std::copy(built.begin(), built.end(), out.begin());
    return out;
}

bool add_path(World& world, const Wanted& wanted, uint32_t number, uint32_t flows) {
    const uint32_t pair = number / wanted.views;
    const Ipv4Addr host{Be32{host_net + number}};
    const Ipv4Addr remote{Be32{remote_net + pair}};
    const Ipv4Addr local = wanted.moved ? Ipv4Addr{Be32{moved_net + pair}} : host;
    const uint32_t first_port = 1024 + number % wanted.views * flows_per_pair;
    RewriteSlot slot;
    prepare_rewrite({host, host, local, remote, remote}, L4ChecksumMode::wire, slot);
    for (DirectionRewrite* side : {&slot.outbound, &slot.inbound}) {
        side->action = PathAction::forward;
        side->port = {1};
        side->link = &link;
        side->mtu = 1500;
    }
    const auto path = world.paths->add(slot, {remote, local}, {host, remote});
    for (uint32_t i = 0; path && i < flows; i++) {
        const auto port = static_cast<uint16_t>(first_port + i);
        const uint8_t proto = wanted.tcp ? 6 : 17;
        if (!world.flows->insert({host, remote, L4Port{port}, L4Port{service}, proto, {}}, *path,
                                 {1})) {
            return false;
        }
        world.packets.push_back(make_packet(wanted, wanted.inbound ? local : host, remote, port));
    }
    return path.has_value();
}

bool fill(World& world, const Wanted& wanted) {
    const uint32_t per_path = wanted.flows_per_path();
    const uint32_t paths = (wanted.flows + per_path - 1) / per_path;
    auto flow_table = FlowTable::create(wanted.flows * 5 / 4 + 64, *world.grace);
    auto path_table = PathTable::create(paths + 1, *world.grace);
    if (flow_table.index() != 0 || path_table.index() != 0) {
        return false;
    }
    world.flows = std::move(std::get<0>(flow_table));
    world.paths = std::move(std::get<0>(path_table));
    for (uint32_t i = 0; i < paths; i++) {
        if (!add_path(world, wanted, i, std::min(per_path, wanted.flows - i * per_path))) {
            return false;
        }
    }
    std::shuffle(world.packets.begin(), world.packets.end(), std::mt19937_64{1});
    return true;
}

[[gnu::noinline]] void judge_burst(Pipeline& pipeline, std::span<Frame> frames,
                                   const ParseContext& port, std::span<Verdict> verdicts) {
    pipeline.process(frames, port, {1}, verdicts);
}

/// Cycles of all bursts; 0 if a packet was not forwarded. `at` goes round the packets.
uint64_t run(const World& world, const Wanted& wanted, Pipeline& pipeline, size_t& at) {
    std::array<Bytes, burst> bytes;
    std::array<Frame, burst> frames;
    std::array<Verdict, burst> verdicts;
    const ParseContext port{
        .port_mac = test::default_port_mac, .outside = wanted.inbound, .mtu = 1500};
    uint64_t cycles = 0;
    for (unsigned i = 0; i < wanted.bursts; i++) {
        for (unsigned k = 0; k < burst; k++) {
            bytes[k] = world.packets[at++ % world.packets.size()];
            frames[k] = {bytes[k].data(), frame_bytes};
        }
        const uint64_t before = __rdtsc();
        judge_burst(pipeline, frames, port, verdicts);
        cycles += __rdtsc() - before;
        if (std::ranges::any_of(verdicts, [](Verdict v) { return v.action != Action::forward; })) {
            return 0;
        }
    }
    return cycles;
}

int probe(const Wanted& wanted) {
    World world;
    if (!fill(world, wanted)) {
        std::cerr << "pipeline_probe: no room for " << wanted.flows << " flows: more memory (-m)\n";
        return 1;
    }
    CoreCounters counters;
    Pipeline pipeline{*world.flows, *world.paths, counters};
    world.grace->online({0});
    size_t at = 0;
    run(world, wanted, pipeline, at);
    std::vector<double> cycles;
    for (unsigned turn = 0; turn < turns; turn++) {
        cycles.push_back(static_cast<double>(run(world, wanted, pipeline, at)) /
                         (static_cast<double>(wanted.bursts) * burst));
    }
    world.grace->offline({0});
    std::ranges::sort(cycles);
    if (cycles.front() == 0) {
        std::cerr << "pipeline_probe: packets were not forwarded\n";
        return 1;
    }
    std::printf("%.1f [%.1f-%.1f] cycles per packet\n", cycles[turns / 2], cycles.front(),
                cycles.back());
    return 0;
}

} // namespace
} // namespace sacip

int main(int argc, char** argv) {
    auto eal = sacip::Eal::init(argc, argv);
    if (const auto* error = std::get_if<std::string>(&eal)) {
        std::cerr << *error << '\n';
        return 1;
    }
    const std::vector<std::string> words(argv + std::get<0>(eal)->arguments_used(), argv + argc);
    if (words.size() != 6) {
        std::cerr << "usage: pipeline_probe [EAL options] -- FLOWS outbound|inbound still|moved "
                     "udp|tcp VIEWS BURSTS\n";
        return 2;
    }
    return sacip::probe({.flows = static_cast<uint32_t>(std::stoul(words[0])),
                         .inbound = words[1] == "inbound",
                         .moved = words[2] == "moved",
                         .tcp = words[3] == "tcp",
                         .views = static_cast<uint32_t>(std::stoul(words[4])),
                         .bursts = static_cast<unsigned>(std::stoul(words[5]))});
}
