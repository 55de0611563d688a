// SPDX-License-Identifier: BSD-3-Clause
//
// generator EAL-OPTIONS -- FLOWS LAN-MAC WAN-MAC [LAN-HOSTS [WAN-HOSTS]]
//
// Generator: paced packets of 64 bytes into one side of a box, out of the other, and what became of
// them. Its first device faces the box's lan, its second the wan. Flows are UDP between the hosts
// LAN-HOSTS (default 10.2.0.; on the wire WAN-HOSTS) and remote hosts, laid out as in replay.py.
//
// One trial for each line on standard input, "RATE SECONDS DIRECTION": packets a second of all
// directions together (max: as many as go), out, in or both. Each ends with a line of JSON.
//
// Theory of operation: one thread sends what is due and receives by turns. A packet bears the
// number of its trial, its own and the time stamp counter at its sending, so its way back says its
// delay and whether it was overtaken. What the first device does not take is `refused`: the box has
// not emptied its ring, which with a wire between would be loss. If the thread lost its core, what
// was due meanwhile is skipped, not sent as a burst that nobody ordered; `offered` is what really
// went.

#include "histogram.hpp"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace {

constexpr uint32_t frame_bytes = 60; // 64 with the FCS
constexpr uint16_t burst = 32;
constexpr uint16_t ring = 1024;
constexpr uint64_t most_late = 128; // packets that are due; older ones are skipped

// As in replay.py.
constexpr unsigned flows_per_pair = 256;
constexpr unsigned hosts = 250;
constexpr uint16_t remote_port = 5201;
constexpr uint16_t first_host_port = 1024;

/// What follows the headers.
struct [[gnu::packed]] Mark {
    uint32_t magic;
    uint16_t trial;
    uint32_t number;
    uint64_t sent_at;
};

struct Packet {
    rte_ether_hdr ether;
    rte_ipv4_hdr ip;
    rte_udp_hdr udp;
    Mark mark;
};
static_assert(sizeof(Packet) == frame_bytes);
constexpr uint32_t magic = 0x5AC1F00D;

[[noreturn]] void die(const std::string& why) {
    std::fprintf(stderr, "generator: %s\n", why.c_str());
    std::exit(1);
}

/// One way through the box.
struct Direction {
    uint16_t from;
    uint16_t to;
    std::vector<Packet> flows{};
    size_t next_flow{0};
    // Of this trial:
    uint64_t sent{0};
    uint64_t refused{0};
    uint64_t received{0};
    uint64_t overtaken{0};
    uint32_t expected{0};
    Histogram delays{};
};

struct Generator {
    rte_mempool* pool{nullptr};
    std::array<Direction, 2> directions{Direction{0, 1}, Direction{1, 0}};
    uint16_t trial{0};

    void send(Direction& d, uint16_t count, bool count_refused);
    uint64_t receive();
    void run(double rate, double seconds, const std::string& direction);
};

rte_be32_t address(const std::string& text) {
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (std::sscanf(text.c_str(), "%u.%u.%u.%u", &a, &b, &c, &d) != 4 || (a | b | c | d) > 255) {
        die("no address: " + text);
    }
    return rte_cpu_to_be_32(RTE_IPV4(a, b, c, d));
}

std::vector<Packet> flows_of(unsigned flows, const char* mac, const std::string& local,
                             bool inbound) {
    std::vector<Packet> out(flows);
    for (unsigned i = 0; i < flows; i++) {
        Packet& p = out[i];
        const unsigned pair = i / flows_per_pair;
        const unsigned remote = pair / hosts;
        p = {};
        if (rte_ether_unformat_addr(mac, &p.ether.dst_addr) != 0) {
            die(std::string{"no Ethernet address: "} + mac);
        }
        p.ether.src_addr = {{2, 0, 0, 0, 0, 0x99}};
        p.ether.ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4);
        p.ip.version_ihl = RTE_IPV4_VHL_DEF;
        p.ip.total_length = rte_cpu_to_be_16(frame_bytes - sizeof(rte_ether_hdr));
        p.ip.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG);
        p.ip.time_to_live = 64;
        p.ip.next_proto_id = IPPROTO_UDP;
        p.ip.src_addr = address(local + std::to_string(1 + pair % hosts));
        p.ip.dst_addr = address("198.18." + std::to_string(remote / 250) + "." +
                                std::to_string(1 + remote % 250));
        p.udp.src_port =
            rte_cpu_to_be_16(static_cast<uint16_t>(first_host_port + i % flows_per_pair));
        p.udp.dst_port = rte_cpu_to_be_16(remote_port);
        p.udp.dgram_len = rte_cpu_to_be_16(sizeof(rte_udp_hdr) + sizeof(Mark));
        if (inbound) {
            const rte_be32_t host = p.ip.src_addr;
            p.ip.src_addr = p.ip.dst_addr;
            p.ip.dst_addr = host;
            p.udp.dst_port = p.udp.src_port;
            p.udp.src_port = rte_cpu_to_be_16(remote_port);
        }
        p.ip.hdr_checksum = rte_ipv4_cksum(&p.ip);
        p.mark.magic = magic;
    }
    return out;
}

void Generator::send(Direction& d, uint16_t count, bool count_refused) {
    std::array<rte_mbuf*, burst> packets;
    if (rte_pktmbuf_alloc_bulk(pool, packets.data(), count) != 0) {
        d.refused += count_refused ? count : 0; // all wait in rings
        return;
    }
    const uint64_t now = rte_rdtsc();
    size_t flow = d.next_flow;
    for (uint16_t i = 0; i < count; i++) {
        auto* p = rte_pktmbuf_mtod(packets[i], Packet*);
        *p = d.flows[flow];
        p->mark.trial = trial;
        p->mark.number = static_cast<uint32_t>(d.sent + i);
        p->mark.sent_at = now;
        packets[i]->data_len = frame_bytes;
        packets[i]->pkt_len = frame_bytes;
        flow = flow + 1 == d.flows.size() ? 0 : flow + 1;
    }
    const uint16_t sent = rte_eth_tx_burst(d.from, 0, packets.data(), count);
    d.sent += sent;
    d.next_flow = (d.next_flow + sent) % d.flows.size();
    if (sent < count) {
        d.refused += count_refused ? count - sent : 0U;
        rte_pktmbuf_free_bulk(packets.data() + sent, count - sent);
    }
}

/// One burst of each device. Returns how many packets of this trial came.
uint64_t Generator::receive() {
    uint64_t ours = 0;
    for (Direction& d : directions) {
        std::array<rte_mbuf*, burst> packets;
        const uint16_t count = rte_eth_rx_burst(d.to, 0, packets.data(), burst);
        if (count == 0) {
            continue;
        }
        const uint64_t now = rte_rdtsc();
        for (uint16_t i = 0; i < count; i++) {
            const auto* p = rte_pktmbuf_mtod(packets[i], const Packet*);
            if (packets[i]->data_len != frame_bytes || p->mark.magic != magic ||
                p->mark.trial != trial) {
                continue;
            }
            ours++;
            d.received++;
            d.delays.add(now - p->mark.sent_at);
            const auto ahead = static_cast<int32_t>(p->mark.number - d.expected);
            d.overtaken += ahead < 0 ? 1 : 0;
            d.expected = ahead < 0 ? d.expected : p->mark.number + 1;
        }
        rte_pktmbuf_free_bulk(packets.data(), count);
    }
    return ours;
}

/// How long this thread has been ready and had no core.
uint64_t waited_ns() {
    unsigned long long ran = 0, waited = 0;
    if (FILE* f = std::fopen("/proc/thread-self/schedstat", "r")) {
        if (std::fscanf(f, "%llu %llu", &ran, &waited) != 2) {
            waited = 0;
        }
        std::fclose(f);
    }
    return waited;
}

/// One trial. A rate of 0 is max.
void Generator::run(double rate, double seconds, const std::string& direction) {
    const auto hz = static_cast<double>(rte_get_tsc_hz());
    const double per_cycle = rate / hz;
    const bool active[2] = {direction != "in", direction != "out"};
    trial++;
    for (Direction& d : directions) {
        d.sent = d.refused = d.received = d.overtaken = 0;
        d.expected = 0;
        d.delays = {};
    }
    const uint64_t waited = waited_ns();
    const uint64_t began = rte_rdtsc();
    const uint64_t end = began + static_cast<uint64_t>(seconds * hz);
    uint64_t put = 0; // sent, refused or skipped
    uint64_t skipped = 0;
    unsigned turn = 0;
    uint64_t now = began;
    for (; now < end; now = rte_rdtsc()) {
        uint64_t due = burst;
        if (rate > 0) {
            due = static_cast<uint64_t>(static_cast<double>(now - began) * per_cycle) - put;
            if (due > most_late) {
                skipped += due - most_late;
                put += due - most_late;
            }
        }
        if (due > 0) {
            const auto count = static_cast<uint16_t>(std::min<uint64_t>(due, burst));
            turn = active[0] && active[1] ? turn ^ 1 : (active[0] ? 0 : 1);
            send(directions[turn], count, rate > 0);
            put += count;
        }
        receive();
    }
    const double took = static_cast<double>(now - began) / hz;
    // What is still on its way; the last of it within 20 ms of the one before.
    for (uint64_t last = now; rte_rdtsc() - last < static_cast<uint64_t>(hz / 50);) {
        if (receive() > 0) {
            last = rte_rdtsc();
        }
        if (directions[0].received == directions[0].sent &&
            directions[1].received == directions[1].sent) {
            break;
        }
    }
    const uint64_t waited_then = waited_ns();
    std::printf("{\"rate\": %.0f, \"seconds\": %.4f, \"skipped\": %" PRIu64
                ", \"waited_us\": %" PRIu64 ", \"directions\": {",
                rate, took, skipped, (waited_then - waited) / 1000);
    const char* separator = "";
    for (unsigned i = 0; i < 2; i++) {
        if (!active[i]) {
            continue;
        }
        const Direction& d = directions[i];
        const auto us = [&](uint64_t cycles) { return static_cast<double>(cycles) / hz * 1e6; };
        std::printf("%s\"%s\": {\"sent\": %" PRIu64 ", \"refused\": %" PRIu64
                    ", \"received\": %" PRIu64 ", \"overtaken\": %" PRIu64
                    ", \"p50_us\": %.2f, \"p99_us\": %.2f, \"p99.9_us\": %.2f, \"max_us\": %.2f}",
                    separator, i == 0 ? "out" : "in", d.sent, d.refused, d.received, d.overtaken,
                    us(d.delays.quantile(0.5)), us(d.delays.quantile(0.99)),
                    us(d.delays.quantile(0.999)), us(d.delays.max()));
        separator = ", ";
    }
    std::printf("}}\n");
    std::fflush(stdout);
}

void start_device(uint16_t device, rte_mempool* pool) {
    const std::string name = "device " + std::to_string(device) + ": ";
    rte_eth_conf conf{};
    uint16_t rx = ring, tx = ring;
    if (rte_eth_dev_configure(device, 1, 1, &conf) != 0 ||
        rte_eth_dev_adjust_nb_rx_tx_desc(device, &rx, &tx) != 0 ||
        rte_eth_rx_queue_setup(device, 0, rx, rte_socket_id(), nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(device, 0, tx, rte_socket_id(), nullptr) != 0 ||
        rte_eth_dev_start(device) != 0) {
        die(name + "does not start");
    }
    rte_eth_promiscuous_enable(device); // where it can; the box sends to its next hop
    rte_eth_link link{};
    for (unsigned i = 0; i < 1000 && link.link_status != RTE_ETH_LINK_UP; i++) {
        rte_delay_us_sleep(10'000);
        if (rte_eth_link_get_nowait(device, &link) != 0) {
            break;
        }
    }
    if (link.link_status != RTE_ETH_LINK_UP) {
        die(name + "no link after 10 s");
    }
}

} // namespace

int main(int argc, char** argv) {
    const int parsed = rte_eal_init(argc, argv);
    if (parsed < 0) {
        die("EAL did not start; its messages are above");
    }
    argc -= parsed;
    argv += parsed;
    if (argc < 4 || argc > 6 || std::atoi(argv[1]) < 1) {
        die("usage: generator EAL-OPTIONS -- FLOWS LAN-MAC WAN-MAC [LAN-HOSTS [WAN-HOSTS]]");
    }
    if (rte_eth_dev_count_avail() != 2) {
        die("give it two devices; it has " + std::to_string(rte_eth_dev_count_avail()));
    }
    const auto flows = static_cast<unsigned>(std::atoi(argv[1]));
    const std::string lan_hosts = argc > 4 ? argv[4] : "10.2.0.";
    const std::string wan_hosts = argc > 5 ? argv[5] : lan_hosts;
    auto generator = std::make_unique<Generator>();
    generator->pool = rte_pktmbuf_pool_create("generator", 8 * ring - 1, 256, 0,
                                              RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (generator->pool == nullptr) {
        die("no memory for packets");
    }
    generator->directions[0].flows = flows_of(flows, argv[2], lan_hosts, false);
    generator->directions[1].flows = flows_of(flows, argv[3], wan_hosts, true);
    start_device(0, generator->pool);
    start_device(1, generator->pool);
    std::printf("{\"ready\": true}\n");
    std::fflush(stdout);

    char line[256];
    while (std::fgets(line, sizeof line, stdin) != nullptr) {
        char rate[32] = "", direction[32] = "";
        double seconds = 0;
        const bool right = std::sscanf(line, "%31s %lf %31s", rate, &seconds, direction) == 3;
        const std::string where = direction;
        if (!right || seconds <= 0 || (where != "out" && where != "in" && where != "both")) {
            die("a trial is RATE SECONDS out|in|both, not: " + std::string{line});
        }
        generator->run(std::strcmp(rate, "max") == 0 ? 0 : std::atof(rate), seconds, where);
    }
    for (uint16_t device = 0; device < 2; device++) {
        rte_eth_dev_stop(device);
        rte_eth_dev_close(device);
    }
    rte_eal_cleanup();
}
