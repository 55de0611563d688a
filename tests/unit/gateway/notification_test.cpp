// SPDX-License-Identifier: BSD-3-Clause
//
// A far end's address changes: who is believed, what follows, and what comes too early or too late.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

Bytes message(const GatewayRig& rig, std::string_view from, std::string_view to,
              std::string_view told = "10.0.1.2") {
    Bytes out(basic_notification_frame_bytes);
    encode({addr(from), addr(to), addr(told)}, 20, {rig.ports[wan.value].mac, default_sender_mac},
           out);
    return out;
}
void hear(GatewayRig& rig, std::string_view from, std::string_view to,
          std::string_view told = "10.0.1.2") {
    rig.receive(wan, std::vector<Bytes>{message(rig, from, to, told)});
}
/// Data of the far end whose socket is 10.9.0.10, from where it is now.
PacketBuilder data(const GatewayRig& rig, std::string_view from, std::string_view text,
                   uint16_t port = 4000) {
    return rig.frame(wan)
        .from(from)
        .to("10.0.1.2")
        .tcp(80, port)
        .checksum_for(addr("10.9.0.10"), addr("10.0.1.2"))
        .payload(text);
}
void open_flow(SiteA& a) {
    a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_syn));
    a.receive(wan, data(a, "10.9.0.10", ""));
    a.receive(lan, a.frame(lan).tcp(4000, 80));
    a.take(wan);
    a.take(lan);
}
Lines out(SiteA& a) {
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("out"));
    return a.lines(wan);
}

TEST(SlowPathNotification, ThePeerMoves) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.19.0.10:80 out"});
    a.receive(wan, data(a, "10.19.0.10", "in"));
    a.receive(wan, data(a, "10.9.0.10", "late"));
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in",
                                   "tcp 10.9.0.10:80 > 10.1.0.10:4000 late"}));
    EXPECT_EQ(a.last_move().side, Side::remote);
    EXPECT_EQ(a.last_move().trigger, Trigger::notification);
    EXPECT_EQ(a.slow_counters.consumed.get(), 1U);
    EXPECT_EQ(a.linux_lines(wan), Lines{}) << "Linux never sees one";
    a.check();
}

TEST(SlowPathNotification, RefusalsEachUnderItsName) {
    Config c = uplink_config();
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.19.0.0/16"), prefix("10.1.0.0/16"),
                                          prefix("10.0.1.0/24"), prefix("224.0.0.0/4")})};
    SiteA a{c};
    open_flow(a);
    const auto refused = [&](DropReason why, std::string_view from, std::string_view to) {
        const uint64_t before = a.dropped(why);
        hear(a, from, to);
        EXPECT_EQ(a.dropped(why), before + 1) << text_of(why).name << ' ' << to;
        EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"}) << "nothing has changed";
        a.check();
    };
    refused(DropReason::notification_peer, "10.8.0.10", "10.19.0.10");
    refused(DropReason::notification_roam, "10.9.0.10", "10.20.0.10");
    refused(DropReason::notification_address, "10.9.0.10", "224.0.0.5");
    refused(DropReason::notification_address, "10.9.0.10", "0.0.0.0");
    refused(DropReason::notification_address, "10.9.0.10", "127.0.0.1");
    refused(DropReason::notification_address, "10.9.0.10", "169.254.0.1");
    refused(DropReason::notification_address, "10.9.0.10", "255.255.255.255");
    refused(DropReason::notification_own, "10.9.0.10", "10.0.1.2");  // a host's, and Linux's
    refused(DropReason::notification_own, "10.9.0.10", "10.1.0.1");  // Linux's
    refused(DropReason::notification_own, "10.9.0.10", "10.1.0.10"); // the host itself
    refused(DropReason::notification_unbound, "10.9.0.11", "10.19.0.11");
    EXPECT_EQ(a.slow->mover().history().total(), 0U);
    EXPECT_EQ(a.statistics().notifications_received.get(), 11U);
}

TEST(SlowPathNotification, MalformedOnes) {
    SiteA a;
    open_flow(a);
    Bytes bytes = message(a, "10.9.0.10", "10.19.0.10");
    bytes.back() ^= std::byte{1};
    a.receive(wan, std::vector<Bytes>{bytes});
    EXPECT_EQ(a.dropped(DropReason::notification_checksum), 1U);
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").icmp(20, 0).payload("longer"));
    EXPECT_EQ(a.dropped(DropReason::notification_length), 1U);
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").icmp(20, 1).payload("secure"));
    EXPECT_EQ(a.dropped(DropReason::notification_code), 1U);
    a.receive(wan,
              a.frame(wan).from("10.9.0.10").to("10.0.1.2").icmp(20, 0).fragment_field(0x2000));
    EXPECT_EQ(a.slow->mover().history().total(), 0U);
    EXPECT_EQ(a.lines(lan), Lines{}) << "no host ever sees one";
    EXPECT_EQ(a.linux_lines(wan), Lines{}) << "nor Linux";
    a.check();
}

/// Where another peer's addresses are it does not get that one's liberties.
TEST(SlowPathNotification, APeerRoamsByItsOwnRuleWhereverItIs) {
    Config c = uplink_config();
    c.basic_peers = {peer("10.8.0.0/24", {prefix("10.7.0.0/16")}),
                     peer("10.7.0.0/24", {prefix("10.0.0.0/8")})};
    SiteA a{c};
    const auto sent_to = [&] {
        a.receive(lan, a.frame(lan).to("10.8.0.10").udp(4000, 53));
        return a.lines(wan);
    };
    EXPECT_EQ(sent_to(), Lines{"udp 10.0.1.2:4000 > 10.8.0.10:53"});
    hear(a, "10.8.0.10", "10.7.0.9");
    EXPECT_EQ(sent_to(), Lines{"udp 10.0.1.2:4000 > 10.7.0.9:53"});
    hear(a, "10.7.0.9", "10.66.6.6");
    EXPECT_EQ(a.dropped(DropReason::notification_roam), 1U);
    EXPECT_EQ(sent_to(), Lines{"udp 10.0.1.2:4000 > 10.7.0.9:53"});
    hear(a, "10.7.0.9", "10.7.200.1"); // as its own rule says
    EXPECT_EQ(sent_to(), Lines{"udp 10.0.1.2:4000 > 10.7.200.1:53"});
    a.check();
}

TEST(SlowPathNotification, NotFromInside) {
    SiteA a;
    open_flow(a);
    Bytes bytes = message(a, "10.9.0.10", "10.19.0.10");
    ether::set_destination(bytes.data(), a.ports[0].mac);
    a.receive(lan, std::vector<Bytes>{bytes});
    EXPECT_EQ(a.slow->mover().history().total(), 0U);
    EXPECT_EQ(a.statistics().notifications_received.get(), 0U);
    a.check();
}

TEST(SlowPathNotification, RepetitionsChangeNothing) {
    SiteA a;
    open_flow(a);
    for (int i = 0; i < 3; i++) {
        hear(a, "10.9.0.10", "10.19.0.10");
    }
    EXPECT_EQ(a.slow->mover().history().total(), 1U);
    EXPECT_EQ(a.slow_counters.dropped_total(), 0U);
    EXPECT_EQ(a.slow_counters.consumed.get(), 3U);
    hear(a, "10.19.0.10", "10.19.0.10"); // where it is already
    EXPECT_EQ(a.slow->mover().history().total(), 1U);
    a.check();
}

TEST(SlowPathNotification, MovesOnAndBack) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    hear(a, "10.19.0.10", "10.29.0.10");
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.29.0.10:80 out"});
    for (const char* from : {"10.29.0.10", "10.19.0.10", "10.9.0.10"}) { // all drain
        a.receive(wan, data(a, from, "in"));
        EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"}) << from;
    }
    hear(a, "10.29.0.10", "10.9.0.10");
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"});
    a.advance(from_s(31));
    a.receive(wan, data(a, "10.9.0.10", "in"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"});
    EXPECT_EQ(a.slow->mover().history().in_progress(), 0U);
    a.check();
}

TEST(SlowPathNotification, ToAndFroQuickly) {
    SiteA a;
    open_flow(a);
    for (int i = 0; i < 8; i++) {
        const bool away = i % 2 == 0;
        hear(a, away ? "10.9.0.10" : "10.19.0.10", away ? "10.19.0.10" : "10.9.0.10");
        EXPECT_EQ(out(a), Lines{std::string{"tcp 10.0.1.2:4000 > "} +
                                (away ? "10.19.0.10" : "10.9.0.10") + ":80 out"});
        for (const char* from : {"10.9.0.10", "10.19.0.10"}) {
            if (i > 0 || away || from == std::string{"10.9.0.10"}) {
                a.receive(wan, data(a, from, "in"));
                EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"}) << i << from;
            }
        }
    }
    EXPECT_EQ(a.slow->mover().history().total(), 8U);
    a.advance(from_s(31));
    a.receive(wan, data(a, "10.9.0.10", "in"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"});
    a.receive(wan, data(a, "10.19.0.10", "in"));
    EXPECT_NE(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"}) << "drained";
    a.advance(from_s(1));
    a.check();
}

TEST(SlowPathNotification, TheRstShieldHoldsWhatIsAheadOfItsNotification) {
    SiteA a;
    open_flow(a);
    a.receive(wan, data(a, "10.19.0.10", "1"));
    a.receive(wan, data(a, "10.19.0.10", "2"));
    EXPECT_EQ(a.lines(lan), Lines{}) << "the host would answer with a RST";
    EXPECT_EQ(a.slow_counters.held.get(), 2U);
    hear(a, "10.9.0.10", "10.19.0.10");
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 1",
                                   "tcp 10.9.0.10:80 > 10.1.0.10:4000 2"}));
    EXPECT_EQ(a.slow_counters.held.get(), 0U);
    EXPECT_EQ(a.flows->size(), 1U);
    a.check();
}

TEST(SlowPathNotification, TheShieldHoldsTheOrderWithinOneTurn) {
    SiteA a;
    open_flow(a);
    a.receive(wan, data(a, "10.19.0.10", "1"));
    a.receive(wan, {message(a, "10.9.0.10", "10.19.0.10"), data(a, "10.19.0.10", "2").build()});
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 1",
                                   "tcp 10.9.0.10:80 > 10.1.0.10:4000 2"}));
    a.check();
}

TEST(SlowPathNotification, WorkersForwardNothingPastWhatTheShieldHeld) {
    SiteA a;
    open_flow(a);
    a.receive(wan, data(a, "10.19.0.10", "1"));
    a.receive(wan, data(a, "10.19.0.10", "2"));
    // A worker's burst while the slow path lets go of what it held.
    a.io.once_sent = [&] { a.work(wan, {data(a, "10.19.0.10", "3").build()}); };
    hear(a, "10.9.0.10", "10.19.0.10");
    EXPECT_EQ(a.lines(lan),
              (Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 1", "tcp 10.9.0.10:80 > 10.1.0.10:4000 2",
                     "tcp 10.9.0.10:80 > 10.1.0.10:4000 3"}));
    const uint64_t before = a.worker.forwarded.get();
    a.receive(wan, data(a, "10.19.0.10", "4"));
    EXPECT_EQ(a.worker.forwarded.get(), before + 1) << "theirs again";
    a.check();
}

TEST(SlowPathNotification, NobodyClaimsItItIsPassed) {
    SiteA a;
    open_flow(a);
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").tcp(80, 4000).payload("x"));
    a.advance(from_ms(290));
    EXPECT_EQ(a.lines(lan), Lines{});
    a.advance(from_ms(20));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.19.0.10:80 > 10.1.0.10:4000 x"}) << "another's flow";
    a.check();
}

TEST(SlowPathNotification, UdpAheadOfItsNotification) {
    SiteA a;
    a.receive(lan, a.frame(lan).udp(4000, 80));
    a.take(wan);
    a.receive(wan, a.frame(wan)
                       .from("10.19.0.10")
                       .to("10.0.1.2")
                       .udp(80, 4000)
                       .checksum_for(addr("10.9.0.10"), addr("10.0.1.2"))
                       .payload("1"));
    hear(a, "10.9.0.10", "10.19.0.10");
    EXPECT_EQ(a.lines(lan), Lines{"udp 10.9.0.10:80 > 10.1.0.10:4000 1"});
    a.check();
}

/// Its device leaves checksums to ours. Whose they are shows with the notification only.
TEST(SlowPathNotification, UnfinishedAheadOfItsNotification) {
    for (const uint16_t left :
         {sum_of_pseudo_header(addr("10.9.0.10"), addr("10.0.1.2"), 6, 23), uint16_t{0xBAD1}}) {
        SiteA a;
        open_flow(a);
        PacketBuilder packet = data(a, "10.19.0.10", "odd");
        packet.l4_checksum(Be16::from_raw(left).value());
        a.work(wan, {packet.build()}, RxFacts::l4_checksum_partial);
        hear(a, "10.9.0.10", "10.19.0.10");
        EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 odd"});
        a.check();
    }
}

TEST(SlowPathNotification, SomebodyElseAtTheOldAddress) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    a.advance(from_s(31)); // the old address is free now, and given to another
    a.receive(
        wan,
        a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000, tcp_syn).payload("stranger"));
    EXPECT_EQ(a.lines(lan), Lines{}) << "the host has such a connection, with somebody else";
    EXPECT_EQ(a.dropped(DropReason::flow_conflict), 1U);
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 [R]"}) << "and told so";
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(81, 4000, tcp_syn));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:81 > 10.1.0.10:4000 [S]"}) << "no conflict";
    a.receive(lan, a.frame(lan).tcp(4000, 81, tcp_syn | tcp_ack));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:81 [S]"}) << "to the newcomer";
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.19.0.10:80 out"}) << "to the old friend";
    a.check();
}

TEST(SlowPathNotification, AClosedFlowGivesWay) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").tcp(80, 4000, tcp_rst));
    a.advance(from_s(31));
    a.take(lan);
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000, tcp_syn));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 [S]"});
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"});
    a.check();
}

TEST(SlowPathNotification, ANewConnectionToTheNewAddressIsAnotherFlow) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    a.receive(lan, a.frame(lan).to("10.19.0.10").tcp(4001, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4001 > 10.19.0.10:80 [S]"});
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").tcp(80, 4001).payload("new"));
    a.receive(wan, data(a, "10.19.0.10", "old"));
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.19.0.10:80 > 10.1.0.10:4001 new",
                                   "tcp 10.9.0.10:80 > 10.1.0.10:4000 old"}));
    // The same ports as the old flow can't be told apart on the wire: refused, never mixed.
    a.receive(lan, a.frame(lan).to("10.19.0.10").tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.dropped(DropReason::flow_conflict), 1U);
    // And both follow when the peer moves on.
    hear(a, "10.19.0.10", "10.29.0.10");
    a.receive(lan, a.frame(lan).to("10.19.0.10").tcp(4001, 80));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4001 > 10.29.0.10:80"});
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.29.0.10:80 out"});
    a.check();
}

TEST(SlowPathNotification, AClosedOldFlowDoesNotStealTheAnswersOfANewOne) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_rst)); // the old one is over
    a.take(wan);
    a.receive(lan, a.frame(lan).to("10.19.0.10").tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.19.0.10:80 [S]"});
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").tcp(80, 4000).payload("new"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.19.0.10:80 > 10.1.0.10:4000 new"});
    a.check();
}

TEST(SlowPathNotification, AFloodOfMovesIsBounded) {
    SiteA a;
    open_flow(a);
    std::string at = "10.9.0.10";
    for (int i = 1; i <= 1000; i++) {
        const std::string next = Ipv4Addr{Be32{addr("10.64.0.0").value() + uint32_t(i)}}.to_text();
        hear(a, at, next);
        at = next;
    }
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > " + at + ":80 out"});
    EXPECT_LE(a.slow->cache().at(PathId{0}).draining.size(), 16U);
    a.receive(wan, data(a, at, "in"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"});
    a.advance(from_s(31));
    EXPECT_EQ(a.slow->mover().history().in_progress(), 0U);
    a.check();
}

TEST(SlowPathNotification, FragmentsFollowAMoveToo) {
    SiteA a;
    open_flow(a);
    hear(a, "10.9.0.10", "10.19.0.10");
    a.receive(lan, a.frame(lan).tcp(4000, 80).fragment_field(0x2000));
    EXPECT_EQ(a.lines(wan), Lines{"frag 6 10.0.1.2 > 10.19.0.10"});
    for (const char* from : {"10.19.0.10", "10.9.0.10"}) {
        for (const uint16_t field : {uint16_t{0x2000}, uint16_t{0x0010}}) {
            a.receive(wan,
                      a.frame(wan).from(from).to("10.0.1.2").tcp(80, 4000).fragment_field(field));
            EXPECT_EQ(a.lines(lan), Lines{"frag 6 10.9.0.10 > 10.1.0.10"}) << from;
        }
    }
    a.check();
}

// ---- what is none

/// A resolver, RTP, a game: their ports are any of 64,000.
TEST(SlowPathNotification, AFlowMayHaveThePortOfNotifications) {
    SiteA a{secure_a(), identity_of(1, 1000)};
    const auto answer = [&](const std::string& text) {
        a.receive(wan, a.frame(wan)
                           .from("192.0.2.9")
                           .to("10.0.1.2")
                           .udp(53, default_notification_udp_port)
                           .payload(text));
        return a.lines(lan);
    };
    a.receive(lan,
              a.frame(lan).to("192.0.2.9").udp(default_notification_udp_port, 53).payload("asks"));
    for (const char* text : {"answers", "", "x", "\x5A\xC1 by chance"}) {
        EXPECT_EQ(answer(text).size(), 1U) << text;
    }
    a.receive(wan, a.frame(wan)
                       .from("192.0.2.10")
                       .to("10.0.1.2")
                       .udp(53, default_notification_udp_port)
                       .payload("to a server there"));
    EXPECT_EQ(a.lines(lan), Lines{"udp 192.0.2.10:53 > 10.1.0.10:4720 to a server there"});
    EXPECT_EQ(a.slow_counters.dropped_total(), 0U);
    a.receive(wan, a.frame(wan)
                       .from("192.0.2.11")
                       .to("10.0.1.2")
                       .udp(53, default_notification_udp_port)
                       .payload("\x5A\xC1 of nobody"));
    EXPECT_EQ(a.lines(lan), Lines{});
    EXPECT_EQ(a.dropped(DropReason::notification_malformed), 1U);
    a.check();
}

} // namespace
} // namespace sacip::test
