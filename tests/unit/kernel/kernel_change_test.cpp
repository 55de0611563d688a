// SPDX-License-Identifier: BSD-3-Clause
//
// News of Linux, applied one by one: what the mirror shows between any two of them.
#include "sacip_core/kernel/kernel_change.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using Table = KernelState::Table;
using What = DumpMark::What;

constexpr IfIndex wan{7};

LinkInfo link_up() {
    LinkInfo out;
    out.index = wan;
    out.name = "wan0";
    out.up = true;
    return out;
}
RouteInfo by(Ipv4Addr router) {
    RouteInfo out;
    out.via = router;
    out.interface = wan;
    return out;
}

class KernelChanges : public testing::Test {
protected:
    KernelChanges() {
        apply_to(host_, link_up());
        apply_to(host_, AddressInfo{wan, Ipv4Addr(10, 0, 1, 2), 24});
        apply_to(host_, RouteNews{by(router_)});
    }
    bool leads_out() const { return host_.route(Ipv4Addr(192, 0, 2, 1)).has_value(); }

    const Ipv4Addr router_{10, 0, 1, 1};
    KernelState host_;
};

TEST_F(KernelChanges, EachKindComesAndGoes) {
    const AddressInfo second{wan, Ipv4Addr(10, 0, 1, 3), 24};
    RuleInfo rule;
    rule.priority = 100;
    const NeighbourKey key{wan, router_};
    apply_to(host_, second);
    apply_to(host_, rule);
    apply_to(host_, NeighbourInfo{wan, router_, {}, NeighbourState::failed});
    EXPECT_EQ(host_.addresses(wan).size(), 2U);
    EXPECT_EQ(host_.rules().size(), 3U);
    EXPECT_NE(host_.neighbour(wan, router_), nullptr);
    EXPECT_TRUE(leads_out());
    apply_to(host_, AddressGone{second});
    apply_to(host_, RuleGone{rule});
    apply_to(host_, NeighbourGone{key});
    apply_to(host_, RouteGone{by(router_)});
    EXPECT_EQ(host_.addresses(wan).size(), 1U);
    EXPECT_EQ(host_.rules().size(), 2U);
    EXPECT_EQ(host_.neighbour(wan, router_), nullptr);
    EXPECT_FALSE(leads_out());
    apply_to(host_, LinkGone{wan});
    EXPECT_EQ(host_.link(wan), nullptr);
}

TEST_F(KernelChanges, NothingVanishesWhileADumpIsUnderWay) {
    for (const Table table : {Table::links, Table::addresses, Table::rules, Table::routes}) {
        apply_to(host_, DumpMark{What::begin, table});
        EXPECT_NE(host_.link(wan), nullptr);
        EXPECT_EQ(host_.addresses(wan).size(), 1U);
        EXPECT_TRUE(leads_out());
        apply_to(host_, DumpMark{What::abandon, table});
    }
    const auto before = host_.generations();
    apply_to(host_, DumpMark{What::begin, Table::routes});
    apply_to(host_, RouteNews{by(router_)});
    EXPECT_TRUE(leads_out());
    apply_to(host_, DumpMark{What::end, Table::routes});
    EXPECT_TRUE(leads_out());
    EXPECT_EQ(host_.generations(), before) << "it said what was known";
}

TEST_F(KernelChanges, ADumpShowsAtItsEnd) {
    const auto before = host_.generations();
    const Ipv4Addr other{10, 0, 1, 9};
    apply_to(host_, DumpMark{What::begin, Table::routes});
    apply_to(host_, RouteNews{by(other)});
    EXPECT_EQ(host_.route(Ipv4Addr(192, 0, 2, 1)), (NextHop{wan, router_}));
    EXPECT_EQ(host_.generations(), before);
    apply_to(host_, DumpMark{What::end, Table::routes});
    EXPECT_EQ(host_.route(Ipv4Addr(192, 0, 2, 1)), (NextHop{wan, other}));
    EXPECT_NE(host_.generations(), before);
}

/// As when the table changed while it was dumped.
TEST_F(KernelChanges, ADumpThatBeginsAnewForgetsItsFirstLines) {
    apply_to(host_, DumpMark{What::begin, Table::routes});
    apply_to(host_, RouteNews{by(Ipv4Addr(10, 0, 1, 9))});
    apply_to(host_, DumpMark{What::begin, Table::routes});
    apply_to(host_, RouteNews{by(router_)});
    apply_to(host_, DumpMark{What::end, Table::routes});
    EXPECT_EQ(host_.all_routes().size(), 1U);
    EXPECT_EQ(host_.route(Ipv4Addr(192, 0, 2, 1)), (NextHop{wan, router_}));
}

} // namespace
} // namespace sacip
