// SPDX-License-Identifier: BSD-3-Clause
//
// Peers with keys, as the operator's connections see it: two whole gateways, joined in memory.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

TEST(PeerSession, AFirstFlowMakesThePeersKnowEachOther) {
    SecurePair pair;
    pair.handshake();
    EXPECT_EQ(pair.peer_of_a().association.epoch(), Epoch{1000});
    EXPECT_EQ(pair.peer_of_b().association.epoch(), Epoch{1000});
    EXPECT_FALSE(pair.peer_of_a().bind_sender.pending());
    EXPECT_FALSE(pair.peer_of_b().bind_sender.pending());
    pair.expect_alive("hello");
    EXPECT_EQ(pair.a->slow_counters.dropped_total(), 2U)
        << "the copies by the other carrier, stale";
    pair.check();
}

TEST(PeerSession, TheUplinkMoves) {
    SecurePair pair;
    pair.handshake();
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    pair.expect_alive("after");
    EXPECT_EQ(pair.b->last_move().side, Side::remote);
    EXPECT_EQ(pair.b->last_move().to, prefix("10.0.1.3"));
    EXPECT_FALSE(pair.peer_of_a().bind_sender.pending());
    EXPECT_TRUE(pair.peer_of_b().trials.empty());
    pair.check();
}

TEST(PeerSession, ManyMoves) {
    SecurePair pair;
    pair.handshake();
    for (int i = 0; i < 30; i++) {
        const bool away = i % 2 == 0;
        pair.a->change_address(away ? "10.0.1.2/24" : "10.0.1.3/24",
                               away ? "10.0.1.3/24" : "10.0.1.2/24");
        pair.settle();
        pair.expect_alive("move " + std::to_string(i));
        pair.run(i * 7);
    }
    pair.check();
}

/// In terms of the originals if either end says so, whoever spoke first.
TEST(PeerSession, TheChecksumModeIsAgreedOn) {
    for (const bool of_a : {true, false}) {
        Config a = secure_a(), b = secure_b();
        (of_a ? a : b).checksum.l4 = L4Checksum::original;
        SecurePair pair{std::move(a), std::move(b)};
        pair.handshake();
        const auto mode = [](const GatewayRig& rig) {
            return rig.slow->cache().checksum_mode(rig.slow->cache().remotes()[0]);
        };
        EXPECT_EQ(mode(*pair.a), L4ChecksumMode::original);
        EXPECT_EQ(mode(*pair.b), L4ChecksumMode::original);
        pair.check();
    }
}

/// It may be the only place left where the peer is reached.
TEST(PeerSession, TheRendezvousIsToldOfEveryMove) {
    Config a = secure_a();
    a.peers[0].rendezvous = addr("10.0.9.2"); // B's gateway itself, which never moves
    SecurePair pair{std::move(a)};
    pair.handshake();
    pair.a->take(wan);
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    const auto told = pair.a->take(wan);
    const bool to_rendezvous = std::ranges::any_of(told, [](const Bytes& bytes) {
        return is_notification(bytes) && ipv4::destination(bytes.data() + 14) == addr("10.0.9.2");
    });
    EXPECT_TRUE(to_rendezvous);
}

/// Make before break: the old address serves until the peer has acknowledged.
TEST(PeerSession, SwitchesOnAcknowledgement) {
    SecurePair pair;
    pair.handshake();
    pair.a->add_address(wan, "10.0.1.3/24", true);
    pair.a->notice();
    ASSERT_TRUE(std::holds_alternative<MoveId>(
        pair.a->slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, pair.a->now)));
    EXPECT_EQ(pair.a->last_move().state, MoveState::announcing);
    pair.a->receive(lan, pair.of_a().tcp(4000, 80).payload("x"));
    const auto left = pair.a->take(wan);
    ASSERT_FALSE(left.empty());
    EXPECT_EQ(ipv4::source(left.back().data() + 14), addr("10.0.1.2")) << "not acknowledged yet";
    for (Bytes bytes : left) {
        ether::set_destination(bytes.data(), pair.b->ports[1].mac);
        pair.b->receive(wan, {std::move(bytes)});
    }
    pair.settle();
    EXPECT_EQ(pair.a->last_move().state, MoveState::draining);
    pair.b->take(lan);
    pair.a->receive(lan, pair.of_a().tcp(4000, 80).payload("y"));
    EXPECT_EQ(ipv4::source(pair.a->io.departures.back().bytes.data() + 14), addr("10.0.1.3"));
    pair.settle();
    pair.b->take(lan);
    pair.expect_alive("after");
    pair.check();
}

TEST(PeerSession, SwitchesAfterATimeWithoutAcknowledgement) {
    SecurePair pair;
    pair.handshake();
    pair.a->add_address(wan, "10.0.1.3/24", true);
    pair.a->notice();
    pair.a->slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, pair.a->now);
    pair.a->take(wan);
    pair.a->advance(from_ms(299));
    EXPECT_EQ(pair.a->last_move().state, MoveState::announcing);
    pair.a->advance(from_ms(5));
    EXPECT_EQ(pair.a->last_move().state, MoveState::draining);
    pair.a->take(wan);
    pair.run(2000);
    pair.expect_alive("healed");
    pair.check();
}

TEST(PeerSession, EveryNotificationMayBeLost) {
    SecurePair pair;
    pair.handshake();
    unsigned seed = 7;
    const auto lose = [&](const Bytes& bytes) {
        seed = seed * 1103515245 + 12345;
        return is_notification(bytes) && (seed >> 16) % 10 < 5;
    };
    for (int i = 0; i < 20; i++) {
        const bool away = i % 2 == 0;
        pair.a->change_address(away ? "10.0.1.2/24" : "10.0.1.3/24",
                               away ? "10.0.1.3/24" : "10.0.1.2/24");
        for (int ms = 0; ms < 3000; ms++) {
            pair.settle(lose);
            pair.a->advance(from_ms(1));
            pair.b->advance(from_ms(1));
        }
        EXPECT_EQ(pair.b->slow->cache().at(pair.b->slow->cache().remotes()[0]).active,
                  addr(away ? "10.0.1.3" : "10.0.1.2"))
            << "move " << i;
        pair.expect_alive("move " + std::to_string(i));
    }
    pair.check();
}

TEST(PeerSession, BothMoveAtOnce) {
    SecurePair pair;
    pair.b->add_address(wan, "10.9.0.254/32");
    pair.b->notice();
    pair.handshake();
    for (int i = 0; i < 10; i++) {
        const bool away = i % 2 == 0;
        pair.a->change_address(away ? "10.0.1.2/24" : "10.0.1.3/24",
                               away ? "10.0.1.3/24" : "10.0.1.2/24");
        pair.b->add_address(wan, away ? "10.19.0.254/32" : "10.9.0.254/32");
        pair.b->del_address(wan, away ? "10.9.0.254/32" : "10.19.0.254/32");
        pair.b->notice();
        pair.settle();
        pair.run(20);
        pair.expect_alive("move " + std::to_string(i));
    }
    pair.check();
}

/// kill -9: the other end explains every flow, moved ones and new ones.
TEST(PeerSession, TheMovedEndLosesEverything) {
    SecurePair pair;
    pair.handshake(4000);
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    pair.expect_alive("before");
    pair.a = std::make_unique<SiteA>(secure_a(), identity_of(1, 2000));
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.from_a(pair.of_a().tcp(4000, 80).payload("data"));
    pair.run(50);
    EXPECT_EQ(pair.b->lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 data"});
    pair.expect_alive("after");
    pair.a->change_address("10.0.1.3/24", "10.0.1.2/24");
    pair.settle();
    pair.expect_alive("moved again");
    pair.check();
}

TEST(PeerSession, TheOtherEndLosesEverything) {
    SecurePair pair;
    pair.handshake(4000);
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    pair.expect_alive("before");
    for (const bool host_first : {false, true}) {
        pair.b = std::make_unique<SiteB>(secure_b(), identity_of(2, host_first ? 3000 : 2000));
        if (host_first) { // to where nobody is any more
            pair.from_b(pair.of_b().tcp(80, 4000).payload("data"));
            pair.run(10);
            EXPECT_EQ(pair.a->lines(lan), Lines{});
        }
        pair.from_a(pair.of_a().tcp(4000, 80).payload("data"));
        pair.run(100);
        EXPECT_EQ(pair.b->lines(lan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 data"});
        pair.run(400);
        pair.a->take(lan);
        pair.expect_alive("after");
    }
    pair.a->change_address("10.0.1.3/24", "10.0.1.2/24");
    pair.settle();
    pair.expect_alive("moved again");
    pair.check();
}

/// The old address is still there, so that the first question goes, and is answered, the old way.
TEST(PeerSession, TheOtherEndLosesEverythingAndAsksAtTheOldAddress) {
    SecurePair pair;
    pair.handshake(4000);
    pair.a->add_address(wan, "10.0.1.3/24", true);
    pair.a->notice();
    pair.a->slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, pair.a->now);
    pair.settle();
    pair.expect_alive("before");
    pair.b = std::make_unique<SiteB>(secure_b(), identity_of(2, 2000));
    pair.from_b(pair.of_b().tcp(80, 4000).payload("data"));
    pair.run(50);
    EXPECT_EQ(pair.a->lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 data"});
    const auto& remote = pair.b->slow->cache().at(pair.b->slow->cache().remotes()[0]);
    EXPECT_EQ(remote.active, addr("10.0.1.3"));
    pair.expect_alive("after");
    pair.check();
}

/// A long time without any address, then another one.
TEST(PeerSession, BreakBeforeMake) {
    SecurePair pair;
    pair.handshake();
    pair.a->del_address(wan, "10.0.1.2/24");
    pair.a->notice();
    pair.run(100);
    pair.a->receive(lan, pair.of_a().tcp(4000, 80).payload("1"));
    pair.a->receive(lan, pair.of_a().tcp(4000, 80).payload("2"));
    pair.run(3000);
    EXPECT_EQ(pair.b->lines(lan), Lines{});
    pair.a->add_address(wan, "10.0.1.7/24");
    pair.a->notice();
    pair.settle();
    pair.run(5);
    EXPECT_EQ(pair.b->lines(lan),
              (Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 1", "tcp 10.0.1.2:4000 > 10.9.0.10:80 2"}));
    pair.expect_alive("after");
    pair.check();
}

/// Not "applied": packets from there are nobody's to the peer.
TEST(PeerSession, ARefusedMoveIsShownAsRefused) {
    Config right = secure_b();
    right.peers[0].addresses = right.peers[0].roam_to = {prefix("10.0.1.0/29")};
    SecurePair pair{secure_a(), std::move(right)};
    pair.handshake();
    pair.a->change_address("10.0.1.2/24", "10.0.1.77/24");
    pair.run(50);
    const MoveRecord& move = pair.a->last_move();
    ASSERT_EQ(move.legs.size(), 1U);
    EXPECT_TRUE(move.legs[0].refused);
    EXPECT_FALSE(move.legs[0].applied);
    const auto& events = pair.a->slow->events().events();
    EXPECT_EQ(std::ranges::count(events, EventKind::refused, &Event::kind), 1);
    EXPECT_EQ(std::ranges::count(events, EventKind::applied, &Event::kind), 0);
    EXPECT_EQ(pair.a->slow->mover().statistics().failures.get(), 1U);
    pair.check();
}

/// Whoever reads of a silence reads of its end.
TEST(PeerSession, ASilentPeerThatIsHeardAgainHasRecovered) {
    SecurePair pair;
    pair.handshake();
    const auto told = [&](EventKind kind) {
        return std::ranges::count(pair.b->slow->events().events(), kind, &Event::kind);
    };
    pair.a->del_address(wan, "10.0.1.2/24");
    pair.a->notice();
    for (int second = 0; second < 20 && told(EventKind::peer_silent) == 0; second++) {
        pair.b->receive(lan, pair.of_b().tcp(80, 4000).payload("there?"));
        pair.run(1000);
    }
    EXPECT_EQ(told(EventKind::peer_silent), 1);
    EXPECT_EQ(told(EventKind::peer_recovered), 0);
    pair.a->add_address(wan, "10.0.1.7/24");
    pair.a->notice();
    pair.settle();
    EXPECT_EQ(told(EventKind::peer_recovered), 1);
    EXPECT_EQ(told(EventKind::peer_silent), 1);
}

/// Both are away. B goes home while A has no address, so A hears nothing of it; then A comes home,
/// too: B's packets come as they did before all moves, which is not where A thinks B is. A waits
/// for B's BIND, and B says it again as soon as it hears of A.
class GoneHomeMeanwhile : public testing::Test {
protected:
    void SetUp() override {
        pair.b->add_address(wan, "10.9.0.254/32");
        pair.b->notice();
        pair.handshake();
        move_b("10.9.0.254/32", "10.19.0.254/32");
        pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
        pair.run(700); // round-trip times are known, and all is said
        pair.expect_alive("away");
        pair.a->del_address(wan, "10.0.1.3/24");
        pair.a->notice();
        pair.run(10);
        move_b("10.19.0.254/32", "10.9.0.254/32");
        pair.run(900); // what B says does not reach A
        pair.a->add_address(wan, "10.0.1.2/24");
        pair.a->notice();
    }
    void move_b(std::string_view from, std::string_view to) {
        pair.b->add_address(wan, to);
        pair.b->del_address(wan, from);
        pair.b->notice();
    }
    SecurePair pair;
};

TEST_F(GoneHomeMeanwhile, ItSaysSoBeforeItsPacketsCome) {
    const auto in_order = [](const Bytes&) { return false; };
    EXPECT_TRUE(SecurePair::carry(*pair.a, *pair.b, in_order)); // A's BIND
    pair.b->receive(lan, pair.of_b().tcp(80, 4000).payload("at once"));
    EXPECT_TRUE(SecurePair::carry(*pair.b, *pair.a, in_order));
    EXPECT_EQ(pair.a->lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 at once"});
    pair.run(5);
    pair.expect_alive("after");
    pair.check();
}

TEST_F(GoneHomeMeanwhile, NoResetHoweverLongItsBindTakes) {
    const auto binds_of_b = [&](const Bytes& bytes) {
        return is_notification(bytes) &&
               ipv4::source(bytes.data() + ether_header_bytes) == addr("10.9.0.10");
    };
    const auto run_deaf = [&](int milliseconds) {
        for (int i = 0; i < milliseconds; i++) {
            pair.settle(binds_of_b);
            pair.a->advance(from_ms(1));
            pair.b->advance(from_ms(1));
        }
    };
    run_deaf(5);
    pair.b->receive(lan, pair.of_b().tcp(80, 4000).payload("lost"));
    run_deaf(500);
    EXPECT_EQ(pair.b->lines(lan), Lines{}) << "nothing that ends a connection";
    EXPECT_EQ(pair.a->lines(lan), Lines{});
    pair.run(3000);
    pair.expect_alive("after");
    pair.check();
}

} // namespace
} // namespace sacip::test
