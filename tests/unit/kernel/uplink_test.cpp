// SPDX-License-Identifier: BSD-3-Clause
//
// Uplink against the message sequences that Linux and DHCP clients really send. A story is a list
// of messages in their measured order; it is told once message by message, once in one burst, and
// then with the burst split at every possible set of places: where the flows of each old address
// end up, and the primary, must always be the same.
#include "tests/support/uplink_teller.hpp"

#include <gtest/gtest.h>

#include <map>

namespace sacip {
namespace {

using test::Lines;
using test::Teller;

struct Story {
    std::string name;
    Lines before; ///< messages that set the scene
    Lines messages;
    Lines one_by_one; ///< effects if observed after each message
    Lines in_a_burst; ///< effects if observed at the end (and before each wait)
    std::map<std::string, std::string> flows; ///< original address -> where its flows end
    std::string primary;
};

void PrintTo(const Story& story, std::ostream* out) { *out << story.name; }

class UplinkStory : public testing::TestWithParam<Story> {};

TEST_P(UplinkStory, EndsTheSameHoweverTheBurstIsSplit) {
    const Story& story = GetParam();
    const uint32_t all = (1U << story.messages.size()) - 1;
    for (uint32_t pauses = 0; pauses <= all; ++pauses) {
        SCOPED_TRACE("pauses " + std::to_string(pauses));
        Teller teller;
        teller.tell(story.before, 0);
        teller.take_effects();
        teller.tell(story.messages, pauses);
        const Lines effects = teller.take_effects();
        if (pauses == 0) {
            EXPECT_EQ(effects, story.in_a_burst);
        }
        if (pauses == all) {
            EXPECT_EQ(effects, story.one_by_one);
        }
        for (const auto& [original, end] : story.flows) {
            EXPECT_EQ(teller.flows_of(original), end);
        }
        EXPECT_EQ(teller.primary(), story.primary);
        teller.observe();
        EXPECT_EQ(teller.take_effects(), Lines{}) << "the same state again has no effects";
    }
}

const Story stories[] = {
    {"promotion",
     {"+10.5.0.1/24"},
     {"+10.5.0.2/24 secondary", "-10.5.0.1/24", "+10.5.0.2/24"},
     {"gained 10.5.0.2", "moved 10.5.0.1 to 10.5.0.2", "primary 10.5.0.2"},
     {"gained 10.5.0.2", "moved 10.5.0.1 to 10.5.0.2", "primary 10.5.0.2"},
     {{"10.5.0.1", "10.5.0.2"}},
     "10.5.0.2"},
    {"promotion_of_the_first_of_two",
     {"+10.5.0.1/24", "+10.5.0.2/24 secondary", "+10.5.0.3/24 secondary"},
     {"-10.5.0.1/24", "+10.5.0.2/24"},
     {"moved 10.5.0.1 to 10.5.0.2", "primary 10.5.0.2"},
     {"moved 10.5.0.1 to 10.5.0.2", "primary 10.5.0.2"},
     {{"10.5.0.1", "10.5.0.2"}, {"10.5.0.3", "10.5.0.3"}},
     "10.5.0.2"},
    {"no_promotion",
     {"+10.5.0.1/24", "+10.5.0.2/24 secondary"},
     {"-10.5.0.2/24", "-10.5.0.1/24", "wait 100"},
     {"moved 10.5.0.2 to 10.5.0.1", "lost 10.5.0.1", "primary none"},
     {"lost 10.5.0.1", "lost 10.5.0.2", "primary none"},
     {},
     "none"},
    {"no_promotion_then_another",
     {"+10.5.0.1/24", "+10.5.0.2/24 secondary"},
     {"-10.5.0.2/24", "-10.5.0.1/24", "wait 100", "+10.6.0.1/24"},
     {"moved 10.5.0.2 to 10.5.0.1", "lost 10.5.0.1", "primary none", "gained 10.6.0.1",
      "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"lost 10.5.0.1", "lost 10.5.0.2", "primary none", "gained 10.6.0.1",
      "moved 10.5.0.1 to 10.6.0.1", "moved 10.5.0.2 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}, {"10.5.0.2", "10.6.0.1"}},
     "10.6.0.1"},
    {"add_then_delete",
     {"+10.5.0.1/24"},
     {"+10.6.0.1/24", "-10.5.0.1/24"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"delete_then_add_at_once",
     {"+10.5.0.1/24"},
     {"-10.5.0.1/24", "wait 19", "+10.6.0.1/24"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"gap",
     {"+10.5.0.1/24"},
     {"-10.5.0.1/24", "wait 167", "+10.6.0.1/24"},
     {"lost 10.5.0.1", "primary none", "gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1",
      "primary 10.6.0.1"},
     {"lost 10.5.0.1", "primary none", "gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1",
      "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"gap_and_the_same_again",
     {"+10.5.0.1/24"},
     {"-10.5.0.1/24", "wait 167", "+10.5.0.1/24"},
     {"lost 10.5.0.1", "primary none", "returned 10.5.0.1", "primary 10.5.0.1"},
     {"lost 10.5.0.1", "primary none", "returned 10.5.0.1", "primary 10.5.0.1"},
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"dhclient_nak",
     {"+10.8.0.50/24"},
     {"-10.8.0.50/24", "wait 28", "+10.9.0.50/24"},
     {"lost 10.8.0.50", "primary none", "gained 10.9.0.50", "moved 10.8.0.50 to 10.9.0.50",
      "primary 10.9.0.50"},
     {"lost 10.8.0.50", "primary none", "gained 10.9.0.50", "moved 10.8.0.50 to 10.9.0.50",
      "primary 10.9.0.50"},
     {{"10.8.0.50", "10.9.0.50"}},
     "10.9.0.50"},
    {"udhcpc_nak",
     {"+10.8.0.50/24"},
     {"-10.8.0.50/24", "wait 3100", "+10.9.0.50/8", "-10.9.0.50/8", "+10.9.0.50/24", "wait 50"},
     {"lost 10.8.0.50", "primary none", "gained 10.9.0.50", "moved 10.8.0.50 to 10.9.0.50",
      "primary 10.9.0.50"},
     {"lost 10.8.0.50", "primary none", "gained 10.9.0.50", "moved 10.8.0.50 to 10.9.0.50",
      "primary 10.9.0.50"},
     {{"10.8.0.50", "10.9.0.50"}},
     "10.9.0.50"},
    {"renewal",
     {"+10.5.0.1/24"},
     {"+10.5.0.1/24", "wait 50", "+10.5.0.1/24"},
     {},
     {},
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"lifetime_over_and_nobody_else",
     {"+10.5.0.1/24"},
     {"+10.5.0.1/24 deprecated", "wait 1000", "-10.5.0.1/24", "wait 50"},
     {"lost 10.5.0.1", "primary none"},
     {"lost 10.5.0.1", "primary none"},
     {{"10.5.0.1", "held at 10.5.0.1"}},
     "none"},
    {"preferred_again",
     {"+10.5.0.1/24"},
     {"+10.5.0.1/24 deprecated", "wait 200", "+10.5.0.1/24"},
     {},
     {},
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"deprecated_after_the_successor_came",
     {"+10.5.0.1/24"},
     {"+10.6.0.1/24", "+10.5.0.1/24 deprecated", "wait 100", "-10.5.0.1/24", "wait 100"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"deprecated_before_the_successor_came",
     {"+10.5.0.1/24"},
     {"+10.5.0.1/24 deprecated", "wait 100", "+10.6.0.1/24", "-10.5.0.1/24", "wait 100"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"left_and_preferred_again",
     {"+10.5.0.1/24", "+10.6.0.1/24"},
     {"+10.5.0.1/24 deprecated", "wait 100", "+10.5.0.1/24", "wait 1", "-10.6.0.1/24"},
     {"moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1", "gained 10.5.0.1",
      "moved 10.6.0.1 to 10.5.0.1", "primary 10.5.0.1"},
     {"moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1", "gained 10.5.0.1",
      "moved 10.6.0.1 to 10.5.0.1", "primary 10.5.0.1"},
     {{"10.5.0.1", "10.5.0.1"}, {"10.6.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"admin_or_carrier_down_and_up", // no address messages
     {"+10.5.0.1/24"},
     {"wait 1000"},
     {},
     {},
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"there_and_back",
     {"+10.5.0.1/24"},
     {"+10.6.0.1/24", "-10.5.0.1/24", "wait 500", "+10.5.0.1/24", "-10.6.0.1/24"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1", "gained 10.5.0.1",
      "moved 10.6.0.1 to 10.5.0.1", "primary 10.5.0.1"},
     {"gained 10.6.0.1", "moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1", "gained 10.5.0.1",
      "moved 10.6.0.1 to 10.5.0.1", "primary 10.5.0.1"},
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"gap_keeper_of_scope_link_is_no_successor",
     {"+169.254.1.2/32 link", "+10.5.0.1/24"},
     {"-10.5.0.1/24", "wait 100"},
     {"lost 10.5.0.1", "primary none"},
     {"lost 10.5.0.1", "primary none"},
     {{"10.5.0.1", "held at 10.5.0.1"}},
     "none"},
    {"others_do_not_take_the_primary_away",
     {"+10.5.0.1/24"},
     {"+10.6.0.1/24", "+10.7.0.1/24", "-10.6.0.1/24", "wait 100"},
     {"gained 10.6.0.1", "gained 10.7.0.1", "moved 10.6.0.1 to 10.7.0.1"},
     {"gained 10.7.0.1"}, // nobody ever used 10.6.0.1
     {{"10.5.0.1", "10.5.0.1"}},
     "10.5.0.1"},
    {"same_length_before_newer",
     {"+10.5.0.1/24", "+10.6.0.1/24", "+10.7.0.1/32"},
     {"-10.5.0.1/24"},
     {"moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {"moved 10.5.0.1 to 10.6.0.1", "primary 10.6.0.1"},
     {{"10.5.0.1", "10.6.0.1"}},
     "10.6.0.1"},
    {"newest_before_older",
     {"+10.5.0.1/24", "+10.6.0.1/24", "+10.7.0.1/24"},
     {"-10.5.0.1/24"},
     {"moved 10.5.0.1 to 10.7.0.1", "primary 10.7.0.1"},
     {"moved 10.5.0.1 to 10.7.0.1", "primary 10.7.0.1"},
     {{"10.5.0.1", "10.7.0.1"}},
     "10.7.0.1"},
};

INSTANTIATE_TEST_SUITE_P(Linux, UplinkStory, testing::ValuesIn(stories),
                         [](const auto& row) { return row.param.name; });

TEST(Uplink, FirstSightGivesThePrimaryLinuxWouldUse) {
    Teller teller;
    teller.tell({"+169.254.1.2/32 link", "+10.5.0.9/24 deprecated", "+10.5.0.2/24 secondary",
                 "+10.6.0.1/24", "+10.7.0.1/24"},
                0);
    EXPECT_EQ(teller.take_effects(),
              (Lines{"gained 10.5.0.2", "gained 10.6.0.1", "gained 10.7.0.1", "primary 10.6.0.1"}));
}

TEST(Uplink, FlushedAndSetUpAnewInOneBurstIsNothing) {
    Teller teller;
    teller.tell({"+10.5.0.1/24", "+10.6.0.1/24"}, 0);
    teller.take_effects();
    teller.tell({"-10.5.0.1/24", "-10.6.0.1/24", "wait 5", "+10.5.0.1/24", "+10.6.0.1/24"}, 0);
    EXPECT_EQ(teller.take_effects(), Lines{});
    EXPECT_EQ(teller.primary(), "10.5.0.1");
}

TEST(Uplink, ForgottenAddressDoesNotMove) {
    Teller teller;
    teller.tell({"+10.5.0.1/24", "wait 1", "-10.5.0.1/24", "wait 30"}, 0);
    teller.uplink().forget(IpAddr{10, 5, 0, 1});
    teller.take_effects();
    teller.tell({"+10.6.0.1/24"}, 0);
    EXPECT_EQ(teller.take_effects(), (Lines{"gained 10.6.0.1", "primary 10.6.0.1"}));
}

TEST(Uplink, DeadlineIsOfferedOnlyWhileSomebodyWaits) {
    Teller teller;
    teller.tell({"+10.5.0.1/24"}, 0);
    EXPECT_EQ(teller.uplink().next_deadline(), std::nullopt);
    teller.tell({"-10.5.0.1/24"}, 0);
    EXPECT_EQ(teller.uplink().next_deadline(), from_s(1) + from_ms(20));
    teller.wait(from_ms(20));
    EXPECT_EQ(teller.uplink().next_deadline(), std::nullopt);
}

/// The prefix 10.2.0.0/24 follows 10.2.0.254/32; wherever it went, that address is its marker.
const std::vector<IpAddr> marker{{10, 2, 0, 254}};

TEST(UplinkMarker, FollowsTheNewMarker) {
    for (const uint32_t pauses : {0U, 1U, 3U}) {
        Teller teller{{}, marker};
        teller.tell({"+198.51.100.1/24", "+10.2.0.254/32"}, 0);
        teller.tell({"+10.7.0.254/32", "-10.2.0.254/32"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
        EXPECT_EQ(teller.primary(), "198.51.100.1");
    }
}

TEST(UplinkMarker, IsNotDraggedOntoTheInterfacesOwnAddress) {
    for (const uint32_t pauses : {0U, 1U}) {
        Teller teller{{}, marker};
        teller.tell({"+198.51.100.1/32", "+10.2.0.254/32"}, 0);
        teller.tell({"-10.2.0.254/32", "wait 30"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "held at 10.2.0.254");
        teller.tell({"+10.7.0.254/32"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
        EXPECT_EQ(teller.primary(), "198.51.100.1");
    }
}

TEST(UplinkMarker, AloneOnAnInterfaceWithoutUplinkHosts) {
    for (const uint32_t pauses : {0U, 1U, 3U}) {
        Teller teller{{.primary_in_use = false}, marker};
        teller.tell({"+10.2.0.254/32"}, 0);
        teller.tell({"+10.7.0.254/32", "-10.2.0.254/32"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
    }
}

TEST(UplinkMarker, IsNobodysSuccessor) {
    Teller teller{{}, marker};
    teller.tell({"+198.51.100.1/32", "+10.2.0.254/32"}, 0);
    teller.take_effects();
    teller.tell({"-198.51.100.1/32", "wait 30"}, 0);
    EXPECT_EQ(teller.take_effects(), (Lines{"lost 198.51.100.1", "primary none"}));
}

TEST(UplinkMarker, TwoPrefixesDoNotEndOnOneAddress) {
    Teller teller{{}, {{10, 2, 0, 254}, {10, 3, 0, 254}}};
    teller.tell({"+198.51.100.1/24", "+10.2.0.254/32", "+10.3.0.254/32"}, 0);
    teller.tell({"+10.7.0.254/32", "-10.2.0.254/32", "-10.3.0.254/32", "wait 30"}, 0);
    EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
    EXPECT_EQ(teller.flows_of("10.3.0.254"), "held at 10.3.0.254");
}

} // namespace
} // namespace sacip
