// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/flow_hints.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sacip::test {
namespace {

constexpr uint32_t positions = 1000;
/// Hashes of one set: equal in the lower bits, and another number in the upper ones.
constexpr uint32_t of_set(uint32_t number) { return number << 20 | 0x123; }

constexpr uint32_t places = 8;

FlowHints full_set() {
    FlowHints hints{positions};
    for (uint32_t i = 1; i <= places; i++) {
        hints.found_at(of_set(i), 10 * i);
    }
    return hints;
}

TEST(FlowHints, EightOfASetAreRememberedAndANinthTakesOnePlace) {
    FlowHints hints = full_set();
    for (uint32_t i = 1; i <= places; i++) {
        EXPECT_EQ(hints.position(of_set(i)), 10 * i);
    }
    hints.found_at(of_set(9), 90);
    EXPECT_EQ(hints.position(of_set(9)), 90U);
    unsigned known = 0;
    for (uint32_t i = 1; i <= places; i++) {
        known += hints.position(of_set(i)) == 10 * i ? 1 : 0;
    }
    EXPECT_EQ(known, places - 1);
}

TEST(FlowHints, MoreThanASetHoldsComingRoundInAFixedOrderAreMostlyKnown) {
    FlowHints hints = full_set();
    unsigned known = 0;
    constexpr unsigned rounds = 1000;
    for (unsigned i = 0; i < rounds; i++) {
        for (uint32_t flow = 1; flow <= places + 1; flow++) {
            if (hints.position(of_set(flow)) == 10 * flow) {
                known++;
            } else {
                hints.found_at(of_set(flow), 10 * flow);
            }
        }
    }
    EXPECT_GT(known, rounds * (places + 1) / 2);
}

TEST(FlowHints, AHashFoundElsewhereTakesItsOwnPlace) {
    FlowHints hints = full_set();
    hints.found_at(of_set(2), 999);
    EXPECT_EQ(hints.position(of_set(2)), 999U);
    for (uint32_t i = 1; i <= places; i++) {
        EXPECT_EQ(hints.position(of_set(i)), i == 2 ? 999U : 10 * i);
    }
}

TEST(FlowHints, WhateverIsAskedThePositionWasOnceTold) {
    // Any other would be read beyond the table; 0 is that of a place never written.
    for (const uint32_t table : {1U, 2U, 1000U, 1024U, 65'537U}) {
        FlowHints hints{table};
        std::mt19937_64 random{table};
        for (int i = 0; i < 200'000; i++) {
            // Few bits, so that hashes meet.
            const auto hash = static_cast<uint32_t>(random() & 0xF000'00FF);
            ASSERT_LT(hints.position(hash), table);
            if (random() % 2 == 0) {
                const auto position = static_cast<uint32_t>(random() % table);
                hints.found_at(hash, position);
                ASSERT_EQ(hints.position(hash), position);
            }
        }
    }
}

} // namespace
} // namespace sacip::test
