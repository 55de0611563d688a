// SPDX-License-Identifier: BSD-3-Clause
//
// Which way, as a table: Linux's routes and rules, the kind of host, the answer.
#include "sacip_core/kernel/adjacency.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

using State = Adjacency::State;

constexpr IfIndex lan{11};
constexpr IfIndex wan{12};
constexpr IfIndex lte{13};
constexpr IfIndex lan2{14};
constexpr IfIndex vpn{20};

/// lan, wan, lte, lan2 in this order as ports; vpn is Linux's alone.
const std::vector<GatewayPort> ports{
    {.name = "lan", .outside = false, .host_interface = lan},
    {.name = "wan", .outside = true, .host_interface = wan, .fallback_gateway = {169, 254, 1, 1}},
    {.name = "lte", .outside = true, .host_interface = lte},
    {.name = "lan2", .outside = false, .host_interface = lan2},
};
constexpr PortId port_wan{1};
constexpr PortId port_lte{2};

KernelState linux_with(const std::vector<RouteInfo>& routes, const std::vector<RuleInfo>& rules) {
    KernelState host;
    const std::pair<IfIndex, const char*> links[]{{IfIndex{1}, "lo"}, {lan, "lan0"},
                                                  {wan, "wan0"},      {lte, "lte0"},
                                                  {lan2, "lan20"},    {vpn, "vpn0"}};
    for (const auto& [index, name] : links) {
        host.upsert(LinkInfo{index, name, {}, true, true});
    }
    host.add(RouteInfo{{{10, 1, 0, 0}, 24}, {}, lan});
    host.add(RouteInfo{{{10, 4, 0, 0}, 24}, {}, lan2});
    host.add(RouteInfo{{{10, 50, 0, 0}, 24}, {}, vpn});
    for (const RouteInfo& route : routes) {
        host.add(route);
    }
    for (const RuleInfo& rule : rules) {
        host.add(rule);
    }
    return host;
}

RouteInfo to(IpPrefix prefix, Ipv4Addr via, IfIndex interface, uint32_t table = main_table) {
    RouteInfo out{prefix, via, interface};
    out.table = table;
    return out;
}
RouteInfo refusal(IpPrefix prefix, RouteType type) {
    RouteInfo out{prefix, {}, {}};
    out.type = type;
    return out;
}

const IpPrefix anywhere{};
const RouteInfo by_wan = to(anywhere, {10, 0, 1, 1}, wan);
const RouteInfo by_lte = to(anywhere, {10, 0, 3, 1}, lte);
const RouteInfo by_vpn = to(anywhere, {10, 50, 0, 7}, vpn);
const RouteInfo by_fallback = to(anywhere, {169, 254, 1, 1}, wan);
const Ipv4Addr far{198, 51, 100, 9};
const Ipv4Addr host{10, 1, 0, 10};

enum class Kind : uint8_t { pinned_to_wan, pinned_to_lte, routed, box };

struct Row {
    const char* name;
    std::vector<RouteInfo> routes;
    std::vector<RuleInfo> rules;
    Kind kind;
    Ipv4Addr destination;
    State state;
    IfIndex interface; ///< of the route; 0: none
};

RuleInfo from_lte(uint32_t table) {
    return {.priority = 100, .table = table, .from = {{10, 0, 3, 2}, 32}};
}
RouteInfo both_ways() {
    RouteInfo out = by_wan;
    out.more.push_back({lte, {10, 0, 3, 1}});
    return out;
}

const std::vector<Row> rows{
    {"its uplink's default",
     {by_wan, by_lte},
     {},
     Kind::pinned_to_lte,
     far,
     State::unresolved,
     lte},
    {"a routed host takes the best", {by_wan}, {}, Kind::routed, far, State::unresolved, wan},
    {"no route by its own uplink", {by_wan}, {}, Kind::pinned_to_lte, far, State::no_route, {}},
    {"another LAN", {by_wan}, {}, Kind::pinned_to_wan, {10, 4, 0, 7}, State::linux_only, lan2},
    {"another LAN, routed", {by_wan}, {}, Kind::routed, {10, 4, 0, 7}, State::linux_only, lan2},
    {"its own LAN", {by_wan}, {}, Kind::pinned_to_wan, {10, 1, 0, 99}, State::linux_only, lan},
    {"a VPN's network", {by_wan}, {}, Kind::pinned_to_wan, {10, 50, 0, 7}, State::linux_only, vpn},
    {"a VPN's default does not take a mapped host",
     {by_vpn, by_wan},
     {},
     Kind::pinned_to_wan,
     far,
     State::unresolved,
     wan},
    {"a VPN's default takes a routed one", {by_vpn}, {}, Kind::routed, far, State::linux_only, vpn},
    {"a VPN's longer prefix takes a mapped host",
     {by_wan, to({{198, 51, 100, 0}, 24}, {}, vpn)},
     {},
     Kind::pinned_to_wan,
     far,
     State::linux_only,
     vpn},
    {"another uplink's longer prefix does not",
     {by_wan, to({{198, 51, 100, 0}, 24}, {10, 0, 3, 1}, lte)},
     {},
     Kind::pinned_to_wan,
     far,
     State::unresolved,
     wan},
    {"a table of its own",
     {by_wan, to(anywhere, {10, 0, 3, 1}, lte, 200)},
     {from_lte(200)},
     Kind::pinned_to_lte,
     far,
     State::unresolved,
     lte},
    {"the table of another",
     {by_wan, to(anywhere, {10, 0, 3, 1}, lte, 200)},
     {from_lte(100)},
     Kind::pinned_to_lte,
     far,
     State::no_route,
     {}},
    {"two hops, the second", {both_ways()}, {}, Kind::pinned_to_lte, far, State::unresolved, lte},
    {"two hops, the first", {both_ways()}, {}, Kind::pinned_to_wan, far, State::unresolved, wan},
    {"blackhole",
     {by_wan, refusal({{198, 51, 100, 0}, 24}, RouteType::blackhole)},
     {},
     Kind::pinned_to_wan,
     far,
     State::refused,
     {}},
    {"blackhole, routed",
     {by_wan, refusal({{198, 51, 100, 0}, 24}, RouteType::blackhole)},
     {},
     Kind::routed,
     far,
     State::refused,
     {}},
    {"unreachable beside a longer route",
     {refusal(anywhere, RouteType::unreachable), to({{198, 51, 0, 0}, 16}, {10, 0, 1, 1}, wan)},
     {},
     Kind::pinned_to_wan,
     far,
     State::unresolved,
     wan},
    {"prohibit",
     {refusal(anywhere, RouteType::prohibit)},
     {},
     Kind::pinned_to_wan,
     far,
     State::refused,
     {}},
    {"nothing at all", {}, {}, Kind::pinned_to_wan, far, State::absent, {}},
    {"nothing at all, routed", {}, {}, Kind::routed, far, State::refused, {}},
    {"the last way out of the box's sockets is none",
     {by_fallback},
     {},
     Kind::pinned_to_wan,
     far,
     State::absent,
     {}},
    {"nor for the box", {by_fallback}, {}, Kind::box, far, State::absent, {}},
    {"a socket of the box goes where Linux sent it",
     {by_wan, to({far, 32}, {}, vpn)},
     {},
     Kind::box,
     far,
     State::unresolved,
     wan},
    {"a rule says no",
     {by_wan},
     {{.priority = 9, .action = RuleInfo::Action::prohibit}},
     Kind::routed,
     far,
     State::refused,
     {}},
    {"a rule for marked packets",
     {by_wan},
     {{.priority = 9, .table = 77, .foreign = true}},
     Kind::routed,
     far,
     State::unresolved,
     wan},
    {"a rule by where it came in",
     {by_wan, to(anywhere, {}, vpn, 7)},
     {{.priority = 9, .table = 7, .in = "lan0"}},
     Kind::routed,
     far,
     State::linux_only,
     vpn},
    {"... from elsewhere",
     {by_wan, to(anywhere, {}, vpn, 7)},
     {{.priority = 9, .table = 7, .in = "lan20"}},
     Kind::routed,
     far,
     State::unresolved,
     wan},
};

TEST(Adjacency, GoesLinuxsWay) {
    for (const Row& row : rows) {
        SCOPED_TRACE(row.name);
        const KernelState kernel_state = linux_with(row.routes, row.rules);
        const AdjacencyResolver resolver{kernel_state, ports};
        const bool lte_host = row.kind == Kind::pinned_to_lte;
        const PortId pinned = row.kind == Kind::routed ? no_port : lte_host ? port_lte : port_wan;
        const Ipv4Addr wire = row.kind == Kind::routed ? host
                              : lte_host               ? Ipv4Addr{10, 0, 3, 2}
                                                       : Ipv4Addr{10, 0, 1, 2};
        const Adjacency way =
            resolver.outward({row.destination, row.kind == Kind::box ? wire : host, wire, pinned,
                              lan, row.kind == Kind::box});
        EXPECT_EQ(static_cast<int>(way.state), static_cast<int>(row.state));
        EXPECT_EQ(way.interface, row.interface);
    }
}

TEST(Adjacency, KnowsTheNeighbour) {
    KernelState kernel_state = linux_with({by_wan}, {});
    const MacAddr mac{{2, 0, 0, 0, 0, 1}};
    kernel_state.upsert(NeighbourInfo{wan, {10, 0, 1, 1}, mac, NeighbourState::resolved});
    const AdjacencyResolver resolver{kernel_state, ports};
    const Adjacency way = resolver.outward({far, host, {10, 0, 1, 2}, port_wan, lan, false});
    const NeighbourKey router{wan, {10, 0, 1, 1}};
    const MacAddr own = ports[port_wan.value].mac;
    EXPECT_EQ(way, (Adjacency{State::ready, port_wan, router, {mac, own}, wan}));

    const MacAddr another{{2, 0, 0, 0, 0, 7}};
    kernel_state.upsert(NeighbourInfo{wan, router.address, another, NeighbourState::resolved});
    EXPECT_EQ(resolver.mac_of(router), another);
    EXPECT_EQ(resolver.outward({far, host, {10, 0, 1, 2}, port_wan, lan, false}),
              (Adjacency{State::ready, port_wan, router, {another, own}, wan}));
    kernel_state.upsert(NeighbourInfo{wan, router.address, another, NeighbourState::failed});
    EXPECT_EQ(resolver.mac_of(router), std::nullopt);
    EXPECT_EQ(resolver.outward({far, host, {10, 0, 1, 2}, port_wan, lan, false}),
              (Adjacency{State::unresolved, port_wan, router, {}, wan}));
}

TEST(Adjacency, InwardIsAnInsidePortOrLinux) {
    const KernelState kernel_state =
        linux_with({by_wan, to({{10, 9, 0, 0}, 24}, {10, 0, 1, 9}, wan)}, {});
    const AdjacencyResolver resolver{kernel_state, ports};
    EXPECT_EQ(resolver.inward(host, far, wan).interface, lan);
    EXPECT_EQ(resolver.inward({10, 4, 0, 7}, far, wan).interface, lan2);
    EXPECT_EQ(resolver.inward({10, 50, 0, 7}, far, wan).state, State::linux_only);
    EXPECT_EQ(resolver.inward({10, 9, 0, 7}, far, wan).state, State::linux_only)
        << "a host behind an uplink: Linux may send it there, we do not";
}

TEST(Adjacency, PortsWithoutALinuxSideHaveOneNextHop) {
    const MacAddr mac{{2, 0, 0, 0, 0, 9}};
    const std::vector<GatewayPort> fixed{{.name = "lan", .outside = false, .next_hop_mac = mac},
                                         {.name = "wan", .outside = true, .next_hop_mac = mac}};
    const KernelState empty;
    const AdjacencyResolver resolver{empty, fixed};
    const Adjacency out = resolver.outward({far, host, {10, 0, 1, 2}, PortId{1}, {}, false});
    EXPECT_EQ(out, (Adjacency{State::ready, PortId{1}, {}, {mac, {}}, {}}));
    EXPECT_EQ(resolver.inward(host, far, {}),
              (Adjacency{State::ready, PortId{0}, {}, {mac, {}}, {}}));
    EXPECT_EQ(resolver.outward({far, host, host, no_port, {}, false}).port, PortId{1});
}

} // namespace
} // namespace sacip::test
