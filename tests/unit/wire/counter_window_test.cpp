// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/counter_window.hpp"

#include "tests/property/property.hpp"

#include <gtest/gtest.h>

#include <set>

namespace sacip {
namespace {

constexpr uint64_t width = CounterWindow::width;

/// Remembers everything.
class Oracle {
public:
    bool accept(uint64_t counter) {
        const bool too_old =
            !seen_.empty() && *seen_.rbegin() >= counter && *seen_.rbegin() - counter >= width;
        return !too_old && seen_.insert(counter).second;
    }

private:
    std::set<uint64_t> seen_;
};

TEST(CounterWindow, EdgesOfTheWindow) {
    CounterWindow window;
    EXPECT_TRUE(window.is_fresh(MessageCounter{0}));
    EXPECT_TRUE(window.accept(MessageCounter{0}));
    EXPECT_FALSE(window.is_fresh(MessageCounter{0}));
    EXPECT_FALSE(window.accept(MessageCounter{0}));
    EXPECT_TRUE(window.accept(MessageCounter{width + 5}));
    EXPECT_FALSE(window.accept(MessageCounter{5})); // never came, but too old
    EXPECT_TRUE(window.accept(MessageCounter{6}));
    EXPECT_FALSE(window.accept(MessageCounter{6}));
}

TEST(CounterWindow, ToTheLastCounter) {
    CounterWindow window;
    EXPECT_TRUE(window.accept(MessageCounter{UINT64_MAX}));
    EXPECT_FALSE(window.accept(MessageCounter{UINT64_MAX}));
    EXPECT_TRUE(window.accept(MessageCounter{UINT64_MAX - (width - 1)}));
    EXPECT_FALSE(window.accept(MessageCounter{UINT64_MAX - width}));
    EXPECT_FALSE(window.accept(MessageCounter{0}));
}

TEST(CounterWindow, EachOfARunOnce) {
    CounterWindow window;
    for (uint64_t i = 0; i < 3 * width; i++) {
        ASSERT_TRUE(window.accept(MessageCounter{i}));
        ASSERT_FALSE(window.accept(MessageCounter{i}));
    }
}

TEST(CounterWindow, AsASetThatRemembersAll) {
    test::for_all(100, [](test::Random& random) {
        CounterWindow window;
        Oracle oracle;
        uint64_t highest = random.one_in(2) ? 0 : random.next() >> random.below(63);
        // How far apart the counters are: of some runs few words are touched, of others all.
        const uint32_t spread = 1U << (1 + random.below(16));
        for (int i = 0; i < 3000 && !testing::Test::HasFailure(); i++) {
            const uint64_t back = random.below(spread);
            uint64_t counter = highest > back ? highest - back : 0;
            if (random.one_in(4)) {
                counter = highest + random.below(spread);
            } else if (random.one_in(50)) { // at the edges of the window, and of its words
                const uint64_t edge = width - 66 + random.below(132);
                counter = highest > edge ? highest - edge : 0;
            } else if (random.one_in(300)) {
                counter = highest + random.next() % (3 * width);
            }
            if (counter > highest) {
                highest = counter;
            }
            const bool is_fresh = window.is_fresh(MessageCounter{counter});
            const bool expected = oracle.accept(counter);
            EXPECT_EQ(is_fresh, expected) << counter << ", highest " << highest;
            EXPECT_EQ(window.accept(MessageCounter{counter}), expected);
        }
    });
}

} // namespace
} // namespace sacip
