// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/kernel_state.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace sacip {
namespace {

using Table = KernelState::Table;

constexpr IfIndex lo{1};
constexpr IfIndex wan{2};
constexpr IfIndex lan{3};

Ipv4Addr ip(std::string_view text) { return Ipv4Addr::from_text(text).value(); }
IpPrefix net(std::string_view text) { return IpPrefix::from_text(text).value(); }

LinkInfo link(IfIndex index, std::string name, bool up = true) {
    return {index, std::move(name), MacAddr{{2, 0, 0, 0, 0, 1}}, up, up};
}
AddressInfo address(IfIndex interface, std::string_view text, uint8_t length = 24) {
    AddressInfo out;
    out.interface = interface;
    out.address = ip(text);
    out.prefix_length = length;
    return out;
}
RouteInfo route(std::string_view to, std::string_view via, IfIndex interface, uint32_t metric = 0) {
    RouteInfo out;
    out.destination = net(to);
    out.via = via.empty() ? Ipv4Addr{} : ip(via);
    out.interface = interface;
    out.metric = metric;
    return out;
}
NeighbourInfo neighbour(std::string_view text, NeighbourState state, uint8_t last_byte = 9) {
    return {wan, ip(text), MacAddr{{2, 0, 0, 0, 0, last_byte}}, state};
}

/// lo, wan, lan, all up.
KernelState three_links() {
    KernelState host;
    host.upsert(link(lo, "lo"));
    host.upsert(link(wan, "wan0"));
    host.upsert(link(lan, "lan0"));
    return host;
}

TEST(KernelState, LinksAreFoundByNameAndIndex) {
    KernelState host = three_links();
    ASSERT_NE(host.link("wan0"), nullptr);
    EXPECT_EQ(host.link("wan0")->index, wan);
    EXPECT_EQ(host.link(lan)->name, "lan0");
    EXPECT_EQ(host.link("eth9"), nullptr);
    host.upsert(link(wan, "uplink")); // renamed
    EXPECT_EQ(host.link("wan0"), nullptr);
    EXPECT_EQ(host.link("uplink")->index, wan);
}

TEST(KernelState, AddressesKeepTheirOrderOfAppearance) {
    KernelState host = three_links();
    EXPECT_TRUE(host.upsert(address(wan, "10.5.0.1")));
    EXPECT_TRUE(host.upsert(address(wan, "10.5.0.2")));
    EXPECT_FALSE(host.upsert(address(wan, "10.5.0.1"))) << "a renewal is no change";
    AddressInfo deprecated = address(wan, "10.5.0.1");
    deprecated.deprecated = true;
    EXPECT_TRUE(host.upsert(deprecated));
    ASSERT_EQ(host.addresses(wan).size(), 2U);
    EXPECT_EQ(host.addresses(wan)[0].address, ip("10.5.0.1"));
    EXPECT_TRUE(host.addresses(wan)[0].deprecated);
    EXPECT_LT(host.addresses(wan)[0].order, host.addresses(wan)[1].order);
    EXPECT_TRUE(host.addresses(lan).empty());
}

TEST(KernelState, LocalAddressesCountInterfaces) {
    KernelState host = three_links();
    host.upsert(address(wan, "10.5.0.1"));
    host.upsert(address(lo, "10.5.0.1", 32)); // its shadow
    EXPECT_TRUE(host.remove(address(wan, "10.5.0.1")));
    EXPECT_TRUE(host.is_local(ip("10.5.0.1")));
    EXPECT_FALSE(host.remove(address(lo, "10.5.0.1", 24))) << "other prefix length";
    EXPECT_TRUE(host.remove(address(lo, "10.5.0.1", 32)));
    EXPECT_FALSE(host.is_local(ip("10.5.0.1")));
    EXPECT_TRUE(host.is_local(ip("127.0.0.53")));
}

TEST(KernelState, LongestPrefixThenLowestMetric) {
    KernelState host = three_links();
    EXPECT_EQ(host.route(ip("192.0.2.1")), std::nullopt);
    host.add(route("0.0.0.0/0", "10.5.0.254", wan, 100));
    host.add(route("0.0.0.0/0", "10.5.0.253", wan, 50));
    host.add(route("10.5.0.0/24", "", wan));
    host.add(route("10.5.0.7/32", "10.1.0.1", lan));
    EXPECT_EQ(host.route(ip("192.0.2.1")), (NextHop{wan, ip("10.5.0.253")}));
    EXPECT_EQ(host.route(ip("10.5.0.8")), (NextHop{wan, ip("10.5.0.8")}));
    EXPECT_EQ(host.route(ip("10.5.0.7")), (NextHop{lan, ip("10.1.0.1")}));
}

TEST(KernelState, RoutesOverLinksThatAreDownAreSkipped) {
    KernelState host = three_links();
    host.add(route("0.0.0.0/0", "10.5.0.254", wan, 1));
    host.add(route("0.0.0.0/0", "10.1.0.254", lan, 2));
    host.upsert(link(wan, "wan0", false));
    EXPECT_EQ(host.route(ip("192.0.2.1")), (NextHop{lan, ip("10.1.0.254")}));
    host.remove_link(lan);
    EXPECT_EQ(host.route(ip("192.0.2.1")), std::nullopt);
}

TEST(KernelState, BlackholeOverrulesShorterPrefixes) {
    KernelState host = three_links();
    host.add(route("0.0.0.0/0", "10.5.0.254", wan));
    RouteInfo hole = route("10.9.0.0/16", "", IfIndex{});
    hole.type = RouteType::blackhole;
    host.add(hole);
    EXPECT_EQ(host.route(ip("10.9.1.1")), std::nullopt);
    EXPECT_TRUE(host.remove(hole));
    EXPECT_TRUE(host.route(ip("10.9.1.1")).has_value());
}

TEST(KernelState, RouteReplaceAppendPrepend) {
    KernelState host = three_links();
    const auto first = route("0.0.0.0/0", "10.5.0.1", wan);
    const auto second = route("0.0.0.0/0", "10.5.0.2", wan);
    const auto third = route("0.0.0.0/0", "10.5.0.3", wan);
    host.add(first);
    EXPECT_FALSE(host.add(first)) << "told twice";
    host.add(second, RouteInsert::append);
    EXPECT_EQ(host.route(ip("192.0.2.1"))->address, ip("10.5.0.1"));
    host.add(third, RouteInsert::prepend);
    EXPECT_EQ(host.route(ip("192.0.2.1"))->address, ip("10.5.0.3"));
    host.remove(third);
    host.add(third, RouteInsert::replace);
    EXPECT_EQ(host.route(ip("192.0.2.1"))->address, ip("10.5.0.3"));
    EXPECT_EQ(host.all_routes().size(), 2U);
    EXPECT_FALSE(host.remove(first));
}

TEST(KernelState, GenerationsGrowOnlyWithChanges) {
    KernelState host = three_links();
    const uint64_t links = host.generation(Table::links);
    host.upsert(link(wan, "wan0"));
    EXPECT_EQ(host.generation(Table::links), links);
    const uint64_t routes = host.generation(Table::routes);
    host.add(route("10.5.0.0/24", "", wan));
    EXPECT_EQ(host.generation(Table::routes), routes + 1);
    EXPECT_EQ(host.generation(Table::addresses), 0U);
    EXPECT_EQ(host.generation(Table::neighbours), 0U);
}

TEST(KernelState, DumpForgetsWhatItDoesNotName) {
    KernelState host = three_links();
    host.upsert(address(wan, "10.5.0.1"));
    host.upsert(address(wan, "10.5.0.2"));
    host.add(route("10.5.0.0/24", "", wan));
    host.add(route("0.0.0.0/0", "10.5.0.254", wan));
    host.upsert(neighbour("10.5.0.254", NeighbourState::resolved));
    host.take_changed_neighbours();

    host.begin_dump(Table::addresses);
    host.upsert(address(wan, "10.5.0.2"));
    EXPECT_TRUE(host.end_dump(Table::addresses));
    ASSERT_EQ(host.addresses(wan).size(), 1U);
    EXPECT_FALSE(host.is_local(ip("10.5.0.1")));

    host.begin_dump(Table::routes);
    host.add(route("10.5.0.0/24", "", wan));
    EXPECT_TRUE(host.route(ip("192.0.2.1"))) << "the old table holds until the end";
    EXPECT_TRUE(host.end_dump(Table::routes));
    EXPECT_FALSE(host.route(ip("192.0.2.1")));

    host.begin_dump(Table::neighbours);
    EXPECT_TRUE(host.end_dump(Table::neighbours));
    EXPECT_EQ(host.take_changed_neighbours(), (std::vector{NeighbourKey{wan, ip("10.5.0.254")}}));

    host.begin_dump(Table::links);
    host.upsert(link(lo, "lo"));
    EXPECT_TRUE(host.end_dump(Table::links));
    EXPECT_EQ(host.link(wan), nullptr);
    EXPECT_TRUE(host.addresses(wan).empty()) << "went with their link";
    EXPECT_TRUE(host.all_routes().empty());
}

TEST(KernelState, TheSameDumpAgainChangesNothing) {
    KernelState host = three_links();
    host.add(route("10.5.0.0/24", "", wan));
    host.upsert(neighbour("10.5.0.254", NeighbourState::resolved));
    for (const Table table : {Table::links, Table::addresses, Table::routes, Table::neighbours}) {
        host.begin_dump(table); // all open at once
    }
    host.upsert(link(lo, "lo"));
    host.upsert(link(wan, "wan0"));
    host.upsert(link(lan, "lan0"));
    host.add(route("10.5.0.0/24", "", wan));
    host.upsert(neighbour("10.5.0.254", NeighbourState::resolved));
    for (const Table table : {Table::links, Table::addresses, Table::routes, Table::neighbours}) {
        EXPECT_FALSE(host.end_dump(table));
    }
}

TEST(KernelState, AbandonedDumpForgetsNothing) {
    KernelState host = three_links();
    host.add(route("10.5.0.0/24", "", wan));
    host.upsert(address(wan, "10.5.0.1"));
    host.begin_dump(Table::routes);
    host.begin_dump(Table::addresses);
    host.abandon_dump(Table::routes);
    host.abandon_dump(Table::addresses);
    EXPECT_TRUE(host.route(ip("10.5.0.9")));
    EXPECT_EQ(host.addresses(wan).size(), 1U);
}

TEST(KernelState, RoutesTellWhichDestinationsMayGoAnotherWay) {
    KernelState state;
    const auto changes = [&] { return state.take_changed_routes(); };
    EXPECT_TRUE(changes().all) << "nobody knows anything at the start";
    state.upsert(link(wan, "wan0"));
    state.add(route("10.5.0.0/16", "10.0.1.9", wan));
    state.add(route("10.5.0.0/16", "10.0.1.9", wan));
    state.add(route("10.6.0.0/16", "10.0.1.9", wan));
    state.remove(route("10.6.0.0/16", "10.0.1.9", wan));
    RouteChanges seen = changes();
    EXPECT_FALSE(seen.all);
    EXPECT_EQ(seen.prefixes, (std::vector{net("10.5.0.0/16"), net("10.6.0.0/16")})) << "each once";
    EXPECT_TRUE(changes().prefixes.empty());

    state.begin_dump(Table::routes); // without 10.5/16, with another one
    state.add(route("10.7.0.0/16", "10.0.1.9", wan));
    EXPECT_TRUE(changes().prefixes.empty()) << "it shows at its end";
    state.end_dump(Table::routes);
    seen = changes();
    EXPECT_FALSE(seen.all);
    EXPECT_EQ(seen.prefixes.size(), 2U);

    state.add(route("0.0.0.0/0", "10.0.1.1", wan));
    EXPECT_TRUE(changes().all);
    state.upsert(link({9}, "veth9")); // a container starts
    state.upsert(address({9}, "172.17.0.1", 16));
    EXPECT_FALSE(changes().all);
    state.upsert(link(wan, "wan0", false));
    EXPECT_TRUE(changes().all);
    state.add(RuleInfo{.priority = 100, .table = 7});
    EXPECT_TRUE(changes().all);
    for (uint8_t i = 0; i < 255; i++) {
        state.add(route("10.8." + std::to_string(i) + ".0/24", "10.0.1.9", wan));
    }
    EXPECT_FALSE(changes().all);
    for (uint32_t i = 0; i < 300; i++) {
        state.remove(route("10.8." + std::to_string(i % 255) + ".0/24", "10.0.1.9", wan));
        state.add(route("10.9." + std::to_string(i % 255) + ".0/24", "10.0.1.9", wan));
    }
    EXPECT_TRUE(changes().all) << "too many to tell";
}

TEST(KernelState, NeighboursTellWhatChanged) {
    KernelState host = three_links();
    const NeighbourKey key{wan, ip("10.5.0.254")};
    host.upsert(neighbour("10.5.0.254", NeighbourState::resolved));
    EXPECT_EQ(host.take_changed_neighbours(), std::vector{key});
    EXPECT_FALSE(host.upsert(neighbour("10.5.0.254", NeighbourState::resolved)))
        << "REACHABLE to STALE is the same to us";
    EXPECT_TRUE(host.take_changed_neighbours().empty());
    host.upsert(neighbour("10.5.0.254", NeighbourState::resolved, 10));
    host.upsert(neighbour("10.5.0.254", NeighbourState::failed, 10));
    EXPECT_EQ(host.take_changed_neighbours(), std::vector{key}) << "once";
    EXPECT_EQ(host.neighbour(wan, ip("10.5.0.254"))->state, NeighbourState::failed);
    host.remove_neighbour(key);
    EXPECT_EQ(host.neighbour(wan, ip("10.5.0.254")), nullptr);
    EXPECT_EQ(host.take_changed_neighbours(), std::vector{key});
    EXPECT_FALSE(host.remove_neighbour(key));
}

TEST(AddressInfoTest, BroadcastIsTheLastOfANetworkThatHasOne) {
    const auto reaches_all = [](IpAddr own, uint8_t length, IpAddr to) {
        return AddressInfo{.address = own, .prefix_length = length}.is_broadcast(to);
    };
    EXPECT_TRUE(reaches_all({10, 0, 1, 2}, 24, {10, 0, 1, 255}));
    EXPECT_FALSE(reaches_all({10, 0, 1, 2}, 24, {10, 0, 1, 254}));
    EXPECT_FALSE(reaches_all({10, 0, 1, 2}, 24, {10, 0, 2, 255}));
    EXPECT_TRUE(reaches_all({10, 0, 1, 2}, 30, {10, 0, 1, 3}));
    EXPECT_FALSE(reaches_all({10, 0, 1, 2}, 31, {10, 0, 1, 3}));
    EXPECT_FALSE(reaches_all({10, 0, 1, 2}, 32, {10, 0, 1, 2}));
    const IpAddr last{0x2001'0DB8'0000'0000, ~uint64_t{0}};
    EXPECT_FALSE(reaches_all({0x2001'0DB8'0000'0000, 1}, 64, last));
}

} // namespace
} // namespace sacip
