// SPDX-License-Identifier: BSD-3-Clause
//
// The middle of a flow that nobody knows: whose may it be?
#include "sacip_core/exception/mid_flow_guard.hpp"

#include "tests/support/rig_sites.hpp"

namespace sacip::test {
namespace {

/// A server: strangers before and after the one whose data overtake the word of his move.
TEST(MidFlowGuard, ManyStrangersHideNoneWhoMayHaveRoamed) {
    Config c = uplink_config();
    c.limits.flows = 2048;
    c.limits.paths = 1024;
    SiteA a{c};
    const auto stranger_comes = [&](unsigned i) {
        const Ipv4Addr from{198, 18, static_cast<uint8_t>(i >> 8), static_cast<uint8_t>(i)};
        a.receive(wan, a.frame(wan).from(from.to_text()).to("10.0.1.2").udp(53, 80));
        a.receive(lan, a.frame(lan).to(from.to_text()).udp(80, 53));
    };
    for (unsigned i = 0; i < 300; i++) {
        stranger_comes(i);
    }
    a.receive(lan, a.frame(lan).udp(4000, 53));
    for (unsigned i = 300; i < 600; i++) {
        stranger_comes(i);
    }
    a.take(lan);
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").udp(53, 4000));
    EXPECT_TRUE(a.lines(lan).empty()) << "it waits for the word";
    EXPECT_EQ(a.slow_counters.held.get(), 1U);
    a.receive(wan, a.frame(wan).from("198.18.9.9").to("10.0.1.2").udp(53, 4000));
    EXPECT_EQ(a.lines(lan).size(), 1U) << "a stranger is nobody's";
    a.check();
}

/// A server with more clients than anybody would look at one by one, of whom any may roam.
TEST(MidFlowGuard, ManyClientsHideNoneWhoMayHaveRoamed) {
    Config c = uplink_config();
    c.basic_peers = {peer("10.9.0.0/16", {prefix("10.0.0.0/8")})};
    c.limits.flows = 2048;
    c.limits.paths = 1024;
    SiteA a{c};
    const auto client_comes = [&](unsigned i) {
        const Ipv4Addr from{10, 9, static_cast<uint8_t>(1 + (i >> 8)), static_cast<uint8_t>(i)};
        a.receive(lan, a.frame(lan).to(from.to_text()).udp(80, static_cast<uint16_t>(5000 + i)));
    };
    for (unsigned i = 0; i < 400; i++) {
        client_comes(i);
    }
    a.receive(lan, a.frame(lan).udp(80, 4000));
    for (unsigned i = 400; i < 800; i++) {
        client_comes(i);
    }
    a.take(lan);
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").udp(4000, 80));
    EXPECT_TRUE(a.lines(lan).empty()) << "it waits for the word";
    EXPECT_EQ(a.slow_counters.held.get(), 1U);
    a.receive(wan, a.frame(wan).from("10.19.0.10").to("10.0.1.2").udp(4001, 80));
    EXPECT_EQ(a.lines(lan).size(), 1U) << "no client has this port";
    a.check();
}

} // namespace
} // namespace sacip::test
