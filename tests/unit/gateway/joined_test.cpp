// SPDX-License-Identifier: BSD-3-Clause
//
// There and back through two gateways: hosts see originals whatever the wire shows.
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

/// Between host 10.1.0.10 (seen as 10.0.1.2) and 10.9.0.10.
struct Pair : Joined {
    using Joined::Joined;
    PacketBuilder of_a() { return a.frame(lan).from("10.1.0.10").to("10.9.0.10"); }
    PacketBuilder of_b() { return b.frame(lan).from("10.9.0.10").to("10.0.1.2"); }
    void handshake(uint16_t port = 4000) {
        from_a(of_a().tcp(port, 80, tcp_syn));
        from_b(of_b().tcp(80, port, tcp_syn | tcp_ack));
        from_a(of_a().tcp(port, 80));
        a.take(lan);
        b.take(lan);
    }
    /// One packet each way arrives as the hosts know it.
    void expect_alive(const std::string& text, uint16_t port = 4000) {
        const std::string p = std::to_string(port);
        from_a(of_a().tcp(port, 80).payload(text));
        EXPECT_EQ(b.lines(lan), Lines{"tcp 10.0.1.2:" + p + " > 10.9.0.10:80 " + text}) << text;
        from_b(of_b().tcp(80, port).payload(text));
        EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:" + p + ' ' + text}) << text;
    }
};

TEST(JoinedGateways, TheUplinkMoves) {
    Pair pair;
    pair.handshake();
    pair.expect_alive("before");
    pair.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    pair.expect_alive("after");
    EXPECT_EQ(pair.b.last_move().side, Side::remote);
    pair.advance(from_ms(200)); // repetitions
    EXPECT_EQ(pair.b.slow->mover().history().total(), 1U);
    EXPECT_EQ(pair.b.slow_counters.dropped_total(), 0U);
    pair.expect_alive("later");
    pair.advance(from_s(31));
    EXPECT_EQ(pair.b.lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 BAD L4"})
        << "A's question whether B is there: no host takes it";
    pair.expect_alive("drained");
    EXPECT_EQ(pair.a.punted(PuntReason::first_packet) + pair.b.punted(PuntReason::first_packet), 2U)
        << "one each, for the SYN";
    pair.check();
}

TEST(JoinedGateways, ManyMovesOfBothEnds) {
    Pair pair;
    pair.b.add_address(wan, "10.9.0.254/32");
    pair.b.notice();
    pair.handshake();
    for (int i = 0; i < 20; i++) {
        const bool away = i % 2 == 0;
        pair.a.change_address(away ? "10.0.1.2/24" : "10.0.1.3/24",
                              away ? "10.0.1.3/24" : "10.0.1.2/24");
        pair.settle();
        pair.expect_alive("a" + std::to_string(i));
        pair.b.add_address(wan, away ? "10.19.0.254/32" : "10.9.0.254/32");
        pair.b.del_address(wan, away ? "10.9.0.254/32" : "10.19.0.254/32");
        pair.b.notice();
        pair.settle();
        pair.expect_alive("b" + std::to_string(i));
        pair.advance(from_ms(i * 20)); // sometimes in the midst of repetitions
    }
    pair.check();
}

TEST(JoinedGateways, NotificationsCross) {
    Pair pair;
    pair.b.add_address(wan, "10.9.0.254/32");
    pair.b.notice();
    pair.handshake();
    pair.a.change_address("10.0.1.2/24", "10.0.1.3/24"); // neither has heard of the other's
    pair.b.add_address(wan, "10.19.0.254/32");
    pair.b.del_address(wan, "10.9.0.254/32");
    pair.b.notice();
    pair.a.receive(lan, pair.of_a().tcp(4000, 80).payload("a in flight"));
    pair.b.receive(lan, pair.of_b().tcp(80, 4000).payload("b in flight"));
    pair.settle();
    EXPECT_EQ(pair.b.lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 a in flight"});
    EXPECT_EQ(pair.a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 b in flight"});
    pair.expect_alive("settled");
    pair.advance(from_ms(200));
    pair.expect_alive("repeated");
    pair.advance(from_s(31));
    pair.expect_alive("drained");
    pair.check();
}

TEST(JoinedGateways, DataOvertakesTheNotification) {
    Pair pair;
    pair.handshake();
    pair.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    std::vector<Bytes> notification = pair.a.take(wan);
    pair.from_a(pair.of_a().tcp(4000, 80).payload("1"));
    pair.from_a(pair.of_a().tcp(4000, 80).payload("2"));
    EXPECT_EQ(pair.b.lines(lan), Lines{}) << "under the shield";
    ASSERT_EQ(notification.size(), 1U);
    ether::set_destination(notification[0].data(), pair.b.ports[1].mac);
    pair.b.receive(wan, notification);
    EXPECT_EQ(pair.b.lines(lan),
              (Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 1", "tcp 10.0.1.2:4000 > 10.9.0.10:80 2"}));
    pair.expect_alive("after");
    pair.check();
}

TEST(JoinedGateways, TheFirstNotificationIsLost) {
    Pair pair;
    pair.handshake();
    pair.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.a.take(wan); // lost
    pair.from_a(pair.of_a().tcp(4000, 80).payload("1"));
    EXPECT_EQ(pair.b.lines(lan), Lines{});
    pair.advance(from_ms(25)); // said again
    EXPECT_EQ(pair.b.lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 1"});
    pair.expect_alive("after");
    pair.check();
}

TEST(JoinedGateways, AGapOnOneSide) {
    Pair pair;
    pair.handshake();
    pair.a.del_address(wan, "10.0.1.2/24");
    pair.a.notice();
    pair.a.advance(from_ms(30));
    pair.from_a(pair.of_a().tcp(4000, 80).payload("held"));
    pair.a.add_address(wan, "10.0.1.9/24");
    pair.a.notice();
    pair.settle();
    EXPECT_EQ(pair.b.lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 held"});
    pair.expect_alive("after");
    pair.check();
}

TEST(JoinedGateways, HostsAnswerToTheOldAddressInNewFlowsToo) {
    Pair pair;
    pair.handshake();
    pair.a.change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    // B's host opens a new connection to the address it knows: routed to where A was.
    pair.b.receive(lan, pair.of_b().tcp(81, 5000, tcp_syn));
    EXPECT_EQ(pair.b.lines(wan), Lines{"tcp 10.9.0.10:81 > 10.0.1.2:5000 [S]"})
        << "10.0.1.2 may be somebody else by now";
    pair.check();
}

} // namespace
} // namespace sacip::test
