// SPDX-License-Identifier: BSD-3-Clause
//
// Which address of an interface leads out of the network, by kind of address and route, and which
// of them takes over from which. The answers are those of Linux 6.18: what `ip route get` has as
// source for a destination that nobody has a route of its own to.
#include "tests/support/uplink_teller.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Lines;
using test::LinuxTables;
using test::Teller;
using test::wan_link;

struct Kind {
    std::string name;
    Lines has; ///< messages, in this order
    std::vector<std::pair<std::string, LeadsOut>> answers;
};

void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class WayOutKind : public testing::TestWithParam<Kind> {};

TEST_P(WayOutKind, LeadsOutAsLinuxTakesIt) {
    LinuxTables linux;
    for (const std::string& message : GetParam().has) {
        linux.take(message, wan_link);
    }
    const auto ways = ways_out(linux.state(), wan_link, test::fallback_gateway);
    for (const auto& [address, answer] : GetParam().answers) {
        EXPECT_EQ(leads_out(Ipv4Addr::from_text(address).value(), linux.state().addresses(wan_link),
                            ways),
                  answer)
            << address;
    }
}

constexpr LeadsOut no = LeadsOut::no;
constexpr LeadsOut first = LeadsOut::first;
constexpr LeadsOut yes = LeadsOut::yes;
constexpr LeadsOut preferred = LeadsOut::preferred;

const Kind kinds[] = {
    {"no_default_route", {"+10.5.0.1/24"}, {{"10.5.0.1", no}}},
    {"subnet_of_the_gateway", {"+10.5.0.1/24", "+default via 10.5.0.254"}, {{"10.5.0.1", yes}}},
    {"alias",
     {"+192.168.100.2/24", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {{"10.5.0.1", yes}, {"192.168.100.2", no}}},
    {"neighbour_in_the_same_subnet",
     {"+10.5.0.1/24", "+10.5.0.2/24 secondary", "+default via 10.5.0.254"},
     {{"10.5.0.1", yes}, {"10.5.0.2", yes}}},
    {"same_address_with_two_lengths",
     {"+10.5.0.1/32", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {{"10.5.0.1", yes}}},
    {"preferred_source",
     {"+10.5.0.1/24", "+203.0.113.7/32", "+default via 10.5.0.254 src 203.0.113.7"},
     {{"10.5.0.1", yes}, {"203.0.113.7", preferred}}},
    {"host_address_and_gateway_onlink",
     {"+203.0.113.7/32", "+default via 10.99.0.1 onlink"},
     {{"203.0.113.7", yes}}},
    {"host_address_gateway_onlink_and_alias",
     {"+192.168.100.2/24", "+203.0.113.7/32", "+default via 10.99.0.1 onlink"},
     {{"203.0.113.7", yes}, {"192.168.100.2", first}}},
    {"host_address_beside_the_gateways_subnet",
     {"+203.0.113.7/32", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {{"203.0.113.7", no}, {"10.5.0.1", yes}}},
    {"subnet_and_gateway_onlink_elsewhere",
     {"+10.5.0.1/24", "+192.168.100.2/24", "+default via 10.99.0.1 onlink"},
     {{"10.5.0.1", first}, {"192.168.100.2", no}}},
    {"deprecated_is_passed_over",
     {"+10.5.0.1/24 deprecated", "+10.6.0.1/24", "+default via 10.99.0.1 onlink"},
     {{"10.5.0.1", no}, {"10.6.0.1", first}}},
    {"pair_with_the_gateway",
     {"+10.64.0.5/32 peer 10.64.0.1", "+default via 10.64.0.1"},
     {{"10.64.0.5", yes}, {"10.64.0.1", no}}},
    {"pair_and_no_gateway",
     {"+10.64.0.5/32 peer 10.64.0.1", "+default"},
     {{"10.64.0.5", first}, {"10.64.0.1", no}}},
    {"alias_that_is_a_pair",
     {"+10.5.0.1/24", "+192.168.100.2/32 peer 192.168.100.1", "+default via 10.5.0.254"},
     {{"10.5.0.1", yes}, {"192.168.100.2", no}}},
    {"pair_beside_a_host_address",
     {"+192.168.100.2/32 peer 192.168.100.1", "+203.0.113.7/32", "+default via 10.99.0.1 onlink"},
     {{"203.0.113.7", yes}, {"192.168.100.2", first}}},
    {"pairs_prefix_is_the_peers", // Linux has 10.64.7.0/24 on-link, not 10.5.0.0/24
     {"+10.5.0.1/24 peer 10.64.7.9", "+10.6.0.1/24", "+default via 10.6.0.254"},
     {{"10.5.0.1", no}, {"10.6.0.1", yes}}},
    {"link_local",
     {"+169.254.7.7/16 link", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {{"169.254.7.7", no}, {"10.5.0.1", yes}}},
    {"link_local_alone", {"+169.254.7.7/16", "+default"}, {{"169.254.7.7", no}}},
    {"gateway_that_nothing_leads_to", // its address has gone, and the alias keeps the route alive
     {"+10.5.0.1/24", "+192.168.100.2/24", "+default via 10.5.0.254", "-10.5.0.1/24"},
     {{"192.168.100.2", first}}},
    {"fallback_for_the_box_is_none",
     {"+169.254.1.2/32 host", "+10.5.0.1/24", "+default via 169.254.1.1 metric 65536 onlink"},
     {{"10.5.0.1", no}}},
    {"two_gateways",
     {"+10.5.0.1/24", "+10.6.0.1/24", "+default via 10.5.0.254",
      "+default via 10.6.0.254 metric 9"},
     {{"10.5.0.1", yes}, {"10.6.0.1", yes}}},
};

INSTANTIATE_TEST_SUITE_P(Linux, WayOutKind, testing::ValuesIn(kinds),
                         [](const auto& row) { return row.param.name; });

TEST(WayOut, HalvesOfADefaultRouteAreOne) {
    LinuxTables linux;
    linux.take("+10.5.0.1/24", wan_link);
    KernelState host = linux.state();
    host.add({IpPrefix{Ipv4Addr{128, 0, 0, 0}, 1}, Ipv4Addr{10, 5, 0, 254}, wan_link});
    EXPECT_EQ(ways_out(host, wan_link, {}).size(), 1U);
    EXPECT_EQ(ways_out(host, IfIndex{8}, {}).size(), 0U) << "another interface's";
}

struct Handover {
    std::string name;
    Lines before;
    Lines messages;
    std::string flows;   ///< where those of the primary address of `before` end
    std::string primary; ///< at the end
};

void PrintTo(const Handover& handover, std::ostream* out) { *out << handover.name; }

class UplinkHandover : public testing::TestWithParam<Handover> {};

TEST_P(UplinkHandover, GoesToWhatLeadsOutHoweverTheBurstIsSplit) {
    const Handover& story = GetParam();
    for (uint32_t pauses = 0; pauses < 1U << story.messages.size(); ++pauses) {
        SCOPED_TRACE("pauses " + std::to_string(pauses));
        Teller teller;
        teller.tell(story.before, 0);
        const std::string original = teller.primary();
        teller.tell(story.messages, pauses);
        EXPECT_EQ(teller.flows_of(original), story.flows);
        EXPECT_EQ(teller.primary(), story.primary);
        teller.take_effects();
        teller.observe();
        EXPECT_EQ(teller.take_effects(), Lines{}) << "the same state again has no effects";
    }
}

const Lines with_alias{"+10.5.0.1/24", "+default via 10.5.0.254", "+192.168.100.2/24"};
const Lines with_host_address{"+203.0.113.7/32", "+default via 10.99.0.1 onlink",
                              "+192.168.100.2/24"};

const Handover handovers[] = {
    {"gap_beside_an_alias",
     with_alias,
     {"-10.5.0.1/24", "wait 1000", "+10.6.0.1/24", "=default via 10.6.0.254"},
     "10.6.0.1",
     "10.6.0.1"},
    {"dhclient_leaves_the_old_route", // which the fallback keeps alive, so that "add" fails
     {"+169.254.1.2/32 host", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {"-10.5.0.1/24", "wait 28", "+10.6.0.1/24", "wait 100"},
     "10.6.0.1",
     "10.6.0.1"},
    {"in_the_gap", with_alias, {"-10.5.0.1/24", "wait 1000"}, "held at 10.5.0.1", "none"},
    {"in_a_long_gap_without_a_default_route",
     with_alias,
     {"-default", "-10.5.0.1/24", "wait 60000"},
     "held at 10.5.0.1",
     "none"},
    {"the_same_again_beside_an_alias",
     with_alias,
     {"-10.5.0.1/24", "wait 1000", "+10.5.0.1/24", "=default via 10.5.0.254"},
     "10.5.0.1",
     "10.5.0.1"},
    {"route_after_the_address",
     with_alias,
     {"-default", "-10.5.0.1/24", "wait 3000", "+10.6.0.1/24", "wait 200",
      "+default via 10.6.0.254"},
     "10.6.0.1",
     "10.6.0.1"},
    {"no_route_after_the_address", // the operator may move them there
     with_alias,
     {"-default", "-10.5.0.1/24", "wait 100", "+10.6.0.1/24", "wait 60000"},
     "held at 10.5.0.1",
     "none"},
    {"udhcpc_beside_an_alias",
     with_alias,
     {"-default", "-10.5.0.1/24", "wait 3100", "+10.6.0.1/8", "-10.6.0.1/8", "+10.6.0.1/24",
      "+default via 10.6.0.254"},
     "10.6.0.1",
     "10.6.0.1"},
    {"alias_before_the_first_lease",
     {"+192.168.100.2/24"},
     {"wait 1000", "+10.5.0.1/24", "+default via 10.5.0.254"},
     "10.5.0.1",
     "10.5.0.1"},
    {"alias_and_lease_found_at_a_start",
     {"+192.168.100.2/24", "+10.5.0.1/24", "+default via 10.5.0.254"},
     {"wait 1000"},
     "10.5.0.1",
     "10.5.0.1"},
    {"default_route_changes_over",
     {"+10.5.0.1/24", "+default via 10.5.0.254", "+10.6.0.1/24"},
     {"=default via 10.6.0.254", "wait 100"},
     "10.6.0.1",
     "10.6.0.1"},
    {"default_route_goes_and_nothing_else",
     {"+10.5.0.1/24", "+default via 10.5.0.254", "+10.6.0.1/24"},
     {"-default", "wait 60000"},
     "10.5.0.1",
     "10.5.0.1"},
    {"make_before_break_beside_an_alias",
     with_alias,
     {"+10.6.0.1/24", "=default via 10.6.0.254", "-10.5.0.1/24", "wait 100"},
     "10.6.0.1",
     "10.6.0.1"},
    {"route_last_beside_an_alias",
     with_alias,
     {"+10.6.0.1/24", "-10.5.0.1/24", "wait 100", "=default via 10.6.0.254"},
     "10.6.0.1",
     "10.6.0.1"},
    {"promotion_beside_an_alias",
     with_alias,
     {"+10.5.0.2/24 secondary", "-10.5.0.1/24", "+10.5.0.2/24", "wait 100"},
     "10.5.0.2",
     "10.5.0.2"},
    {"host_address_renumbered_beside_an_alias",
     with_host_address,
     {"-203.0.113.7/32", "wait 1000", "+203.0.113.9/32"},
     "203.0.113.9",
     "203.0.113.9"},
    {"host_address_gone_beside_an_alias", // Linux would take the alias; the provider would not
     with_host_address,
     {"-203.0.113.7/32", "wait 60000"},
     "held at 203.0.113.7",
     "none"},
    {"pair_redialled",
     {"+10.64.0.5/32 peer 10.64.0.1", "+default via 10.64.0.1"},
     {"-10.64.0.5/32 peer 10.64.0.1", "wait 2000", "+10.64.0.9/32 peer 10.64.0.1",
      "+default via 10.64.0.1"},
     "10.64.0.9",
     "10.64.0.9"},
    {"pair_with_another_peer", // the same address of ours: the new pair comes before the old goes
     {"+10.64.0.5/32 peer 10.64.0.1", "+default via 10.64.0.1"},
     {"+10.64.0.5/32 peer 10.64.0.2", "-10.64.0.5/32 peer 10.64.0.1", "=default via 10.64.0.2",
      "wait 100"},
     "10.64.0.5",
     "10.64.0.5"},
    {"link_local_takes_nothing_over",
     {"+10.5.0.1/24", "+default via 10.5.0.254"},
     {"-10.5.0.1/24", "+169.254.7.7/16 link", "wait 60000"},
     "held at 10.5.0.1",
     "none"},
    {"preferred_source_before_others",
     {"+10.5.0.1/24", "+default via 10.5.0.254"},
     {"+10.5.0.3/24 secondary", "+10.5.0.2/24 secondary", "=default via 10.5.0.254 src 10.5.0.3",
      "-10.5.0.1/24", "wait 100"},
     "10.5.0.3",
     "10.5.0.3"},
    {"no_default_route_at_all", // as without any knowledge of ways out
     {"+10.5.0.1/24", "+192.168.100.2/24"},
     {"-10.5.0.1/24", "wait 100"},
     "192.168.100.2",
     "192.168.100.2"},
    {"deprecated_beside_an_alias",
     with_alias,
     {"+10.5.0.1/24 deprecated", "wait 1000"},
     "10.5.0.1",
     "10.5.0.1"},
};

INSTANTIATE_TEST_SUITE_P(Linux, UplinkHandover, testing::ValuesIn(handovers),
                         [](const auto& row) { return row.param.name; });

TEST(UplinkMarker, FollowsAMarkerWhateverTheDefaultRouteSays) {
    for (uint32_t pauses = 0; pauses < 8; ++pauses) {
        Teller teller{{}, {{10, 2, 0, 254}}};
        teller.tell({"+10.2.0.254/32", "+198.51.100.1/32", "+default via 10.99.0.1 onlink"}, 0);
        EXPECT_EQ(teller.primary(), "198.51.100.1");
        teller.tell({"+10.7.0.254/32", "-10.2.0.254/32", "wait 100"}, pauses);
        EXPECT_EQ(teller.flows_of("10.2.0.254"), "10.7.0.254");
        EXPECT_EQ(teller.primary(), "198.51.100.1");
    }
}

} // namespace
} // namespace sacip
