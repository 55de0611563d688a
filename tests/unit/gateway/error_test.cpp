// SPDX-License-Identifier: BSD-3-Clause
//
// ICMP errors through a whole gateway: who hears them, in whose terms, before and after a move.
#include "tests/support/error_text.hpp"
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

constexpr uint8_t exceeded = 11;

/// What the host sent, as a router or the far end saw it.
PacketBuilder sent(std::string_view from = "10.0.1.2", std::string_view to = "10.9.0.10") {
    return PacketBuilder{}.from(from).to(to).udp(4000, 80).payload("x").checksum_for(
        addr(from == "10.0.1.3" ? "10.0.1.2" : from), addr(to)); // as basic peers expect it
}
PacketBuilder sent_by_far_end(std::string_view from = "10.9.0.10",
                              std::string_view to = "10.1.0.10") {
    return PacketBuilder{}.from(from).to(to).udp(80, 4000).payload("y");
}
PacketBuilder from_wire(const GatewayRig& rig, std::string_view from,
                        std::string_view to = "10.0.1.2") {
    return rig.frame(wan).from(from).to(to);
}
void open_flow(GatewayRig& a) {
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
}

TEST(SlowPathError, FromTheWireInTheHostsTerms) {
    SiteA a;
    open_flow(a);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1"), sent()));
    a.receive(wan, error_about(from_wire(a, "10.9.0.10"), sent(), 3, 3, 0));
    a.receive(wan, error_about(from_wire(a, "172.16.0.1"), sent(), exceeded, 0, 0));
    EXPECT_EQ(error_lines(a, lan),
              (Lines{"icmp 3/4 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]",
                     "icmp 3/3 10.9.0.10 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]",
                     "icmp 11/0 172.16.0.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]"}));
    a.check();
}

TEST(SlowPathError, AfterAMoveBothInOldTermsAndInNew) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    for (const char* at : {"10.0.1.3", "10.0.1.2"}) { // in force, and draining
        a.receive(wan, error_about(from_wire(a, "10.0.1.1", at), sent(at)));
        EXPECT_EQ(error_lines(a, lan),
                  Lines{"icmp 3/4 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]"});
    }
    a.check();
}

TEST(SlowPathError, UnreachablesOfAMoveAreSwallowed) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1", "10.0.1.2"), sent(), 3, 1, 0));
    EXPECT_EQ(a.dropped(DropReason::icmp_swallowed), 1U);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1", "10.0.1.3"), sent("10.0.1.3"), 3, 1, 0));
    EXPECT_EQ(error_lines(a, lan),
              Lines{"icmp 3/1 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]"});
    a.del_address(wan, "10.0.1.3/24"); // no address is left: the path holds
    a.notice();
    a.advance(from_ms(100));
    a.receive(wan, error_about(from_wire(a, "10.0.1.1", "10.0.1.3"), sent("10.0.1.3"), 3, 0, 0));
    EXPECT_EQ(a.dropped(DropReason::icmp_swallowed), 2U);
    EXPECT_EQ(a.lines(lan), Lines{});
    a.check();
}

/// What is too long for its way out is Linux's to complain about. If its route has gone by then, it
/// complains of that.
TEST(SlowPathError, LinuxsOwnUnreachablesAboutALiveFlowAreSwallowed) {
    SiteA a;
    open_flow(a);
    const PacketBuilder expired = a.frame(lan).udp(4000, 80).payload("x").ttl(1);
    const PacketBuilder router = a.frame(lan).from("10.1.0.1").to("10.1.0.10");
    const auto linux_says = [&](uint8_t code, const PacketBuilder& about) {
        a.from_linux(lan, error_about(router, about, 3, code, code == 4 ? 1000 : 0));
        return a.take(lan).size();
    };
    a.del_address(wan, "10.0.1.2/24"); // Linux knows, and we have not heard yet
    a.receive(lan, expired);
    EXPECT_EQ(a.linux_lines(lan).size(), 1U) << "so packets of a flow do get there";
    for (const uint8_t code : {uint8_t{0}, uint8_t{1}, uint8_t{5}, uint8_t{11}, uint8_t{12}}) {
        EXPECT_EQ(linux_says(code, expired), 0U) << int{code};
    }
    EXPECT_EQ(a.dropped(DropReason::icmp_swallowed), 5U);
    for (const uint8_t code : {uint8_t{3}, uint8_t{4}, uint8_t{13}}) {
        EXPECT_EQ(linux_says(code, expired), 1U) << "a firewall's word, or the MTU's " << int{code};
    }
    a.notice();
    a.advance(from_ms(100)); // no address is left: the path holds
    EXPECT_EQ(linux_says(13, expired), 0U);
    EXPECT_EQ(linux_says(4, expired), 1U) << "never this one";
    EXPECT_EQ(linux_says(0, a.frame(lan).udp(4001, 80)), 1U) << "of no flow: Linux's business";
    EXPECT_EQ(a.dropped(DropReason::icmp_swallowed), 6U);
    a.check();
}

TEST(SlowPathError, WhatQuotesNoFlowGoesToLinuxOrNowhere) {
    SiteA a;
    open_flow(a);
    const PacketBuilder other = PacketBuilder{}.from("10.0.1.2").udp(4001, 80);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1"), other)); // Linux's own, for all we know
    a.receive(wan, from_wire(a, "10.0.1.1").icmp(3, 4).payload("short"));
    EXPECT_EQ(a.linux_lines(wan),
              (Lines{"icmp 3/4 10.0.1.1 > 10.0.1.2", "icmp 3/4 10.0.1.1 > 10.0.1.2"}));
    EXPECT_EQ(a.lines(lan), Lines{});
    a.check();

    SiteB b; // routed: Linux does not have the hosts' addresses
    const auto to_host = [&] { return from_wire(b, "10.0.9.1", "10.9.0.10"); };
    b.receive(wan, error_about(to_host(), sent_by_far_end("10.9.0.10", "10.0.1.2")));
    EXPECT_EQ(b.dropped(DropReason::icmp_no_flow), 1U);
    b.receive(wan, to_host().icmp(3, 4).payload("short"));
    b.receive(wan, error_about(to_host(), sent("10.9.0.11", "10.0.1.2"))); // not its packet
    EXPECT_EQ(b.dropped(DropReason::icmp_quote), 2U);
    b.receive(wan, error_about(to_host(), sent("10.9.0.10", "10.0.1.2"), 5, 1));
    EXPECT_EQ(b.dropped(DropReason::icmp_redirect), 1U);
    EXPECT_EQ(b.lines(lan), Lines{});
    EXPECT_EQ(b.linux_lines(wan), Lines{});
    b.receive(wan, error_about(from_wire(b, "10.0.9.1", "10.9.7.7"), sent("10.9.7.7")));
    EXPECT_EQ(b.linux_lines(wan), Lines{"icmp 3/4 10.0.9.1 > 10.9.7.7"}) << "not translated";
    b.check();
}

TEST(SlowPathError, FromTheHostAndFromRoutersInside) {
    SiteA a;
    open_flow(a);
    a.receive(wan, from_wire(a, "10.9.0.10").udp(80, 4000));
    a.take(lan);
    a.receive(lan, error_about(a.frame(lan), sent_by_far_end(), 3, 3, 0));
    a.receive(lan, error_about(a.frame(lan).from("10.1.0.254"), sent_by_far_end(), exceeded, 0, 0));
    EXPECT_EQ(error_lines(a, wan),
              (Lines{"icmp 3/3 10.0.1.2 > 10.9.0.10 [udp 10.9.0.10:80 > 10.0.1.2:4000 y]",
                     "icmp 11/0 10.0.1.2 > 10.9.0.10 [udp 10.9.0.10:80 > 10.0.1.2:4000 y]"}));
    a.receive(lan,
              error_about(a.frame(lan).to("10.9.0.11"), sent_by_far_end("10.9.0.11"), 3, 3, 0));
    EXPECT_EQ(a.dropped(DropReason::icmp_no_flow), 1U);
    a.receive(lan, error_about(a.frame(lan), sent_by_far_end(), 5, 1));
    EXPECT_EQ(a.dropped(DropReason::icmp_redirect), 1U);
    a.receive(lan, error_about(a.frame(lan).to("10.1.0.1"), sent_by_far_end("10.1.0.1"), 3, 3, 0));
    EXPECT_EQ(a.linux_lines(lan), Lines{"icmp 3/3 10.1.0.10 > 10.1.0.1"});
    EXPECT_EQ(a.lines(wan), Lines{});
    a.check();
}

TEST(SlowPathError, TheFarEndHearsOfTheMovedHostInItsOwnTerms) {
    Joined j;
    j.from_a(j.a.frame(lan).udp(4000, 80));
    j.b.take(lan);
    j.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    j.settle();
    j.from_a(j.a.frame(lan).udp(4000, 80));
    EXPECT_EQ(j.b.lines(lan), Lines{"udp 10.0.1.2:4000 > 10.9.0.10:80"});
    j.from_b(error_about(j.b.frame(lan).from("10.9.0.10").to("10.0.1.2"), sent(), 3, 3, 0));
    EXPECT_EQ(error_lines(j.a, lan),
              Lines{"icmp 3/3 10.9.0.10 > 10.1.0.10 [udp 10.1.0.10:4000 > 10.9.0.10:80 x]"});
    j.from_a(error_about(j.a.frame(lan), sent_by_far_end(), 3, 3, 0));
    EXPECT_EQ(error_lines(j.b, lan),
              Lines{"icmp 3/3 10.0.1.2 > 10.9.0.10 [udp 10.9.0.10:80 > 10.0.1.2:4000 y]"});
    j.check();
}

TEST(SlowPathError, QuotesWithoutPortsGoByTheirAddresses) {
    SiteA a;
    open_flow(a);
    const PacketBuilder fragment =
        PacketBuilder{}.from("10.0.1.2").udp(1, 2).payload("zzzz").fragment_field(0x0010);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1"), fragment, exceeded, 0, 0));
    EXPECT_EQ(error_lines(a, lan),
              Lines{"icmp 11/0 10.0.1.1 > 10.1.0.10 [frag 17 10.1.0.10 > 10.9.0.10]"});
    const PacketBuilder back = PacketBuilder{}.from("10.9.0.10").to("10.1.0.10").udp(1, 2);
    a.receive(lan, error_about(a.frame(lan), PacketBuilder{back}.fragment_field(0x0010), 11, 1, 0));
    EXPECT_EQ(error_lines(a, wan),
              Lines{"icmp 11/1 10.0.1.2 > 10.9.0.10 [frag 17 10.9.0.10 > 10.0.1.2]"});
    a.check();
}

TEST(SlowPathError, FullTablesKeepPathMtuDiscovery) {
    Config c = uplink_config();
    c.limits = {1, 1};
    SiteA a{c};
    open_flow(a);
    a.receive(lan, a.frame(lan).to("10.8.0.10").udp(4001, 80)); // untracked
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:4001 > 10.8.0.10:80"});
    const PacketBuilder at_router =
        PacketBuilder{}.from("10.0.1.2").to("10.8.0.10").udp(4001, 80).payload("x");
    a.receive(wan, error_about(from_wire(a, "10.0.1.1"), at_router));
    EXPECT_EQ(error_lines(a, lan),
              Lines{"icmp 3/4 10.0.1.1 > 10.1.0.10 [udp 10.1.0.10:4001 > 10.8.0.10:80 x]"});
    const PacketBuilder at_host =
        PacketBuilder{}.from("10.8.0.10").to("10.1.0.10").udp(80, 4001).payload("y");
    a.receive(lan, error_about(a.frame(lan).to("10.8.0.10"), at_host));
    EXPECT_EQ(error_lines(a, wan),
              Lines{"icmp 3/4 10.0.1.2 > 10.8.0.10 [udp 10.8.0.10:80 > 10.0.1.2:4001 y]"});
    a.check();
}

// ---- the gateway itself speaks

TEST(SlowPathError, WhatEndsHereFromTheWireLinuxExplains) {
    SiteA a;
    for (int i = 0; i < 3; i++) { // a new flow, a known one, a moved one
        const char* at = i < 2 ? "10.0.1.2" : "10.0.1.3";
        if (i == 2) {
            a.change_address("10.0.1.2/24", "10.0.1.3/24");
            a.take(wan);
        }
        a.receive(wan, from_wire(a, "10.9.0.10", at)
                           .udp(80, 4000)
                           .payload("y")
                           .ttl(1)
                           .checksum_for(addr("10.9.0.10"), addr("10.0.1.2")));
        EXPECT_EQ(a.linux_lines(wan), Lines{"udp 10.9.0.10:80 > 10.1.0.10:4000 y"});
        a.from_linux(wan, error_about(a.frame(wan).from(at), sent_by_far_end(), exceeded, 0, 0));
        const std::string to{at};
        EXPECT_EQ(error_lines(a, wan),
                  Lines{"icmp 11/0 " + to + " > 10.9.0.10 [udp 10.9.0.10:80 > " + to + ":4000 y]"});
    }
    a.check();
}

TEST(SlowPathError, WithoutALinuxSideItEndsUnderAName) {
    Config c = uplink_config();
    c.hosts = {routed("10.1.0.0/24", "10.1.0.0/24")};
    for (PortConfig& port : c.ports) {
        port.next_hop_mac = MacAddr{{0x02, 0, 0, 0, 0, 0x77}};
    }
    GatewayRig a{c};
    a.ports[1].mtu = 1000;
    a.receive(lan, a.frame(lan).udp(1, 2).ttl(1));
    EXPECT_EQ(a.dropped(DropReason::ttl_expired), 1U);
    a.receive(lan, a.frame(lan).udp(1, 3).payload(std::string(973, 'x')));
    EXPECT_EQ(a.dropped(DropReason::too_big), 1U);
    a.receive(lan, a.frame(lan).udp(1, 3).payload(std::string(972, 'x')));
    EXPECT_EQ(a.take(wan).size(), 1U);
    a.check();
}

TEST(SlowPathError, TooBigForTheWayOut) {
    SiteA a;
    a.ports[0].mtu = a.ports[1].mtu = 1000;
    const std::string most(972, 'x'), more(973, 'x');
    // Put together from fragments, or it would be too long for the way in.
    for (int i = 0; i < 2; i++) { // by the slow path, then found by the pipeline
        a.receive(lan, a.frame(lan).udp(4000, 80).payload(more).fragment_field(0));
        EXPECT_EQ(a.take(wan).size(), 2U) << "in pieces";
        a.receive(wan, from_wire(a, "10.9.0.10").udp(80, 4000).payload(more).fragment_field(0));
        EXPECT_EQ(a.take(lan).size(), 2U);
    }
    EXPECT_EQ(a.punted(PuntReason::too_big), 3U);
    a.ports[0].mtu = 1500;
    a.receive(lan, a.frame(lan).udp(4000, 80).payload(more)); // not to be cut up
    EXPECT_EQ(a.take(lan).size(), 1U) << "the sender is told";
    EXPECT_EQ(a.dropped(DropReason::too_big), 1U);
    EXPECT_TRUE(a.take(wan).empty());
    a.receive(lan, a.frame(lan).udp(4000, 80).payload(most));
    a.receive(wan, from_wire(a, "10.9.0.10").udp(80, 4000).payload(most));
    EXPECT_EQ(a.take(wan).size() + a.take(lan).size(), 2U);
    a.from_linux(wan, error_about(a.frame(wan).from("10.0.1.2"), sent_by_far_end()));
    EXPECT_EQ(error_lines(a, wan),
              Lines{"icmp 3/4 10.0.1.2 > 10.9.0.10 [udp 10.9.0.10:80 > 10.0.1.2:4000 y]"});
    a.check();
}

TEST(SlowPathError, TheBoxsOwnSockets) {
    SiteA a{box_config()};
    a.obey_actions();
    a.notice();
    a.from_linux(wan, a.frame(wan).from("10.0.1.2").udp(4000, 80));
    a.take(wan);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(wan, error_about(from_wire(a, "10.0.1.1", "10.0.1.3"), sent("10.0.1.3")));
    EXPECT_EQ(error_lines(a, wan, true),
              Lines{"icmp 3/4 10.0.1.1 > 10.0.1.2 [udp 10.0.1.2:4000 > 10.9.0.10:80 x]"});
    a.from_linux(wan, error_about(a.frame(wan).from("10.0.1.2"),
                                  sent_by_far_end("10.9.0.10", "10.0.1.2"), 3, 3, 0));
    EXPECT_EQ(error_lines(a, wan),
              Lines{"icmp 3/3 10.0.1.3 > 10.9.0.10 [udp 10.9.0.10:80 > 10.0.1.3:4000 y]"});
    a.check();
}

} // namespace
} // namespace sacip::test
