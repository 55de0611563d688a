// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/spsc_ring.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>

namespace sacip {
namespace {

TEST(SpscRing, FirstInFirstOut) {
    SpscRing<std::string> ring{4};
    std::string out = "as it was";
    EXPECT_FALSE(ring.pop(out));
    EXPECT_EQ(out, "as it was");
    EXPECT_TRUE(ring.push("one"));
    EXPECT_TRUE(ring.push("two"));
    EXPECT_TRUE(ring.pop(out));
    EXPECT_EQ(out, "one");
    EXPECT_TRUE(ring.pop(out));
    EXPECT_EQ(out, "two");
    EXPECT_FALSE(ring.pop(out));
}

TEST(SpscRing, FullRingLeavesTheValue) {
    SpscRing<std::unique_ptr<int>> ring{3};
    ASSERT_EQ(ring.capacity(), 4U) << "a power of two";
    for (int i = 0; i < 4; ++i) {
        EXPECT_TRUE(ring.push(std::make_unique<int>(i)));
    }
    auto more = std::make_unique<int>(4);
    EXPECT_FALSE(ring.push(std::move(more)));
    ASSERT_TRUE(more) << "it can be pushed later";
    std::unique_ptr<int> out;
    for (int i = 0; i < 5; ++i) {
        EXPECT_TRUE(ring.pop(out));
        EXPECT_EQ(*out, i);
        if (more) {
            EXPECT_TRUE(ring.push(std::move(more)));
        }
    }
    EXPECT_FALSE(ring.pop(out));
}

/// Values with memory of their own, so that the thread sanitiser sees what is not handed over.
TEST(SpscRing, TwoThreads) {
    constexpr size_t count = 200'000;
    SpscRing<std::string> ring{8};
    std::thread pushing{[&] {
        for (size_t i = 0; i < count; ++i) {
            std::string text = "a value longer than a string holds in itself: " + std::to_string(i);
            while (!ring.push(std::move(text))) {
                std::this_thread::yield();
            }
        }
    }};
    size_t wrong = 0;
    std::string text;
    for (size_t i = 0; i < count; ++i) {
        while (!ring.pop(text)) {
            std::this_thread::yield();
        }
        wrong += text.ends_with(": " + std::to_string(i)) ? 0 : 1;
    }
    pushing.join();
    EXPECT_EQ(wrong, 0U);
    EXPECT_FALSE(ring.pop(text));
}

} // namespace
} // namespace sacip
