// SPDX-License-Identifier: BSD-3-Clause
//
// Our own addresses change: by Linux, by an operator, with a gap; and what the peers are told.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

const std::string told = "moved 10.0.1.2 > 10.0.1.3, told 10.9.0.10";

/// A flow, known to both sides.
void open_flow(SiteA& a, uint16_t port = 4000, std::string_view remote = "10.9.0.10") {
    a.receive(lan, a.frame(lan).to(remote).tcp(port, 80, tcp_syn));
    a.receive(wan, a.frame(wan).from(remote).to("10.0.1.2").tcp(80, port, tcp_syn | tcp_ack));
    a.receive(lan, a.frame(lan).to(remote).tcp(port, 80));
    a.take(wan);
    a.take(lan);
}
/// A packet of that flow, each way; what became of it.
Lines out(SiteA& a, std::string_view text = "out") {
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload(text));
    return a.lines(wan);
}
Lines in(SiteA& a, std::string_view to, std::string_view text = "in") {
    a.receive(wan, a.frame(wan)
                       .from("10.9.0.10")
                       .to(to)
                       .tcp(80, 4000)
                       .checksum_for(addr("10.9.0.10"), addr("10.0.1.2"))
                       .payload(text));
    return a.lines(lan);
}
const Lines delivered{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"};

TEST(SlowPathMove, AddTheNewDeleteTheOld) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    EXPECT_EQ(a.lines(wan), Lines{told}) << "told before any packet goes";
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80 out"});
    EXPECT_EQ(a.punted(PuntReason::first_packet), 1U) << "the flow table was not touched";
    EXPECT_EQ(in(a, "10.0.1.3"), delivered);
    EXPECT_EQ(in(a, "10.0.1.2"), delivered) << "what is on its way to the old address";
    const MoveRecord& move = a.last_move();
    EXPECT_EQ(move.trigger, Trigger::netlink);
    EXPECT_EQ(move.side, Side::local);
    EXPECT_EQ(move.state, MoveState::draining);
    EXPECT_EQ(move.paths, 1U);
    EXPECT_EQ(move.flows, 1U);
    EXPECT_EQ(move.notifications, 1U);
    EXPECT_TRUE(move.flipped);
    a.check();
}

/// Not by how long ago it was, reckoned from whatever the clocks say at each look.
TEST(SlowPathMove, WhatHappenedKeepsItsDate) {
    SiteA a;
    open_flow(a);
    const int64_t today = 1'800'000'000;
    a.slow->set_wall_at_zero(from_s(today) - a.now);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    const Event first = a.slow->events().events().front();
    EXPECT_EQ(first.date.value, today * 1000);
    EXPECT_EQ(a.last_move().date, first.date);
    a.slow->set_wall_at_zero(from_s(today + 3600) - a.now); // somebody sets the clock
    EXPECT_EQ(a.slow->events().events().front().date, first.date);
    EXPECT_EQ(a.last_move().date, first.date);
    a.change_address("10.0.1.3/24", "10.0.1.4/24");
    EXPECT_EQ(a.last_move().date.value, (today + 3600) * 1000);
}

TEST(SlowPathMove, TheWireChecksumStaysThatOfTheOriginalsForABasicPeer) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("odd"));
    Bytes bytes = a.take(wan).at(0);
    EXPECT_TRUE(l4_checksum_fits(bytes, view_of(bytes), addr("10.0.1.2"), addr("10.9.0.10")));
    EXPECT_FALSE(l4_checksum_fits(bytes, view_of(bytes), addr("10.0.1.3"), addr("10.9.0.10")));
}

TEST(SlowPathMove, AndThatOfTheWireForOthers) {
    SiteA a{secure_a(), identity_of(1, 1000)};
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("odd"));
    Bytes bytes = a.take(wan).at(0);
    EXPECT_TRUE(l4_checksum_fits(bytes, view_of(bytes), addr("10.0.1.3"), addr("10.9.0.10")));
    for (const char* to : {"10.0.1.2", "10.0.1.3"}) { // mended from what is in the packet
        a.receive(wan, a.frame(wan).from("10.9.0.10").to(to).tcp(80, 4000).payload("in"));
        EXPECT_EQ(a.lines(lan), delivered) << to;
    }
    a.check();
}

TEST(SlowPathMove, AfterTheDrainTheOldPairIsNobodys) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_s(29));
    EXPECT_EQ(in(a, "10.0.1.2"), delivered);
    EXPECT_EQ(a.last_move().state, MoveState::draining);
    a.advance(from_s(2));
    EXPECT_EQ(a.last_move().state, MoveState::settled);
    EXPECT_EQ(a.slow->mover().history().in_progress(), 0U);
    EXPECT_EQ(in(a, "10.0.1.2"), Lines{});
    EXPECT_EQ(a.linux_lines(wan).size(), 1U) << "Linux's business, as it is";
    EXPECT_EQ(in(a, "10.0.1.3"), delivered);
    a.check();
}

TEST(SlowPathMove, PromotionOfASecondary) {
    SiteA a;
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24"); // deleted; Linux promotes a moment later
    a.notice();
    a.add_address(wan, "10.0.1.3/24", false);
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{told});
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80 out"});
    EXPECT_EQ(a.slow->mover().history().total(), 1U);
    a.check();
}

TEST(SlowPathMove, RepeatsAfter20And100Milliseconds) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    EXPECT_EQ(a.lines(wan), Lines{told});
    a.advance(from_ms(18));
    EXPECT_EQ(a.lines(wan), Lines{});
    a.advance(from_ms(4));
    EXPECT_EQ(a.lines(wan), Lines{told});
    a.advance(from_ms(74));
    EXPECT_EQ(a.lines(wan), Lines{});
    a.advance(from_ms(8));
    EXPECT_EQ(a.lines(wan), Lines{told});
    a.advance(from_ms(500));
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.slow->basic_sender().sent(), 3U);
    a.check();
}

TEST(SlowPathMove, ARepetitionNamesTheNewestAddress) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_ms(5));
    a.change_address("10.0.1.3/24", "10.0.1.4/24");
    a.advance(from_ms(200));
    const Lines lines = a.lines(wan);
    EXPECT_EQ(lines, (Lines{"moved 10.0.1.2 > 10.0.1.3, told 10.9.0.10",
                            "moved 10.0.1.3 > 10.0.1.4, told 10.9.0.10",
                            "moved 10.0.1.2 > 10.0.1.4, told 10.9.0.10",
                            "moved 10.0.1.3 > 10.0.1.4, told 10.9.0.10",
                            "moved 10.0.1.2 > 10.0.1.4, told 10.9.0.10",
                            "moved 10.0.1.3 > 10.0.1.4, told 10.9.0.10"}));
    EXPECT_EQ(a.slow->mover().history().records().front().state, MoveState::superseded);
    a.check();
}

TEST(SlowPathMove, BackHomeAtOnceNothingIsRepeatedThatWouldSendThePeerAway) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_ms(5));
    a.change_address("10.0.1.3/24", "10.0.1.2/24");
    a.advance(from_ms(200));
    EXPECT_EQ(a.lines(wan), (Lines{told, "moved 10.0.1.3 > 10.0.1.2, told 10.9.0.10",
                                   "moved 10.0.1.3 > 10.0.1.2, told 10.9.0.10",
                                   "moved 10.0.1.3 > 10.0.1.2, told 10.9.0.10"}));
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"});
    EXPECT_EQ(in(a, "10.0.1.2"), delivered);
    EXPECT_EQ(in(a, "10.0.1.3"), delivered);
    a.advance(from_s(31));
    EXPECT_EQ(in(a, "10.0.1.2"), delivered) << "in force, and must not drain away";
    EXPECT_EQ(in(a, "10.0.1.3"), Lines{});
    a.check();
}

TEST(SlowPathMove, OneMessagePerPeerNotPerFlow) {
    SiteA a;
    for (uint16_t port = 1; port <= 5; port++) {
        open_flow(a, port);
        open_flow(a, port, "10.9.0.11");
    }
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    Lines lines = a.lines(wan);
    std::ranges::sort(lines);
    EXPECT_EQ(lines, (Lines{told, "moved 10.0.1.2 > 10.0.1.3, told 10.9.0.11"}));
    EXPECT_EQ(a.last_move().flows, 10U);
    EXPECT_EQ(a.last_move().paths, 2U);
}

TEST(SlowPathMove, AGapThenANewAddress) {
    SiteA a;
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.del_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.del_neighbour(wan, "10.0.1.1");
    a.notice();
    EXPECT_EQ(out(a, "1"), Lines{});
    a.advance(from_ms(30)); // longer than settle: it is lost
    EXPECT_EQ(a.last_move().state, MoveState::holding);
    EXPECT_EQ(out(a, "2"), Lines{});
    a.receive(lan, a.frame(lan).to("10.9.0.11").udp(1, 2).payload("new")); // a new flow waits too
    a.advance(from_s(2));
    EXPECT_EQ(a.slow_counters.held.get(), 3U);
    a.add_address(wan, "10.0.5.2/24");
    a.notice();
    a.add_route(wan, "0.0.0.0/0", "10.0.5.1");
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{});
    a.add_neighbour(wan, "10.0.5.1");
    a.notice();
    EXPECT_EQ(
        a.lines(wan),
        (Lines{"moved 10.0.1.2 > 10.0.5.2, told 10.9.0.10", "tcp 10.0.5.2:4000 > 10.9.0.10:80 1",
               "tcp 10.0.5.2:4000 > 10.9.0.10:80 2", "udp 10.0.5.2:1 > 10.9.0.11:2 new"}))
        << "the message before the packets, these in order";
    EXPECT_EQ(a.last_move().state, MoveState::draining);
    EXPECT_EQ(a.slow->mover().history().total(), 1U)
        << "one move, from the loss to the new address";
    EXPECT_EQ(in(a, "10.0.5.2"), delivered);
    a.advance(from_ms(200));
    EXPECT_EQ(a.lines(wan), Lines(2, "moved 10.0.1.2 > 10.0.5.2, told 10.9.0.10"));
    a.check();
}

/// Of each its own: what waited in an earlier gap is not what waits in this one.
TEST(SlowPathMove, AMoveTellsWhatIsHeldSinceItBegan) {
    SiteA a;
    open_flow(a);
    const auto lose = [&](const char* address) {
        a.del_address(wan, address);
        a.notice();
        a.advance(from_ms(30));
    };
    const auto held = [&] { return a.slow->mover().hold_of(a.last_move())->held; };
    lose("10.0.1.2/24");
    out(a, "1");
    out(a, "2");
    EXPECT_EQ(held(), 2U);
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    EXPECT_EQ(held(), 2U);
    lose("10.0.1.3/24");
    EXPECT_EQ(held(), 0U);
    out(a, "3");
    EXPECT_EQ(held(), 1U);
    a.add_address(wan, "10.0.1.4/24");
    a.notice();
    EXPECT_EQ(held(), 1U) << "as many as when it switched";
    a.check();
}

TEST(SlowPathMove, AGapThenTheSameAddress) {
    SiteA a;
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(out(a, "1"), Lines{});
    a.add_address(wan, "10.0.1.2/24");
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 1"}) << "nothing to tell";
    a.advance(from_ms(5));
    EXPECT_EQ(a.last_move().state, MoveState::settled);
    a.receive(lan, a.frame(lan).to("10.9.0.11").udp(1, 2));
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.0.1.2:1 > 10.9.0.11:2"});
    a.check();
}

TEST(SlowPathMove, AFlickerShorterThanSettleIsNoMove) {
    SiteA a;
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(10));
    a.add_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(a.slow->mover().history().total(), 0U);
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"});
    a.check();
}

TEST(SlowPathMove, ByAnOperator) {
    SiteA a;
    open_flow(a);
    const auto result = a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.7.7"), true}, a.now);
    ASSERT_TRUE(std::holds_alternative<MoveId>(result));
    a.turn();
    EXPECT_EQ(a.lines(wan), Lines{"moved 10.0.1.2 > 10.0.7.7, told 10.9.0.10"});
    EXPECT_EQ(out(a), Lines{"tcp 10.0.7.7:4000 > 10.9.0.10:80 out"});
    EXPECT_EQ(in(a, "10.0.7.7"), delivered);
    const MoveRecord* move = a.slow->mover().history().find(std::get<MoveId>(result));
    ASSERT_NE(move, nullptr);
    EXPECT_EQ(move->trigger, Trigger::control);
    a.check();
}

TEST(SlowPathMove, WhatAnOperatorMayNotDo) {
    Config c = small_config(2);
    c.hosts = {uplink_host("10.1.0.10"), routed("10.2.0.0/24", "10.2.0.0/24"),
               routed("10.3.0.0/24", "10.4.0.0/24")};
    SiteA a{c};
    const auto refused = [&](std::string_view from, std::string_view to) {
        const auto result = a.slow->request_move({prefix(from), prefix(to)}, a.now);
        const auto* refusal = std::get_if<Refusal>(&result);
        EXPECT_TRUE(refusal == nullptr || !refusal->remedy.empty());
        return refusal == nullptr ? std::string{"accepted"} : refusal->what;
    };
    EXPECT_NE(refused("10.0.1.2", "10.7.0.0/24").find("lengths differ"), std::string::npos);
    EXPECT_NE(refused("10.0.1.9", "10.0.1.3").find("none of our hosts"), std::string::npos);
    EXPECT_NE(refused("10.2.0.0/25", "10.7.0.0/25").find("none of our hosts"), std::string::npos);
    EXPECT_NE(refused("10.0.1.2", "10.0.1.2").find("already"), std::string::npos);
    for (const char* bad :
         {"224.0.0.1", "127.0.0.1", "0.0.0.0", "169.254.1.1", "255.255.255.255"}) {
        EXPECT_NE(refused("10.0.1.2", bad).find("can have"), std::string::npos) << bad;
    }
    EXPECT_NE(refused("10.0.1.2", "10.2.0.5").find("overlaps"), std::string::npos);
    EXPECT_NE(refused("10.2.0.0/24", "10.4.0.0/24").find("overlaps"), std::string::npos);
    EXPECT_NE(refused("10.2.0.0/24", "10.1.0.0/24").find("inside port"), std::string::npos);
    EXPECT_NE(refused("10.0.1.2", "10.0.7.7").find("none of the outside ports"), std::string::npos);
    EXPECT_EQ(a.slow->mover().history().total(), 0U);
    a.add_address(wan, "10.0.7.7/24");
    a.notice();
    EXPECT_EQ(refused("10.0.1.2", "10.0.7.7"), "accepted") << "now that Linux has it";
    EXPECT_EQ(refused("10.2.0.0/24", "10.7.0.0/24"), "accepted");
    EXPECT_EQ(refused("10.7.0.0/24", "10.2.0.0/24"), "accepted") << "and home again";
}

TEST(SlowPathMove, APrefixFollowsItsMarker) {
    SiteB b;
    b.add_address(wan, "10.9.0.254/32");
    b.notice();
    for (const char* host : {"10.9.0.10", "10.9.0.11"}) {
        b.receive(lan, b.frame(lan).from(host).to("10.0.1.2").udp(80, 4000));
    }
    b.take(wan);
    b.add_address(wan, "10.19.0.254/32");
    b.del_address(wan, "10.9.0.254/32");
    b.notice();
    Lines lines = b.lines(wan);
    std::ranges::sort(lines);
    EXPECT_EQ(lines, (Lines{"moved 10.9.0.10 > 10.19.0.10, told 10.0.1.2",
                            "moved 10.9.0.11 > 10.19.0.11, told 10.0.1.2"}));
    b.receive(lan, b.frame(lan).from("10.9.0.10").to("10.0.1.2").udp(80, 4000));
    EXPECT_EQ(b.lines(wan), Lines{"udp 10.19.0.10:80 > 10.0.1.2:4000"});
    b.receive(wan, b.frame(wan)
                       .from("10.0.1.2")
                       .to("10.19.0.11")
                       .udp(4000, 80)
                       .checksum_for(addr("10.0.1.2"), addr("10.9.0.11")));
    EXPECT_EQ(b.lines(lan), Lines{"udp 10.0.1.2:4000 > 10.9.0.11:80"});
    // New flows of the moved prefix, both ways.
    b.receive(lan, b.frame(lan).from("10.9.0.12").to("10.0.1.2").udp(1, 2));
    EXPECT_EQ(b.lines(wan), Lines{"udp 10.19.0.12:1 > 10.0.1.2:2"});
    b.receive(wan, b.frame(wan).from("10.8.0.1").to("10.19.0.12").udp(3, 4));
    EXPECT_EQ(b.lines(lan), Lines{"udp 10.8.0.1:3 > 10.9.0.12:4"});
    EXPECT_EQ(b.last_move().from, prefix("10.9.0.0/24"));
    EXPECT_EQ(b.last_move().to, prefix("10.19.0.0/24"));
    b.check();
}

TEST(SlowPathMove, AHostRouteOfOneAddressSurvivesItsMarkersGap) {
    Config c = routed_config();
    c.hosts = {routed("10.9.0.10", "10.9.0.10")};
    SiteB b{c};
    b.add_address(wan, "10.9.0.10/32");
    b.notice();
    b.del_address(wan, "10.9.0.10/32");
    b.notice();
    b.advance(from_ms(30));
    b.add_address(wan, "10.9.0.10/32");
    b.notice();
    b.receive(lan, b.frame(lan).from("10.9.0.10").to("10.0.1.2").udp(1, 2));
    EXPECT_EQ(b.lines(wan), Lines{"udp 10.9.0.10:1 > 10.0.1.2:2"});
    b.check();
}

TEST(SlowPathMove, ANewFlowBesideAnOldOneWithTheSameRemote) {
    SiteA a;
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(lan, a.frame(lan).tcp(4001, 80, tcp_syn)); // original is the new address
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:4001 > 10.9.0.10:80 [S]"});
    EXPECT_EQ(a.paths->size(), 2U) << "two originals behind one wire pair";
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.3").tcp(80, 4001).payload("new"));
    a.receive(wan, a.frame(wan)
                       .from("10.9.0.10")
                       .to("10.0.1.3")
                       .tcp(80, 4000)
                       .checksum_for(addr("10.9.0.10"), addr("10.0.1.2"))
                       .payload("old"));
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4001 new",
                                   "tcp 10.9.0.10:80 > 10.1.0.10:4000 old"}));
    a.change_address("10.0.1.3/24", "10.0.1.4/24"); // both move, one message
    EXPECT_EQ(a.lines(wan), Lines{"moved 10.0.1.3 > 10.0.1.4, told 10.9.0.10"});
    a.check();
}

TEST(SlowPathMove, FailoverToAnotherPort) {
    Config c = small_config(2);
    c.hosts = {uplink_host("10.1.0.10")};
    c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
    SiteA a{c};
    a.add_address(wan2, "10.0.2.2/24");
    a.add_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
    a.add_neighbour(wan2, "10.0.2.1");
    a.notice();
    open_flow(a);
    const auto result = a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.2.2")}, a.now);
    EXPECT_TRUE(std::holds_alternative<MoveId>(result));
    a.del_address(wan, "10.0.1.2/24");
    a.del_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    a.take(wan);
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("out"));
    EXPECT_EQ(a.lines(wan2), Lines{"tcp 10.0.2.2:4000 > 10.9.0.10:80 out"});
    a.advance(from_ms(100)); // nothing is lost: nobody was at the old address any more
    a.take(wan);             // repetitions, from the old address
    EXPECT_EQ(out(a), Lines{});
    EXPECT_EQ(a.lines(wan2).back(), "tcp 10.0.2.2:4000 > 10.9.0.10:80 out");
    a.receive(lan, a.frame(lan).tcp(4001, 80).payload("new"));
    EXPECT_EQ(a.lines(wan2), Lines{"tcp 10.0.2.2:4001 > 10.9.0.10:80 new"}) << "new flows follow";
    a.add_address(wan2, "10.0.2.3/24", true); // and the port's next change is theirs
    a.del_address(wan2, "10.0.2.2/24");
    a.notice();
    a.take(wan2);
    EXPECT_EQ(out(a), Lines{});
    EXPECT_EQ(a.lines(wan2).back(), "tcp 10.0.2.3:4000 > 10.9.0.10:80 out");
    a.check();
}

/// Two uplinks; the hosts follow wan, and Linux goes by wan2 where wan is not.
struct TwoUplinks : SiteA {
    TwoUplinks() : SiteA{two_uplinks()} {
        add_address(wan2, "10.0.2.2/24");
        add_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
        add_neighbour(wan2, "10.0.2.1");
        notice();
        open_flow(*this);
    }
    static Config two_uplinks() {
        Config c = small_config(2);
        c.hosts = {uplink_host("10.1.0.10")};
        c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
        return c;
    }
    void lose_wan() {
        del_address(wan, "10.0.1.2/24");
        del_route(wan, "0.0.0.0/0", "10.0.1.1");
        notice();
    }
    /// What leaves by a port, of a known flow and of a new one; no notifications.
    Lines leave_by(PortId port, uint16_t new_port) {
        take(wan);
        take(wan2);
        receive(lan, frame(lan).tcp(4000, 80).payload("old"));
        receive(lan, frame(lan).tcp(new_port, 80, tcp_syn));
        return lines(port);
    }
};

TEST(SlowPathMove, WhatIsLostForGoodGoesWhereLinuxGoes) {
    TwoUplinks a;
    a.lose_wan();
    a.advance(from_ms(10));
    EXPECT_EQ(a.slow->mover().history().total(), 0U) << "it may come back";
    a.advance(from_ms(20));
    EXPECT_EQ(a.leave_by(wan2, 4001), (Lines{"tcp 10.0.2.2:4000 > 10.9.0.10:80 old",
                                             "tcp 10.0.2.2:4001 > 10.9.0.10:80 [S]"}));
    a.add_address(wan, "10.0.1.7/24"); // not the one it had
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(a.leave_by(wan, 4002), Lines{}) << "an address, and no way out yet";
    a.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    EXPECT_EQ(a.leave_by(wan, 4003), (Lines{"tcp 10.0.1.7:4000 > 10.9.0.10:80 old",
                                            "tcp 10.0.1.7:4003 > 10.9.0.10:80 [S]"}));
    a.check();
}

TEST(SlowPathMove, WhereNobodyElseLeadsOutALostAddressWaitsUntilSomebodyDoes) {
    TwoUplinks a;
    a.del_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
    a.lose_wan();
    a.advance(from_ms(30));
    EXPECT_EQ(a.last_move().state, MoveState::holding);
    a.receive(lan, a.frame(lan).tcp(4000, 80).payload("held"));
    a.take(wan);
    a.add_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
    a.notice();
    EXPECT_EQ(a.lines(wan2).back(), "tcp 10.0.2.2:4000 > 10.9.0.10:80 held");
    a.check();
}

TEST(SlowPathMove, AnOperatorMovesALostAddressAndNewFlowsFollow) {
    TwoUplinks a;
    a.del_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
    a.lose_wan();
    a.advance(from_ms(30));
    a.add_route(wan2, "10.9.0.0/24", "10.0.2.1");
    a.notice();
    ASSERT_TRUE(std::holds_alternative<MoveId>(
        a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.2.2")}, a.now)));
    EXPECT_EQ(a.leave_by(wan2, 4001), (Lines{"tcp 10.0.2.2:4000 > 10.9.0.10:80 old",
                                             "tcp 10.0.2.2:4001 > 10.9.0.10:80 [S]"}));
    a.check();
}

TEST(SlowPathMove, WhatAnOperatorMovedToAnotherPortStaysThere) {
    TwoUplinks a;
    a.lose_wan();
    a.advance(from_ms(30)); // to wan2 by itself
    a.add_address(wan2, "10.0.2.9/24", true);
    a.notice();
    ASSERT_TRUE(std::holds_alternative<MoveId>(
        a.slow->request_move({prefix("10.0.2.2"), prefix("10.0.2.9")}, a.now)));
    a.add_address(wan, "10.0.1.2/24");
    a.add_route(wan, "0.0.0.0/0", "10.0.1.1");
    a.notice();
    a.advance(from_ms(100));
    EXPECT_EQ(a.leave_by(wan2, 4001), (Lines{"tcp 10.0.2.9:4000 > 10.9.0.10:80 old",
                                             "tcp 10.0.2.9:4001 > 10.9.0.10:80 [S]"}));
    a.check();
}

TEST(SlowPathMove, AnAddressThatStandsForOthersTakesNobodyOver) {
    Config c = TwoUplinks::two_uplinks();
    c.hosts.push_back(uplink_host("10.1.0.11", "wan2"));
    SiteA a{c};
    a.add_address(wan2, "10.0.2.2/24");
    a.add_route(wan2, "0.0.0.0/0", "10.0.2.1", 100);
    a.notice();
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(a.last_move().state, MoveState::holding);
}

/// Whoever may speak for a basic peer makes as many of its moves as he likes.
TEST(SlowPathMove, MovesOfFarEndsPushOutNoneThatIsWaitedFor) {
    SiteA a;
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    const MoveId ours = a.last_move().id;
    ASSERT_EQ(a.last_move().state, MoveState::holding);
    const auto move_far_end = [&](std::string_view from, std::string_view to) {
        Bytes bytes(basic_notification_frame_bytes);
        encode({addr(from), addr(to), addr("10.0.1.2")}, 20,
               {a.ports[wan.value].mac, default_sender_mac}, bytes);
        a.receive(wan, std::vector<Bytes>{bytes});
    };
    for (int i = 0; i < 600; i++) {
        move_far_end("10.9.0.10", "10.19.0.10");
        move_far_end("10.19.0.10", "10.9.0.10");
    }
    ASSERT_EQ(a.slow->mover().history().total(), 1201U);
    EXPECT_EQ(a.slow->mover().history().records().size(), 1000U);
    ASSERT_NE(a.slow->mover().history().find(ours), nullptr);
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(a.slow->mover().history().find(ours)->state, MoveState::draining);
    EXPECT_EQ(a.slow->mover().history().find(ours)->to, prefix("10.0.1.3"));
    EXPECT_EQ(a.slow->mover().history().total(), 1201U);
    a.check();
}

TEST(SlowPathMove, AThousandMovesAreRememberedNotMore) {
    SiteA a;
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    open_flow(a);
    for (int i = 0; i < 600; i++) {
        a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, a.now);
        a.turn();
        a.slow->request_move({prefix("10.0.1.3"), prefix("10.0.1.2")}, a.now);
        a.turn();
    }
    EXPECT_EQ(a.slow->mover().history().records().size(), 1000U);
    EXPECT_EQ(a.slow->mover().history().total(), 1200U);
    a.advance(from_s(61));
    EXPECT_EQ(a.slow->mover().history().in_progress(), 0U);
    a.take(wan);
    EXPECT_EQ(out(a), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 out"});
    EXPECT_EQ(in(a, "10.0.1.2"), delivered);
    a.check();
}

} // namespace
} // namespace sacip::test
