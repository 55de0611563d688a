// SPDX-License-Identifier: BSD-3-Clause
//
// CycleTime on counters that are faster, slower and stranger than what is believed of them.
#include "app/dpdk/cycle_time.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <thread>

namespace sacip {
namespace {

constexpr uint64_t believed_hz = 2'500'000'000;

/// A machine: true time goes on, the counter with it, at a rate of its own.
struct Machine {
    double hz;
    uint64_t cycles{123'456'789'000};
    double elapsed{0};
    void pass(double seconds) {
        elapsed += seconds;
        cycles += static_cast<uint64_t>(std::llround(seconds * hz));
    }
    Nanos clock() const { return from_s(77'000) + Nanos{std::llround(elapsed * 1e9)}; }
    Nanos truth() const { return {std::llround(elapsed * 1e9)}; }
};

double error_us(const CycleTime& time, const Machine& machine) {
    return static_cast<double>((time.at(machine.cycles) - machine.truth()).value) / 1e3;
}

TEST(CycleTime, ItIsTheNamedRateAtFirst) {
    const CycleTime time{1000, believed_hz};
    EXPECT_EQ(time.at(1000), Nanos{});
    EXPECT_NEAR(static_cast<double>(time.at(1000 + believed_hz).value), 1e9, 1);
    // Ten years, within the 32 bits of the rate's fraction.
    EXPECT_NEAR(static_cast<double>(time.at(1000 + 315'360'000 * believed_hz).value), 315'360'000e9,
                1e9);
}

/// 1519 per million was seen; in a day that is more than two minutes.
TEST(CycleTime, ACounterOfAnotherRateIsFollowed) {
    for (const double off : {0.0, 1519e-6, -1519e-6, 2e-2, -2e-2}) {
        Machine machine{static_cast<double>(believed_hz) * (1 + off)};
        CycleTime time{machine.cycles, believed_hz};
        time.correct(machine.cycles, machine.clock());
        double worst = 0;
        for (int tenth = 1; tenth <= 36'000; tenth++) {
            machine.pass(0.1);
            time.correct(machine.cycles, machine.clock());
            if (tenth > 50) {
                worst = std::max(worst, std::abs(error_us(time, machine)));
            }
        }
        EXPECT_LT(worst, 1.0) << off << ": microseconds in an hour, after the first five seconds";
    }
}

/// The better clock is slewed itself, as NTP does, and read with some jitter.
TEST(CycleTime, AReferenceThatWandersIsFollowed) {
    Machine machine{static_cast<double>(believed_hz)};
    CycleTime time{machine.cycles, believed_hz};
    double reference = 0;
    for (int tenth = 0; tenth <= 6000; tenth++) {
        const double drift = (tenth / 600) % 2 == 0 ? 500e-6 : -500e-6;
        machine.pass(0.1);
        reference += 0.1 * (1 + drift);
        const double jitter = tenth % 7 * 30e-9;
        time.correct(machine.cycles, from_s(5) + Nanos{std::llround((reference + jitter) * 1e9)});
        const auto said = static_cast<double>(time.at(machine.cycles).value) / 1e9;
        EXPECT_NEAR(said, reference, 2e-3) << tenth;
    }
}

TEST(CycleTime, ItNeverJumpsAndNeverGoesBack) {
    for (const double off : {5e-3, -5e-3}) {
        Machine machine{static_cast<double>(believed_hz) * (1 + off)};
        CycleTime time{machine.cycles, believed_hz};
        Nanos before{};
        for (int step = 0; step < 200'000; step++) {
            machine.pass(50e-6);
            if (step % 2000 == 0) {
                const Nanos at_bend = time.at(machine.cycles);
                time.correct(machine.cycles, machine.clock());
                EXPECT_EQ(time.at(machine.cycles), at_bend);
                // Read before the bend, asked for after it.
                EXPECT_LE(std::abs((time.at(machine.cycles - 100'000) - before).value), 50'000);
                EXPECT_LE(time.at(machine.cycles - 25), at_bend);
            }
            const Nanos now = time.at(machine.cycles);
            const int64_t passed = (now - before).value;
            EXPECT_GT(passed, 48'900) << step;
            EXPECT_LT(passed, 51'100) << step;
            before = now;
        }
    }
}

/// A suspended machine's counter may stand still, or start anew in another machine.
TEST(CycleTime, WhatCanNotBeMeasuredIsMadeUpSlowly) {
    Machine machine{static_cast<double>(believed_hz)};
    CycleTime time{machine.cycles, believed_hz};
    for (int second = 0; second < 5; second++) {
        time.correct(machine.cycles, machine.clock());
        machine.pass(1);
    }
    machine.elapsed += 0.5; // the counter stood still
    const Nanos before = time.at(machine.cycles);
    time.correct(machine.cycles, machine.clock());
    EXPECT_EQ(time.at(machine.cycles), before);
    for (int second = 1; second <= 60; second++) {
        machine.pass(1);
        time.correct(machine.cycles, machine.clock());
        EXPECT_LE((time.at(machine.cycles) - before).value, second * 1'010'000'100LL);
    }
    EXPECT_LT(std::abs(error_us(time, machine)), 1.0);
}

TEST(CycleTime, ReadersAreNeverTorn) {
    CycleTime time{0, 1'000'000'000};
    std::atomic<uint64_t> cycles{0};
    std::atomic<bool> done{false};
    std::thread reader{[&] {
        Nanos before{};
        while (!done.load(std::memory_order_relaxed)) {
            const Nanos now = time.at(cycles.load(std::memory_order_acquire));
            ASSERT_GE(now.value + 1, before.value);
            ASSERT_LT(now.value, 4'000'000'000'000);
            before = now;
        }
    }};
    for (int second = 0; second < 2000; second++) {
        const uint64_t now = cycles.load(std::memory_order_relaxed) + 1'000'000'000;
        cycles.store(now, std::memory_order_release);
        time.correct(now, Nanos{static_cast<int64_t>(now) + second % 3 * 4'000'000});
    }
    done = true;
    reader.join();
}

} // namespace
} // namespace sacip
