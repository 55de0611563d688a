// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/flow_recovery.hpp"

#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

class FlowRecoveryTest : public testing::Test {
protected:
    FlowRecoveryTest() { recovery_.cover(2); }
    static Config make() {
        Config c = small_config();
        c.peers.resize(2);
        return c;
    }
    static WireTuple tuple(uint32_t n) {
        return {static_cast<uint8_t>(IpProto::tcp), Be16{static_cast<uint16_t>(n)}, Be16{80},
                addr("10.9.0.10"), addr("10.0.1.2")};
    }
    /// How many of `count` new questions about a peer are taken.
    unsigned taken(PeerId peer, uint32_t first, uint32_t count) {
        unsigned out = 0;
        for (uint32_t n = first; n < first + count; n++) {
            out += recovery_.look_up(peer, tuple(n), between_, now_) != nullptr ? 1 : 0;
        }
        return out;
    }
    struct Asked {
        unsigned first{0}, again{0};
    };
    Asked tick() {
        Asked out;
        recovery_.tick(now_, [&](PeerId, const Solicit&, const SecureAddresses&, bool first) {
            (first ? out.first : out.again)++;
        });
        return out;
    }

    Config config_{make()};
    CurrentPolicy policy_{std::make_shared<const Policy>(make_policy(config_))};
    BindingCache cache_{config_, policy_, 1};
    std::unique_ptr<GracePeriod> grace_{std::get<0>(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows_{std::get<0>(FlowTable::create(64, *grace_))};
    FlowRecovery recovery_{cache_, *flows_, 1};
    SecureAddresses between_{addr("10.0.1.2"), addr("10.9.0.10")};
    Nanos now_{from_s(100)};
};

TEST_F(FlowRecoveryTest, WhoIsAskedAboutIsLimitedByPeer) {
    EXPECT_EQ(taken({0}, 0, 5000), 1000U) << "a storm of forged packets";
    EXPECT_EQ(taken({1}, 5000, 10), 10U) << "costs another peer nothing";
    EXPECT_EQ(taken({0}, 0, 1000), 1000U) << "what was asked is known";
    now_ = now_ + from_ms(500);
    EXPECT_EQ(taken({0}, 6000, 5000), 250U);
}

TEST_F(FlowRecoveryTest, QuestionsLeaveAtAPace) {
    ASSERT_EQ(taken({0}, 0, 1000), 1000U);
    ASSERT_EQ(taken({1}, 1000, 1000), 1000U);
    EXPECT_EQ(tick().first, 1000U);
    for (int i = 0; i < 50; i++) {
        now_ = now_ + from_ms(10);
        const Asked asked = tick();
        EXPECT_EQ(asked.first + asked.again, 20U) << "2,000 a second";
    }
}

} // namespace
} // namespace sacip::test
