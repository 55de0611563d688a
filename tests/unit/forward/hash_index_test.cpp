// SPDX-License-Identifier: BSD-3-Clause
//
// HashIndex and GracePeriod, whichever implementation is linked: the rules in their headers.
//
// Built twice: hash_index_std_test with the stand-ins of tests/support, hash_index_dpdk_test with
// those of app/dpdk and eal_main.cpp as its main().
#include "sacip_core/forward/hash_index.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

namespace sacip {
namespace {

struct Key {
    uint64_t high;
    uint64_t low;
};
constexpr uint32_t key_bytes = sizeof(Key);
static_assert(key_bytes == 16);

Key key_of(uint64_t n) { return {n * 0x9E3779B97F4A7C15ULL, n}; }

constexpr WorkerId worker0{0};
constexpr WorkerId worker1{1};

class HashIndexTest : public testing::Test {
protected:
    HashIndexTest() : grace_{std::get<0>(GracePeriod::create(2))} {}

    std::unique_ptr<HashIndex> make(uint32_t capacity) {
        static int count = 0;
        auto made = HashIndex::create(
            {"test" + std::to_string(count++), capacity, key_bytes, grace_.get()});
        if (const auto* error = std::get_if<std::string>(&made)) {
            ADD_FAILURE() << *error;
            return nullptr;
        }
        return std::move(std::get<0>(made));
    }
    int32_t insert(HashIndex& index, uint64_t n) {
        const Key key = key_of(n);
        return index.insert(&key);
    }
    int32_t erase(HashIndex& index, uint64_t n) {
        const Key key = key_of(n);
        return index.erase(&key);
    }
    int32_t find(const HashIndex& index, uint64_t n) {
        const Key key = key_of(n);
        return index.find(&key);
    }

    std::unique_ptr<GracePeriod> grace_;
};

TEST_F(HashIndexTest, KeyKeepsItsPositionUntilErased) {
    auto index = make(100);
    EXPECT_EQ(find(*index, 1), HashIndex::not_found);
    const int32_t position = insert(*index, 1);
    ASSERT_GE(position, 0);
    EXPECT_EQ(insert(*index, 1), position);
    EXPECT_EQ(index->size(), 1U);
    for (uint64_t n = 2; n <= 100; n++) {
        insert(*index, n);
    }
    EXPECT_EQ(find(*index, 1), position);
    EXPECT_EQ(erase(*index, 1), position);
    EXPECT_EQ(erase(*index, 1), HashIndex::not_found);
    EXPECT_EQ(find(*index, 1), HashIndex::not_found);
    EXPECT_EQ(index->size(), 99U);
}

TEST_F(HashIndexTest, EveryKeyFitsAndNoMore) {
    for (const uint32_t capacity : {1U, 7U, 8U, 1000U, 65536U}) {
        auto index = make(capacity);
        ASSERT_GE(index->positions(), capacity);
        std::set<int32_t> positions;
        for (uint64_t n = 0; n < capacity; n++) {
            const int32_t position = insert(*index, n);
            ASSERT_GE(position, 0) << n << " of " << capacity;
            ASSERT_LT(static_cast<uint32_t>(position), index->positions());
            ASSERT_TRUE(positions.insert(position).second);
        }
        EXPECT_EQ(index->size(), capacity);
        EXPECT_EQ(insert(*index, capacity), HashIndex::not_found);
        EXPECT_GE(insert(*index, 0), 0) << "a key that is there is found in a full table too";
    }
}

TEST_F(HashIndexTest, BurstFindsWhatSingleLookupsFind) {
    auto index = make(200);
    for (uint64_t n = 0; n < 200; n += 3) {
        insert(*index, n);
    }
    std::array<Key, HashIndex::max_burst> keys;
    std::array<const void*, HashIndex::max_burst> pointers;
    std::array<int32_t, HashIndex::max_burst> found;
    for (const unsigned count : {0U, 1U, 31U, HashIndex::max_burst}) {
        for (unsigned i = 0; i < count; i++) {
            keys[i] = key_of(i);
            pointers[i] = &keys[i];
        }
        index->find_burst(pointers.data(), count, found.data());
        for (unsigned i = 0; i < count; i++) {
            EXPECT_EQ(std::max(found[i], HashIndex::not_found), index->find(&keys[i]));
            EXPECT_EQ(found[i] >= 0, i % 3 == 0);
        }
    }
}

TEST_F(HashIndexTest, PositionIsNotReusedWhileAReaderMayHoldIt) {
    constexpr uint32_t capacity = 64;
    auto index = make(capacity);
    for (uint64_t n = 0; n < capacity; n++) {
        insert(*index, n);
    }
    grace_->online(worker0); // and in the midst of a burst
    const int32_t held = erase(*index, 0);
    std::atomic<bool> inserted{false};
    std::thread reader{[&] {
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        EXPECT_FALSE(inserted.load());
        grace_->quiescent(worker0);
    }};
    const int32_t position = insert(*index, capacity); // must wait for the only slot
    inserted = true;
    reader.join();
    EXPECT_EQ(position, held);
    grace_->offline(worker0);
}

TEST_F(HashIndexTest, FullTableChurnsForLong) {
    constexpr uint32_t capacity = 256;
    auto index = make(capacity);
    for (uint64_t n = 0; n < capacity; n++) {
        ASSERT_GE(insert(*index, n), 0);
    }
    for (uint64_t n = 0; n < 20'000; n++) {
        ASSERT_GE(erase(*index, n), 0);
        ASSERT_GE(insert(*index, n + capacity), 0) << n;
    }
    // All slots in the queue at once.
    for (uint64_t n = 20'000; n < 20'000 + capacity; n++) {
        ASSERT_GE(erase(*index, n), 0);
    }
    EXPECT_EQ(index->size(), 0U);
    for (uint64_t n = 0; n < capacity; n++) {
        ASSERT_GE(insert(*index, n), 0);
    }
}

TEST_F(HashIndexTest, ReadersNeverSeeAnotherKeysRecord) {
    // Records carry their key, written before insertion would be too early: the writer learns the
    // position from it. So the record says "none" (0) until filled, as a flow's path does.
    constexpr uint32_t capacity = 512;
    auto index = make(capacity);
    std::vector<std::atomic<uint64_t>> records(index->positions());
    std::atomic<bool> stop{false};
    std::atomic<uint64_t> wrong{0};
    std::atomic<uint64_t> hits{0};
    const auto read = [&](WorkerId worker) {
        grace_->online(worker);
        for (uint64_t n = 1; !stop.load(); n = n % 1024 + 1) {
            const int32_t position = find(*index, n);
            if (position >= 0) {
                const uint64_t record = records[static_cast<size_t>(position)].load();
                wrong += record != 0 && record != n ? 1 : 0;
                hits++;
            }
            grace_->quiescent(worker);
            if (n % 64 == 0) {
                grace_->offline(worker);
                std::this_thread::yield();
                grace_->online(worker);
            }
        }
        grace_->offline(worker);
    };
    std::thread first{read, worker0};
    std::thread second{read, worker1};
    for (unsigned turn = 0; turn < 200; turn++) {
        for (uint64_t n = 1; n <= 1024; n++) {
            if (n % 2 == turn % 2) {
                const int32_t position = insert(*index, n);
                ASSERT_GE(position, 0);
                records[static_cast<size_t>(position)] = n;
            }
        }
        for (uint64_t n = 1; n <= 1024; n++) {
            if (n % 2 == turn % 2) {
                const auto position = static_cast<size_t>(find(*index, n));
                records[position] = 0;
                erase(*index, n);
            }
        }
    }
    stop = true;
    first.join();
    second.join();
    EXPECT_EQ(wrong.load(), 0U);
    EXPECT_GT(hits.load(), 0U);
}

TEST_F(HashIndexTest, ContradictoryParametersAreRefusedWithAReason) {
    const auto refused = [](const HashIndex::Params& params) {
        const auto made = HashIndex::create(params);
        const auto* error = std::get_if<std::string>(&made);
        return error != nullptr && !error->empty();
    };
    EXPECT_TRUE(refused({"none", 0, key_bytes, grace_.get()}));
    EXPECT_TRUE(refused({"none", 8, 0, grace_.get()}));
    EXPECT_TRUE(refused({"none", 8, key_bytes, nullptr}));
}

TEST_F(HashIndexTest, GracePeriodWaitsForOnlineWorkersOnly) {
    EXPECT_TRUE(grace_->passed(grace_->start())) << "all are offline";
    grace_->online(worker0);
    const uint64_t token = grace_->start();
    EXPECT_FALSE(grace_->passed(token));
    grace_->online(worker1); // after the start: holds nothing old
    EXPECT_FALSE(grace_->passed(token));
    grace_->quiescent(worker0);
    EXPECT_TRUE(grace_->passed(token));
    const uint64_t next = grace_->start();
    grace_->offline(worker0);
    EXPECT_FALSE(grace_->passed(next));
    grace_->offline(worker1);
    EXPECT_TRUE(grace_->passed(next));
    grace_->wait();
}

} // namespace
} // namespace sacip
