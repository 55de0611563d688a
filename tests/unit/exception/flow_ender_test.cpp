// SPDX-License-Identifier: BSD-3-Clause
//
// Flows whose address goes while no peer speaks for their far end.
#include "tests/support/rig_sites.hpp"
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

struct NoSpeaker : testing::Test {
    static constexpr const char* far = "10.8.0.1"; // in no peer's prefix
    void SetUp() override {
        a.receive(lan, a.frame(lan).to(far).tcp(4000, 80, tcp_syn));
        a.receive(wan, a.frame(wan).from(far).to("10.0.1.2").tcp(80, 4000, tcp_syn | tcp_ack));
        a.receive(lan, a.frame(lan).to(far).tcp(4000, 80));
        a.receive(lan, a.frame(lan).to(far).udp(4000, 53));
        a.take(lan);
        a.take(wan);
    }
    Lines host_says(const std::string& text) {
        a.receive(lan, a.frame(lan).to(far).tcp(4000, 80).payload(text));
        return a.lines(wan);
    }
    SiteA a;
};

TEST_F(NoSpeaker, ItsFlowsStayWhileTheOldAddressServes) {
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    ASSERT_TRUE(std::holds_alternative<MoveId>(
        a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, a.now)));
    EXPECT_EQ(host_says("stays"), Lines{"tcp 10.0.1.2:4000 > 10.8.0.1:80 stays"});
    a.receive(lan, a.frame(lan).to(far).tcp(4001, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:4001 > 10.8.0.1:80 [S]"});
    a.receive(wan, a.frame(wan).from(far).to("10.0.1.2").tcp(80, 4000).payload("in"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.8.0.1:80 > 10.1.0.10:4000 in"});
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.8.0.1:80 > 10.1.0.10:4000"}) << "the host is asked";
    EXPECT_EQ(host_says("its answer"), Lines{});
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.8.0.1:80 > 10.1.0.10:4000 [R]"});
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(lan), Lines{}) << "once is enough";
    a.check();
}

TEST_F(NoSpeaker, AllButTcpGoesOnFromTheNewAddress) {
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.receive(lan, a.frame(lan).to(far).udp(4000, 53).payload("x"));
    a.receive(lan, a.frame(lan).to(far).tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan),
              (Lines{"udp 10.0.1.3:4000 > 10.8.0.1:53 x", "tcp 10.0.1.3:4000 > 10.8.0.1:80 [S]"}));
    a.check();
}

TEST_F(NoSpeaker, AGapThatEndsWithTheOldAddressEndsNothing) {
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(host_says("waits"), Lines{});
    a.add_address(wan, "10.0.1.2/24");
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:4000 > 10.8.0.1:80 waits"});
    EXPECT_EQ(a.lines(lan), Lines{});
    a.check();
}

TEST_F(NoSpeaker, AGapThatEndsWithAnotherEndsThem) {
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    EXPECT_EQ(host_says("waits"), Lines{});
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.8.0.1:80 > 10.1.0.10:4000 [R]"}) << "at once";
    a.check();
}

TEST_F(NoSpeaker, AnAddressThatIsBackAtOnceServesAgain) {
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, a.now);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.add_address(wan, "10.0.1.2/24", true);
    a.notice();
    EXPECT_EQ(host_says("serves"), Lines{"tcp 10.0.1.2:4000 > 10.8.0.1:80 serves"});
    a.check();
}

TEST_F(NoSpeaker, FlowsWithPeersMoveAsEver) {
    a.receive(lan, a.frame(lan).tcp(4002, 80, tcp_syn));
    a.take(wan);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.receive(lan, a.frame(lan).tcp(4002, 80).payload("on"));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:4002 > 10.9.0.10:80 on"});
    a.advance(from_s(4));
    EXPECT_EQ(a.lines(lan), Lines(3, "tcp 10.8.0.1:80 > 10.1.0.10:4000")) << "asked thrice";
    a.advance(from_s(4));
    EXPECT_EQ(a.lines(lan), Lines{});
    a.take(wan);
    EXPECT_EQ(host_says("x"), Lines{});
    a.advance(from_s(2));
    EXPECT_EQ(a.slow->exception_path().flows_ended(), 1U);
    EXPECT_EQ(a.slow->events().events().back().kind, EventKind::ended);
    EXPECT_EQ(a.slow->events().events().back().text, "1 flows");
    a.check();
}

/// A million flows must not stop the slow path: a part of the table each turn.
TEST_F(NoSpeaker, HostsAreAskedAFewAtATime) {
    Config c = uplink_config();
    c.limits = {4096, 32};
    SiteA many{std::move(c)};
    for (uint16_t port = 1; port <= 500; port++) {
        many.receive(lan, many.frame(lan).to(far).tcp(port, 80, tcp_syn));
    }
    many.change_address("10.0.1.2/24", "10.0.1.3/24");
    many.take(lan);
    size_t asked = 0;
    for (int turn = 0; turn < 100; turn++) {
        many.advance(from_ms(1));
        const size_t now = many.take(lan).size();
        EXPECT_LE(now, 64U);
        asked += now;
    }
    EXPECT_EQ(asked, 500U);
    many.check();
}

// ---- a basic peer that is not there

struct NobodyThere : testing::Test {
    void SetUp() override {
        for (const uint16_t port : std::initializer_list<uint16_t>{4000, 4001}) {
            a.receive(lan, a.frame(lan).tcp(port, 80, tcp_syn));
            far_says(port, "10.0.1.2", "", tcp_syn | tcp_ack);
            a.receive(lan, a.frame(lan).tcp(port, 80));
        }
        a.take(lan);
        a.take(wan);
    }
    void far_says(uint16_t port, const char* to, const std::string& text, uint8_t flags = tcp_ack) {
        a.receive(wan, a.frame(wan).from("10.9.0.10").to(to).tcp(80, port, flags).payload(text));
    }
    /// The far end's TCP knows no such flow.
    void answer_with_rst(uint16_t port) { far_says(port, "10.0.1.3", "", tcp_rst); }
    Lines host_says(uint16_t port, const std::string& text) {
        a.take(wan);
        a.receive(lan, a.frame(lan).tcp(port, 80).payload(text));
        return a.lines(wan);
    }
    /// Without notifications.
    Lines questions() {
        Lines out = a.lines(wan);
        std::erase_if(out, [](const std::string& l) { return l.starts_with("moved"); });
        return out;
    }
    SiteA a;
};

TEST_F(NobodyThere, OneFlowAsksAndTheOthersIfItIsSo) {
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_ms(900));
    EXPECT_EQ(questions(), Lines{}) << "notifications have their time";
    a.advance(from_ms(200));
    EXPECT_EQ(questions(), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80"});
    answer_with_rst(4000);
    a.take(lan);
    a.advance(from_ms(2));
    EXPECT_EQ(questions(), Lines{"tcp 10.0.1.3:4001 > 10.9.0.10:80"});
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000"}) << "the host is asked";
    EXPECT_EQ(host_says(4000, ""), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80"})
        << "as today's, so that the far end can refuse it";
    answer_with_rst(4000);
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 [R]"});
    a.check();
}

TEST_F(NobodyThere, BackToTheOldAddressIfThatServes) {
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, a.now);
    a.advance(from_ms(1100));
    for (const uint16_t port : std::initializer_list<uint16_t>{4000, 4001}) {
        answer_with_rst(port);
        a.advance(from_ms(2));
    }
    a.take(lan);
    EXPECT_EQ(host_says(4000, "home"), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 home"});
    EXPECT_EQ(host_says(4001, "too"), Lines{"tcp 10.0.1.2:4001 > 10.9.0.10:80 too"});
    a.advance(from_s(40));
    far_says(4000, "10.0.1.2", "drained?");
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 drained?"});
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    EXPECT_EQ(host_says(4000, "gone"), Lines{});
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 [R]"});
    a.check();
}

TEST_F(NobodyThere, WhoHasSpokenIsThere) {
    Bytes word(basic_notification_frame_bytes);
    encode({addr("10.9.0.10"), addr("10.19.0.10"), addr("10.0.1.2")}, 20,
           {a.ports[wan.value].mac, default_sender_mac}, word);
    a.receive(wan, std::vector<Bytes>{std::move(word)});
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_s(5));
    EXPECT_EQ(questions(), Lines{});
    a.check();
}

TEST_F(NobodyThere, ARstThatNobodyAskedForEndsNothing) {
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    answer_with_rst(4000);
    a.take(lan);
    a.advance(from_ms(10));
    EXPECT_EQ(host_says(4000, "lives"), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80 lives"});
    EXPECT_EQ(a.slow->exception_path().flows_ended(), 0U);
    a.check();
}

// ---- a peer with keys that was never heard

struct NeverHeard : testing::Test {
    void SetUp() override {
        a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_syn));
        a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000, tcp_syn_ack));
        a.receive(lan, a.frame(lan).tcp(4000, 80));
        a.take(lan);
        a.take(wan);
    }
    /// Without what is said to the peer.
    Lines host_says(const std::string& text) {
        a.take(wan);
        a.receive(lan, a.frame(lan).tcp(4000, 80).payload(text));
        return a.lines(wan);
    }
    static constexpr uint8_t tcp_syn_ack = tcp_syn | tcp_ack;
    SiteA a{secure_a(), identity_of(1, 1000)};
};

TEST_F(NeverHeard, ItsFlowsStayWhileTheOldAddressServes) {
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    a.slow->request_move({prefix("10.0.1.2"), prefix("10.0.1.3")}, a.now);
    a.advance(from_s(90));
    EXPECT_EQ(host_says("stays"), Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 stays"});
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000).payload("in"));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 in"}) << "as long as it does";
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    EXPECT_EQ(host_says("may be there"), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80 may be there"});
    a.check();
}

TEST_F(NeverHeard, HostsAreAskedWhenItIsGone) {
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_ms(30));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000"});
    EXPECT_EQ(host_says(""), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80"}) << "the far end answers";
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.0.1.3").tcp(80, 4000, tcp_rst));
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 [R]"});
    a.check();
}

} // namespace
} // namespace sacip::test
