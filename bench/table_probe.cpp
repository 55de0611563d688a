// SPDX-License-Identifier: BSD-3-Clause
//
// table_probe [EAL options] -- FLOWS
//
// The flow table on the real rte_hash, with no device: cycles of an insertion, of a look-up (bursts
// of 64, keys that are there and keys that are not, at random), of an erasure; and memory. Run it
// with --no-huge: then all that DPDK allocates is the process's own, and counts as resident when it
// has been touched.
//
// Prints one line of JSON: cycles, and bytes for each flow. `hot_bytes` is what workers read of a
// flow besides rte_hash's own: its record and its share of one worker's hints. `bytes` is what the
// process has grown by with the table full, hints included.
#include "app/dpdk/eal.hpp"
#include "sacip_core/forward/flow_hints.hpp"
#include "sacip_core/forward/flow_table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <random>
#include <string>
#include <unistd.h>
#include <vector>
#include <x86intrin.h>

namespace sacip {
namespace {

constexpr unsigned burst = HashIndex::max_burst;

uint64_t resident_bytes() {
    std::ifstream statm{"/proc/self/statm"};
    uint64_t all = 0;
    uint64_t resident = 0;
    statm >> all >> resident;
    return resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
}

/// Any number makes another key.
FlowKey key_of(uint32_t number, uint8_t proto = 17) {
    return {Ipv4Addr{Be32{0x0A000000 + (number >> 12)}},
            Ipv4Addr{Be32{0xC6120000 + number % 61}},
            L4Port{static_cast<uint16_t>(1024 + (number & 0xFFF))},
            L4Port{5201},
            proto,
            {}};
}

/// Per key. `expected`: how many of the keys are there.
double look_up(const FlowTable& table, const std::vector<uint32_t>& order, uint8_t proto,
               uint32_t expected) {
    std::array<FlowKey, burst> keys;
    std::array<const FlowKey*, burst> pointers;
    std::array<int32_t, burst> positions;
    uint64_t cycles = 0;
    uint32_t found = 0;
    const size_t whole = order.size() / burst * burst;
    for (size_t at = 0; at < whole; at += burst) {
        for (unsigned i = 0; i < burst; i++) {
            keys[i] = key_of(order[at + i], proto);
            pointers[i] = &keys[i];
        }
        const uint64_t before = __rdtsc();
        table.find_burst(pointers.data(), burst, positions.data());
        cycles += __rdtsc() - before;
        found +=
            static_cast<uint32_t>(std::ranges::count_if(positions, [](auto p) { return p >= 0; }));
    }
    if (found != std::min(expected, static_cast<uint32_t>(whole))) {
        std::cerr << "table_probe: found " << found << " of " << expected << " flows\n";
        std::exit(1);
    }
    return static_cast<double>(cycles) / static_cast<double>(whole);
}

int probe(uint32_t flows) {
    auto grace = std::move(std::get<0>(GracePeriod::create(1)));
    std::vector<uint32_t> order(flows);
    for (uint32_t i = 0; i < flows; i++) {
        order[i] = i;
    }
    std::ranges::shuffle(order, std::mt19937_64{1});
    const uint64_t resident = resident_bytes();
    auto made = FlowTable::create(flows, *grace);
    if (const auto* error = std::get_if<std::string>(&made)) {
        std::cerr << "table_probe: " << *error << ": more memory (-m)\n";
        return 1;
    }
    FlowTable& table = *std::get<0>(made);
    FlowHints hints{table.positions()};
    const uint64_t before = __rdtsc();
    for (const uint32_t number : order) {
        if (!table.insert(key_of(number), PathId{0}, Tick{1})) {
            std::cerr << "table_probe: the table is full\n";
            return 1;
        }
    }
    const uint64_t insertion = __rdtsc() - before;
    const uint64_t grown = resident_bytes() - resident;
    std::ranges::shuffle(order, std::mt19937_64{2});
    const double hit = look_up(table, order, 17, flows);
    const double miss = look_up(table, order, 6, 0);
    const uint64_t erasing = __rdtsc();
    for (const uint32_t number : order) {
        table.erase(*table.at({static_cast<uint32_t>(table.find(key_of(number)))}));
    }
    const uint64_t erasure = __rdtsc() - erasing;
    const double hot = static_cast<double>(sizeof(FlowRecord) * table.positions() + hints.bytes());
    std::printf("{\"insert\": %.1f, \"look_up\": %.1f, \"miss\": %.1f, \"erase\": %.1f, "
                "\"hot_bytes\": %.1f, \"bytes\": %.1f}\n",
                static_cast<double>(insertion) / flows, hit, miss,
                static_cast<double>(erasure) / flows, hot / flows,
                static_cast<double>(grown) / flows);
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
    const unsigned long flows = words.size() == 1 ? std::strtoul(words[0].c_str(), nullptr, 10) : 0;
    if (flows < sacip::burst || flows > 100'000'000) {
        std::cerr << "usage: table_probe [EAL options] -- FLOWS (64 to 100,000,000)\n";
        return 2;
    }
    return sacip::probe(static_cast<uint32_t>(flows));
}
