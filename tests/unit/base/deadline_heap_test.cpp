// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/deadline_heap.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace sacip {
namespace {

/// The model goes through all of them.
TEST(DeadlineHeap, TellsWhoIsDueFirst) {
    for (unsigned seed = 1; seed <= 8; seed++) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::mt19937 random{seed};
        DeadlineHeap<PeerId> heap;
        std::map<uint32_t, Nanos> model;
        Nanos now{0};
        for (int step = 0; step < 5000; step++) {
            const PeerId id{static_cast<uint32_t>(random() % 50)};
            switch (random() % 4) {
            case 0:
                heap.clear(id);
                model.erase(id.value);
                break;
            case 1:
                now = now + Nanos{static_cast<int64_t>(random() % 20)};
                break;
            default:
                const Nanos when = now + Nanos{static_cast<int64_t>(random() % 200)};
                heap.set(id, when);
                model[id.value] = when;
            }
            ASSERT_EQ(heap.size(), model.size());
            while (const auto due = heap.due(now)) {
                ASSERT_TRUE(model.contains(due->value)) << "step " << step;
                for (const auto& [other, when] : model) {
                    ASSERT_LE(model[due->value], when) << "step " << step;
                }
                model.erase(due->value);
                heap.clear(*due);
            }
            for (const auto& [id_left, when] : model) {
                ASSERT_GT(when, now) << "step " << step;
            }
        }
    }
}

TEST(DeadlineHeap, ADeadlineGoesBothWays) {
    DeadlineHeap<PeerId> heap;
    heap.set({1}, Nanos{10});
    heap.set({2}, Nanos{20});
    heap.set({1}, Nanos{30});
    EXPECT_EQ(heap.due(Nanos{20}), PeerId{2});
    heap.set({1}, Nanos{5});
    EXPECT_EQ(heap.due(Nanos{20}), PeerId{1});
    EXPECT_EQ(heap.due(Nanos{4}), std::nullopt);
    heap.clear({7});
}

} // namespace
} // namespace sacip
