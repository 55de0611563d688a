// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/verdict.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <span>

namespace sacip {
namespace {

TEST(Verdict, SaysOneThingOnly) {
    constexpr Verdict on = Verdict::proceed();
    EXPECT_FALSE(on.decided());
    EXPECT_EQ(on.drop_reason(), DropReason::none);
    EXPECT_EQ(on.punt_reason(), PuntReason::none);

    constexpr Verdict sent = Verdict::forward(PortId{3});
    EXPECT_TRUE(sent.decided());
    EXPECT_EQ(sent.port, PortId{3});
    EXPECT_EQ(sent.drop_reason(), DropReason::none);
    EXPECT_EQ(sent.punt_reason(), PuntReason::none);

    constexpr Verdict punted = Verdict::punt(PuntReason::dhcp);
    EXPECT_EQ(punted.punt_reason(), PuntReason::dhcp);
    EXPECT_EQ(punted.drop_reason(), DropReason::none);
    EXPECT_EQ(punted.port, no_port);

    constexpr Verdict dropped = Verdict::drop(DropReason::ip_checksum);
    EXPECT_EQ(dropped.drop_reason(), DropReason::ip_checksum);
    EXPECT_EQ(dropped.punt_reason(), PuntReason::none);
    EXPECT_NE(dropped, punted);
}

/// A reason becomes the name of a counter and a label of a metric.
void expect_sound_names(std::span<const ReasonText> reasons) {
    std::set<std::string_view> names;
    EXPECT_EQ(reasons[0].name, "none");
    for (const ReasonText& reason : reasons) {
        EXPECT_TRUE(names.insert(reason.name).second) << reason.name << " stands twice";
        for (const char c : reason.name) {
            EXPECT_TRUE(std::islower(static_cast<unsigned char>(c)) != 0 || c == '_' ||
                        std::isdigit(static_cast<unsigned char>(c)) != 0)
                << reason.name;
        }
        EXPECT_EQ(reason.description.empty(), reason.name == "none") << reason.name;
    }
}

TEST(Verdict, ReasonsAreNamedOnceAndDescribed) {
    expect_sound_names(drop_reasons);
    expect_sound_names(punt_reasons);
}

TEST(Verdict, ReasonsIndexTheirTexts) {
    EXPECT_EQ(text_of(DropReason::none).name, "none");
    EXPECT_EQ(text_of(DropReason::frame_runt).name, "frame_runt");
    EXPECT_EQ(text_of(DropReason::notification_unbound).name, "notification_unbound");
    EXPECT_EQ(text_of(PuntReason::not_ip).name, "not_ip");
    EXPECT_EQ(text_of(PuntReason::to_box).name, "to_box");
    EXPECT_EQ(static_cast<size_t>(PuntReason::to_box), punt_reason_count - 1);
}

TEST(Verdict, CountersBalanceWhenEveryPacketHasADoor) {
    CoreCounters counters;
    EXPECT_TRUE(counters.balanced());
    counters.received.add(5);
    EXPECT_FALSE(counters.balanced());
    counters.forwarded.add(2);
    counters.drop(DropReason::ip_checksum);
    counters.punt(PuntReason::dhcp);
    EXPECT_FALSE(counters.balanced());
    counters.held.set(1);
    EXPECT_TRUE(counters.balanced());
    EXPECT_EQ(counters.dropped_total(), 1U);
    EXPECT_EQ(counters.punted_total(), 1U);
}

} // namespace
} // namespace sacip
