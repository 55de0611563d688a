// SPDX-License-Identifier: BSD-3-Clause
//
// pipeline_probe [EAL options] -- FLOWS outbound|inbound still|moved udp|tcp VIEWS BURSTS
// pipeline_probe [EAL options] -- FILE ROW PORT BURSTS
//
// The pipeline alone, on the real flow table and wire index: no device, no mbuf. Its packets are
// made here (synthetic_workload.hpp), or those of a row of tests/vectors/pipeline.yaml that come in
// on a port (row_workload.hpp). Prints the cycles per packet. Under callgrind, told to collect in
// `judge_burst` only, it gives the instructions per packet (instructions.py).
//
// What was rewritten is written anew between bursts, outside of what is counted.
#include "app/dpdk/eal.hpp"
#include "sacip_core/forward/pipeline.hpp"
#include "tests/instructions/row_workload.hpp"
#include "tests/instructions/synthetic_workload.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <string>
#include <vector>
#include <x86intrin.h>

namespace sacip {
namespace {

using test::RowWorkload;
using test::SyntheticWorkload;

constexpr unsigned burst = 32;
constexpr unsigned turns = 9; // after a first one, which fills caches and hints

[[gnu::noinline]] void judge_burst(Pipeline& pipeline, std::span<Frame> frames,
                                   const ParseContext& port, std::span<Verdict> verdicts) {
    pipeline.process(frames, port, {1}, verdicts);
}

/// Cycles of so many bursts; 0 if a packet had another verdict than it should. `at` goes round the
/// packets.
template <typename Workload>
uint64_t run(const Workload& workload, unsigned bursts, Pipeline& pipeline, size_t& at) {
    std::array<typename Workload::Room, burst> rooms;
    std::array<Frame, burst> frames;
    std::array<Verdict, burst> verdicts;
    const ParseContext port = workload.port();
    const size_t packets = workload.packets();
    uint64_t cycles = 0;
    for (unsigned i = 0; i < bursts; i++) {
        for (unsigned k = 0; k < burst; k++) {
            frames[k] = workload.write((at + k) % packets, rooms[k]);
        }
        const uint64_t before = __rdtsc();
        judge_burst(pipeline, frames, port, verdicts);
        cycles += __rdtsc() - before;
        for (unsigned k = 0; k < burst; k++) {
            if (!workload.is_right((at + k) % packets, verdicts[k])) {
                return 0;
            }
        }
        at += burst;
    }
    return cycles;
}

/// `workload` is filled, and what comes before its packets has passed the pipeline.
template <typename Workload>
int measure(const Workload& workload, unsigned bursts, Pipeline& pipeline) {
    size_t at = 0;
    run(workload, bursts, pipeline, at);
    std::vector<double> cycles;
    for (unsigned turn = 0; turn < turns; turn++) {
        cycles.push_back(static_cast<double>(run(workload, bursts, pipeline, at)) /
                         (static_cast<double>(bursts) * burst));
    }
    std::ranges::sort(cycles);
    if (cycles.front() == 0) {
        std::cerr << "pipeline_probe: packets had other verdicts than they should\n";
        return 1;
    }
    std::printf("%.1f [%.1f-%.1f] cycles per packet\n", cycles[turns / 2], cycles.front(),
                cycles.back());
    return 0;
}

int probe(const SyntheticWorkload::Wanted& wanted, unsigned bursts) {
    SyntheticWorkload workload{wanted};
    if (!workload.fill()) {
        std::cerr << "pipeline_probe: no room for " << wanted.flows << " flows: more memory (-m)\n";
        return 1;
    }
    CoreCounters counters;
    Pipeline pipeline{workload.flows(), workload.paths(), counters};
    workload.online();
    const int result = measure(workload, bursts, pipeline);
    workload.offline();
    return result;
}

int probe(const std::string& file, const std::string& row, PortId port, unsigned bursts) {
    RowWorkload workload{file, row, port};
    CoreCounters counters;
    Pipeline pipeline{workload.flows(), workload.paths(), counters};
    workload.online();
    workload.play(pipeline);
    const int result = measure(workload, bursts, pipeline);
    workload.offline();
    return result;
}

int probe(const std::vector<std::string>& words) {
    const auto number = [&](size_t word) {
        return static_cast<uint32_t>(std::stoul(words.at(word)));
    };
    if (words.size() == 4) {
        return probe(words[0], words[1], PortId{static_cast<uint8_t>(number(2))}, number(3));
    }
    if (words.size() == 6) {
        return probe({.flows = number(0),
                      .inbound = words[1] == "inbound",
                      .moved = words[2] == "moved",
                      .tcp = words[3] == "tcp",
                      .views = number(4)},
                     number(5));
    }
    std::cerr << "usage: pipeline_probe [EAL options] -- FLOWS outbound|inbound still|moved "
                 "udp|tcp VIEWS BURSTS\n"
                 "       pipeline_probe [EAL options] -- FILE ROW PORT BURSTS\n";
    return 2;
}

} // namespace
} // namespace sacip

int main(int argc, char** argv) {
    auto eal = sacip::Eal::init(argc, argv);
    if (const auto* error = std::get_if<std::string>(&eal)) {
        std::cerr << *error << '\n';
        return 1;
    }
    try {
        return sacip::probe({argv + std::get<0>(eal)->arguments_used(), argv + argc});
    } catch (const std::exception& wrong) {
        std::cerr << "pipeline_probe: " << wrong.what() << '\n';
        return 1;
    }
}
