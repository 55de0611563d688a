// SPDX-License-Identifier: BSD-3-Clause
//
// The box's own sockets: shadows, moves under them, and sharing an address with a host.
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

PacketBuilder own(const SiteA& a, std::string_view from, uint16_t port, uint8_t flags = tcp_ack) {
    return a.frame(wan).from(from).tcp(port, 80, flags);
}
PacketBuilder reply(const SiteA& a, std::string_view to, uint16_t port,
                    std::string_view original = "10.0.1.2") {
    return a.frame(wan)
        .from("10.9.0.10")
        .to(to)
        .tcp(80, port)
        .checksum_for(addr("10.9.0.10"), addr(original))
        .payload("in");
}
void open_flow(SiteA& a) {
    a.obey_actions();
    a.notice();
    a.from_linux(wan, own(a, "10.0.1.2", 4000, tcp_syn));
    a.receive(wan, reply(a, "10.0.1.2", 4000));
    a.from_linux(wan, own(a, "10.0.1.2", 4000));
    a.take(wan);
    a.take(wan, true);
}

TEST(SlowPathBox, ShadowsAreAddedInAdvanceAndGoWhenUnused) {
    SiteA a{box_config()};
    EXPECT_EQ(a.actions.take(), Lines{"keep 10.0.1.2"});
    a.host.upsert(AddressInfo{loopback, addr("10.0.1.2"), 32});
    a.notice();
    open_flow(a);
    a.actions.take();
    a.add_address(wan, "10.0.1.3/24", true);
    a.notice();
    EXPECT_EQ(a.actions.take(), Lines{"keep 10.0.1.3"});
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_s(60));
    for (const std::string& line : a.actions.take()) {
        EXPECT_EQ(line.rfind("drop", 0), std::string::npos) << line << ", but a socket uses it";
    }
    a.advance(from_s(7440 + 60 + 20)); // the flow is forgotten, then its path
    const Lines done = a.actions.take();
    EXPECT_NE(std::ranges::find(done, "drop 10.0.1.2"), done.end());
    EXPECT_EQ(std::ranges::find(done, "drop 10.0.1.3"), done.end());
    a.slow->shut_down();
    EXPECT_EQ(a.actions.take(), Lines{"drop 10.0.1.3"});
    a.check();
}

TEST(SlowPathBox, NoShadowsWithoutABox) {
    SiteA a;
    for (const std::string& line : a.actions.take()) {
        EXPECT_EQ(line.rfind("keep", 0), std::string::npos) << line;
    }
}

TEST(SlowPathBox, ItsFlowsMoveAlong) {
    SiteA a{box_config()};
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    EXPECT_EQ(a.lines(wan), Lines{"moved 10.0.1.2 > 10.0.1.3, told 10.9.0.10"});
    a.from_linux(wan, own(a, "10.0.1.2", 4000));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:4000 > 10.9.0.10:80"});
    for (const char* to : {"10.0.1.3", "10.0.1.2"}) {
        a.receive(wan, reply(a, to, 4000));
        EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.0.1.2:4000 in"}) << to;
    }
    a.check();
}

TEST(SlowPathBox, OldAndNewSocketWithTheSamePortsAreNeverMixed) {
    SiteA a{box_config()};
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.from_linux(wan, own(a, "10.0.1.3", 4000, tcp_syn)); // same port, same peer
    EXPECT_EQ(a.lines(wan), Lines{}) << "on the wire the two would be one";
    EXPECT_EQ(a.dropped(DropReason::flow_conflict), 1U);
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.0.1.3:4000 [R]"}) << "and told so";
    a.from_linux(wan, own(a, "10.0.1.3", 4001, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:4001 > 10.9.0.10:80 [S]"});
    a.receive(wan, reply(a, "10.0.1.3", 4000));
    a.receive(wan, reply(a, "10.0.1.3", 4001, "10.0.1.3"));
    EXPECT_EQ(a.linux_lines(wan), (Lines{"tcp 10.9.0.10:80 > 10.0.1.2:4000 in",
                                         "tcp 10.9.0.10:80 > 10.0.1.3:4001 in"}));
    a.check();
}

TEST(SlowPathBox, AClosedOldSocketDoesNotStealTheAnswersOfANewOne) {
    SiteA a{box_config()};
    open_flow(a);
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.from_linux(wan, own(a, "10.0.1.2", 4000, tcp_rst));
    a.from_linux(wan, own(a, "10.0.1.3", 4000, tcp_syn));
    EXPECT_EQ(a.lines(wan).back(), "tcp 10.0.1.3:4000 > 10.9.0.10:80 [S]");
    a.receive(wan, reply(a, "10.0.1.3", 4000, "10.0.1.3"));
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.0.1.3:4000 in"});
    a.check();
}

TEST(SlowPathBox, AGapIsBridged) {
    SiteA a{box_config()};
    open_flow(a);
    a.del_address(wan, "10.0.1.2/24");
    a.notice();
    a.advance(from_ms(30));
    a.from_linux(wan, own(a, "10.0.1.2", 4000).payload("1")); // by the shadow
    EXPECT_EQ(a.lines(wan), Lines{});
    a.add_address(wan, "10.0.1.3/24");
    a.notice();
    EXPECT_EQ(a.lines(wan), (Lines{"moved 10.0.1.2 > 10.0.1.3, told 10.9.0.10",
                                   "tcp 10.0.1.3:4000 > 10.9.0.10:80 1"}));
    a.check();
}

/// The LAN's address, as a DNS forwarder or `ping -I` has it: behind the uplink, as hosts are
/// there.
TEST(SlowPathBox, ASocketWithTheAddressOfAnInsidePort) {
    SiteA a{box_config()};
    open_flow(a);
    a.from_linux(wan, own(a, "10.1.0.1", 5000, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.2:5000 > 10.9.0.10:80 [S]"});
    a.receive(wan, reply(a, "10.0.1.2", 5000));
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.1.0.1:5000 in"});
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    a.from_linux(wan, own(a, "10.1.0.1", 5000));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:5000 > 10.9.0.10:80"});
    a.from_linux(wan, own(a, "10.1.0.1", 5001, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.0.1.3:5001 > 10.9.0.10:80 [S]"});
    a.check();
}

TEST(SlowPathBox, ASocketWithAnyOtherAddressLeavesAsLinuxSendsIt) {
    SiteA a{box_config()};
    a.host.upsert(AddressInfo{loopback, addr("10.255.0.1"), 32});
    a.notice();
    a.from_linux(wan, own(a, "10.255.0.1", 5000, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{"tcp 10.255.0.1:5000 > 10.9.0.10:80 [S]"});
    EXPECT_EQ(a.flows->size(), 0U);
    // One that was asked there answers from there, and goes nowhere else.
    a.receive(wan, a.frame(wan).from("10.9.0.10").to("10.255.0.1").udp(4000, 53));
    EXPECT_EQ(a.linux_lines(wan), Lines{"udp 10.9.0.10:4000 > 10.255.0.1:53"});
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    EXPECT_EQ(a.lines(wan), Lines{}) << "nobody is told of it";
    a.from_linux(wan, a.frame(wan).from("10.255.0.1").udp(53, 4000));
    EXPECT_EQ(a.lines(wan), Lines{"udp 10.255.0.1:53 > 10.9.0.10:4000"});
    a.check();
}

TEST(SlowPathBox, SharesItsAddressWithAHost) {
    Config c = box_config({{IpProto::tcp, 22}, {IpProto::udp, 53}});
    c.hosts.push_back(uplink_host("10.1.0.10"));
    SiteA a{c};
    const auto in = [&](const PacketBuilder& p) { a.receive(wan, p); };
    const auto from_peer = [&] { return a.frame(wan).from("10.9.0.10").to("10.0.1.2"); };
    in(from_peer().tcp(5000, 22, tcp_syn));
    in(from_peer().udp(5000, 53));
    EXPECT_EQ(a.linux_lines(wan),
              (Lines{"tcp 10.9.0.10:5000 > 10.0.1.2:22 [S]", "udp 10.9.0.10:5000 > 10.0.1.2:53"}));
    in(from_peer().tcp(5000, 80, tcp_syn));
    in(from_peer().udp(5000, 22)); // 22/tcp is the box's, not 22/udp
    EXPECT_EQ(a.lines(lan), (Lines{"tcp 10.9.0.10:5000 > 10.1.0.10:80 [S]",
                                   "udp 10.9.0.10:5000 > 10.1.0.10:22"}));
    // Known flows go where they belong, whoever began them.
    a.from_linux(wan, own(a, "10.0.1.2", 4000, tcp_syn));
    a.receive(lan, a.frame(lan).tcp(4001, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), (Lines{"tcp 10.0.1.2:4000 > 10.9.0.10:80 [S]",
                                   "tcp 10.0.1.2:4001 > 10.9.0.10:80 [S]"}));
    in(from_peer().tcp(80, 4000).payload("box"));
    in(from_peer().tcp(80, 4001).payload("host"));
    EXPECT_EQ(a.linux_lines(wan), Lines{"tcp 10.9.0.10:80 > 10.0.1.2:4000 box"});
    EXPECT_EQ(a.lines(lan), Lines{"tcp 10.9.0.10:80 > 10.1.0.10:4001 host"});
    // The same ports from both: the second is refused.
    a.receive(lan, a.frame(lan).tcp(4000, 80, tcp_syn));
    EXPECT_EQ(a.lines(wan), Lines{});
    EXPECT_EQ(a.dropped(DropReason::flow_conflict), 1U);
    a.check();
}

} // namespace
} // namespace sacip::test
