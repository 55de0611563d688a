// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/move_history.hpp"

#include "tests/property/property.hpp"
#include "tests/support/packet_builder.hpp"

namespace sacip::test {
namespace {

IpPrefix place(uint32_t i) { return IpPrefix::host({10, 0, 0, static_cast<uint8_t>(i)}); }

TEST(MoveHistory, AMoveIsFoundByItsEndUntilItIsOver) {
    MoveHistory history{1};
    MoveRecord& first = history.add(Side::remote, Trigger::notification, place(1), place(2));
    MoveRecord& second = history.add(Side::remote, Trigger::notification, place(3), place(2));
    history.advance(first, MoveEvent::begin_unacknowledged);
    history.advance(second, MoveEvent::begin_unacknowledged);
    EXPECT_EQ(history.ending_at(Side::remote, place(2)), &second) << "the newest";
    EXPECT_EQ(history.ending_at(Side::local, place(2)), nullptr);
    history.advance(second, MoveEvent::superseded);
    EXPECT_EQ(history.ending_at(Side::remote, place(2)), &first);
    history.advance(first, MoveEvent::drained);
    EXPECT_EQ(history.ending_at(Side::remote, place(2)), nullptr);
    EXPECT_EQ(history.in_progress(), 0U);
    EXPECT_EQ(history.total(), 2U);
    EXPECT_FALSE(history.has_left(place(1).address())) << "settled";
    EXPECT_TRUE(history.has_left(place(3).address())) << "superseded only";
}

TEST(MoveHistory, OneWithoutAnAddressIsFoundByTheOneThatWasLost) {
    MoveHistory history{1};
    MoveRecord& move = history.add(Side::local, Trigger::netlink, place(1), {});
    history.advance(move, MoveEvent::begin_no_address);
    EXPECT_EQ(history.holding(place(1)), &move);
    EXPECT_EQ(history.holding(place(2)), nullptr);
    history.set_to(move, place(2));
    history.advance(move, MoveEvent::new_address);
    EXPECT_EQ(history.holding(place(1)), nullptr);
    EXPECT_EQ(history.ending_at(Side::local, place(2)), &move);
}

TEST(MoveHistory, EachDrainsOnceAndInItsTime) {
    MoveHistory history{1};
    const auto begin = [&](unsigned i, Nanos until) {
        MoveRecord& move =
            history.add(Side::remote, Trigger::notification, place(i), place(i + 100));
        history.advance(move, MoveEvent::begin_unacknowledged);
        history.set_drain(move, until);
        return move.id;
    };
    const MoveId late = begin(1, from_s(9));
    const MoveId soon = begin(2, from_s(3));
    history.set_drain(*history.find(late), from_s(7));
    EXPECT_EQ(history.drained(from_s(2)), nullptr);
    ASSERT_EQ(history.drained(from_s(8)), history.find(soon));
    history.advance(*history.find(soon), MoveEvent::drained);
    ASSERT_EQ(history.drained(from_s(8)), history.find(late));
    history.advance(*history.find(late), MoveEvent::drained);
    EXPECT_EQ(history.drained(from_s(99)), nullptr);
}

/// Whatever comes and goes, each look-up says what a look at all records says.
TEST(MoveHistory, LookUpsSayWhatALookAtAllSays) {
    Random random{seed()};
    const auto dice = [&random] { return random.any<uint32_t>(); };
    MoveHistory history{dice()};
    for (int round = 0; round < 6000; round++) {
        const Side side = dice() % 8 == 0 ? Side::local : Side::remote;
        if (const MoveRecord* const oldest = history.to_go()) {
            ASSERT_TRUE(oldest->side == Side::remote || is_over(*oldest) ||
                        oldest->state == MoveState::draining)
                << "one of ours that is waited for";
            history.forget(*oldest);
        }
        const bool has_address = side == Side::remote || dice() % 16 != 0;
        MoveRecord& move =
            history.add(side, Trigger::netlink, place(dice() % 50),
                        has_address ? std::optional{place(dice() % 50)} : std::nullopt);
        if (!has_address) {
            history.advance(move, MoveEvent::begin_no_address);
        } else if (side == Side::local && dice() % 4 == 0) { // a peer is to acknowledge it
            move.legs.emplace_back();
            history.advance(move, MoveEvent::begin);
        } else {
            history.advance(move, MoveEvent::begin_unacknowledged);
            history.set_drain(move, from_ms(static_cast<int64_t>(dice() % 5000)));
        }
        while (MoveRecord* const drained = history.drained(from_ms(round))) {
            history.advance(*drained, MoveEvent::drained);
        }
        if (MoveRecord* const older = history.ending_at(Side::remote, place(dice() % 50))) {
            history.advance(*older, MoveEvent::superseded);
        }
        history.tidy();

        const IpPrefix asked = place(dice() % 50);
        const MoveRecord* ends = nullptr;
        size_t in_progress = 0, local = 0;
        bool left = false;
        for (const MoveRecord& m : history.records()) {
            in_progress += is_over(m) ? 0 : 1;
            local += m.side == Side::local &&
                             (!is_over(m) || !std::ranges::all_of(m.legs, &MoveLeg::applied))
                         ? 1
                         : 0;
            left |= m.side == Side::remote && m.from == asked && m.state != MoveState::settled;
            ends = m.side == Side::remote && m.to == asked && !is_over(m) ? &m : ends;
        }
        ASSERT_EQ(history.ending_at(Side::remote, asked), ends);
        ASSERT_EQ(history.in_progress(), in_progress);
        ASSERT_EQ(history.local().size(), local);
        ASSERT_EQ(history.has_left(asked.address()), left);
        ASSERT_EQ(history.find(history.records().front().id), &history.records().front());
    }
}

} // namespace
} // namespace sacip::test
