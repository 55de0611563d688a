// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/hold_queue.hpp"

#include <algorithm>
#include <gtest/gtest.h>

namespace sacip {
namespace {

/// The owner stands for the packet; nobody looks at bytes here.
HeldPacket held(uintptr_t number, uint64_t key, Nanos deadline = from_s(1)) {
    return {{{}, reinterpret_cast<void*>(number)}, {}, key, deadline};
}
uintptr_t number_of(const HeldPacket& packet) {
    return reinterpret_cast<uintptr_t>(packet.packet.owner);
}

TEST(HoldQueue, FirstInFirstOut) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= 5; i++) {
        EXPECT_FALSE(queue.push(held(i, i % 2)));
    }
    EXPECT_EQ(queue.size(), 5U);
    uintptr_t next = 1;
    for (const HeldPacket& packet : queue.take_all()) {
        EXPECT_EQ(number_of(packet), next++);
    }
    EXPECT_EQ(queue.size(), 0U);
}

TEST(HoldQueue, OneKeyCantPushTheOthersOut) {
    HoldQueue queue;
    EXPECT_FALSE(queue.push(held(1000, 7)));
    for (uintptr_t i = 0; i < HoldQueue::max_per_key; i++) {
        EXPECT_FALSE(queue.push(held(i + 1, 8)));
    }
    for (uintptr_t i = 0; i < 10; i++) { // the oldest of its own kind goes
        const auto leaving = queue.push(held(500 + i, 8));
        ASSERT_TRUE(leaving);
        EXPECT_EQ(number_of(*leaving), i + 1);
    }
    EXPECT_EQ(queue.size(), HoldQueue::max_per_key + 1);
    EXPECT_EQ(number_of(queue.take_all().front()), 1000U);
}

TEST(HoldQueue, FullTheOldestOfAllGoes) {
    HoldQueue queue;
    for (uintptr_t i = 0; i < HoldQueue::max_packets; i++) {
        EXPECT_FALSE(queue.push(held(i + 1, i)));
    }
    const auto leaving = queue.push(held(9999, 9999));
    ASSERT_TRUE(leaving);
    EXPECT_EQ(number_of(*leaving), 1U);
    EXPECT_EQ(queue.size(), HoldQueue::max_packets);
}

TEST(HoldQueue, TakesOneKeyAndLeavesTheOthersInOrder) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= 9; i++) {
        queue.push(held(i, i % 3));
    }
    EXPECT_TRUE(queue.take_by_key(77).empty());
    uintptr_t next = 1;
    for (const HeldPacket& packet : queue.take_by_key(1)) {
        EXPECT_EQ(number_of(packet), next);
        next += 3;
    }
    EXPECT_EQ(next, 10U);
    queue.push(held(10, 1)); // places are used again
    std::vector<uintptr_t> left;
    for (const HeldPacket& packet : queue.take_all()) {
        left.push_back(number_of(packet));
    }
    EXPECT_EQ(left, (std::vector<uintptr_t>{2, 3, 5, 6, 8, 9, 10}));
    EXPECT_FALSE(queue.pop_expired(from_s(9)));
}

HeldPacket for_neighbour(uintptr_t number, uint64_t key) {
    HeldPacket out = held(number, key);
    out.share = HoldShare::neighbours;
    return out;
}

TEST(HoldQueue, FewWaitForOneNeighbour) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= HoldQueue::max_per_neighbour; i++) {
        EXPECT_FALSE(queue.push(for_neighbour(i, 7)));
    }
    EXPECT_EQ(number_of(queue.push(for_neighbour(9, 7)).value()), 1U);
    EXPECT_EQ(number_of(queue.push(for_neighbour(10, 7)).value()), 2U);
}

TEST(HoldQueue, NeighboursHaveTheirShareAndNoMore) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= HoldQueue::max_for_neighbours; i++) {
        EXPECT_FALSE(queue.push(for_neighbour(i, i)));
    }
    EXPECT_EQ(number_of(queue.push(for_neighbour(5000, 5000)).value()), 1U);
    for (uintptr_t i = queue.size(); i < HoldQueue::max_packets; i++) {
        EXPECT_FALSE(queue.push(held(10000 + i, 10000 + i)));
    }
    EXPECT_EQ(number_of(queue.push(held(9, 9)).value()), 2U) << "they go first";
    for (uintptr_t i = 1; i < HoldQueue::max_for_neighbours; i++) {
        EXPECT_TRUE(queue.push(held(20000 + i, 20000 + i)));
    }
    EXPECT_EQ(number_of(queue.push(for_neighbour(77, 77)).value()), 77U) << "nothing else goes";
    EXPECT_EQ(number_of(queue.push(held(88, 88)).value()), 10000 + HoldQueue::max_for_neighbours);
}

TEST(HoldQueue, WhatAMoveHoldsIsPushedOutByNobody) {
    HoldQueue queue;
    const auto of = [](HoldShare share, uintptr_t number) {
        HeldPacket out = held(number, number);
        out.share = share;
        return out;
    };
    for (uintptr_t i = 1; i <= 100; i++) {
        EXPECT_FALSE(queue.push(of(HoldShare::moves, i)));
    }
    for (uintptr_t i = 1000; i < 3 * HoldQueue::max_packets; i++) {
        const auto share = i % 3 == 0   ? HoldShare::strangers
                           : i % 3 == 1 ? HoldShare::questions
                                        : HoldShare::neighbours;
        const auto leaving = queue.push(of(share, i));
        EXPECT_TRUE(!leaving || number_of(*leaving) >= 1000);
    }
    EXPECT_EQ(queue.size(), HoldQueue::max_packets);
    for (uintptr_t i = 101; i < 1000; i++) { // and they find a place
        EXPECT_GE(number_of(queue.push(of(HoldShare::moves, i)).value()), 1000U);
    }
    uintptr_t next = 1;
    for (const HeldPacket& packet : queue.take_all()) {
        if (packet.share == HoldShare::moves) {
            EXPECT_EQ(number_of(packet), next++);
        }
    }
    EXPECT_EQ(next, 1000U);
}

TEST(HoldQueue, TheGreatestOfTheOthersSharesGivesWay) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= HoldQueue::max_packets; i++) {
        HeldPacket packet = held(i, i);
        packet.share = i <= 10 ? HoldShare::questions : HoldShare::strangers;
        EXPECT_FALSE(queue.push(packet));
    }
    HeldPacket question = held(9999, 9999);
    question.share = HoldShare::questions;
    EXPECT_EQ(number_of(queue.push(question).value()), 11U);
    HeldPacket stranger = held(10000, 10000);
    stranger.share = HoldShare::strangers;
    EXPECT_EQ(number_of(queue.push(stranger).value()), 12U);
}

TEST(HoldQueue, EqualDeadlinesKeepTheirOrder) {
    HoldQueue queue;
    for (uintptr_t i = 1; i <= 200; i++) {
        queue.push(held(i, i % 7, from_ms(i % 3 == 0 ? 20 : 10)));
    }
    EXPECT_EQ(queue.take_by_key(3).size(), 29U);
    std::vector<uintptr_t> seen;
    while (const auto out = queue.pop_expired(from_ms(10))) {
        seen.push_back(number_of(*out));
    }
    EXPECT_TRUE(std::ranges::is_sorted(seen));
    EXPECT_EQ(seen.size() + queue.size(), 171U);
    EXPECT_FALSE(queue.pop_expired(from_ms(19)));
    while (queue.pop_expired(from_ms(20))) {
    }
    EXPECT_EQ(queue.size(), 0U);
}

TEST(HoldQueue, ExpiresByDeadlineNotByPlace) {
    HoldQueue queue;
    queue.push(held(1, 1, from_ms(30)));
    queue.push(held(2, 1, from_ms(10)));
    queue.push(held(3, 1, from_ms(20)));
    EXPECT_FALSE(queue.pop_expired(from_ms(9)));
    EXPECT_EQ(number_of(queue.pop_expired(from_ms(10)).value()), 2U);
    EXPECT_FALSE(queue.pop_expired(from_ms(19)));
    EXPECT_EQ(number_of(queue.pop_expired(from_ms(100)).value()), 3U);
    EXPECT_EQ(number_of(queue.pop_expired(from_ms(100)).value()), 1U);
    EXPECT_FALSE(queue.pop_expired(from_ms(100)));
}

} // namespace
} // namespace sacip
