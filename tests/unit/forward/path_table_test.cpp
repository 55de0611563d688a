// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/path_table.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace sacip {
namespace {

constexpr Ipv4Addr host{10, 1, 0, 10}, other_host{10, 1, 0, 11};
constexpr Ipv4Addr remote{10, 9, 0, 10}, roamed{10, 19, 0, 10};
constexpr WirePair first{remote, {10, 0, 1, 2}}, second{remote, {10, 0, 1, 3}},
    third{remote, {10, 0, 1, 4}};
constexpr WireView view{host, remote};

RewriteSlot slot_to(Ipv4Addr source) {
    RewriteSlot slot;
    slot.outbound.source = source;
    slot.outbound.action = PathAction::forward;
    return slot;
}

class PathTableTest : public testing::Test {
protected:
    std::vector<WireView> views(WirePair pair) const {
        const int32_t position = table_->find(pair);
        if (position < 0) {
            return {};
        }
        const PathTable::Views found = table_->views(position);
        std::vector<WireView> out;
        for (size_t i = 0; i < found.size(); i++) {
            out.push_back(found[i]);
        }
        return out;
    }
    bool accepts(PathId id, WirePair pair) const { return table_->path(id).accepts(pair); }
    Ipv4Addr source(PathId id) const { return table_->path(id).slot().outbound.source; }
    /// What a whole move does.
    void move(PathId id, WirePair to, const RewriteSlot& slot) {
        table_->prepare(id, to, view);
        table_->publish(id, slot, to);
    }

    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<PathTable> table_{std::get<0>(PathTable::create(4, *grace_))};
};

TEST_F(PathTableTest, APathIsFoundByItsPair) {
    const auto id = table_->add(slot_to(host), first, view);
    ASSERT_TRUE(id);
    EXPECT_EQ(views(first), std::vector{view});
    EXPECT_EQ(views(second), std::vector<WireView>{});
    EXPECT_TRUE(accepts(*id, first));
    EXPECT_FALSE(accepts(*id, second));
    EXPECT_EQ(source(*id), host);
    EXPECT_EQ(table_->size(), 1U);
}

TEST_F(PathTableTest, PublishFlips) {
    const PathId id = table_->add(slot_to(host), first, view).value();
    table_->prepare(id, second, view);
    EXPECT_TRUE(accepts(id, first));
    EXPECT_TRUE(accepts(id, second)) << "before the switch already";
    EXPECT_EQ(source(id), host);
    const uint32_t before = table_->path(id).active;
    table_->publish(id, slot_to(other_host), second);
    EXPECT_NE(table_->path(id).active, before);
    EXPECT_EQ(source(id), other_host);
    EXPECT_TRUE(accepts(id, first)) << "draining";
    EXPECT_TRUE(accepts(id, second));
    table_->publish(id, slot_to(remote), second); // a neighbour changed: the pairs stay
    EXPECT_EQ(source(id), remote);
    EXPECT_TRUE(accepts(id, first));
    EXPECT_TRUE(accepts(id, second));
    table_->retire(id, first, view);
    EXPECT_FALSE(accepts(id, first));
    EXPECT_TRUE(accepts(id, second));
    EXPECT_EQ(views(first), std::vector<WireView>{});
    EXPECT_EQ(views(second), std::vector{view});
}

TEST_F(PathTableTest, TheOldestOfThreePairsIsLeftToTheSlowPath) {
    const PathId id = table_->add(slot_to(host), first, view).value();
    move(id, second, slot_to(host));
    move(id, third, slot_to(host));
    EXPECT_FALSE(accepts(id, first));
    EXPECT_TRUE(accepts(id, second));
    EXPECT_TRUE(accepts(id, third));
    EXPECT_EQ(views(first), std::vector{view}) << "still found, so it can be judged";
    table_->retire(id, first, view);
    EXPECT_TRUE(accepts(id, second)) << "retiring one does not touch the others";
    EXPECT_TRUE(accepts(id, third));
}

TEST_F(PathTableTest, MovingBackOntoAPairThatDrains) {
    const PathId id = table_->add(slot_to(host), first, view).value();
    move(id, second, slot_to(other_host));
    table_->retire(id, first, view); // as the keeper does: it is not draining any more
    move(id, first, slot_to(host));
    EXPECT_TRUE(accepts(id, first));
    EXPECT_TRUE(accepts(id, second));
    table_->retire(id, second, view);
    EXPECT_TRUE(accepts(id, first));
    EXPECT_FALSE(accepts(id, second));
    EXPECT_EQ(views(first), std::vector{view});
}

TEST_F(PathTableTest, SeveralViewsMovedOnesFirst) {
    const WireView plain{second.local, remote}; // as it is on the wire
    const PathId fresh = table_->add(slot_to(host), second, plain).value();
    const PathId old = table_->add(slot_to(host), first, view).value();
    move(old, second, slot_to(other_host));
    EXPECT_EQ(views(second), (std::vector{view, plain}));
    table_->retire(fresh, second, plain);
    EXPECT_EQ(views(second), std::vector{view});
}

TEST_F(PathTableTest, OneViewWantedByTwoPathsStaysUntilBothLetGo) {
    const PathId a = table_->add(slot_to(host), first, view).value();
    const PathId b = table_->add(slot_to(host), first, view).value();
    EXPECT_NE(a, b);
    EXPECT_EQ(views(first), std::vector{view});
    table_->retire(a, first, view);
    EXPECT_EQ(views(first), std::vector{view});
    table_->retire(b, first, view);
    EXPECT_EQ(views(first), std::vector<WireView>{});
}

TEST_F(PathTableTest, FullAndRoomAgain) {
    std::vector<PathId> ids;
    for (uint8_t i = 0; i < 4; i++) {
        ids.push_back(table_->add({}, {remote, {10, 0, 2, i}}, view).value());
    }
    EXPECT_FALSE(table_->add({}, first, view));
    table_->retire(ids[2], {remote, {10, 0, 2, 2}}, view);
    table_->remove(ids[2]);
    EXPECT_EQ(table_->size(), 3U);
    table_->reclaim();
    EXPECT_EQ(table_->add({}, first, view), ids[2]);
}

TEST_F(PathTableTest, AReaderKeepsOldListsAndPathsAlive) {
    const PathId id = table_->add(slot_to(host), first, view).value();
    table_->add(slot_to(host), first, {other_host, remote});
    grace_->online({0});
    const int32_t position = table_->find(first);
    const PathTable::Views held = table_->views(position);
    table_->retire(id, first, view); // no list takes its place
    table_->remove(id);
    for (int i = 0; i < 3; i++) {
        table_->reclaim();
    }
    EXPECT_EQ(views(first), (std::vector{WireView{other_host, remote}}));
    ASSERT_EQ(held.size(), 2U); // the address sanitizer watches this
    EXPECT_EQ(held[0], (WireView{other_host, remote}));
    EXPECT_EQ(held[1], view);
    EXPECT_EQ(source(id), host);
    table_->add({}, second, view);
    table_->add({}, second, view);
    EXPECT_FALSE(table_->add({}, second, view)) << "the removed one may still be read";
    grace_->quiescent({0});
    table_->reclaim();
    EXPECT_EQ(table_->add({}, second, view), id);
    grace_->offline({0});
}

TEST_F(PathTableTest, ASlotIsFilledAgainOnlyWhenNobodyReadsIt) {
    const PathId id = table_->add(slot_to(host), first, view).value();
    grace_->online({0});
    const RewriteSlot& held = table_->path(id).slot();
    table_->publish(id, slot_to(other_host), first);
    EXPECT_EQ(held.outbound.source, host) << "the other slot was filled";
    std::atomic<bool> published{false};
    std::thread writer{[&] {
        table_->publish(id, slot_to(remote), first);
        published = true;
    }};
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
    EXPECT_FALSE(published) << "we have not been quiescent";
    EXPECT_EQ(held.outbound.source, host);
    while (!published) {
        grace_->quiescent({0});
    }
    writer.join();
    EXPECT_EQ(source(id), remote);
    grace_->offline({0});
}

} // namespace
} // namespace sacip
