// SPDX-License-Identifier: BSD-3-Clause
//
// strangers: first packets from invented addresses, at full speed.
//
//   strangers --to ADDRESS [--from PREFIX] [--seconds N] [--rate PACKETS/S] [--seed N]
//
// Each packet is the first of a flow: a random source out of PREFIX (198.18.0.0/15), random ports,
// by turns a datagram of UDP and a SYN of TCP, with good checksums. For N seconds (10) or until
// SIGTERM, not faster than --rate (no limit). Prints one JSON line: how many were sent.
//
// Sent by a raw IP socket, so the kernel finds the way; the sources need not be addresses of ours.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

volatile std::sig_atomic_t stop_asked = 0;

struct Plan {
    in_addr to{};
    uint32_t from = 0xC6120000, mask = 0xFFFE0000;
    double seconds = 10, rate = 0;
    uint32_t seed = 1;
};

struct Packet {
    iphdr ip;
    union {
        tcphdr tcp;
        udphdr udp;
    };
    size_t length() const {
        return sizeof ip + (ip.protocol == IPPROTO_TCP ? sizeof tcp : sizeof udp);
    }
};

[[noreturn]] void die(const std::string& what) {
    std::fprintf(stderr, "strangers: %s\n", what.c_str());
    std::exit(2);
}

uint32_t sum_of(const void* data, size_t bytes) {
    uint32_t sum = 0;
    for (size_t i = 0; i < bytes; i += 2) {
        uint16_t word = 0;
        std::memcpy(&word, static_cast<const char*>(data) + i, 2);
        sum += word;
    }
    return sum;
}

uint16_t checksum(uint32_t sum) {
    sum = (sum & 0xFFFF) + (sum >> 16);
    return static_cast<uint16_t>(~(sum + (sum >> 16)));
}

Packet invent(const Plan& plan, std::mt19937& dice, bool syn) {
    Packet out{};
    const uint16_t l4_bytes = syn ? sizeof out.tcp : sizeof out.udp;
    out.ip.version = 4;
    out.ip.ihl = 5;
    out.ip.ttl = 60;
    out.ip.protocol = syn ? IPPROTO_TCP : IPPROTO_UDP;
    out.ip.saddr = htonl(plan.from | (static_cast<uint32_t>(dice()) & ~plan.mask));
    out.ip.daddr = plan.to.s_addr;
    out.ip.tot_len = htons(static_cast<uint16_t>(sizeof out.ip + l4_bytes));
    const auto from_port = static_cast<uint16_t>(dice() | 1024),
               to_port = static_cast<uint16_t>(dice() | 1024);
    const uint32_t pseudo = sum_of(&out.ip.saddr, 8) + htons(out.ip.protocol) + htons(l4_bytes);
    if (syn) {
        out.tcp.source = from_port;
        out.tcp.dest = to_port;
        out.tcp.seq = static_cast<uint32_t>(dice());
        out.tcp.doff = 5;
        out.tcp.syn = 1;
        out.tcp.window = htons(64240);
        out.tcp.check = checksum(pseudo + sum_of(&out.tcp, l4_bytes));
    } else {
        out.udp.source = from_port;
        out.udp.dest = to_port;
        out.udp.len = htons(l4_bytes);
        const uint16_t sum = checksum(pseudo + sum_of(&out.udp, l4_bytes));
        out.udp.check = sum == 0 ? 0xFFFF : sum;
    }
    return out;
}

Plan read_plan(int argc, char** argv) {
    Plan plan;
    bool has_to = false;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i], value = argv[i + 1];
        if (name == "--to") {
            has_to = inet_pton(AF_INET, value.c_str(), &plan.to) == 1;
        } else if (name == "--from") {
            const auto slash = value.find('/');
            in_addr address{};
            const int length =
                slash == std::string::npos ? 32 : std::atoi(value.c_str() + slash + 1);
            if (inet_pton(AF_INET, value.substr(0, slash).c_str(), &address) != 1 || length < 1 ||
                length > 32) {
                die("--from: not a prefix: " + value);
            }
            plan.mask = ~uint32_t{0} << (32 - length);
            plan.from = ntohl(address.s_addr) & plan.mask;
        } else if (name == "--seconds") {
            plan.seconds = std::atof(value.c_str());
        } else if (name == "--rate") {
            plan.rate = std::atof(value.c_str());
        } else if (name == "--seed") {
            plan.seed = static_cast<uint32_t>(std::atoi(value.c_str()));
        } else {
            die("unknown option " + name);
        }
    }
    if (!has_to || argc % 2 == 0) {
        die("usage: strangers --to ADDRESS [--from PREFIX] [--seconds N] [--rate PACKETS/S] "
            "[--seed N]");
    }
    return plan;
}

} // namespace

int main(int argc, char** argv) {
    const Plan plan = read_plan(argc, argv);
    std::signal(SIGTERM, [](int) { stop_asked = 1; });
    const int socket = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    if (socket < 0) {
        die(std::string{"raw socket: "} + std::strerror(errno));
    }
    constexpr size_t burst = 64;
    std::array<Packet, burst> packets;
    std::array<iovec, burst> parts;
    std::array<mmsghdr, burst> messages{};
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_addr = plan.to;
    std::mt19937 dice{plan.seed};
    uint64_t sent = 0, refused = 0;
    const auto begin = Clock::now();
    const auto elapsed = [&] {
        return std::chrono::duration<double>(Clock::now() - begin).count();
    };
    while (stop_asked == 0 && elapsed() < plan.seconds) {
        for (size_t i = 0; i < burst; i++) {
            packets[i] = invent(plan, dice, i % 2 == 0);
            parts[i] = {&packets[i], packets[i].length()};
            messages[i].msg_hdr = {&target, sizeof target, &parts[i], 1, nullptr, 0, 0};
        }
        const int taken = ::sendmmsg(socket, messages.data(), burst, 0);
        sent += taken > 0 ? static_cast<uint64_t>(taken) : 0;
        refused += taken > 0 ? burst - static_cast<uint64_t>(taken) : burst;
        if (plan.rate > 0) {
            std::this_thread::sleep_until(
                begin + std::chrono::duration<double>(static_cast<double>(sent) / plan.rate));
        }
    }
    const double seconds = elapsed();
    std::printf("{\"sent\":%llu,\"refused\":%llu,\"seconds\":%.3f,\"per_second\":%.0f}\n",
                static_cast<unsigned long long>(sent), static_cast<unsigned long long>(refused),
                seconds, static_cast<double>(sent) / seconds);
    return 0;
}
