// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/bind_sender.hpp"

#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

/// An uplink host, a routed prefix under another one on the wire, and the box; two peers.
class EntriesTest : public testing::Test {
protected:
    static Config make() {
        Config c = small_config();
        c.hosts = {uplink_host("10.1.0.10"), routed("10.2.0.0/24", "10.3.0.0/24"), box()};
        c.peers.resize(2);
        c.peers[0].addresses = {prefix("10.9.0.0/24")};
        c.peers[1].addresses = {prefix("10.8.0.0/24")};
        return c;
    }
    LocalId local(std::string_view host, std::string_view original, std::string_view active,
                  uint32_t site) {
        return cache_.local(addr(host), addr(original), addr(active), {site});
    }
    void path(LocalId local, std::string_view to) {
        cache_.add_path({next_path_++}, local, cache_.remote(addr(to), addr(to)));
    }
    Lines said(PeerId peer = {}) const {
        Lines out;
        for (const BindEntry& e : entries_for(cache_, peer)) {
            out.push_back(e.original.to_text() + " at " + e.active.to_text());
            EXPECT_EQ(e.lifetime_s, claim_lifetime_s);
            EXPECT_EQ(e.original.length(), e.active.length());
        }
        return out;
    }

    Config config_{make()};
    CurrentPolicy policy_{std::make_shared<const Policy>(make_policy(config_))};
    BindingCache cache_{config_, policy_, 1};
    uint32_t next_path_{0};
    static constexpr uint32_t uplink = 0, net = 1, own = 2;
};

TEST_F(EntriesTest, ToldIsWhatThePeerHasPathsWith) {
    EXPECT_EQ(said(), Lines{});
    const LocalId host = local("10.1.0.10", "10.0.1.2", "10.0.1.3", uplink);
    path(host, "10.9.0.10");
    path(host, "10.9.0.11");
    path(local("10.2.0.7", "10.3.0.7", "10.3.0.7", net), "10.8.0.10");
    path(local("10.2.0.8", "10.3.0.8", "10.3.0.8", net), "192.0.2.1");
    EXPECT_EQ(said({0}), Lines{"10.0.1.2 at 10.0.1.3"}) << "once";
    EXPECT_EQ(said({1}), Lines{"10.3.0.0/24 at 10.3.0.0/24"});
}

TEST_F(EntriesTest, BoxAndUplinkSpeakForThemselves) {
    path(local("10.1.0.10", "10.0.1.2", "10.0.1.3", uplink), "10.9.0.10");
    path(local("10.1.0.10", "10.0.1.3", "10.0.1.3", uplink), "10.9.0.10");
    path(local("10.0.1.2", "10.0.1.2", "10.0.1.3", own), "10.9.0.11");
    path(local("10.0.1.1", "10.0.1.1", "10.0.1.3", own), "10.9.0.11");
    EXPECT_EQ(said(),
              (Lines{"10.0.1.1 at 10.0.1.3", "10.0.1.2 at 10.0.1.3", "10.0.1.3 at 10.0.1.3"}))
        << "an original that two share is said once, one in place, too";
}

TEST_F(EntriesTest, APrefixSpeaksForItsHosts) {
    for (const char* host : {"7", "8", "9"}) {
        const std::string h = host;
        path(local("10.2.0." + h, "10.3.0." + h, "10.7.0." + h, net), "10.9.0.10");
    }
    EXPECT_EQ(said(), Lines{"10.3.0.0/24 at 10.7.0.0/24"});
    path(local("10.2.0.5", "10.7.0.5", "10.7.0.5", net), "10.9.0.10");
    EXPECT_EQ(said(), (Lines{"10.3.0.0/24 at 10.7.0.0/24", "10.7.0.0/24 at 10.7.0.0/24"}))
        << "a flow that began after the move";
}

TEST_F(EntriesTest, HostsInSeveralPlacesSpeakForThemselves) {
    path(local("10.2.0.7", "10.3.0.7", "10.7.0.7", net), "10.9.0.10");
    path(local("10.2.0.8", "10.3.0.8", "10.3.0.8", net), "10.9.0.10");
    EXPECT_EQ(said(), (Lines{"10.3.0.7 at 10.7.0.7", "10.3.0.8 at 10.3.0.8"}));
}

/// What a peer told us: an address that is not the prefix's own with the same host part.
TEST_F(EntriesTest, AHostOutOfPlaceSpeaksForItself) {
    path(local("10.2.0.7", "10.3.0.7", "10.7.0.99", net), "10.9.0.10");
    EXPECT_EQ(said(), Lines{"10.3.0.7 at 10.7.0.99"});
    path(local("10.2.0.8", "10.3.0.8", "10.7.0.8", net), "10.9.0.10");
    EXPECT_EQ(said(), (Lines{"10.3.0.7 at 10.7.0.99", "10.3.0.8 at 10.7.0.8"}));
}

class BindSenderTest : public testing::Test {
protected:
    static std::vector<BindEntry> entries(unsigned count) {
        std::vector<BindEntry> out;
        for (unsigned i = 0; i < count; i++) {
            const IpPrefix p{Ipv4Addr{Be32{0x0A000000 + i}}, 32};
            out.push_back({p, p, 0, claim_lifetime_s});
        }
        return out;
    }
    void try_now(std::optional<Nanos> rtt = {}) {
        s_.try_now(now_, rtt, [&](Bind& bind) -> std::optional<Sequence> {
            if (!can_leave_) {
                return std::nullopt;
            }
            sent_.push_back(bind);
            return Sequence{++sequence_};
        });
    }
    BindSender::Answered ack(uint64_t sequence, BindStatus status = BindStatus::applied) {
        return s_.on_ack({{}, {sequence}, status, BindReason::none, {}}, now_);
    }
    /// Milliseconds until it is due again.
    int64_t wait() {
        Nanos at = now_;
        while (!s_.is_due(at)) {
            at = at + from_ms(1);
        }
        return (at - now_).value / 1'000'000;
    }

    BindSender s_;
    Nanos now_{from_s(1000)};
    uint64_t sequence_{0};
    bool can_leave_{true};
    std::vector<Bind> sent_;
};

TEST_F(BindSenderTest, SaysNothingUnlessAsked) {
    EXPECT_FALSE(s_.pending());
    EXPECT_FALSE(s_.is_due(now_));
    EXPECT_FALSE(ack(0).ours);
    s_.begin(entries(1), true, now_);
    EXPECT_TRUE(s_.is_due(now_));
    EXPECT_TRUE(s_.old_address_lost());
    s_.end();
    EXPECT_FALSE(s_.is_due(now_));
}

TEST_F(BindSenderTest, EvenAnEmptyOneIsSaid) {
    s_.begin({}, false, now_);
    try_now();
    ASSERT_EQ(sent_.size(), 1U);
    EXPECT_EQ(sent_[0].count, 0);
    EXPECT_TRUE(ack(1).complete);
}

TEST_F(BindSenderTest, IsCutIntoPartsOfTwentyFive) {
    for (const auto& [count, parts] : {std::pair{25U, 1U}, {26U, 2U}, {50U, 2U}, {51U, 3U}}) {
        s_.begin(entries(count), false, now_);
        sent_.clear();
        try_now();
        ASSERT_EQ(sent_.size(), parts) << count;
        std::vector<BindEntry> all;
        for (const Bind& bind : sent_) {
            all.insert(all.end(), bind.entries().begin(), bind.entries().end());
        }
        EXPECT_EQ(all, entries(count));
    }
}

TEST_F(BindSenderTest, EachPartIsAcknowledgedByItself) {
    s_.begin(entries(60), false, now_);
    try_now(); // 1 2 3
    EXPECT_TRUE(ack(2).ours);
    EXPECT_FALSE(ack(2).ours) << "not twice";
    sent_.clear();
    try_now(); // 4 5: parts one and three
    ASSERT_EQ(sent_.size(), 2U);
    EXPECT_EQ(sent_[0].slots[0], entries(60)[0]);
    EXPECT_EQ(sent_[1].slots[0], entries(60)[50]);
    const auto third = ack(3);
    EXPECT_TRUE(third.ours) << "the first try of it";
    EXPECT_FALSE(third.complete);
    EXPECT_FALSE(ack(5).ours) << "the part is done";
    EXPECT_TRUE(ack(4).complete);
    EXPECT_FALSE(s_.pending());
}

TEST_F(BindSenderTest, AnAnswerToAnyTryWillDo) {
    s_.begin(entries(1), false, now_);
    try_now();
    try_now();
    try_now();
    EXPECT_FALSE(ack(4).ours);
    EXPECT_TRUE(ack(2).complete);
}

TEST_F(BindSenderTest, OnlyAppliedAndRefusedEndIt) {
    s_.begin(entries(1), false, now_);
    try_now();
    for (const BindStatus status : {BindStatus::stale, BindStatus::validate}) {
        const auto answered = ack(1, status);
        EXPECT_TRUE(answered.ours);
        EXPECT_FALSE(answered.complete);
        EXPECT_TRUE(s_.pending());
    }
    EXPECT_FALSE(s_.is_due(now_));
    s_.retry_now(now_); // what PeerSession makes of stale
    EXPECT_TRUE(s_.is_due(now_));
    EXPECT_TRUE(ack(1, BindStatus::refused).complete);
    EXPECT_FALSE(s_.pending());
}

/// Karn's rule: who was told twice can't be timed.
TEST_F(BindSenderTest, OnlyTheFirstTryIsTimed) {
    s_.begin(entries(26), false, now_);
    try_now();
    now_ = now_ + from_ms(30);
    EXPECT_EQ(ack(1).round_trip, from_ms(30));
    try_now(); // 3: the second part again
    now_ = now_ + from_ms(5);
    EXPECT_EQ(ack(3).round_trip, std::nullopt);
}

TEST_F(BindSenderTest, ANewerOneTakesItsPlace) {
    s_.begin(entries(26), true, now_);
    try_now();
    s_.begin(entries(1), false, now_);
    EXPECT_FALSE(s_.old_address_lost());
    EXPECT_EQ(s_.tries(), 0U);
    EXPECT_FALSE(ack(1).ours);
    try_now();
    EXPECT_TRUE(ack(3).complete);
}

TEST_F(BindSenderTest, IsSaidAgainEverMoreSeldom) {
    s_.begin(entries(1), false, now_);
    for (const int64_t expected : {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000}) {
        try_now();
        EXPECT_EQ(wait(), expected);
        now_ = now_ + from_ms(expected);
    }
    while (now_ - s_.began() < from_s(60)) {
        try_now();
        EXPECT_EQ(wait(), 5000);
        now_ = now_ + from_s(5);
    }
    for (int i = 0; i < 100; i++) { // more than the tries it remembers
        try_now();
        EXPECT_EQ(wait(), 30'000);
        now_ = now_ + from_s(30);
    }
    EXPECT_FALSE(ack(1).ours) << "too long ago to remember";
    EXPECT_TRUE(ack(sequence_ - 31).complete);
}

TEST_F(BindSenderTest, AKnownRoundTripTimeSetsThePace) {
    s_.begin(entries(1), false, now_);
    try_now(from_ms(3));
    EXPECT_EQ(wait(), 6);
    try_now(from_ms(3));
    EXPECT_EQ(wait(), 12);
    s_.begin(entries(1), false, now_);
    try_now(from_s(4));
    EXPECT_EQ(wait(), 5000) << "at most";
}

TEST_F(BindSenderTest, WhatCouldNotLeaveIsTriedInAMoment) {
    can_leave_ = false;
    s_.begin(entries(1), false, now_);
    for (int i = 0; i < 20; i++) {
        try_now();
        EXPECT_EQ(s_.tries(), 0U);
        EXPECT_EQ(wait(), 10);
        now_ = now_ + from_ms(10);
    }
    can_leave_ = true;
    try_now();
    EXPECT_EQ(wait(), 50) << "the first try that counts";
    now_ = now_ + from_ms(7);
    EXPECT_EQ(ack(1).round_trip, from_ms(7));
}

} // namespace
} // namespace sacip::test
