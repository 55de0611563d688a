// SPDX-License-Identifier: BSD-3-Clause
//
// Uplink against the message sequences that Linux and DHCP clients really send. A story is a list
// of messages in their measured order; it is told once message by message, once in one burst, and
// then with the burst split at every possible set of places: where the flows of each old address
// end up, and the primary, must always be the same.
#include "sacip_core/uplink.hpp"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

namespace sacip {
namespace {

using Lines = std::vector<std::string>;
constexpr IfIndex wan{7};

std::string text_of(const UplinkEffect& effect) {
    struct Text {
        std::string operator()(const AddressGained& e) { return "gained " + e.address.to_text(); }
        std::string operator()(const AddressMoved& e) {
            return "moved " + e.from.to_text() + " to " + e.to.to_text();
        }
        std::string operator()(const AddressLost& e) { return "lost " + e.address.to_text(); }
        std::string operator()(const AddressReturned& e) {
            return "returned " + e.address.to_text();
        }
        std::string operator()(const PrimaryChanged& e) {
            return "primary " + (e.address ? e.address->to_text() : "none");
        }
    };
    return std::visit(Text{}, effect);
}

/// "+10.5.0.1/24", "+10.5.0.2/24 secondary", "+10.5.0.1/24 deprecated", "-10.5.0.1/24"; scopes
/// "link" and "host".
AddressInfo address_of(const std::string& message) {
    std::istringstream words{message.substr(1)};
    std::string cidr;
    words >> cidr;
    const size_t slash = cidr.find('/');
    AddressInfo out;
    out.interface = wan;
    out.address = Ipv4Addr::from_text(cidr.substr(0, slash)).value();
    out.prefix_length = static_cast<uint8_t>(std::stoi(cidr.substr(slash + 1)));
    for (std::string word; words >> word;) {
        out.secondary |= word == "secondary";
        out.deprecated |= word == "deprecated";
        out.scope = word == "link" ? AddressScope::link : out.scope;
        out.scope = word == "host" ? AddressScope::host : out.scope;
    }
    return out;
}

/// An interface, its Uplink, and what happened to flows.
class Teller {
public:
    explicit Teller(UplinkRules rules = {}) : uplink_{std::move(rules)} {}

    void take(const std::string& message) {
        if (message[0] == '+') {
            host_.upsert(address_of(message));
        } else {
            host_.remove(address_of(message));
        }
    }
    void observe() { record(uplink_.observe(host_.addresses(wan), now_)); }
    /// Lets time pass, with a tick at each deadline.
    void wait(Nanos duration) {
        const Nanos end = now_ + duration;
        while (const auto deadline = uplink_.next_deadline()) {
            if (*deadline > end) {
                break;
            }
            now_ = *deadline;
            record(uplink_.tick(now_));
        }
        now_ = end;
    }
    /// Bit i of `pauses`: observe after message i. "wait 28" (ms) always observes first.
    void tell(const Lines& story, uint32_t pauses) {
        for (size_t i = 0; i < story.size(); ++i) {
            if (story[i].starts_with("wait ")) {
                observe();
                wait(from_ms(std::stoi(story[i].substr(5))));
                continue;
            }
            take(story[i]);
            if ((pauses >> i & 1) != 0) {
                observe();
            }
        }
        observe();
    }
    Lines take_effects() { return std::exchange(effects_, {}); }
    /// Where flows that began on `original` are: an address, or "held at ..." while it is lost.
    std::string flows_of(const std::string& original) const {
        std::string at = original;
        for (const auto& [from, to] : moves_) {
            at = from == at ? to : at;
        }
        const auto lost = uplink_.lost();
        const auto address = Ipv4Addr::from_text(at).value();
        return std::find(lost.begin(), lost.end(), address) == lost.end() ? at : "held at " + at;
    }
    std::string primary() const {
        return uplink_.primary() ? uplink_.primary()->to_text() : "none";
    }
    Uplink& uplink() { return uplink_; }

private:
    void record(const std::vector<UplinkEffect>& effects) {
        for (const UplinkEffect& effect : effects) {
            effects_.push_back(text_of(effect));
            if (const auto* moved = std::get_if<AddressMoved>(&effect)) {
                moves_.emplace_back(moved->from.to_text(), moved->to.to_text());
            }
        }
    }

    HostState host_;
    Uplink uplink_;
    Nanos now_{from_s(1)};
    Lines effects_;
    std::vector<std::pair<std::string, std::string>> moves_;
};

struct Story {
    std::string name;
    Lines before; ///< messages that set the scene
    Lines messages;
    Lines one_by_one; ///< effects if observed after each message
    Lines in_a_burst; ///< effects if observed at the end (and before each wait)
    std::map<std::string, std::string> flows; ///< original address -> where its flows end
    std::string primary;
};

void PrintTo(const Story& story, std::ostream* out) {
    *out << story.name;
}

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
    teller.uplink().forget(Ipv4Addr{10, 5, 0, 1});
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
UplinkRules rules_with_markers(bool primary_in_use) {
    UplinkRules rules;
    rules.primary_in_use = primary_in_use;
    rules.is_marker = [](Ipv4Addr a) { return a == Ipv4Addr{10, 2, 0, 254}; };
    return rules;
}

TEST(UplinkMarker, FollowsTheNewMarker) {
    for (const uint32_t pauses : {0U, 1U, 3U}) {
        Teller teller{rules_with_markers(true)};
        teller.tell({"+198.51.100.1/24", "+10.2.0.254/32"}, 0);
        teller.tell({"+10.7.0.254/32", "-10.2.0.254/32"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
        EXPECT_EQ(teller.primary(), "198.51.100.1");
    }
}

TEST(UplinkMarker, IsNotDraggedOntoTheInterfacesOwnAddress) {
    for (const uint32_t pauses : {0U, 1U}) {
        Teller teller{rules_with_markers(true)};
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
        Teller teller{rules_with_markers(false)};
        teller.tell({"+10.2.0.254/32"}, 0);
        teller.tell({"+10.7.0.254/32", "-10.2.0.254/32"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
    }
}

TEST(UplinkMarker, IsNobodysSuccessor) {
    Teller teller{rules_with_markers(true)};
    teller.tell({"+198.51.100.1/32", "+10.2.0.254/32"}, 0);
    teller.take_effects();
    teller.tell({"-198.51.100.1/32", "wait 30"}, 0);
    EXPECT_EQ(teller.take_effects(), (Lines{"lost 198.51.100.1", "primary none"}));
}

TEST(UplinkMarker, TwoPrefixesDoNotEndOnOneAddress) {
    UplinkRules rules;
    rules.is_marker = [](Ipv4Addr a) {
        return a == Ipv4Addr{10, 2, 0, 254} || a == Ipv4Addr{10, 3, 0, 254};
    };
    Teller teller{rules};
    teller.tell({"+198.51.100.1/24", "+10.2.0.254/32", "+10.3.0.254/32"}, 0);
    teller.tell({"+10.7.0.254/32", "-10.2.0.254/32", "-10.3.0.254/32", "wait 30"}, 0);
    EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
    EXPECT_EQ(teller.flows_of("10.3.0.254"), "held at 10.3.0.254");
}

} // namespace
} // namespace sacip
