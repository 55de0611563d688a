// SPDX-License-Identifier: BSD-3-Clause
//
// What neighbours on the link know of us: the port's Ethernet address, that may change, and whose
// addresses stand behind it.
#include "sacip_core/packet/headers.hpp"
#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

/// As app/mac_follower does when Linux's interface has another address.
void change_mac(GatewayRig& rig, PortId port, const MacAddr& mac) {
    GatewayPort& p = rig.ports[port.value];
    p.former_mac = std::exchange(p.mac, mac);
    rig.slow->on_mac_changed(port, "port " + p.name + ": " + mac.to_text(), rig.now);
    rig.turn();
}

Lines repeated(const Lines& lines, int times) {
    Lines out;
    for (int i = 0; i < times; i++) {
        out.insert(out.end(), lines.begin(), lines.end());
    }
    return out;
}

const MacAddr cloned = mac("02:aa:bb:cc:dd:ee");

TEST(SlowPathEthernet, FlowsLeaveFromTheNewMacAndAreTakenAtBoth) {
    SiteA a;
    const MacAddr before = a.ports[wan.value].mac;
    a.receive(lan, a.frame(lan).to("10.9.0.10").tcp(4000, 80, tcp_syn));
    a.receive(lan, a.frame(lan).to("10.9.0.10").tcp(4000, 80));
    EXPECT_EQ(ether::source(a.take(wan).back().data()), before);
    change_mac(a, wan, cloned);
    a.receive(lan, a.frame(lan).to("10.9.0.10").tcp(4000, 80));
    const auto left = a.take(wan);
    ASSERT_EQ(left.size(), 1U);
    EXPECT_EQ(ether::source(left[0].data()), cloned);
    EXPECT_EQ(a.punted(PuntReason::first_packet), 1U) << "a worker did it";
    for (const MacAddr& to : {cloned, before}) {
        a.receive(wan, a.frame(wan).ether(to).from("10.9.0.10").to("10.0.1.2").tcp(80, 4000));
        EXPECT_EQ(a.lines(lan).size(), 1U) << to.to_text();
    }
    a.receive(wan, a.frame(wan).ether(before).from("10.0.1.1").to("10.0.1.2").udp(67, 68));
    const auto to_linux = a.take(wan, true);
    ASSERT_EQ(to_linux.size(), 1U);
    EXPECT_EQ(ether::destination(to_linux[0].data()), cloned) << "Linux takes no other";
    EXPECT_EQ(a.dropped(DropReason::frame_not_ours), 0U);
    const Event& event = a.slow->events().events().back();
    EXPECT_EQ(event.kind, EventKind::mac_changed);
    EXPECT_EQ(event.text, "port wan: 02:aa:bb:cc:dd:ee");
    a.check();
}

TEST(SlowPathEthernet, NotificationsAndAnswersHaveTheNewMac) {
    Config c = uplink_config();
    c.hosts.push_back(routed("10.1.1.0/30", "10.0.1.8/30"));
    SiteA a{c};
    a.advance(from_s(5));
    a.receive(lan, a.frame(lan).to("10.9.0.10").tcp(4000, 80, tcp_syn));
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.take(wan);
    change_mac(a, wan, cloned);
    a.advance(from_ms(1500));
    bool repeated_notification = false;
    for (const Bytes& bytes : a.take(wan)) {
        EXPECT_EQ(ether::source(bytes.data()), cloned) << text_of(bytes, false);
        repeated_notification |= text_of(bytes, false).starts_with("moved");
    }
    EXPECT_TRUE(repeated_notification);
}

TEST(SlowPathEthernet, WithANewMacAllThatIsAtThePortIsAnnouncedTwice) {
    Config c = uplink_config();
    c.hosts.push_back(routed("10.1.1.0/31", "10.0.1.8/31"));
    SiteA a{c};
    a.add_address(wan, "10.0.1.77/24", true);
    a.notice();
    a.advance(from_s(5));
    a.take(wan);
    change_mac(a, wan, cloned);
    EXPECT_EQ(a.lines(wan), Lines{}) << "workers must know first";
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(wan), repeated({"arp announces 10.0.1.8 at 02:aa:bb:cc:dd:ee",
                                      "arp announces 10.0.1.9 at 02:aa:bb:cc:dd:ee",
                                      "arp announces 10.0.1.2 at 02:aa:bb:cc:dd:ee",
                                      "arp announces 10.0.1.77 at 02:aa:bb:cc:dd:ee"},
                                     2));
    EXPECT_EQ(a.lines(lan), Lines{});
}

TEST(SlowPathEthernet, MappedAddressesAreAnnouncedAtTheStartAndAfterAMove) {
    Config c = uplink_config();
    c.hosts.push_back(routed("10.1.1.0/30", "10.0.1.0/30")); // one of them is Linux's own
    SiteA a{c};
    a.advance(from_s(5));
    const std::string at = " at " + a.ports[wan.value].mac.to_text();
    EXPECT_EQ(a.lines(wan), repeated({"arp announces 10.0.1.0" + at, "arp announces 10.0.1.1" + at,
                                      "arp announces 10.0.1.3" + at},
                                     2));
    a.advance(from_s(20));
    EXPECT_EQ(a.lines(wan), Lines{});
    a.slow->request_move({prefix("10.0.1.0/30"), prefix("10.0.1.8/30")}, a.now);
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(wan),
              repeated({"arp announces 10.0.1.8" + at, "arp announces 10.0.1.9" + at,
                        "arp announces 10.0.1.10" + at, "arp announces 10.0.1.11" + at},
                       2));
    a.slow->request_move({prefix("10.0.1.8/30"), prefix("10.7.0.8/30")}, a.now);
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(wan), Lines{}) << "routed to us, on no link";
}

/// Whoever has the address next must not hear from us.
TEST(SlowPathEthernet, WhatLinuxHasLostIsNotAnnounced) {
    SiteA a;
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(wan), Lines{});
    a.change_address("10.0.1.2/24", "10.0.1.3/24");
    a.advance(from_s(5));
    EXPECT_EQ(a.lines(wan), Lines{});
}

TEST(SlowPathEthernet, AnnouncementsTakeTheirTime) {
    Config c = uplink_config();
    c.hosts.push_back(routed("10.1.4.0/22", "10.3.4.0/22"));
    c.hosts.push_back(routed("10.1.8.0/21", "10.3.8.0/21")); // too many to announce
    SiteA a{c};
    a.add_address(wan, "10.3.0.1/16");
    a.notice();
    a.advance(from_s(1));
    const size_t first = a.take(wan).size();
    EXPECT_GE(first, 100U);
    EXPECT_LE(first, 120U);
    a.advance(from_s(30));
    EXPECT_EQ(first + a.take(wan).size(), 2 * 1024U);
}

} // namespace
} // namespace sacip::test
