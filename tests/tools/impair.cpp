// SPDX-License-Identifier: BSD-3-Clause
//
// impair: a line between two interfaces of this namespace that loses, delays, doubles and reorders.
//
//   impair A B [--seed N] [--icmp-type T] [--udp-port P] [--do COMMAND]...
//
// Commands, one a line on standard input or by --do; each is answered by one line, `ok`, `error: …`
// or a JSON object:
//   set a|b|both [notifications.]KNOB VALUE   a is the way from A to B; knobs: impairment.hpp
//   block|unblock a|b|both [notifications]
//   stats
// The end of standard input ends nothing; SIGTERM or SIGINT does, and the statistics are printed.
//
// A frame leaves at its arrival plus its delay, where the arrival is the kernel's time stamp: how
// long it waited to be read adds nothing. `lateness_us` in the statistics is what that came to.
// Frames that the kernel could not queue for us are told as kernel_dropped.
#include "impairment.hpp"
#include "note_frame.hpp"
#include "packet_line.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <queue>
#include <sstream>
#include <vector>

#include <nlohmann/json.hpp>

namespace {

using sacip::impair::Direction;
using sacip::impair::Frame;
using sacip::impair::Nanoseconds;
using sacip::impair::PacketLine;
using Json = nlohmann::ordered_json;

volatile std::sig_atomic_t stop_asked = 0;

struct Waiting {
    Nanoseconds due;
    std::uint64_t order; // frames due at the same time leave as they came
    Frame frame;
};

struct Later {
    bool operator()(const Waiting& left, const Waiting& right) const {
        return left.due != right.due ? left.due > right.due : left.order > right.order;
    }
};

// One way: where frames come in, what becomes of them, those that wait, and where they go out.
struct Way {
    const char* name;
    PacketLine& in;
    PacketLine& out;
    Direction direction;
    std::vector<Waiting> waiting{}; // a heap, earliest on top
    std::uint64_t order = 0, sent = 0, unsendable = 0, over_1ms = 0;
    Nanoseconds lateness_sum = 0, lateness_worst = 0;
};

void take_in(Way& way, const sacip::notes::Carriers& carriers) {
    way.in.receive([&](Nanoseconds arrival, std::span<const std::uint8_t> bytes) {
        const bool is_note = sacip::notes::is_note_frame(bytes, carriers);
        const auto fate = way.direction.judge(arrival, bytes.size(), is_note);
        for (std::size_t copy = 0; copy < fate.copies; ++copy) {
            way.waiting.push_back({fate.due[copy], way.order++, way.out.copy_of(bytes)});
            std::push_heap(way.waiting.begin(), way.waiting.end(), Later{});
        }
    });
}

void send_due(Way& way) {
    constexpr std::size_t burst = 64;
    constexpr Nanoseconds millisecond = 1'000'000;
    const auto is_due = [&](Nanoseconds now) {
        return !way.waiting.empty() && way.waiting.front().due <= now;
    };
    Nanoseconds now = sacip::impair::steady_now();
    while (is_due(now)) {
        std::vector<Frame> frames;
        while (is_due(now) && frames.size() < burst) {
            std::pop_heap(way.waiting.begin(), way.waiting.end(), Later{});
            const Nanoseconds lateness = now - way.waiting.back().due;
            way.lateness_sum += lateness;
            way.lateness_worst = std::max(way.lateness_worst, lateness);
            way.over_1ms += lateness > millisecond ? 1U : 0U;
            frames.push_back(std::move(way.waiting.back().frame));
            way.waiting.pop_back();
        }
        const std::size_t count = frames.size(), sent = way.out.send(frames);
        way.sent += sent;
        way.unsendable += count - sent;
        now = sacip::impair::steady_now();
    }
}

Json describe(Way& way) {
    const auto& tally = way.direction.tally();
    const std::uint64_t left = way.sent + way.unsendable;
    const auto mean = left == 0 ? 0 : way.lateness_sum / static_cast<Nanoseconds>(left);
    return {{"received", tally.received},
            {"notifications", tally.notifications},
            {"lost", tally.lost},
            {"blocked", tally.blocked},
            {"overflowed", tally.overflowed},
            {"duplicated", tally.duplicated},
            {"reordered", tally.reordered},
            {"waiting", way.waiting.size()},
            {"sent", way.sent},
            {"unsendable", way.unsendable},
            {"kernel_dropped", way.in.kernel_dropped()},
            {"lateness_us", {{"mean", mean / 1000}, {"worst", way.lateness_worst / 1000}}},
            {"over_1ms", way.over_1ms}};
}

class Relay {
public:
    Relay(PacketLine& a, PacketLine& b, std::uint64_t seed, sacip::notes::Carriers carriers)
        : seed_{seed}, carriers_{carriers}, ways_{{{"a", a, b, Direction(seed)},
                                                   {"b", b, a, Direction(seed + 1)}}} {}

    // One command; its answer without the end of line.
    std::string obey(const std::string& line);
    void run();
    std::string statistics();

private:
    std::string turn(const std::string& which, const std::string& knob, double value);
    void read_commands();
    timespec until_next_due() const;

    std::uint64_t seed_;
    sacip::notes::Carriers carriers_;
    std::array<Way, 2> ways_;
    std::string unread_;
    bool input_ended_ = false;
};

std::string Relay::statistics() {
    Json out = {{"seed", seed_}};
    for (Way& way : ways_) {
        out[way.name] = describe(way);
    }
    return out.dump();
}

std::string Relay::turn(const std::string& which, const std::string& knob, double value) {
    bool known = false;
    for (Way& way : ways_) {
        if (which != way.name && which != "both") {
            continue;
        }
        known = true;
        if (const auto wrong = way.direction.set(knob, value)) {
            return "error: " + *wrong;
        }
    }
    return known ? "ok" : "error: a, b or both, not " + which;
}

std::string Relay::obey(const std::string& line) {
    std::istringstream words(line);
    std::string command, which, knob;
    double value = 0;
    words >> command >> which >> knob;
    if (command == "stats") {
        return statistics();
    }
    if (command == "block" || command == "unblock") {
        if (!knob.empty() && knob != "notifications") {
            return "error: notifications or nothing, not " + knob;
        }
        return turn(which, knob.empty() ? "block" : "notifications.block", command == "block");
    }
    if (command == "set" && words >> value) {
        return turn(which, knob, value);
    }
    return "error: not understood: " + line;
}

void Relay::read_commands() {
    std::array<char, 1024> buffer{};
    const ssize_t length = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (length <= 0) {
        input_ended_ = length == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    unread_.append(buffer.data(), static_cast<std::size_t>(length));
    for (auto end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
        std::cout << obey(unread_.substr(0, end)) << std::endl;
        unread_.erase(0, end + 1);
    }
}

timespec Relay::until_next_due() const {
    constexpr Nanoseconds second = 1'000'000'000;
    Nanoseconds wait = second;
    const Nanoseconds now = sacip::impair::steady_now();
    for (const Way& way : ways_) {
        if (!way.waiting.empty()) {
            wait = std::clamp<Nanoseconds>(way.waiting.front().due - now, 0, wait);
        }
    }
    return {wait / second, wait % second};
}

void Relay::run() {
    // Signals come only while we wait, so that none is missed between the question and the wait.
    sigset_t blocked, before;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGINT);
    sigprocmask(SIG_BLOCK, &blocked, &before);
    while (stop_asked == 0) {
        for (Way& way : ways_) {
            send_due(way);
        }
        std::array<pollfd, 3> watched{{{ways_[0].in.descriptor(), POLLIN, 0},
                                       {ways_[1].in.descriptor(), POLLIN, 0},
                                       {input_ended_ ? -1 : STDIN_FILENO, POLLIN, 0}}};
        const timespec wait = until_next_due();
        if (::ppoll(watched.data(), watched.size(), &wait, &before) <= 0) {
            continue;
        }
        for (std::size_t i = 0; i < ways_.size(); ++i) {
            if (watched[i].revents != 0) {
                take_in(ways_[i], carriers_);
            }
        }
        if (watched[2].revents != 0) {
            read_commands();
        }
    }
}

int usage(const std::string& what) {
    std::cerr << "impair: " << what << "\n"
              << "usage: impair A B [--seed N] [--icmp-type T] [--udp-port P] [--do COMMAND]...\n";
    return 2;
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> words(argv + 1, argv + argc);
    if (words.size() < 2 || words.size() % 2 != 0) {
        return usage("two interfaces, and options with a value each");
    }
    std::uint64_t seed = 1;
    sacip::notes::Carriers carriers;
    std::vector<std::string> commands;
    for (std::size_t i = 2; i < words.size(); i += 2) {
        const std::uint64_t number = std::strtoull(words[i + 1].c_str(), nullptr, 0);
        if (words[i] == "--seed") {
            seed = number;
        } else if (words[i] == "--icmp-type" && number < 256) {
            carriers.icmp_type = static_cast<std::uint8_t>(number);
        } else if (words[i] == "--udp-port" && number < 65536) {
            carriers.udp_port = static_cast<std::uint16_t>(number);
        } else if (words[i] == "--do") {
            commands.push_back(words[i + 1]);
        } else {
            return usage("option not understood: " + words[i]);
        }
    }
    PacketLine a, b;
    for (auto [line, name] : {std::pair{&a, words[0]}, std::pair{&b, words[1]}}) {
        if (const auto wrong = line->open(name)) {
            std::cerr << "impair: " << name << ": " << *wrong << "\n";
            return 1;
        }
    }
    // A wire does not wait for its turn: real time priority where it is allowed, and exact timers.
    const sched_param priority{1};
    if (::sched_setscheduler(0, SCHED_RR, &priority) != 0) {
        static_cast<void>(::setpriority(PRIO_PROCESS, 0, -20)); // the next best; may fail as well
    }
    ::prctl(PR_SET_TIMERSLACK, 1);
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = 1; };
    sigaction(SIGTERM, &action, nullptr);
    sigaction(SIGINT, &action, nullptr);

    Relay relay(a, b, seed, carriers);
    for (const std::string& command : commands) {
        const std::string answer = relay.obey(command);
        if (answer != "ok") {
            return usage(answer);
        }
    }
    std::cout << "impair: " << words[0] << " <> " << words[1] << ", seed " << seed << std::endl;
    relay.run();
    std::cout << relay.statistics() << std::endl;
    return 0;
}
