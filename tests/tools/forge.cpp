// SPDX-License-Identifier: BSD-3-Clause
//
// forge: notifications that must not be believed, at full speed.
//
//   forge --from ADDRESS --to ADDRESS [--modes tag,replay,epoch,truncated,random,sender|filler]
//         [--count N] [--rate PACKETS/S] [--carrier icmp|udp|both] [--pcap FILE] [--seed N]
//         [--sender HEX] [--epoch N] [--icmp-type T] [--udp-port P]
//
// The modes take turns, so that every kind is there all the time; forgery.hpp says what they are.
// Without --pcap nothing can be replayed: invented messages stand in for recorded ones. Never more
// than --count packets (1,000,000 from the start), nor faster than --rate (no limit from the
// start). Prints one JSON line: how many of each mode and carrier were sent. SIGTERM ends it early.
//
// Sent by a raw IP socket, so the kernel finds the way; the source need not be an address of ours.
#include "forgery.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <map>
#include <sstream>
#include <thread>

#include <nlohmann/json.hpp>

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;
using sacip::forge::Bytes;
using sacip::forge::Carrier;
using sacip::forge::Forger;
using sacip::forge::Mode;

volatile std::sig_atomic_t stop_asked = 0;

struct Plan {
    sacip::forge::Settings settings;
    std::vector<Mode> modes;
    std::vector<Carrier> carriers{Carrier::icmp, Carrier::udp};
    std::uint64_t count = 1'000'000, seed = 1;
    double rate = 0;
    std::string capture;
};

struct Sent {
    std::array<std::array<std::uint64_t, 2>, sacip::forge::mode_count> of{};
    std::uint64_t total = 0, refused = 0;
};

// Up to `burst` packets and where each goes, kept until the kernel has them.
class Burst {
public:
    static constexpr std::size_t size = 64;

    void add(const Bytes& packet, Mode mode, Carrier carrier) {
        packets_[used_].assign(packet.begin(), packet.end());
        kinds_[used_] = {mode, carrier};
        sockaddr_in& target = targets_[used_];
        target = {};
        target.sin_family = AF_INET;
        std::memcpy(&target.sin_addr, packet.data() + 16, sizeof target.sin_addr);
        ++used_;
    }
    bool full() const { return used_ == size; }

    void send(int socket, Sent& sent) {
        std::array<iovec, size> parts{};
        std::array<mmsghdr, size> messages{};
        for (std::size_t i = 0; i < used_; ++i) {
            parts[i] = {packets_[i].data(), packets_[i].size()};
            messages[i].msg_hdr = {};
            messages[i].msg_hdr.msg_name = &targets_[i];
            messages[i].msg_hdr.msg_namelen = sizeof targets_[i];
            messages[i].msg_hdr.msg_iov = &parts[i];
            messages[i].msg_hdr.msg_iovlen = 1;
        }
        std::size_t done = 0;
        while (done < used_ && stop_asked == 0) {
            const int count =
                ::sendmmsg(socket, messages.data() + done, static_cast<unsigned>(used_ - done), 0);
            for (int i = 0; i < count; ++i, ++done) {
                const auto [mode, carrier] = kinds_[done];
                ++sent.of[static_cast<std::size_t>(mode)][static_cast<std::size_t>(carrier)];
                ++sent.total;
            }
            if (count < 0 && errno != EINTR && errno != ENOBUFS && errno != EAGAIN) {
                ++sent.refused; // e.g. a recorded packet that has no route here
                ++done;
            }
        }
        used_ = 0;
    }

private:
    struct Kind {
        Mode mode;
        Carrier carrier;
    };
    std::array<Bytes, size> packets_;
    std::array<Kind, size> kinds_{};
    std::array<sockaddr_in, size> targets_{};
    std::size_t used_ = 0;
};

// Sleeps until packet `number` is due. Short of a millisecond it does not bother.
void keep_pace(Clock::time_point start, std::uint64_t number, double rate) {
    const auto due = start + std::chrono::nanoseconds(static_cast<std::int64_t>(
                                 static_cast<double>(number) / rate * 1e9));
    if (due - Clock::now() > std::chrono::milliseconds(1)) {
        std::this_thread::sleep_until(due);
    }
}

int flood(const Plan& plan) {
    const int socket = ::socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    constexpr int buffer = 16 << 20;
    if (socket < 0 ||
        ::setsockopt(socket, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof buffer) != 0) {
        std::cerr << "forge: " << std::strerror(errno) << "\n";
        return 1;
    }
    Forger forger(plan.settings, plan.seed);
    Sent sent;
    Burst burst;
    const auto start = Clock::now();
    for (std::uint64_t number = 0; number < plan.count && stop_asked == 0; ++number) {
        const std::size_t turn = number / plan.modes.size();
        const Mode mode = plan.modes[number % plan.modes.size()];
        Carrier carrier = plan.carriers[turn % plan.carriers.size()];
        const Bytes& packet = forger.make(mode, carrier);
        burst.add(packet, mode, carrier);
        if (burst.full()) {
            burst.send(socket, sent);
            if (plan.rate > 0) {
                keep_pace(start, number, plan.rate);
            }
        }
    }
    burst.send(socket, sent);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    ::close(socket);
    Json out = {
        {"seed", plan.seed},
        {"total", sent.total},
        {"refused", sent.refused},
        {"seconds", seconds},
        {"per_second", static_cast<std::uint64_t>(static_cast<double>(sent.total) / seconds)},
        {"sent", Json::object()}};
    for (const Mode mode : plan.modes) {
        const auto& of = sent.of[static_cast<std::size_t>(mode)];
        out["sent"][std::string(name_of(mode))] = {{"icmp", of[0]}, {"udp", of[1]}};
    }
    std::cout << out.dump() << std::endl;
    return 0;
}

bool parse_address(const std::string& text, std::uint32_t& address) {
    in_addr parsed{};
    if (::inet_pton(AF_INET, text.c_str(), &parsed) != 1) {
        return false;
    }
    address = ntohl(parsed.s_addr);
    return true;
}

bool parse_modes(const std::string& text, std::vector<Mode>& modes) {
    std::istringstream list(text);
    for (std::string name; std::getline(list, name, ',');) {
        const auto mode = sacip::forge::mode_named(name);
        if (!mode) {
            return false;
        }
        modes.push_back(*mode);
    }
    return !modes.empty();
}

bool take_option(Plan& plan, const std::string& name, const std::string& value) {
    const auto number = [&](int base) { return std::strtoull(value.c_str(), nullptr, base); };
    if (name == "--from") {
        return parse_address(value, plan.settings.source);
    } else if (name == "--to") {
        return parse_address(value, plan.settings.target);
    } else if (name == "--modes") {
        return parse_modes(value, plan.modes);
    } else if (name == "--count") {
        plan.count = number(10);
    } else if (name == "--rate") {
        plan.rate = std::strtod(value.c_str(), nullptr);
    } else if (name == "--carrier" && (value == "icmp" || value == "udp")) {
        plan.carriers = {value == "icmp" ? Carrier::icmp : Carrier::udp};
    } else if (name == "--carrier") {
        return value == "both";
    } else if (name == "--pcap") {
        plan.capture = value;
    } else if (name == "--seed") {
        plan.seed = number(0);
    } else if (name == "--sender") {
        plan.settings.sender = number(16);
    } else if (name == "--epoch") {
        plan.settings.epoch = number(10);
    } else if (name == "--icmp-type" && number(10) < 256) {
        plan.settings.carriers.icmp_type = static_cast<std::uint8_t>(number(10));
    } else if (name == "--udp-port" && number(10) < 65536) {
        plan.settings.carriers.udp_port = static_cast<std::uint16_t>(number(10));
    } else {
        return false;
    }
    return true;
}

int usage(const std::string& what) {
    std::cerr << "forge: " << what << "\n"
              << "usage: forge --from ADDRESS --to ADDRESS\n"
              << "             [--modes tag,replay,epoch,truncated,random,sender|filler]\n"
              << "             [--count N] [--rate PACKETS/S] [--carrier icmp|udp|both]\n"
              << "             [--pcap FILE] [--seed N] [--sender HEX] [--epoch N]\n"
              << "             [--icmp-type T] [--udp-port P]\n";
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    Plan plan;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    plan.settings.epoch = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(now).count());
    for (std::size_t i = 0; i < words.size(); i += 2) {
        if (i + 1 == words.size() || !take_option(plan, words[i], words[i + 1])) {
            return usage("option not understood: " + words[i]);
        }
    }
    if (plan.settings.source == 0 || plan.settings.target == 0) {
        return usage("--from and --to are needed");
    }
    if (!plan.capture.empty()) {
        auto recorded = sacip::forge::read_capture(plan.capture, plan.settings.carriers);
        if (!recorded || recorded->empty()) {
            std::cerr << "forge: no notifications in " << plan.capture << "\n";
            return 1;
        }
        plan.settings.recorded = std::move(*recorded);
    }
    if (plan.modes.empty()) {
        plan.modes = {Mode::tag,       Mode::replay, Mode::epoch,
                      Mode::truncated, Mode::random, Mode::sender};
    }
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = 1; };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);
    return flood(plan);
}
