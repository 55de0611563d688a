// SPDX-License-Identifier: BSD-3-Clause
//
// floor [EAL options] -- FLOWS
//
// The floor under a gateway: what one core pays for a packet of 64 bytes that is received, parsed,
// looked up in rte_hash, rewritten and sent, if it does nothing else and everything is in its
// favour. Packets are hot, they go round a net_ring port; all are UDP and known; the hash is CRC; a
// flow's entry has all that is written ready; nothing is checked that a gateway must check. What a
// gateway takes beyond that, both without their devices, is the price of being one.
//
// Prints one line of JSON: cycles per packet of the device alone (`io`) and of everything (`full`),
// medians of a few turns, in each of which both ran.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <vector>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_hash.h>
#include <rte_hash_crc.h>
#include <rte_ip.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_udp.h>

namespace {

constexpr unsigned burst = 32;
constexpr unsigned in_flight = 768;
constexpr unsigned turns = 7;
constexpr uint32_t packets_per_turn = 4U << 20;
constexpr uint16_t frame_bytes = 60;
constexpr uint64_t interrupted = 200'000; // cycles that no burst takes by itself

struct Key {
    uint32_t source, destination, ports, proto;
};
struct alignas(64) Flow { // two lines, as one would write it down
    Key key;
    uint32_t source, destination;
    uint16_t ip_delta, udp_delta;
    std::array<uint8_t, 12> stations;
    uint64_t packets, bytes, seen;
};
struct [[gnu::packed]] alignas(2) Headers {
    rte_ether_hdr ether;
    rte_ipv4_hdr ip;
    rte_udp_hdr udp;
};
using Burst = std::array<rte_mbuf*, burst>;

struct Floor {
    rte_ring* rx{};
    rte_ring* tx{};
    uint16_t port{};
    rte_hash* hash{};
    Flow* flows{};
    Key* order{}; ///< of the packets: random ones of the flows
    size_t order_mask{};
    size_t at{0};
};

[[noreturn]] void die(const char* what) {
    std::fprintf(stderr, "floor: %s\n", what);
    std::exit(1);
}

uint16_t mend(uint16_t checksum, uint16_t delta) {
    uint32_t sum = static_cast<uint16_t>(~checksum) + uint32_t{delta};
    sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

/// The next packet of the order.
void fill(Floor& floor, rte_mbuf* packet) {
    auto* headers = rte_pktmbuf_mtod(packet, Headers*);
    const Key& key = floor.order[floor.at++ & floor.order_mask];
    headers->ip.src_addr = key.source;
    headers->ip.dst_addr = key.destination;
    __builtin_memcpy(&headers->udp, &key.ports, 4);
    headers->ip.time_to_live = 64;
}

void make(rte_mbuf* packet) {
    auto* headers = rte_pktmbuf_mtod(packet, Headers*);
    *headers = {};
    headers->ether.ether_type = RTE_BE16(RTE_ETHER_TYPE_IPV4);
    headers->ip.version_ihl = 0x45;
    headers->ip.total_length = RTE_BE16(frame_bytes - 14);
    headers->ip.next_proto_id = 17;
    headers->ip.hdr_checksum = 0x1234;
    headers->udp.dgram_cksum = 0x4321;
    packet->data_len = frame_bytes;
    packet->pkt_len = frame_bytes;
}

Key key_of(const Headers& headers) {
    Key key{headers.ip.src_addr, headers.ip.dst_addr, 0, headers.ip.next_proto_id};
    __builtin_memcpy(&key.ports, &headers.udp, 4);
    return key;
}

bool is_plain(const rte_mbuf& packet, const Headers& headers) {
    return packet.data_len >= sizeof(Headers) &&
           headers.ether.ether_type == RTE_BE16(RTE_ETHER_TYPE_IPV4) &&
           headers.ip.version_ihl == 0x45 && headers.ip.time_to_live > 1 &&
           (headers.ip.fragment_offset & RTE_BE16(0x3FFF)) == 0 &&
           rte_be_to_cpu_16(headers.ip.total_length) + sizeof(rte_ether_hdr) <= packet.data_len;
}

void rewrite(Headers& headers, Flow& flow) {
    headers.ip.src_addr = flow.source;
    headers.ip.dst_addr = flow.destination;
    headers.ip.time_to_live--;
    headers.ip.hdr_checksum = mend(headers.ip.hdr_checksum, flow.ip_delta);
    if (headers.udp.dgram_cksum != 0) {
        headers.udp.dgram_cksum = mend(headers.udp.dgram_cksum, flow.udp_delta);
    }
    __builtin_memcpy(&headers.ether, flow.stations.data(), flow.stations.size());
    flow.packets++;
    flow.bytes += frame_bytes;
}

void work(Floor& floor, Burst& packets, unsigned count) {
    std::array<Key, burst> keys;
    std::array<const void*, burst> pointers;
    std::array<void*, burst> found;
    uint64_t hits = 0;
    bool plain = true;
    for (unsigned i = 0; i < count; i++) {
        rte_prefetch0(rte_pktmbuf_mtod(packets[i], void*));
    }
    for (unsigned i = 0; i < count; i++) {
        const auto& headers = *rte_pktmbuf_mtod(packets[i], Headers*);
        plain &= is_plain(*packets[i], headers);
        keys[i] = key_of(headers);
        pointers[i] = &keys[i];
    }
    rte_hash_lookup_bulk_data(floor.hash, pointers.data(), count, &hits, found.data());
    if (!plain || hits != (uint64_t{1} << count) - 1) {
        die("a packet that no flow knows");
    }
    for (unsigned i = 0; i < count; i++) {
        rte_prefetch0(found[i]);
    }
    for (unsigned i = 0; i < count; i++) {
        rewrite(*rte_pktmbuf_mtod(packets[i], Headers*), *static_cast<Flow*>(found[i]));
    }
}

/// Cycles per packet.
double turn(Floor& floor, bool full) {
    Burst packets;
    uint64_t cycles = 0;
    uint32_t done = 0;
    while (done < packets_per_turn) {
        void** const objects = reinterpret_cast<void**>(packets.data());
        unsigned count = rte_ring_sc_dequeue_burst(floor.tx, objects, burst, nullptr);
        for (unsigned i = 0; i < count; i++) {
            fill(floor, packets[i]);
        }
        rte_ring_sp_enqueue_bulk(floor.rx, objects, count, nullptr);
        const uint64_t before = rte_rdtsc_precise();
        count = rte_eth_rx_burst(floor.port, 0, packets.data(), burst);
        if (full && count > 0) {
            work(floor, packets, count);
        }
        for (unsigned sent = 0; sent < count;) {
            sent += rte_eth_tx_burst(floor.port, 0, packets.data() + sent,
                                     static_cast<uint16_t>(count - sent));
        }
        const uint64_t took = rte_rdtsc_precise() - before;
        if (took < interrupted) { // else another process had the core
            cycles += took;
            done += count;
        }
    }
    return static_cast<double>(cycles) / done;
}

void make_port(Floor& floor) {
    const rte_eth_conf plain{};
    rte_mempool* const pool = rte_pktmbuf_pool_create("floor", 8191, 0, 0, 2048 + 128, -1);
    floor.rx = rte_ring_create("floor rx", 1024, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
    floor.tx = rte_ring_create("floor tx", 1024, -1, RING_F_SP_ENQ | RING_F_SC_DEQ);
    if (pool == nullptr || floor.rx == nullptr || floor.tx == nullptr) {
        die("no memory for packets: more -m");
    }
    const int port = rte_eth_from_rings("floor", &floor.rx, 1, &floor.tx, 1, 0);
    floor.port = static_cast<uint16_t>(port);
    if (port < 0 || rte_eth_dev_configure(floor.port, 1, 1, &plain) != 0 ||
        rte_eth_rx_queue_setup(floor.port, 0, 512, 0, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(floor.port, 0, 512, 0, nullptr) != 0 ||
        rte_eth_dev_start(floor.port) != 0) {
        die("no net_ring port");
    }
    for (unsigned i = 0; i < in_flight; i++) {
        rte_mbuf* packet = rte_pktmbuf_alloc(pool);
        make(packet);
        rte_ring_sp_enqueue(floor.tx, packet);
    }
}

void make_flows(Floor& floor, uint32_t count) {
    rte_hash_parameters wanted{};
    wanted.name = "floor";
    wanted.entries = std::max(count + count / 4, 16U);
    wanted.key_len = sizeof(Key);
    wanted.hash_func = rte_hash_crc;
    wanted.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
    floor.order_mask = std::max<size_t>(rte_align32pow2(count), 1U << 16) - 1;
    floor.hash = rte_hash_create(&wanted);
    floor.flows = static_cast<Flow*>(rte_zmalloc(nullptr, count * sizeof(Flow), 64));
    floor.order = static_cast<Key*>(rte_malloc(nullptr, (floor.order_mask + 1) * sizeof(Key), 64));
    if (floor.hash == nullptr || floor.flows == nullptr || floor.order == nullptr) {
        die("no memory for the flows: more -m");
    }
    std::mt19937_64 random{1};
    for (uint32_t i = 0; i < count; i++) {
        Flow& flow = floor.flows[i];
        flow.key = {0x0A000000 + i, static_cast<uint32_t>(0xAC100000 + random() % 65536),
                    static_cast<uint32_t>(random()), 17};
        flow.source = flow.key.source ^ 0x1000;
        flow.destination = flow.key.destination ^ 0x2000;
        flow.ip_delta = flow.udp_delta = 0x3456;
        if (rte_hash_add_key_data(floor.hash, &flow.key, &flow) != 0) {
            die("the hash is full");
        }
    }
    for (size_t i = 0; i <= floor.order_mask; i++) {
        floor.order[i] = floor.flows[random() % count].key;
    }
}

double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
}

} // namespace

int main(int argc, char** argv) {
    const int used = rte_eal_init(argc, argv);
    if (used < 0 || argc - used != 2) {
        std::fputs("usage: floor [EAL options] -- FLOWS\n", stderr);
        return 2;
    }
    const auto count = static_cast<uint32_t>(std::strtoul(argv[used + 1], nullptr, 10));
    if (count == 0) {
        die("FLOWS is a number above 0");
    }
    Floor floor;
    make_port(floor);
    make_flows(floor, count);
    std::vector<double> io, full;
    turn(floor, true); // warms up
    for (unsigned i = 0; i < turns; i++) {
        io.push_back(turn(floor, false));
        full.push_back(turn(floor, true));
    }
    std::printf("{\"io\": %.1f, \"full\": %.1f}\n", median(io), median(full));
    rte_eal_cleanup();
    return 0;
}
