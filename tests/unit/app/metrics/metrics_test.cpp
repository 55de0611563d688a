// SPDX-License-Identifier: BSD-3-Clause
//
// The metrics door, scraped over TCP as Prometheus would, with bad company.
#include "app/metrics/exposer.hpp"
#include "app/metrics/families.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace sacip::metrics {
namespace {

using Clock = std::chrono::steady_clock;

std::vector<Sample> samples() {
    return {
        {"sacip_packets_dropped_total", "Dropped packets", Kind::counter, {{"reason", "ttl"}}, 3},
        {"sacip_flows", "Flows followed now", Kind::gauge, {}, 41208},
        {"sacip_packets_dropped_total",
         "Dropped packets",
         Kind::counter,
         {{"reason", "a\"b\n"}},
         0},
        {"sacip_move_duration_seconds",
         "Event to flip",
         Kind::histogram,
         {{"side", "local"}},
         0,
         {{0.001, 1}, {0.01, 4}},
         0.5,
         5},
    };
}

/// A TCP connection to the loopback; reads give up after 10 s.
class Tcp {
public:
    explicit Tcp(int port) : fd_{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const timeval limit{10, 0};
        ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        connected_ =
            ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    }
    Tcp(const Tcp&) = delete;
    Tcp& operator=(const Tcp&) = delete;
    ~Tcp() { ::close(fd_); }

    bool connected() const { return connected_; }
    void send(const std::string& text) const {
        EXPECT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    /// Until the server closes.
    std::string read_all() const {
        std::string text;
        std::array<char, 4096> chunk;
        ssize_t got = 0;
        while ((got = ::recv(fd_, chunk.data(), chunk.size(), 0)) > 0) {
            text.append(chunk.data(), static_cast<std::size_t>(got));
        }
        return text;
    }

private:
    int fd_;
    bool connected_{false};
};

std::string scrape(int port) {
    const Tcp tcp{port};
    tcp.send("GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n");
    return tcp.read_all();
}

bool holds(const std::string& text, const std::string& line) {
    return text.find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, AScrapeHasTheTextFormat) {
    const auto result = Exposer::open("127.0.0.1:0", samples);
    ASSERT_TRUE(result.exposer) << result.error;
    const std::string text = scrape(result.exposer->port());
    EXPECT_TRUE(text.starts_with("HTTP/1.1 200 OK\r\n")) << text;
    for (const char* line : {
             "# HELP sacip_packets_dropped_total Dropped packets",
             "# TYPE sacip_packets_dropped_total counter",
             R"(sacip_packets_dropped_total{reason="ttl"} 3)",
             R"(sacip_packets_dropped_total{reason="a\"b\n"} 0)",
             "# TYPE sacip_flows gauge",
             "sacip_flows 41208",
             "# TYPE sacip_move_duration_seconds histogram",
             R"(sacip_move_duration_seconds_bucket{side="local",le="0.001"} 1)",
             R"(sacip_move_duration_seconds_bucket{side="local",le="0.01"} 4)",
             R"(sacip_move_duration_seconds_bucket{side="local",le="+Inf"} 5)",
             R"(sacip_move_duration_seconds_sum{side="local"} 0.5)",
             R"(sacip_move_duration_seconds_count{side="local"} 5)",
         }) {
        EXPECT_TRUE(holds(text, line)) << line << "\nis missing in\n" << text;
    }
}

TEST(Metrics, FamiliesKeepTheirOrderAndLeaveOutBadSamples) {
    std::vector<Sample> all = samples();
    all.push_back({"sacip_flows", "Flows followed now", Kind::counter, {}, 1});
    all.push_back({"bad name", "", Kind::gauge, {}, 1});
    all.push_back({"sacip_ok", "", Kind::gauge, {{"bad-label", "x"}}, 1});
    const auto families = to_families(all);
    ASSERT_EQ(families.size(), 3U);
    EXPECT_EQ(families[0].name, "sacip_packets_dropped_total");
    EXPECT_EQ(families[0].metric.size(), 2U);
    EXPECT_EQ(families[1].name, "sacip_flows");
    EXPECT_EQ(families[1].metric.size(), 1U);
    EXPECT_EQ(families[2].metric.at(0).histogram.sample_count, 5U);
}

TEST(Metrics, HalfOpenClientsBlockNoScrape) {
    const auto result = Exposer::open("127.0.0.1:0", samples);
    ASSERT_TRUE(result.exposer) << result.error;
    const int port = result.exposer->port();
    std::vector<std::unique_ptr<Tcp>> half_open;
    for (int i = 0; i < 8; ++i) {
        half_open.push_back(std::make_unique<Tcp>(port));
        ASSERT_TRUE(half_open.back()->connected());
        if (i % 2 == 0) {
            half_open.back()->send("GET /metrics HTTP/1.1\r\nHost:");
        }
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100}); // let each take its thread
    const auto before = Clock::now();
    EXPECT_TRUE(holds(scrape(port), "sacip_flows 41208"));
    EXPECT_LT(Clock::now() - before, std::chrono::seconds{1});
    half_open.front()->read_all(); // ends when the server gives up on it
    EXPECT_LT(Clock::now() - before, std::chrono::seconds{5});
}

TEST(Metrics, MoreHalfOpenClientsThanThreadsOnlyDelayAScrape) {
    const auto result = Exposer::open("127.0.0.1:0", samples);
    ASSERT_TRUE(result.exposer) << result.error;
    const int port = result.exposer->port();
    std::vector<std::unique_ptr<Tcp>> half_open;
    for (int i = 0; i < 24; ++i) {
        half_open.push_back(std::make_unique<Tcp>(port));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
    const auto before = Clock::now();
    EXPECT_TRUE(holds(scrape(port), "sacip_flows 41208"));
    EXPECT_LT(Clock::now() - before, std::chrono::seconds{8});
}

TEST(Metrics, TheSourceIsNeverCalledTwiceAtOnce) {
    std::atomic<int> inside{0};
    std::atomic<int> most{0};
    const auto result = Exposer::open("127.0.0.1:0", [&] {
        const int now = ++inside;
        most = std::max(most.load(), now);
        std::this_thread::sleep_for(std::chrono::milliseconds{5});
        --inside;
        return samples();
    });
    ASSERT_TRUE(result.exposer) << result.error;
    std::vector<std::thread> scrapers;
    for (int i = 0; i < 8; ++i) {
        scrapers.emplace_back([port = result.exposer->port()] { scrape(port); });
    }
    for (std::thread& scraper : scrapers) {
        scraper.join();
    }
    EXPECT_EQ(most, 1);
}

TEST(Metrics, AddressErrorsAreValues) {
    const auto first = Exposer::open("127.0.0.1:0", samples);
    ASSERT_TRUE(first.exposer) << first.error;
    const std::string taken = "127.0.0.1:" + std::to_string(first.exposer->port());
    EXPECT_EQ(Exposer::open(taken, samples).error,
              "metrics " + taken +
                  ": cannot listen (Address already in use): set gateway.metrics to a free "
                  "address and port of this machine");
    EXPECT_NE(Exposer::open("192.0.2.1:9812", samples).error.find("Cannot assign requested"),
              std::string::npos);
    for (const char* bad :
         {"", ":", "9812", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", ":9812", "127.0.0.1:65536",
          "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:9812s", "[]:1", "999.0.0.1:9812", "[1.2.3.4]:1",
          "::1:9812", "example.org:80", "+127.0.0.1:1"}) {
        const auto result = Exposer::open(bad, samples);
        EXPECT_FALSE(result.exposer) << bad;
        EXPECT_NE(result.error.find("not HOST:PORT"), std::string::npos) << result.error;
    }
    const auto named = Exposer::open("localhost:0", samples);
    EXPECT_TRUE(named.exposer) << named.error;
}

TEST(Metrics, StopsAtOnce) {
    auto result = Exposer::open("127.0.0.1:0", samples);
    ASSERT_TRUE(result.exposer) << result.error;
    const auto before = Clock::now();
    result.exposer.reset();
    EXPECT_LT(Clock::now() - before, std::chrono::seconds{1});
}

TEST(Metrics, ItsThreadsLeaveTheSignalMaskAsItWas) {
    sigset_t before;
    sigset_t after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    Exposer::open("127.0.0.1:0", samples);
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    for (int signal = 1; signal < 32; ++signal) {
        EXPECT_EQ(sigismember(&before, signal), sigismember(&after, signal)) << signal;
    }
}

} // namespace
} // namespace sacip::metrics
