// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/association.hpp"

#include <gtest/gtest.h>
#include <set>

namespace sacip {
namespace {

constexpr uint64_t size = ReplayWindow::size;

ReplayWindow window_from(uint64_t floor) {
    ReplayWindow out;
    out.restart(floor);
    return out;
}

TEST(ReplayWindow, TakesEachSequenceOnceAndNoneOfTheFloor) {
    ReplayWindow w = window_from(100);
    for (const uint64_t below : {0U, 1U, 99U, 100U}) {
        EXPECT_FALSE(w.accept(below)) << below;
        EXPECT_FALSE(w.is_plausible(below)) << below;
    }
    EXPECT_TRUE(w.is_plausible(101));
    EXPECT_TRUE(w.accept(101));
    EXPECT_FALSE(w.accept(101));
    EXPECT_FALSE(w.is_plausible(101));
    EXPECT_FALSE(w.accept(100)) << "the floor stays";
}

TEST(ReplayWindow, MessagesMayOvertakeOneAnother) {
    ReplayWindow w = window_from(0);
    for (const uint64_t s : {3U, 1U, 5U, 2U, 4U}) {
        EXPECT_TRUE(w.is_plausible(s)) << s;
        EXPECT_TRUE(w.accept(s)) << s;
    }
    for (uint64_t s = 0; s <= 5; s++) {
        EXPECT_FALSE(w.accept(s)) << s;
    }
}

TEST(ReplayWindow, EndsJustBehindTheHighest) {
    ReplayWindow w = window_from(0);
    const uint64_t top = 10 * size;
    EXPECT_TRUE(w.accept(top));
    EXPECT_FALSE(w.is_plausible(top - size));
    EXPECT_FALSE(w.accept(top - size)) << "one too far behind";
    EXPECT_TRUE(w.is_plausible(top - size + 1));
    EXPECT_TRUE(w.accept(top - size + 1)) << "the last one inside";
    EXPECT_FALSE(w.accept(top - size + 1));
}

/// Places are shared by sequences `size` apart: a jump must clear those, and only those, it skips.
TEST(ReplayWindow, JumpsForgetWhatTheySkip) {
    for (const uint64_t jump : {uint64_t{1}, uint64_t{2}, size - 1, size, size + 1, 3 * size + 7}) {
        ReplayWindow w = window_from(0);
        std::set<uint64_t> seen;
        for (uint64_t s = 1; s <= 2 * size; s += 2) { // every other one
            EXPECT_TRUE(w.accept(s));
            seen.insert(s);
        }
        const uint64_t top = *seen.rbegin() + jump;
        EXPECT_TRUE(w.accept(top));
        seen.insert(top);
        for (uint64_t s = top - size + 1; s <= top; s++) {
            EXPECT_EQ(w.accept(s), !seen.contains(s)) << "jump " << jump << ", " << s;
        }
    }
}

TEST(ReplayWindow, AFarJumpIsTakenButNotExpected) {
    ReplayWindow w = window_from(7);
    EXPECT_TRUE(w.is_plausible(7 + (1U << 16)));
    EXPECT_FALSE(w.is_plausible(8 + (1U << 16)));
    EXPECT_TRUE(w.accept(UINT64_MAX));
    EXPECT_TRUE(w.accept(UINT64_MAX - size + 1));
    EXPECT_FALSE(w.accept(UINT64_MAX - size));
    EXPECT_FALSE(w.accept(UINT64_MAX));
    w.restart(3);
    EXPECT_TRUE(w.accept(4)) << "a new epoch starts with an empty window";
}

MacKey key_of(uint8_t with) {
    MacKey out;
    std::ranges::fill(out.overwrite(), std::byte{with});
    return out;
}

class AssociationTest : public testing::Test {
protected:
    Challenge ask(IpAddr address) { return a_.challenge_for(address, now_).value(); }
    bool prove(IpAddr address) { return a_.take_echo(ask(address), now_) == address; }
    static SecureHeader header(uint64_t epoch, uint64_t sequence) {
        return {{2}, {epoch}, {sequence}, 0};
    }
    static constexpr auto nothing_in_use = [](IpAddr) { return false; };

    const MacKey key_{key_of(1)};
    Association a_{key_, {0}};
    Nanos now_{from_s(1000)};
    const IpAddr here_{10, 0, 1, 2}, there_{10, 9, 0, 10};
};

TEST_F(AssociationTest, AChallengeStaysTheSameUntilItIsAnswered) {
    const Challenge first = ask(here_);
    EXPECT_FALSE(first.is_zero());
    now_ = now_ + from_s(59);
    EXPECT_EQ(ask(here_), first);
    EXPECT_EQ(a_.take_echo(first, now_), here_);
    EXPECT_EQ(a_.take_echo(first, now_), std::nullopt) << "once";
    EXPECT_NE(ask(here_), first);
}

TEST_F(AssociationTest, AChallengeExpires) {
    const Challenge first = ask(here_);
    now_ = now_ + from_s(60);
    EXPECT_EQ(a_.take_echo(first, now_), std::nullopt);
    EXPECT_FALSE(a_.is_proven(here_));
    const Challenge second = ask(here_);
    EXPECT_NE(second, first);
    now_ = now_ + from_s(60);
    a_.tick(now_, nothing_in_use);
    EXPECT_EQ(a_.take_echo(second, now_), std::nullopt);
}

TEST_F(AssociationTest, AChallengeProvesTheAddressItWentToAndNoOther) {
    const Challenge to_here = ask(here_), to_there = ask(there_);
    EXPECT_NE(to_here, to_there);
    EXPECT_EQ(a_.take_echo(to_there, now_), there_);
    EXPECT_TRUE(a_.is_proven(there_));
    EXPECT_FALSE(a_.is_proven(here_));
    EXPECT_EQ(a_.proven_in({{10, 9, 0, 0}, 24}), there_);
    EXPECT_EQ(a_.proven_in({{10, 0, 0, 0}, 16}), std::nullopt);
}

TEST_F(AssociationTest, NobodyElsesChallengeWillDo) {
    ask(here_);
    EXPECT_EQ(a_.take_echo({}, now_), std::nullopt) << "zero: none";
    Challenge made_up;
    made_up.bytes.fill(std::byte{0x55});
    EXPECT_EQ(a_.take_echo(made_up, now_), std::nullopt);
    Association other{key_, {1}};
    EXPECT_EQ(a_.take_echo(other.challenge_for(here_, now_).value(), now_), std::nullopt)
        << "another peer's, made with the same key";
    const MacKey unlike = key_of(2);
    Association after_restart{unlike, {0}};
    EXPECT_EQ(a_.take_echo(after_restart.challenge_for(here_, now_).value(), now_), std::nullopt);
}

TEST_F(AssociationTest, SixteenPlacesAreAskedAtOnce) {
    for (uint8_t i = 0; i < 16; i++) {
        EXPECT_TRUE(a_.challenge_for({10, 0, 0, i}, now_)) << +i;
    }
    EXPECT_FALSE(a_.challenge_for({10, 0, 0, 16}, now_));
    EXPECT_TRUE(a_.challenge_for({10, 0, 0, 3}, now_)) << "asked already";
    EXPECT_TRUE(prove({10, 0, 0, 3}));
    EXPECT_TRUE(a_.challenge_for({10, 0, 0, 16}, now_)) << "an answer makes room";
    EXPECT_FALSE(a_.challenge_for({10, 0, 0, 17}, now_));
    now_ = now_ + from_s(60);
    EXPECT_TRUE(a_.challenge_for({10, 0, 0, 17}, now_)) << "and so does time";
}

TEST_F(AssociationTest, TheProofThatWasUnusedForLongestMakesRoom) {
    for (uint8_t i = 0; i < 16; i++) {
        EXPECT_TRUE(prove({10, 0, 0, i}));
        now_ = now_ + from_ms(1);
    }
    EXPECT_TRUE(prove({10, 0, 0, 0})) << "again";
    EXPECT_TRUE(prove({10, 0, 0, 16}));
    EXPECT_TRUE(a_.is_proven({10, 0, 0, 0}));
    EXPECT_FALSE(a_.is_proven({10, 0, 0, 1}));
    EXPECT_TRUE(a_.is_proven({10, 0, 0, 16}));
}

TEST_F(AssociationTest, AProofLastsWhileInUseAndHalfAMinuteMore) {
    EXPECT_TRUE(prove(here_) && prove(there_));
    for (int i = 0; i < 60; i++) {
        now_ = now_ + from_s(1);
        a_.tick(now_, [&](IpAddr a) { return a == here_; });
    }
    EXPECT_TRUE(a_.is_proven(here_));
    EXPECT_FALSE(a_.is_proven(there_));
    a_.tick(now_ + from_s(30), nothing_in_use);
    EXPECT_TRUE(a_.is_proven(here_));
    a_.tick(now_ + from_s(30) + Nanos{1}, nothing_in_use);
    EXPECT_FALSE(a_.is_proven(here_));
}

TEST_F(AssociationTest, MessagesAreJudgedByEpochFirst) {
    EXPECT_EQ(a_.judge(header(5, 1)), Standing::new_epoch) << "none is known";
    a_.accept_epoch(header(5, 10));
    EXPECT_EQ(a_.judge(header(5, 10)), Standing::repeated) << "the one that proved it";
    EXPECT_EQ(a_.judge(header(5, 9)), Standing::repeated) << "before the proof";
    EXPECT_EQ(a_.judge(header(5, 12)), Standing::fresh);
    EXPECT_EQ(a_.judge(header(5, 11)), Standing::fresh);
    EXPECT_EQ(a_.judge(header(5, 12)), Standing::repeated);
    EXPECT_EQ(a_.judge(header(4, 1000)), Standing::old_epoch);
    EXPECT_EQ(a_.judge(header(6, 1)), Standing::new_epoch);
    EXPECT_EQ(a_.judge(header(5, 13)), Standing::fresh) << "nothing came of that";
    a_.accept_epoch(header(6, 1));
    EXPECT_EQ(a_.judge(header(5, 14)), Standing::old_epoch);
    EXPECT_EQ(a_.judge(header(6, 2)), Standing::fresh);
}

TEST_F(AssociationTest, AFloodOfOldMessagesDoesNotStarveNewOnes) {
    a_.accept_epoch(header(5, 10));
    a_.judge(header(5, 11));
    unsigned let_in = 0;
    for (int i = 0; i < 10'000; i++) {
        let_in += a_.within_rate(header(5, 11), now_) ? 1 : 0;       // repeated
        let_in += a_.within_rate(header(4, 12), now_) ? 1 : 0;       // old epoch
        let_in += a_.within_rate(header(6, 1), now_) ? 1 : 0;        // new one
        let_in += a_.within_rate(header(5, 1U << 20), now_) ? 1 : 0; // far ahead
    }
    EXPECT_EQ(let_in, 200U);
    EXPECT_TRUE(a_.within_rate(header(5, 12), now_));
}

TEST_F(AssociationTest, SequencesOnlyGrow) {
    EXPECT_EQ(a_.next_sequence(), Sequence{1});
    EXPECT_EQ(a_.next_sequence(), Sequence{2});
}

/// RFC 6298 §2: SRTT <- R, RTTVAR <- R/2; then 7/8 and 3/4 of what was.
TEST_F(AssociationTest, TheTimeOutFollowsTheRoundTripTime) {
    EXPECT_EQ(a_.rto(), from_s(1));
    EXPECT_FALSE(a_.smoothed_rtt());
    a_.measured(from_ms(100));
    EXPECT_EQ(a_.smoothed_rtt(), from_ms(100));
    EXPECT_EQ(a_.rto(), from_ms(100 + 4 * 50));
    a_.measured(from_ms(180));
    EXPECT_EQ(a_.smoothed_rtt(), from_ms(110));
    EXPECT_EQ(a_.rto(), from_us(110'000 + 4 * (3 * 50'000 + 80'000) / 4));
    for (int i = 0; i < 200; i++) {
        a_.measured(from_ms(20));
    }
    EXPECT_NEAR(static_cast<double>(a_.smoothed_rtt()->value), 20e6, 100);
    EXPECT_GE(a_.rto(), *a_.smoothed_rtt() + from_ms(1)) << "never without any slack";
    EXPECT_LT(a_.rto(), from_ms(22));
}

TEST(TokenBucket, StartsFullAndFillsAtItsRate) {
    TokenBucket bucket{100, 10};
    const Nanos start = from_s(5);
    const auto taken = [&](Nanos now) {
        int out = 0;
        while (bucket.take(now)) {
            out++;
        }
        return out;
    };
    EXPECT_EQ(taken(start), 10);
    EXPECT_EQ(taken(start + Nanos{9'999'999}), 0);
    EXPECT_EQ(taken(start + from_ms(10)), 1) << "nothing is lost between looks";
    EXPECT_EQ(taken(start + from_ms(60)), 5);
    EXPECT_EQ(taken(start + from_s(1)), 10) << "no more than full";
    EXPECT_EQ(taken(Nanos{INT64_MAX}), 10) << "nothing overflows";
}

TEST(TokenBucket, HoldsItsRateForLong) {
    TokenBucket bucket{1000, 50};
    Nanos now = from_s(1);
    int taken = 0;
    for (int i = 0; i < 100'000; i++, now = now + from_us(100)) { // 10 s, 10 times the rate
        taken += bucket.take(now) ? 1 : 0;
    }
    EXPECT_NEAR(taken, 10'050, 1);
}

} // namespace
} // namespace sacip
