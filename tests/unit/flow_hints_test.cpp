// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/flow_hints.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sacip::test {
namespace {

constexpr uint32_t positions = 1000;
/// Hashes of one set: equal in the lower bits, and another number in the upper ones.
constexpr uint32_t of_set(uint32_t number) { return number << 20 | 0x123; }

TEST(FlowHints, FourOfASetAreRememberedAndTheOldestGoes) {
    FlowHints hints{positions};
    for (uint32_t i = 1; i <= 4; i++) {
        hints.found_at(of_set(i), 10 * i);
    }
    for (uint32_t i = 1; i <= 4; i++) {
        EXPECT_EQ(hints.position(of_set(i)), 10 * i);
    }
    hints.found_at(of_set(5), 50);
    EXPECT_NE(hints.position(of_set(1)), 10U);
    for (uint32_t i = 2; i <= 5; i++) {
        EXPECT_EQ(hints.position(of_set(i)), 10 * i);
    }
}

TEST(FlowHints, AHashFoundElsewhereTakesItsOwnPlace) {
    FlowHints hints{positions};
    for (uint32_t i = 1; i <= 4; i++) {
        hints.found_at(of_set(i), 10 * i);
    }
    hints.found_at(of_set(2), 999);
    EXPECT_EQ(hints.position(of_set(2)), 999U);
    for (const uint32_t i : {1U, 3U, 4U}) {
        EXPECT_EQ(hints.position(of_set(i)), 10 * i);
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
