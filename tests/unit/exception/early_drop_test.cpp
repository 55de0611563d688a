// SPDX-License-Identifier: BSD-3-Clause
//
// What strangers may take of the tables (64 flows, 32 paths), and who makes room for whom.
//
// A's host is 10.1.0.10, on the wire 10.0.1.2. Strangers are in 198.18/16; the hosts of 10.9.0/24
// are a peer's.
#include "sacip_core/exception/early_drop.hpp"

#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

Ipv4Addr stranger(unsigned i) {
    return {198, 18, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
}

struct Tables : SiteA {
    explicit Tables(uint32_t flow_limit = 64, uint32_t path_limit = 32)
        : SiteA{with_limits(flow_limit, path_limit)} {}
    static Config with_limits(uint32_t flow_limit, uint32_t path_limit) {
        Config c = uplink_config();
        c.limits.flows = flow_limit;
        c.limits.paths = path_limit;
        return c;
    }
    PacketBuilder from_wire(Ipv4Addr from) {
        return frame(wan).from(from.to_text()).to("10.0.1.2").udp(53, 4000);
    }
    PacketBuilder to_wire(Ipv4Addr to) { return frame(lan).to(to.to_text()).udp(4000, 53); }
    /// A datagram from each, and as many turns as it takes.
    void strangers_come(unsigned first, unsigned count) {
        for (unsigned i = first; i < first + count; i++) {
            receive(wan, from_wire(stranger(i)));
            advance(from_ms(1));
        }
    }
    bool has_flow(Ipv4Addr far) const {
        return flows->find({addr("10.1.0.10"), far, Be16{4000}, Be16{53}, 17, {}}) >= 0;
    }
    const EarlyDrop& early_drop() const { return slow->exception_path().flow_setup().early_drop(); }
    const FlowSetupStatistics& set_up() const {
        return slow->exception_path().flow_setup().statistics();
    }
    void move() {
        change_address("10.0.1.2/24", "10.0.1.3/24");
        advance(from_ms(30));
        take(wan);
    }
};

TEST(EarlyDrop, StrangersLeaveAQuarterToThoseWeKnow) {
    Tables a;
    a.strangers_come(0, 1000);
    EXPECT_EQ(a.paths->size(), EarlyDrop::share_of_strangers(32));
    EXPECT_EQ(a.early_drop().dropped().get(), 1000 - EarlyDrop::share_of_strangers(32));
    EXPECT_EQ(a.set_up().created.get(), 1000U) << "each had its place, for a while";
    EXPECT_FALSE(a.has_flow(stranger(0)));
    EXPECT_TRUE(a.has_flow(stranger(999)));
    for (const char* known : {"10.9.0.10", "10.9.0.11", "10.9.0.12"}) {
        a.receive(lan, a.to_wire(addr(known)));
    }
    a.strangers_come(1000, 100);
    a.move();
    a.take(lan);
    for (const char* known : {"10.9.0.10", "10.9.0.11", "10.9.0.12"}) {
        EXPECT_TRUE(a.has_flow(addr(known)));
        a.receive(wan, a.frame(wan).from(known).to("10.0.1.3").udp(53, 4000));
        EXPECT_EQ(a.lines(lan).size(), 1U) << known << " is not mobile";
    }
    a.check();
}

TEST(EarlyDrop, WhatOurHostAnsweredStays) {
    Tables a;
    a.strangers_come(0, 3);
    a.receive(lan, a.to_wire(stranger(1)));
    a.receive(lan, a.to_wire(stranger(500))); // and what it asked and got
    a.receive(wan, a.from_wire(stranger(500)));
    a.receive(lan, a.to_wire(stranger(501))); // not what it asked in vain
    a.strangers_come(3, 200);
    EXPECT_TRUE(a.has_flow(stranger(1)));
    EXPECT_TRUE(a.has_flow(stranger(500)));
    EXPECT_FALSE(a.has_flow(stranger(501)));
    EXPECT_FALSE(a.has_flow(stranger(0)));
    a.check();
}

TEST(EarlyDrop, OfTcpTheFlagsTell) {
    Tables a;
    const auto come = [&](unsigned i, uint8_t flags) {
        a.receive(wan, a.frame(wan).from(stranger(i).to_text()).to("10.0.1.2").tcp(53, 80, flags));
    };
    const auto answer = [&](unsigned i, uint8_t flags) {
        a.receive(lan, a.frame(lan).to(stranger(i).to_text()).tcp(80, 53, flags));
    };
    const auto is_there = [&](unsigned i) {
        return a.flows->find({addr("10.1.0.10"), stranger(i), Be16{80}, Be16{53}, 6, {}}) >= 0;
    };
    come(0, tcp_syn);
    answer(0, tcp_syn | tcp_ack); // a SYN flood of invented sources is answered by our host, too
    come(1, tcp_syn);
    answer(1, tcp_syn | tcp_ack);
    come(1, tcp_ack);
    answer(1, tcp_ack);
    a.strangers_come(3, 200);
    EXPECT_FALSE(is_there(0));
    EXPECT_TRUE(is_there(1));
    a.check();
}

TEST(EarlyDrop, OneWayAndSilentForSecondsIsForgotten) {
    Tables a;
    a.strangers_come(0, 3);
    a.receive(lan, a.to_wire(stranger(1)));
    a.receive(lan, a.to_wire(stranger(9)));
    a.receive(lan, a.to_wire(addr("10.9.0.10")));
    a.advance(from_s(8));
    a.receive(wan, a.from_wire(stranger(2))); // goes on
    EXPECT_EQ(a.flows->size(), 5U);
    a.advance(from_s(3));
    EXPECT_FALSE(a.has_flow(stranger(0)));
    EXPECT_TRUE(a.has_flow(stranger(1))) << "answered";
    EXPECT_TRUE(a.has_flow(stranger(2))) << "not silent";
    EXPECT_FALSE(a.has_flow(stranger(9))) << "nobody answered";
    EXPECT_TRUE(a.has_flow(addr("10.9.0.10"))) << "known";
    EXPECT_EQ(a.early_drop().expired().get(), 2U);
    EXPECT_EQ(a.paths->size(), 3U) << "paths of strangers go with their last flow";
    a.advance(from_s(20));
    EXPECT_EQ(a.flows->size(), 2U);
    a.advance(from_s(300));
    EXPECT_EQ(a.flows->size(), 0U);
    a.check();
}

TEST(EarlyDrop, AStrangersConnectionThatIsOverIsForgottenSoon) {
    Tables a;
    const auto out = [&](uint8_t flags) {
        a.receive(lan, a.frame(lan).to("198.18.0.1").tcp(4000, 80, flags));
    };
    const auto in = [&](uint8_t flags) {
        a.receive(wan, a.frame(wan).from("198.18.0.1").to("10.0.1.2").tcp(80, 4000, flags));
    };
    out(tcp_syn);
    in(tcp_syn | tcp_ack);
    out(tcp_ack);
    in(tcp_fin | tcp_ack);
    out(tcp_fin | tcp_ack);
    in(tcp_ack);
    a.advance(from_s(9));
    EXPECT_EQ(a.flows->size(), 1U);
    a.advance(from_s(2));
    EXPECT_EQ(a.flows->size(), 0U);
    EXPECT_EQ(a.paths->size(), 0U);
    EXPECT_EQ(a.slow->cache().remote_count(), 0U);
    EXPECT_EQ(a.slow->cache().local_count(), 0U);
    a.check();
}

TEST(EarlyDrop, AFullFlowTableMakesRoomToo) {
    Tables a{16, 64};
    a.receive(lan, a.to_wire(addr("10.9.0.10")));
    a.strangers_come(0, 100);
    EXPECT_EQ(a.flows->size(), 1 + EarlyDrop::share_of_strangers(16));
    EXPECT_TRUE(a.has_flow(addr("10.9.0.10")));
    EXPECT_EQ(a.set_up().untracked_flow_table_full.get(), 0U);
    a.check();
}

TEST(EarlyDrop, WhoHasAPeersAddressPushesOutNoFlowThatLives) {
    Tables a{16, 64};
    a.receive(lan, a.to_wire(addr("10.9.0.10")));
    a.receive(wan, a.from_wire(addr("10.9.0.10")));
    a.strangers_come(0, 4);
    for (uint8_t i = 1; i < 200; i++) { // invented
        a.receive(wan, a.frame(wan)
                           .from(Ipv4Addr{10, 9, 0, static_cast<uint8_t>(20 + i % 200)}.to_text())
                           .to("10.0.1.2")
                           .udp(i, 4000));
        a.advance(from_ms(1));
    }
    EXPECT_EQ(a.flows->size(), 16U);
    EXPECT_TRUE(a.has_flow(addr("10.9.0.10")));
    EXPECT_FALSE(a.has_flow(stranger(3))) << "strangers' go first";
    a.check();
}

TEST(EarlyDrop, WhereAllAreAnsweredTheNextIsNotFollowed) {
    Tables a;
    for (unsigned i = 0; i < 30; i++) {
        a.receive(lan, a.to_wire(stranger(i)));
        a.receive(wan, a.from_wire(stranger(i)));
    }
    EXPECT_EQ(a.lines(lan).size(), 30U) << "and loses nothing";
    EXPECT_EQ(a.lines(wan).size(), 30U);
    EXPECT_EQ(a.flows->size(), EarlyDrop::share_of_strangers(32));
    EXPECT_EQ(a.set_up().untracked_path_table_full.get(), 2 * (30U - 24U));
    EXPECT_EQ(a.early_drop().dropped().get(), 0U);
    a.check();
}

/// A worker that is off for a while keeps places of paths from coming back.
TEST(EarlyDrop, PlacesThatAreStillToComeBackAreNotTakenFromThoseWeKnow) {
    Tables a{4096, 64};
    a.strangers_come(0, 60);
    a.grace->online({0});
    for (unsigned i = 100; i < 400; i++) {
        a.slow->on_punted(a.io.own(a.from_wire(stranger(i)).build()), wan, PuntReason::first_packet,
                          a.now);
        a.advance(from_ms(1));
    }
    a.slow->on_punted(a.io.own(a.to_wire(addr("10.9.0.10")).build()), lan, PuntReason::first_packet,
                      a.now);
    a.grace->quiescent({0});
    a.grace->offline({0});
    EXPECT_TRUE(a.has_flow(addr("10.9.0.10")));
    EXPECT_EQ(a.take(lan).size(), 360U) << "and strangers lose nothing";
    a.advance(from_ms(1)); // they come back
    a.strangers_come(500, 1);
    EXPECT_TRUE(a.has_flow(stranger(500)));
}

TEST(EarlyDrop, WhatStrangersHaveHeldPushesOutNoneOfAMove) {
    Tables a;
    a.receive(lan, a.to_wire(addr("10.9.0.10")));
    a.receive(wan, a.from_wire(addr("10.9.0.10")));
    a.strangers_come(0, 20);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    a.take(wan);
    for (unsigned i = 0; i < 100; i++) {
        a.receive(lan, a.to_wire(addr("10.9.0.10")).payload(std::to_string(i)));
    }
    for (unsigned i = 0; i < 6000; i++) { // our host answers all that came
        a.receive(lan, a.to_wire(stranger(i % 40)));
    }
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    while (a.slow->has_backlog()) {
        a.turn();
    }
    const auto out = a.lines(wan);
    EXPECT_EQ(
        std::ranges::count_if(
            out, [](const std::string& l) { return l.starts_with("udp 10.0.1.3:4000 > 10.9."); }),
        100);
    a.check();
}

} // namespace
} // namespace sacip::test
