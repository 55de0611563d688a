// SPDX-License-Identifier: BSD-3-Clause
//
// What a peer may say of where it is, and what comes of it: gateway A whole, and a far end B that
// says whatever a test makes it say, with the right key.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

/// Gateway A, and whoever has B's key; all by ICMP.
struct FarEnd {
    explicit FarEnd(Config config = secure_a()) : a{std::move(config), identity_of(1, 1000)} {}

    static BindEntry entry(std::string_view original, std::string_view active,
                           uint32_t lifetime = 3600) {
        return {prefix(original), prefix(active), 0, lifetime};
    }
    /// A message with the next sequence, sealed for these addresses; its length.
    size_t say(const SecureBody& body, std::string_view from, uint16_t flags = 0) {
        const SecureHeader header{keys.sender, keys.epoch, {++sequence}, flags};
        a.receive(wan, {sealed_frame(a, keys, header, body, addr(from))});
        std::array<std::byte, secure_message_max_bytes> message;
        return encode(header, body, message);
    }
    /// What the gateway said since the last look, by ICMP; the rest that left goes to `sent`.
    std::vector<Said> heard() {
        std::vector<Said> out;
        for (Bytes& bytes : a.take(wan)) {
            if (!is_notification(bytes)) {
                sent.push_back(std::move(bytes));
                continue;
            }
            if (Said said = said_in(bytes, keys); said.route.carrier == Carrier::icmp) {
                out.push_back(std::move(said));
            }
        }
        return out;
    }
    /// A flow, and A's challenge answered: A knows B's epoch and that it is at 10.9.0.10.
    void greet() {
        a.receive(lan, a.frame(lan).from("10.1.0.10").to("10.9.0.10").tcp(4000, 80, tcp_syn));
        Challenge challenge;
        for (const Said& said : heard()) {
            challenge = std::get<Hello>(said.body).challenge;
        }
        say(HelloAck{{}, 0, WireChecksum::wire, {}, challenge}, "10.9.0.10");
        agree();
        sent.clear();
    }
    /// Acknowledges what A says of itself.
    void agree() {
        for (const Said& said : heard()) {
            if (std::holds_alternative<Bind>(said.body)) {
                say(BindAck{said.header.epoch, said.header.sequence, {}, {}, {}},
                    said.route.addresses.destination.to_text());
            }
        }
    }
    struct Answer {
        IpAddr to;
        BindAck ack;
    };
    /// Says a BIND; A's answer to it.
    Answer bind(const std::vector<BindEntry>& entries, std::string_view from = "10.9.0.10",
                bool lost = false, const Challenge& echo = {}) {
        Bind what;
        what.echo = echo;
        for (const BindEntry& e : entries) {
            EXPECT_TRUE(what.add(e));
        }
        bind_bytes = say(what, from, lost ? flag_old_address_lost : 0);
        std::vector<Answer> answers;
        for (const Said& said : heard()) {
            if (const auto* ack = std::get_if<BindAck>(&said.body);
                ack != nullptr && ack->sequence == Sequence{sequence}) {
                answers.push_back({said.route.addresses.destination, *ack});
            }
        }
        EXPECT_EQ(answers.size(), 1U) << "answers to a BIND";
        return answers.empty() ? Answer{} : answers.back();
    }
    /// B, at its new address, says the BIND again with what it received there.
    Answer prove(const std::vector<BindEntry>& entries, const Answer& asked, bool lost = false) {
        return bind(entries, asked.to.to_text(), lost, asked.ack.challenge);
    }
    /// The host says so; where it goes to.
    Lines host_says(const std::string& text, std::string_view to = "10.9.0.10",
                    uint16_t port = 4000) {
        a.receive(lan, a.frame(lan).from("10.1.0.10").to(to).tcp(port, 80).payload(text));
        return left();
    }
    /// The host begins another flow.
    void open(std::string_view to, uint16_t port = 4000) {
        a.receive(lan, a.frame(lan).from("10.1.0.10").to(to).tcp(port, 80, tcp_syn));
        a.advance(from_ms(30)); // and A mentions it
        agree();
        sent.clear();
    }
    /// Data that left by the wan since the last look.
    Lines left() {
        heard();
        Lines out;
        for (const Bytes& bytes : std::exchange(sent, {})) {
            const std::byte* ip = bytes.data() + ether_header_bytes;
            Bytes copy = bytes;
            out.push_back(ipv4::destination(ip).to_text() + ' ' + payload_of(bytes, view_of(copy)));
        }
        return out;
    }
    /// B says so from there; what reaches the host.
    Lines far_says(const std::string& text, std::string_view from, uint16_t port = 4000) {
        a.receive(wan, a.frame(wan).from(from).to("10.0.1.2").tcp(80, port).payload(text));
        return a.lines(lan);
    }
    const Peer& peer() const { return a.slow->peer_session()->peers()[{0}]; }
    const BindingCache& cache() const { return a.slow->cache(); }
    IpAddr active_of(std::string_view original) const {
        for (const RemoteId id : cache().remotes_of_peer({0})) {
            if (cache().at(id).original == addr(original)) {
                return cache().at(id).active;
            }
        }
        return {};
    }

    SiteA a;
    Identity keys{identity_of(2, 1000)};
    uint64_t sequence{0};
    size_t bind_bytes{0}; ///< of the last BIND
    std::vector<Bytes> sent;
};

Config anywhere() {
    Config c = secure_a();
    c.peers[0].roam_to = {prefix("0.0.0.0/0")};
    return c;
}

class BindReceiverTest : public testing::Test {
protected:
    ~BindReceiverTest() override { b_.a.check(); }
    void SetUp() override { b_.greet(); }

    FarEnd b_;
};

// ---- may it?

class Authorisation : public testing::Test {
protected:
    /// A good entry beside the bad one: neither comes true.
    static void expect_refused(Config config, std::string_view original, std::string_view active) {
        SCOPED_TRACE(std::string{original} + " at " + std::string{active});
        FarEnd b{std::move(config)};
        b.greet();
        for (const bool lost : {false, true}) {
            const auto before = b.a.dropped(DropReason::notification_unauthorised);
            const auto answer =
                b.bind({FarEnd::entry("10.9.0.10", "10.19.0.10"), FarEnd::entry(original, active)},
                       "10.9.0.10", lost);
            EXPECT_EQ(answer.ack.status, BindStatus::refused);
            EXPECT_EQ(answer.ack.reason, BindReason::unauthorised);
            EXPECT_EQ(answer.to, addr("10.9.0.10"));
            EXPECT_EQ(b.a.dropped(DropReason::notification_unauthorised), before + 1);
            EXPECT_TRUE(b.cache().claims().of({0}).empty());
            EXPECT_TRUE(b.peer().trials.empty());
            EXPECT_EQ(b.host_says("x"), Lines{"10.9.0.10 x"});
        }
        b.a.check();
    }
};

TEST_F(Authorisation, OriginalsThatAreNotThePeers) {
    expect_refused(secure_a(), "10.8.0.1", "10.19.0.1");
    expect_refused(secure_a(), "10.9.0.0/16", "10.19.0.0/16");
    expect_refused(secure_a(), "10.9.1.0/24", "10.19.1.0/24");
    expect_refused(secure_a(), "10.19.0.10", "10.19.0.11"); // where it may roam: not its own
    expect_refused(secure_a(), "0.0.0.0/0", "0.0.0.0/0");
}

TEST_F(Authorisation, OriginalsThatAreOurs) {
    Config c = secure_a();
    c.peers[0].addresses = {prefix("10.0.0.0/8")};
    for (const char* ours : {"10.0.1.2", "10.1.0.1", "10.1.0.10", "10.0.1.0/24", "10.1.0.0/24"}) {
        expect_refused(c, ours, IpPrefix{addr("10.19.0.0"), prefix(ours).length()}.to_text());
    }
}

TEST_F(Authorisation, ActivesOutsideOfWhereItMayRoam) {
    expect_refused(secure_a(), "10.9.0.11", "192.0.2.1");
    expect_refused(secure_a(), "10.9.0.11", "11.0.0.0");
    Config c = secure_a();
    c.peers[0].roam_to = {prefix("10.19.0.0/25")};
    expect_refused(c, "10.9.0.0/24", "10.19.0.0/24");
    expect_refused(c, "10.9.0.11", "10.19.0.128");
}

TEST_F(Authorisation, ActivesThatNoHostCanHave) {
    for (const char* never :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.255.255",
          "224.0.0.0", "239.255.255.255", "240.0.0.1", "255.255.255.255", "0.0.0.0/24",
          "127.1.2.0/24", "169.254.7.0/24", "224.0.0.0/24", "255.255.255.0/24"}) {
        const bool host = prefix(never).is_host();
        expect_refused(anywhere(), host ? "10.9.0.11" : "10.9.0.0/24", never);
    }
}

TEST_F(Authorisation, ActivesThatAreOurs) {
    for (const char* ours : {"10.0.1.2", "10.1.0.1", "10.1.0.10"}) {
        expect_refused(anywhere(), "10.9.0.11", ours);
    }
    for (const char* around : {"10.0.1.0/24", "10.1.0.0/24"}) {
        expect_refused(anywhere(), "10.9.0.0/24", around);
    }
}

/// Linux would broadcast what is sent there (RFC 1812 §5.3.5.2).
TEST_F(Authorisation, BroadcastsOfOurOwnNetworks) {
    expect_refused(anywhere(), "10.9.0.11", "10.0.1.255");
    expect_refused(anywhere(), "10.9.0.11", "10.1.0.255");
}

/// An explanation says what a flow was set up with: no way around the rules for BIND.
TEST_F(Authorisation, ExplanationsOfOtherPeoplesFlows) {
    FarEnd b;
    b.greet();
    b.a.receive(wan, b.a.frame(wan).from("10.9.0.11").to("10.0.1.2").tcp(80, 5000).payload("x"));
    b.a.advance(from_ms(2));
    bool asked = false;
    for (const Said& said : b.heard()) {
        if (const auto* solicit = std::get_if<Solicit>(&said.body); solicit != nullptr && !asked) {
            asked = true;
            b.say(
                SolicitAck{solicit->tuple, addr("8.8.8.8"), addr("10.0.1.2"), SolicitStatus::known},
                "10.9.0.11");
        }
    }
    EXPECT_TRUE(asked);
    b.a.advance(from_ms(400));
    for (const std::string& line : b.a.lines(lan)) {
        EXPECT_EQ(line.find("8.8.8.8"), std::string::npos) << line;
    }
    for (const RemoteId id : b.cache().remotes()) {
        EXPECT_NE(b.cache().at(id).original, addr("8.8.8.8"));
    }
    b.a.check();
}

// ---- has it proved it?

TEST_F(BindReceiverTest, AnUnprovenAddressIsAcceptedButNotUsedWhileTheOldOneServes) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    const auto asked = b_.bind(claim);
    EXPECT_EQ(asked.ack.status, BindStatus::validate);
    EXPECT_EQ(asked.to, addr("10.19.0.10")) << "to the address that is to be proved";
    EXPECT_FALSE(asked.ack.challenge.is_zero());
    EXPECT_EQ(b_.host_says("1"), Lines{"10.9.0.10 1"});
    EXPECT_EQ(b_.far_says("2", "10.19.0.10"), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 2"});
    EXPECT_EQ(b_.far_says("3", "10.9.0.10"), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 3"});

    EXPECT_EQ(b_.prove(claim, asked).ack.status, BindStatus::applied);
    EXPECT_EQ(b_.host_says("4"), Lines{"10.19.0.10 4"});
    EXPECT_EQ(b_.far_says("5", "10.19.0.10"), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 5"});
    EXPECT_EQ(b_.far_says("6", "10.9.0.10"), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 6"})
        << "what was under way";
    EXPECT_TRUE(b_.peer().trials.empty());
}

TEST_F(BindReceiverTest, TheEchoOfAnotherAddressProvesNothing) {
    const auto to_second = b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.11")});
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    const auto asked = b_.bind(claim);
    EXPECT_EQ(asked.to, addr("10.19.0.10"));
    EXPECT_NE(asked.ack.challenge, to_second.ack.challenge);
    EXPECT_EQ(b_.bind(claim, "10.19.0.10", false, to_second.ack.challenge).ack.status,
              BindStatus::validate);
    EXPECT_EQ(b_.host_says("x"), Lines{"10.9.0.10 x"});
    EXPECT_EQ(b_.bind(claim, "10.19.0.10").ack.challenge, asked.ack.challenge) << "still open";
    EXPECT_EQ(b_.prove(claim, asked).ack.status, BindStatus::applied);
}

TEST_F(BindReceiverTest, WithoutProofNothingChangesAndTheTrialEnds) {
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")});
    b_.a.advance(from_ms(990));
    EXPECT_EQ(b_.peer().trials.size(), 1U);
    b_.a.advance(from_ms(30));
    EXPECT_TRUE(b_.peer().trials.empty());
    EXPECT_TRUE(b_.cache().claims().of({0}).empty());
    EXPECT_EQ(b_.host_says("x"), Lines{"10.9.0.10 x"});
}

TEST_F(BindReceiverTest, AfterALossTheNewAddressGetsThreeTimesWhatCameFromThere) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    const auto asked = b_.bind(claim, "10.19.0.10", true);
    EXPECT_EQ(asked.ack.status, BindStatus::validate);
    const std::string text(60, 'x'); // 100 bytes of IP
    const size_t allowed = 3 * b_.bind_bytes / 100;
    ASSERT_GE(allowed, 2U);
    for (size_t i = 0; i < allowed; i++) {
        EXPECT_EQ(b_.host_says(text), Lines{"10.19.0.10 " + text});
    }
    EXPECT_EQ(b_.host_says(text), Lines{});
    EXPECT_EQ(b_.host_says("s"), Lines{}) << "nothing overtakes what waits";
    EXPECT_EQ(b_.a.slow_counters.held.get(), 2U);

    EXPECT_EQ(b_.prove(claim, asked, true).ack.status, BindStatus::applied);
    EXPECT_EQ(b_.left(), (Lines{"10.19.0.10 " + text, "10.19.0.10 s"}));
    EXPECT_EQ(b_.host_says("after"), Lines{"10.19.0.10 after"});
}

TEST_F(BindReceiverTest, WithoutProofTheLastProvedAddressComesBack) {
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")}, "10.19.0.10", true);
    while (!b_.host_says("spent").empty()) {
    }
    b_.a.advance(from_ms(980));
    EXPECT_EQ(b_.left(), Lines{});
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.19.0.10"));
    b_.a.advance(from_ms(40));
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.9.0.10"));
    EXPECT_EQ(b_.left(), Lines{"10.9.0.10 spent"}) << "what waited";
    EXPECT_EQ(b_.host_says("x"), Lines{"10.9.0.10 x"});
    EXPECT_EQ(std::ranges::count(b_.a.slow->events().events(), EventKind::reverted, &Event::kind),
              1);
}

/// Not the one before: that was never proved either.
TEST_F(BindReceiverTest, AfterTwoUnprovenOnesTheLastProvedAddressComesBack) {
    const auto first = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(first, b_.bind(first));
    b_.bind({FarEnd::entry("10.9.0.10", "10.29.0.10")}, "10.29.0.10", true);
    b_.a.advance(from_ms(500));
    b_.bind({FarEnd::entry("10.9.0.10", "10.39.0.10")}, "10.39.0.10", true);
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.39.0.10"));
    b_.a.advance(from_ms(1050));
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.19.0.10"));
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"});
}

/// One for the first address of the prefix is another claim.
TEST_F(BindReceiverTest, OfAPrefixTheLastProvedPlaceComesBack) {
    const std::vector<BindEntry> around{FarEnd::entry("10.9.0.8/29", "10.19.0.8/29")};
    const std::vector<BindEntry> first{FarEnd::entry("10.9.0.8", "10.18.0.8")};
    b_.prove(around, b_.bind(around));
    b_.prove(first, b_.bind(first));
    EXPECT_EQ(b_.bind(around).ack.status, BindStatus::applied) << "as before";
    b_.bind({FarEnd::entry("10.9.0.8/29", "10.39.0.8/29")}, "10.39.0.10", true);
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.39.0.10"));
    b_.a.advance(from_ms(1050));
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.19.0.10"));
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"});
}

TEST_F(BindReceiverTest, ATrialThatWasCutShortLeavesNoDebt) {
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")}, "10.19.0.10", true);
    while (!b_.host_says("spent").empty()) {
    }
    b_.bind({FarEnd::entry("10.9.0.10", "10.29.0.10")}, "10.29.0.10", true);
    b_.a.advance(from_ms(1050));
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.9.0.10"));
    b_.left();
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")}, "10.19.0.10", true);
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"}) << "a new trial, a new allowance";
}

TEST_F(BindReceiverTest, AlwaysMeansNotAByteBeforeTheProof) {
    Config c = secure_a();
    c.peers[0].path_validation = PathValidation::always;
    FarEnd b{std::move(c)};
    b.greet();
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    const auto asked = b.bind(claim, "10.19.0.10", true);
    EXPECT_EQ(b.host_says("1"), Lines{});
    EXPECT_EQ(b.far_says("2", "10.19.0.10"), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 2"});
    EXPECT_EQ(b.host_says("3"), Lines{});
    EXPECT_EQ(b.prove(claim, asked, true).ack.status, BindStatus::applied);
    EXPECT_EQ(b.left(), (Lines{"10.19.0.10 1", "10.19.0.10 3"}));
    b.a.check();
}

TEST_F(BindReceiverTest, AWholePrefixIsProvedByOneAddressInIt) {
    b_.open("10.9.0.11");
    const auto claim = {FarEnd::entry("10.9.0.0/24", "10.19.0.0/24")};
    const auto asked = b_.bind(claim);
    EXPECT_TRUE(prefix("10.19.0.0/24").contains(asked.to));
    EXPECT_EQ(b_.prove(claim, asked).ack.status, BindStatus::applied);
    EXPECT_EQ(b_.active_of("10.9.0.10"), addr("10.19.0.10"));
    EXPECT_EQ(b_.active_of("10.9.0.11"), addr("10.19.0.11"));
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"});
}

/// A claim for one host that ends leaves it to the one for the prefix around.
TEST_F(BindReceiverTest, WhatNoClaimNamesAnyMoreFollowsTheOneAround) {
    for (const bool withdrawn : {true, false}) {
        FarEnd b;
        b.greet();
        const std::vector<BindEntry> here{FarEnd::entry("10.9.0.10", "10.18.0.10", 2)};
        const std::vector<BindEntry> around{FarEnd::entry("10.9.0.0/24", "10.19.0.0/24")};
        b.prove(here, b.bind(here));
        b.prove(around, b.bind(around));
        EXPECT_EQ(b.active_of("10.9.0.10"), addr("10.18.0.10"));
        if (withdrawn) {
            b.bind({FarEnd::entry("10.9.0.10", "10.18.0.10", 0)}, "10.19.0.10");
        } else {
            b.a.advance(from_s(3));
            b.heard();
            b.bind(around, "10.19.0.10");
        }
        EXPECT_EQ(b.active_of("10.9.0.10"), addr("10.19.0.10"))
            << (withdrawn ? "withdrawn" : "ended");
        b.a.check();
    }
}

/// One entry is proved already, the other one is not: the first does not wait for the second.
TEST_F(BindReceiverTest, WhatIsProvedDoesNotWaitForWhatIsNot) {
    b_.open("10.9.0.11");
    const auto there = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(there, b_.bind(there));
    b_.bind({FarEnd::entry("10.9.0.10", "10.9.0.10")});
    EXPECT_EQ(b_.host_says("home"), Lines{"10.9.0.10 home"});
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10"), FarEnd::entry("10.9.0.11", "10.29.0.11")},
            "10.19.0.10", true);
    for (int i = 0; i < 20; i++) {
        ASSERT_EQ(b_.host_says("to the proved one"), Lines{"10.19.0.10 to the proved one"}) << i;
    }
    EXPECT_EQ(b_.active_of("10.9.0.11"), addr("10.29.0.11"));
    b_.a.advance(from_ms(1050));
    EXPECT_EQ(b_.active_of("10.9.0.11"), addr("10.9.0.11"));
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"});
}

// ---- how long

TEST_F(BindReceiverTest, LifetimeZeroWithdraws) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    ASSERT_EQ(b_.cache().claims().of({0}).size(), 1U);
    EXPECT_EQ(b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10", 0)}).ack.status,
              BindStatus::applied);
    EXPECT_TRUE(b_.cache().claims().of({0}).empty());
    EXPECT_EQ(b_.bind({FarEnd::entry("10.9.0.11", "10.19.0.11", 0)}).ack.status,
              BindStatus::applied)
        << "not known, withdrawn all the same";
    EXPECT_EQ(b_.bind({FarEnd::entry("10.8.0.1", "10.19.0.11", 0)}).ack.status, BindStatus::refused)
        << "only what is its own";
}

TEST_F(BindReceiverTest, ATrialCanBeWithdrawn) {
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")});
    EXPECT_EQ(b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10", 0)}).ack.status,
              BindStatus::applied);
    EXPECT_TRUE(b_.peer().trials.empty());
    b_.a.advance(from_s(2));
    EXPECT_EQ(b_.host_says("x"), Lines{"10.9.0.10 x"});
}

/// Nothing may wait for a proof that nobody will ask for.
TEST_F(BindReceiverTest, ATrialInUseThatIsWithdrawnLeavesNobodyWaiting) {
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10")}, "10.19.0.10", true);
    b_.bind({FarEnd::entry("10.9.0.10", "10.19.0.10", 0)}, "10.19.0.10");
    EXPECT_TRUE(b_.peer().trials.empty());
    b_.left();
    b_.a.advance(from_s(2));
    for (int i = 0; i < 20; i++) {
        ASSERT_EQ(b_.host_says("x").size(), 1U) << i;
    }
}

TEST_F(BindReceiverTest, AClaimEndsWithItsLifetime) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10", 10)};
    b_.prove(claim, b_.bind(claim));
    b_.a.advance(from_s(9));
    EXPECT_EQ(b_.cache().claims().of({0}).size(), 1U);
    b_.a.advance(from_s(2));
    EXPECT_TRUE(b_.cache().claims().of({0}).empty());
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"}) << "the flow stays";
}

TEST_F(BindReceiverTest, WhatNobodyNeedsIsForgotten) {
    const auto claims = {FarEnd::entry("10.9.0.10", "10.9.0.10"),
                         FarEnd::entry("10.9.0.77", "10.9.0.77")};
    EXPECT_EQ(b_.bind(claims).ack.status, BindStatus::applied);
    b_.a.advance(from_s(59));
    EXPECT_EQ(b_.cache().claims().of({0}).size(), 2U);
    b_.a.advance(from_s(2));
    ASSERT_EQ(b_.cache().claims().of({0}).size(), 1U);
    EXPECT_EQ(b_.cache().claims().of({0})[0].original, prefix("10.9.0.10"));
}

/// What is said again takes no room.
TEST_F(BindReceiverTest, AsManyAsThereIsRoomForCanBeSaidAgain) {
    const auto part = [](unsigned from, unsigned count) {
        std::vector<BindEntry> out;
        for (unsigned i = from; i < from + count; i++) {
            const IpPrefix p = IpPrefix::host(Ipv4Addr{10, 9, 0, static_cast<uint8_t>(i)});
            out.push_back({p, p, 0, 3600});
        }
        return out;
    };
    for (const char* round : {"first", "again"}) {
        for (unsigned from = 0; from < 250; from += 25) {
            ASSERT_EQ(b_.bind(part(from, 25)).ack.status, BindStatus::applied)
                << round << ", from " << from;
        }
        EXPECT_EQ(b_.cache().claims().of({0}).size(), 250U);
    }
}

TEST_F(BindReceiverTest, MoreThanThereIsRoomForIsRefused) {
    Config c = secure_a();
    c.peers[0].addresses = {prefix("10.9.0.0/16")};
    FarEnd b{std::move(c)};
    b.greet();
    BindStatus last = BindStatus::applied;
    for (unsigned i = 0; i < 300 && last == BindStatus::applied; i++) {
        const IpPrefix p = IpPrefix::host(
            Ipv4Addr{10, 9, static_cast<uint8_t>(1 + i / 250), static_cast<uint8_t>(i % 250)});
        const auto answer = b.bind({{p, p, 0, 3600}});
        last = answer.ack.status;
        EXPECT_EQ(answer.ack.reason,
                  last == BindStatus::applied ? BindReason::none : BindReason::capacity);
    }
    EXPECT_EQ(last, BindStatus::refused);
    EXPECT_EQ(b.cache().claims().of({0}).size(), 256U);
}

// ---- who else

TEST_F(BindReceiverTest, ANewcomerAtTheLeftAddressIsNotThePeer) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    EXPECT_EQ(b_.host_says("to the newcomer", "10.9.0.10", 5000), Lines{});
    b_.a.advance(from_s(31)); // drained
    b_.a.receive(wan, b_.a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(7, 5002, tcp_syn));
    EXPECT_EQ(b_.a.lines(lan), Lines{"tcp 10.9.0.10:7 > 10.1.0.10:5002 [S]"});
    for (const RemoteId id : b_.cache().remotes_active_at(addr("10.9.0.10"))) {
        EXPECT_FALSE(b_.cache().at(id).speaker.is_secure());
    }
    const auto next = {FarEnd::entry("10.9.0.10", "10.29.0.10")};
    b_.prove(next, b_.bind(next, "10.19.0.10"));
    EXPECT_EQ(b_.host_says("peer"), Lines{"10.29.0.10 peer"});
    b_.a.receive(
        lan, b_.a.frame(lan).from("10.1.0.10").to("10.9.0.10").tcp(5002, 7).payload("newcomer"));
    EXPECT_EQ(b_.left(), Lines{"10.9.0.10 newcomer"});
}

/// FTP's active mode, SIP: the application has the address from the session.
TEST_F(BindReceiverTest, WhatASessionBeginsFollowsItAsLongAsItLives) {
    const auto begin = [&](uint16_t port) {
        b_.a.receive(lan, b_.a.frame(lan).from("10.1.0.10").to("10.9.0.10").tcp(port, 20, tcp_syn));
        return b_.left();
    };
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    EXPECT_EQ(begin(5001), Lines{"10.19.0.10 "});
    b_.a.receive(wan, b_.a.frame(wan).from("10.19.0.10").to("10.0.1.2").tcp(20, 5001).payload("x"));
    EXPECT_EQ(b_.a.lines(lan), Lines{"tcp 10.9.0.10:20 > 10.1.0.10:5001 x"});
    b_.a.advance(from_s(245)); // both are forgotten
    EXPECT_EQ(begin(5002), Lines{"10.9.0.10 "}) << "whoever has it now";
}

TEST_F(BindReceiverTest, HostsWithoutASessionReachWhoeverHasTheAddressNow) {
    Config config = secure_a();
    config.hosts.push_back(routed("10.3.0.0/24", "10.3.0.0/24"));
    FarEnd b{std::move(config)};
    b.greet();
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b.prove(claim, b.bind(claim));
    b.a.receive(lan, b.a.frame(lan).from("10.3.0.7").to("10.9.0.10").tcp(5001, 20, tcp_syn));
    EXPECT_EQ(b.left(), Lines{"10.9.0.10 "});
    b.a.check();
}

TEST_F(BindReceiverTest, TheNextHostAtTheOldAddressDoesNotSpeakForTheFlow) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim), true); // proved, and the old one is lost
    b_.a.advance(from_ms(600));
    EXPECT_EQ(b_.far_says("from nobody", "10.9.0.10"), Lines{}) << "drained in half a second";
    EXPECT_EQ(b_.far_says("from the peer", "10.19.0.10"),
              Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4000 from the peer"});
}

// ---- flows that the word of a move has overtaken

/// A SYN from B's host, and the host's answer to it; where that goes to.
Lines answer_to_syn(FarEnd& b, std::string_view from, uint16_t port) {
    b.a.take(lan);
    b.a.receive(wan, b.a.frame(wan).from(from).to("10.0.1.2").tcp(port, 80, tcp_syn));
    EXPECT_EQ(b.a.lines(lan).size(), 1U) << "the SYN from " << from;
    b.a.receive(lan, b.a.frame(lan)
                         .from("10.1.0.10")
                         .to(from)
                         .tcp(80, port, tcp_syn | tcp_ack)
                         .payload("welcome"));
    return b.left();
}

TEST_F(BindReceiverTest, ASynThatTheBindOvertookIsThePeers) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.10", 6000), Lines{"10.19.0.10 welcome"});
    b_.a.receive(
        wan, b_.a.frame(wan).from("10.9.0.10").to("10.0.1.2").tcp(6000, 80).payload("its next"));
    EXPECT_EQ(b_.a.lines(lan), Lines{"tcp 10.9.0.10:6000 > 10.1.0.10:80 its next"});
    const auto next = {FarEnd::entry("10.9.0.10", "10.29.0.10")};
    b_.prove(next, b_.bind(next, "10.19.0.10"));
    b_.a.receive(lan, b_.a.frame(lan).from("10.1.0.10").to("10.9.0.10").tcp(80, 6000).payload("x"));
    EXPECT_EQ(b_.left(), Lines{"10.29.0.10 x"}) << "it follows";
}

TEST_F(BindReceiverTest, ALostAddressIsThePeersForFourRoundTripsAndAMoment) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim), true);
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.10", 6000), Lines{"10.19.0.10 welcome"});
    b_.a.advance(from_ms(600));
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.10", 6001), Lines{"10.9.0.10 welcome"})
        << "its next owner's";
}

TEST_F(BindReceiverTest, ALeftAddressThatGoesLaterIsThePeersNoLonger) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    b_.bind(claim, "10.19.0.10", true);
    b_.a.advance(from_ms(600));
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.10", 6000), Lines{"10.9.0.10 welcome"});
}

TEST_F(BindReceiverTest, BackHomeNothingIsLeft) {
    const auto claim = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.prove(claim, b_.bind(claim));
    b_.bind({FarEnd::entry("10.9.0.10", "10.9.0.10")}, "10.19.0.10");
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.10", 6000), Lines{"10.9.0.10 welcome"});
    EXPECT_EQ(b_.cache().at(b_.cache().remotes_active_at(addr("10.9.0.10"))[0]).speaker.kind(),
              Speaker::Kind::secure);
}

/// One that the peer does not know to be at another address than it was set up with: its first
/// packet was lost, and came again from where it is now.
TEST_F(BindReceiverTest, WhatBeganAtAPlaceLeavesItWithThePeer) {
    const auto there = {FarEnd::entry("10.9.0.10", "10.9.0.20")};
    b_.prove(there, b_.bind(there));
    EXPECT_EQ(answer_to_syn(b_, "10.9.0.20", 6000), Lines{"10.9.0.20 welcome"});
    const auto next = {FarEnd::entry("10.9.0.10", "10.9.0.30")};
    for (const bool proved : {false, true}) {
        proved ? b_.prove(next, b_.bind(next, "10.9.0.20")) : b_.bind(next, "10.9.0.20");
        b_.a.receive(lan,
                     b_.a.frame(lan).from("10.1.0.10").to("10.9.0.20").tcp(80, 6000).payload("x"));
        EXPECT_EQ(b_.left(), Lines{proved ? "10.9.0.30 x" : "10.9.0.20 x"});
    }
}

// ---- what else a peer may say

TEST_F(BindReceiverTest, AnOlderBindChangesNothing) {
    const auto there = {FarEnd::entry("10.9.0.10", "10.19.0.10")};
    b_.sequence += 2;
    b_.prove(there, b_.bind(there));
    b_.sequence -= 4;
    const auto stale = b_.bind({FarEnd::entry("10.9.0.10", "10.9.0.10")});
    EXPECT_EQ(stale.ack.status, BindStatus::stale);
    EXPECT_EQ(b_.host_says("x"), Lines{"10.19.0.10 x"});
}

/// The time in an answer to a PROBE is what we had put there, if the peer is honest.
TEST_F(BindReceiverTest, AProbeThatWasNeverSentIsNotTimed) {
    for (const uint64_t when :
         {uint64_t{0}, uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX, uint64_t{INT64_MAX}}) {
        ProbeAck ack;
        ack.send_time = when;
        b_.say(ack, "10.9.0.10");
        const auto rtt = b_.peer().association.smoothed_rtt();
        EXPECT_TRUE(!rtt || (*rtt >= Nanos{0} && *rtt < from_s(60))) << when;
        EXPECT_LT(b_.peer().association.rto(), from_s(60)) << when;
    }
}

} // namespace
} // namespace sacip::test
