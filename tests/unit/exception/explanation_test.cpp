// SPDX-License-Identifier: BSD-3-Clause
//
// Explanation: what `sacipctl why` says of a packet, held against what becomes of such a packet.
#include "tests/support/secure_sites.hpp"

namespace sacip::test {
namespace {

using Fate = Explanation::Fate;

PacketView packet(std::string_view from, uint16_t from_port, std::string_view to, uint16_t to_port,
                  IpProto proto = IpProto::tcp) {
    return {.source = addr(from),
            .destination = addr(to),
            .source_port = L4Port{from_port},
            .destination_port = L4Port{to_port},
            .proto = static_cast<uint8_t>(proto)};
}

Explanation why(const GatewayRig& rig, const PacketView& view) {
    return rig.slow->explain(view, rig.now);
}

bool says(const Explanation& e, std::string_view what) {
    return e.text.find(what) != std::string::npos;
}

TEST(Explanation, AKnownFlowGoesItsWay) {
    SecurePair pair;
    pair.handshake();
    const Explanation out = why(*pair.a, packet("10.1.0.10", 4000, "10.9.0.10", 80));
    EXPECT_EQ(out.fate, Fate::forward) << out.text;
    EXPECT_EQ(out.direction, Direction::outbound);
    EXPECT_EQ(out.reason, "");
    ASSERT_TRUE(out.flow && out.path && out.becomes);
    EXPECT_EQ(out.becomes->source, addr("10.0.1.2"));
    EXPECT_EQ(out.becomes->destination, addr("10.9.0.10"));

    const Explanation in = why(*pair.a, packet("10.9.0.10", 80, "10.0.1.2", 4000));
    EXPECT_EQ(in.fate, Fate::forward) << in.text;
    EXPECT_EQ(in.direction, Direction::inbound);
    EXPECT_EQ(in.becomes->destination, addr("10.1.0.10"));
    EXPECT_EQ(in.path, out.path);
}

TEST(Explanation, NewFlowsAndWhatIsNoneOfOurBusiness) {
    SecurePair pair;
    const struct {
        PacketView view;
        Fate fate;
        Direction direction;
        std::string_view reason, text;
    } cases[] = {
        {packet("10.1.0.10", 1, "10.9.0.10", 80), Fate::new_flow, Direction::outbound,
         "first_packet", "a host of peer b"},
        {packet("10.1.0.10", 1, "10.55.0.1", 80), Fate::new_flow, Direction::outbound,
         "first_packet", "with a host, which sees it as 10.0.1.2 > 10.55.0.1"},
        {packet("10.9.0.10", 1, "10.0.1.2", 80), Fate::new_flow, Direction::inbound, "first_packet",
         "for 10.1.0.10"},
        {packet("10.1.0.77", 1, "10.9.0.10", 80), Fate::to_linux, Direction::outbound, "",
         "in none of `hosts`"},
        {packet("10.1.0.10", 1, "10.1.0.1", 80), Fate::to_linux, Direction::outbound, "",
         "on our side"},
        {packet("10.0.1.2", 1, "10.9.0.10", 80), Fate::to_linux, Direction::outbound, "",
         "the gateway's own"},
        {packet("10.9.0.10", 1, "10.0.7.7", 80), Fate::to_linux, Direction::inbound, "",
         "stands for none of our hosts"},
        {packet("10.1.0.10", 1, "224.0.0.5", 80), Fate::to_linux, Direction::outbound, "ip_group",
         "group"},
        {packet("127.0.0.1", 1, "10.0.1.2", 80), Fate::drop, Direction::outbound, "ip_source", ""},
    };
    for (const auto& c : cases) {
        const Explanation e = why(*pair.a, c.view);
        EXPECT_EQ(e.fate, c.fate) << c.text;
        EXPECT_EQ(e.direction, c.direction) << c.text;
        EXPECT_EQ(e.reason, c.reason) << c.text;
        EXPECT_TRUE(says(e, c.text)) << e.text;
    }
    EXPECT_EQ(pair.a->flows->size(), 0U) << "an answer makes no flow";
    EXPECT_TRUE(pair.a->take(wan).empty()) << "nor does it ask anybody";
    pair.check();
}

/// The address that A has left belongs to somebody else, who uses the same ports.
TEST(Explanation, AStolenAddress) {
    SecurePair pair;
    pair.handshake();
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.settle();
    const PacketView newcomer = packet("10.0.1.2", 4000, "10.9.0.10", 80);

    const Explanation draining = why(*pair.b, newcomer);
    EXPECT_EQ(draining.fate, Fate::forward) << draining.text;
    EXPECT_EQ(draining.reason, "");
    EXPECT_TRUE(says(draining, "10.0.1.3 > 10.9.0.10 (move 1)")) << draining.text;
    EXPECT_TRUE(says(draining, "a new TCP connection is refused")) << draining.text;

    pair.run(1000); // what was under way has come
    const Explanation refused = why(*pair.b, newcomer);
    EXPECT_EQ(refused.fate, Fate::refuse);
    EXPECT_EQ(refused.reason, "flow_conflict");
    EXPECT_EQ(refused.text,
              "Refused: 10.0.1.2:4000 > 10.9.0.10:80 belongs to a live flow of a host of peer a "
              "that was set up as 10.0.1.2 and is now at 10.0.1.3 (move 1). The two must not be "
              "mixed; other ports work.");
    ASSERT_TRUE(refused.flow && refused.path);
    EXPECT_FALSE(refused.becomes);
    pair.b->receive(wan,
                    pair.b->frame(wan).from("10.0.1.2").to("10.9.0.10").tcp(4000, 80, tcp_syn));
    EXPECT_EQ(pair.b->dropped(DropReason::flow_conflict), 1U) << "and so it is";

    const Explanation other = why(*pair.b, packet("10.0.1.2", 4001, "10.9.0.10", 80));
    EXPECT_EQ(other.fate, Fate::new_flow) << other.text;
    EXPECT_TRUE(says(other, "with a host,")) << "the address is the peer's no more: " << other.text;

    // From inside: a flow whose answers would be taken for the old flow's.
    const Explanation crossing = why(*pair.b, packet("10.9.0.10", 80, "10.0.1.3", 4000));
    EXPECT_EQ(crossing.reason, "flow_conflict") << crossing.text;
    EXPECT_TRUE(says(crossing, "10.9.0.10:80 > 10.0.1.2:4000")) << crossing.text;
    pair.b->take(wan);
    pair.expect_alive("the old flow");
    pair.check();
}

TEST(Explanation, AnOverFlowMakesRoom) {
    SecurePair pair;
    pair.handshake();
    pair.a->change_address("10.0.1.2/24", "10.0.1.3/24");
    pair.run(1000);
    pair.from_b(pair.of_b().tcp(80, 4000, tcp_rst));
    const Explanation e = why(*pair.b, packet("10.0.1.2", 4000, "10.9.0.10", 80));
    EXPECT_EQ(e.fate, Fate::new_flow) << e.text;
}

TEST(Explanation, WhatWaitsSaysForWhat) {
    SecurePair pair;
    pair.handshake();
    const PacketView known = packet("10.1.0.10", 4000, "10.9.0.10", 80);
    pair.a->del_neighbour(wan, "10.0.1.1");
    pair.a->notice();
    const Explanation next_hop = why(*pair.a, known);
    EXPECT_EQ(next_hop.fate, Fate::hold);
    EXPECT_EQ(next_hop.reason, "neighbour");
    EXPECT_TRUE(says(next_hop, "10.0.1.1 does not answer")) << next_hop.text;

    pair.a->add_neighbour(wan, "10.0.1.1");
    pair.a->del_address(wan, "10.0.1.2/24");
    pair.a->notice();
    pair.a->advance(from_ms(50));
    const Explanation lost = why(*pair.a, known);
    EXPECT_EQ(lost.fate, Fate::hold) << lost.text;
    EXPECT_EQ(lost.reason, "hold");
    EXPECT_TRUE(says(lost, "10.0.1.2 is lost and nothing stands for it yet (move 1)")) << lost.text;
    const Explanation fresh = why(*pair.a, packet("10.1.0.10", 5, "10.9.0.10", 80));
    EXPECT_EQ(fresh.fate, Fate::hold) << fresh.text;
    EXPECT_TRUE(says(fresh, "nothing stands for 10.1.0.10")) << fresh.text;
}

/// A peer that may have moved: the middle of a flow waits for its word.
TEST(Explanation, APeerThatMayHaveMoved) {
    SecurePair pair;
    pair.handshake();
    const Explanation e = why(*pair.b, packet("10.0.1.3", 4000, "10.9.0.10", 80));
    EXPECT_EQ(e.fate, Fate::wait) << e.text;
    EXPECT_TRUE(says(e, "may have moved to 10.0.1.3")) << e.text;
}

TEST(Explanation, TheGatewaysOwnSockets) {
    SiteA a{box_config()};
    a.obey_actions();
    a.notice();
    const Explanation out = why(a, packet("10.0.1.2", 5000, "10.9.0.10", 80));
    EXPECT_EQ(out.fate, Fate::new_flow) << out.text;
    EXPECT_EQ(out.becomes->source, addr("10.0.1.2"));
    const Explanation in = why(a, packet("10.9.0.10", 5000, "10.0.1.2", 22));
    EXPECT_EQ(in.fate, Fate::new_flow) << in.text;
    EXPECT_EQ(in.becomes->destination, addr("10.0.1.2"));
    EXPECT_TRUE(says(in, "a basic peer")) << in.text;
}

/// As box_test.cpp has them leave.
TEST(Explanation, SocketsOfTheGatewayByTheirAddress) {
    SiteA a{box_config()};
    a.host.upsert(AddressInfo{loopback, addr("10.255.0.1"), 32});
    a.obey_actions();
    a.notice();
    const Explanation other = why(a, packet("10.255.0.1", 5000, "10.9.0.10", 80));
    EXPECT_EQ(other.fate, Fate::to_linux) << other.text;
    const Explanation inside = why(a, packet("10.1.0.1", 5000, "10.9.0.10", 80));
    EXPECT_EQ(inside.fate, Fate::new_flow) << inside.text;
    EXPECT_EQ(inside.becomes->source, addr("10.0.1.2"));
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    const Explanation shadow = why(a, packet("10.0.1.2", 5000, "10.9.0.10", 80));
    EXPECT_EQ(shadow.fate, Fate::new_flow) << shadow.text;
    EXPECT_EQ(shadow.becomes->source, addr("10.0.1.3"));
}

} // namespace
} // namespace sacip::test
