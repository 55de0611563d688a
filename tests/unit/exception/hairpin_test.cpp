// SPDX-License-Identifier: BSD-3-Clause
//
// Hosts inside that speak to each other by their outside addresses.
//
//   10.1.0.4, 10.1.0.10, 10.1.0.11 ── lan  A  wan 10.0.1.2
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

Config prefix_config() {
    Config c = uplink_config();
    c.hosts = {routed("10.1.0.0/24", "203.0.113.0/24")};
    return c;
}

struct Neighbours : SiteA {
    explicit Neighbours(Config c) : SiteA{std::move(c)} {
        for (const char* each : {"10.1.0.4", "10.1.0.11"}) {
            add_neighbour(lan, each);
        }
        notice();
    }
    /// What becomes of a packet from one host to another's outside address.
    Lines says(std::string_view from, std::string_view to, uint16_t source, uint16_t destination,
               uint8_t flags = tcp_ack) {
        receive(lan, frame(lan).from(from).to(to).tcp(source, destination, flags));
        return lines(lan);
    }
};

TEST(Hairpin, BothSeeTheOthersOutsideAddress) {
    Neighbours a{prefix_config()};
    EXPECT_EQ(a.says("10.1.0.4", "203.0.113.10", 4000, 80, tcp_syn),
              Lines{"tcp 203.0.113.4:4000 > 10.1.0.10:80 [S]"});
    EXPECT_EQ(a.says("10.1.0.10", "203.0.113.4", 80, 4000, tcp_syn | tcp_ack),
              Lines{"tcp 203.0.113.10:80 > 10.1.0.4:4000 [S]"});
    const auto punts = a.punted(PuntReason::first_packet);
    EXPECT_EQ(a.says("10.1.0.4", "203.0.113.10", 4000, 80),
              Lines{"tcp 203.0.113.4:4000 > 10.1.0.10:80"});
    EXPECT_EQ(a.punted(PuntReason::first_packet), punts) << "by a worker";
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.linux_lines(lan), Lines{});
    a.check();
}

/// Nothing stands for it outside: it is seen as its neighbour's own outside address.
TEST(Hairpin, AHostThatIsNotMapped) {
    Neighbours a{uplink_config()};
    EXPECT_EQ(a.says("10.1.0.4", "10.0.1.2", 4000, 80, tcp_syn),
              Lines{"tcp 10.0.1.2:4000 > 10.1.0.10:80 [S]"});
    EXPECT_EQ(a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_syn | tcp_ack),
              Lines{"tcp 10.0.1.2:80 > 10.1.0.4:4000 [S]"});
    // Another one with the same port can't be told from it.
    EXPECT_EQ(a.says("10.1.0.11", "10.0.1.2", 4000, 80, tcp_syn),
              Lines{"tcp 10.0.1.2:80 > 10.1.0.11:4000 [R]"});
    EXPECT_EQ(a.says("10.1.0.11", "10.0.1.2", 4001, 80, tcp_syn),
              Lines{"tcp 10.0.1.2:4001 > 10.1.0.10:80 [S]"});
    a.check();
}

TEST(Hairpin, AHostAndItself) {
    Neighbours a{uplink_config()};
    EXPECT_EQ(a.says("10.1.0.10", "10.0.1.2", 4000, 80, tcp_syn),
              Lines{"tcp 10.0.1.2:4000 > 10.1.0.10:80 [S]"});
    EXPECT_EQ(a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_syn | tcp_ack),
              Lines{"tcp 10.0.1.2:80 > 10.1.0.10:4000 [S]"});
    a.receive(lan, a.frame(lan).from("10.1.0.10").to("10.0.1.2").echo_request(7, 1));
    EXPECT_EQ(a.take(lan).size(), 1U);
    EXPECT_EQ(a.flows->size(), 3U);
    a.check();
}

TEST(Hairpin, LivesThroughMovesAndOutlastsShortSilence) {
    Neighbours a{uplink_config()};
    a.says("10.1.0.4", "10.0.1.2", 4000, 80, tcp_syn);
    a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_syn | tcp_ack);
    a.says("10.1.0.4", "10.0.1.2", 4000, 80);
    a.says("10.1.0.10", "10.0.1.2", 80, 4000);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.del_address(wan, "10.0.1.3/24");
    a.notice();
    a.advance(from_s(300)); // longer than tcp_other
    EXPECT_EQ(a.says("10.1.0.10", "10.0.1.2", 80, 4000), Lines{"tcp 10.0.1.2:80 > 10.1.0.4:4000"});
    EXPECT_EQ(a.says("10.1.0.4", "10.0.1.2", 4000, 80), Lines{"tcp 10.0.1.2:4000 > 10.1.0.10:80"});
    EXPECT_EQ(a.lines(wan), Lines{}) << "nobody is told, nothing leaves";
    a.says("10.1.0.4", "10.0.1.2", 4000, 80, tcp_fin | tcp_ack);
    a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_fin | tcp_ack);
    a.advance(from_s(300));
    EXPECT_EQ(a.flows->size(), 0U) << "closed";
    a.advance(from_s(62));
    EXPECT_EQ(a.paths->size(), 0U);
    EXPECT_EQ(a.slow->cache().local_count(), 0U);
    EXPECT_EQ(a.slow->cache().remote_count(), 0U);
    a.check();
}

TEST(Hairpin, ThePortsOfAClosedOneAreUsedAgain) {
    Neighbours a{uplink_config()};
    for (int connection = 0; connection < 3; connection++) {
        EXPECT_EQ(a.says("10.1.0.4", "10.0.1.2", 4000, 80, tcp_syn),
                  Lines{"tcp 10.0.1.2:4000 > 10.1.0.10:80 [S]"});
        EXPECT_EQ(a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_syn | tcp_ack),
                  Lines{"tcp 10.0.1.2:80 > 10.1.0.4:4000 [S]"});
        a.says("10.1.0.4", "10.0.1.2", 4000, 80, connection == 1 ? tcp_rst : tcp_fin | tcp_ack);
        a.says("10.1.0.10", "10.0.1.2", 80, 4000, tcp_fin | tcp_ack);
    }
    EXPECT_EQ(a.flows->size(), 2U);
    a.check();
}

/// One that nobody answered is forgotten as any.
TEST(Hairpin, AnUnansweredOneIsForgotten) {
    Neighbours a{prefix_config()};
    a.says("10.1.0.4", "203.0.113.10", 4000, 80, tcp_syn);
    EXPECT_EQ(a.flows->size(), 2U);
    a.advance(from_s(242));
    EXPECT_EQ(a.flows->size(), 0U);
}

TEST(Hairpin, WhatTheBoxKeepsForItselfIsTheBoxs) {
    Config c = uplink_config();
    c.hosts.push_back(box({{IpProto::tcp, 22}}));
    Neighbours a{std::move(c)};
    EXPECT_EQ(a.says("10.1.0.4", "10.0.1.2", 4000, 22, tcp_syn), Lines{});
    EXPECT_EQ(a.linux_lines(lan).size(), 1U);
    EXPECT_EQ(a.says("10.1.0.4", "10.0.1.2", 4000, 80, tcp_syn),
              Lines{"tcp 10.0.1.2:4000 > 10.1.0.10:80 [S]"});
}

/// Routed hosts have the same address on both sides: Linux goes between them.
TEST(Hairpin, OwnAddressesAreNone) {
    SiteB b;
    b.receive(lan, b.frame(lan).from("10.9.0.10").to("10.9.0.11").tcp(1, 80, tcp_syn));
    EXPECT_EQ(b.lines(lan), Lines{});
    EXPECT_EQ(b.linux_lines(lan).size(), 1U);
}

TEST(Hairpin, AFullTableFallsBackToLinux) {
    Config c = prefix_config();
    c.limits.paths = 1;
    Neighbours a{std::move(c)};
    EXPECT_EQ(a.says("10.1.0.4", "203.0.113.10", 4000, 80, tcp_syn), Lines{});
    EXPECT_EQ(a.linux_lines(lan).size(), 1U);
    a.check();
}

} // namespace
} // namespace sacip::test
