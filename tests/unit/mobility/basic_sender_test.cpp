// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/basic_sender.hpp"

#include "tests/support/frame_text.hpp"
#include "tests/support/recording_io.hpp"
#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

class BasicSenderTest : public testing::Test {
protected:
    static constexpr PortId out{1};
    void announce(std::string_view from, std::string_view to, PathRef path, bool exit = true) {
        sender_.announce({addr(from), addr(to), addr("10.9.0.10")}, path, exit ? exit_ : Exit{},
                         now_);
    }
    Lines at(int64_t ms) {
        now_ = began_ + from_ms(ms);
        sender_.tick(now_);
        return said();
    }
    Lines said() {
        Lines lines;
        for (const Departure& d : std::exchange(io_.departures, {})) {
            lines.push_back(text_of(d.bytes, false));
        }
        return lines;
    }

    RecordingIo io_;
    BasicSender sender_{io_, 20};
    Exit exit_{out, {default_sender_mac, default_port_mac}};
    Nanos began_{from_s(100)}, now_{began_};
};

TEST_F(BasicSenderTest, AtOnceThenTwiceMore) {
    announce("10.0.1.2", "10.0.2.2", {7});
    const Lines once{"moved 10.0.1.2 > 10.0.2.2, told 10.9.0.10"};
    EXPECT_EQ(said(), once);
    EXPECT_EQ(at(19), Lines{});
    EXPECT_EQ(at(20), once);
    EXPECT_EQ(at(99), Lines{});
    EXPECT_EQ(at(100), once);
    EXPECT_EQ(at(10'000), Lines{});
    EXPECT_EQ(sender_.sent(), 3U);
}

TEST_F(BasicSenderTest, WhatHasNoExitGoesWithItsPathOnly) {
    announce("10.0.1.2", "10.0.2.2", {7}, false);
    announce("10.0.1.3", "10.0.2.3", {8}, false);
    EXPECT_EQ(at(50), Lines{});
    sender_.path_ready({9}, exit_);
    EXPECT_EQ(said(), Lines{});
    sender_.path_ready({8}, exit_);
    EXPECT_EQ(said(), Lines{"moved 10.0.1.3 > 10.0.2.3, told 10.9.0.10"});
    sender_.path_ready({8}, exit_);
    EXPECT_EQ(said(), Lines{}) << "once";
    EXPECT_EQ(at(121'000), Lines{"moved 10.0.1.3 > 10.0.2.3, told 10.9.0.10"}) << "its second time";
    sender_.path_ready({7}, exit_);
    EXPECT_EQ(said(), Lines{}) << "given up after two minutes";
}

/// It would have left through another far end's next hop.
TEST_F(BasicSenderTest, ItsPathIsNotTheNextOneWithThatId) {
    announce("10.0.1.2", "10.0.2.2", {PathId{7}, 1}, false);
    sender_.path_ready({PathId{7}, 2}, exit_);
    EXPECT_EQ(said(), Lines{});
    sender_.path_ready({PathId{7}, 1}, exit_);
    EXPECT_EQ(said(), Lines{"moved 10.0.1.2 > 10.0.2.2, told 10.9.0.10"});
}

TEST_F(BasicSenderTest, RepetitionsNameTheNewestAddress) {
    announce("10.0.1.2", "10.0.2.2", {7});
    announce("10.0.1.3", "10.0.3.3", {8});
    said();
    sender_.replace(IpPrefix::host(addr("10.0.2.2")), IpPrefix::host(addr("10.0.4.4")));
    EXPECT_EQ(at(20), (Lines{"moved 10.0.1.2 > 10.0.4.4, told 10.9.0.10",
                             "moved 10.0.1.3 > 10.0.3.3, told 10.9.0.10"}));
    sender_.replace(prefix("10.0.3.0/24"), prefix("10.0.5.0/24"));
    sender_.replace(IpPrefix::host(addr("10.0.4.4")), IpPrefix::host(addr("10.0.1.2")));
    EXPECT_EQ(at(100), Lines{"moved 10.0.1.3 > 10.0.5.3, told 10.9.0.10"})
        << "who is back is silent";
}

TEST_F(BasicSenderTest, WhatFindsNoMemoryIsSaidByTheRepetitions) {
    io_.no_memory = true;
    announce("10.0.1.2", "10.0.2.2", {7});
    EXPECT_EQ(said(), Lines{});
    io_.no_memory = false;
    EXPECT_EQ(at(20).size(), 1U);
    EXPECT_EQ(at(100).size(), 1U);
}

} // namespace
} // namespace sacip::test
