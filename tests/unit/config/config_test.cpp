// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/config/config.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

TEST(Config, DefaultsAreThoseOfTheDesign) {
    const Config config;
    EXPECT_EQ(config.gateway.metrics, (MetricsEndpoint{{127, 0, 0, 1}, 9812}));
    EXPECT_EQ(config.cores.idle, IdlePolicy::adaptive);
    EXPECT_EQ(config.limits.flows, 1048576U);
    EXPECT_EQ(config.limits.paths, 65536U);
    EXPECT_EQ(config.timeouts.tcp_established, std::chrono::seconds{7440});
    EXPECT_EQ(config.timeouts.tcp_other, std::chrono::seconds{240});
    EXPECT_EQ(config.timeouts.udp, std::chrono::seconds{300});
    EXPECT_EQ(config.timeouts.other, std::chrono::seconds{120});
    EXPECT_EQ(config.checksum.l4, L4Checksum::wire);
    EXPECT_EQ(config.offload, OffloadPolicy::automatic);
    EXPECT_EQ(config.move.settle, Milliseconds{20});
    EXPECT_EQ(config.move.drain, std::chrono::seconds{30});
    EXPECT_EQ(config.move.switch_timeout, Milliseconds{300});
    EXPECT_EQ(config.move.shield, Milliseconds{300});
    EXPECT_EQ(config.protocol.icmp_type, 20);
    EXPECT_EQ(config.protocol.udp_port, 4720);
    EXPECT_TRUE(config.ports.empty());
    EXPECT_TRUE(config.hosts.empty());
    EXPECT_TRUE(config.basic_peers.empty());
}

TEST(Config, FindsPortsByName) {
    Config config;
    config.ports.resize(2);
    config.ports[0].name = "lan";
    config.ports[1].name = "wan";
    EXPECT_EQ(config.port_named("lan"), PortId{0});
    EXPECT_EQ(config.port_named("wan"), PortId{1});
    EXPECT_EQ(config.port_named("WAN"), std::nullopt);
    EXPECT_EQ(config.port_named(""), std::nullopt);
}

TEST(Config, HostEntryKnowsItsShape) {
    HostConfig box;
    box.inside = Box{};
    box.outside = std::string{"wan"};
    EXPECT_TRUE(box.is_box());
    EXPECT_EQ(box.inside_prefix(), nullptr);
    EXPECT_EQ(*box.outside_port(), "wan");
    EXPECT_EQ(box.outside_prefix(), nullptr);

    HostConfig routed;
    routed.inside = IpPrefix{{10, 2, 0, 0}, 24};
    routed.outside = IpPrefix{{10, 2, 0, 0}, 24};
    EXPECT_FALSE(routed.is_box());
    EXPECT_EQ(*routed.inside_prefix(), *routed.outside_prefix());
    EXPECT_EQ(routed.outside_port(), nullptr);
}

TEST(Config, InterfaceAddressKeepsItsHostBits) {
    const InterfaceAddress address{{10, 1, 0, 1}, 24};
    EXPECT_EQ(address.address, Ipv4Addr(10, 1, 0, 1));
    EXPECT_EQ(address.prefix(), IpPrefix(Ipv4Addr{10, 1, 0, 0}, 24));
}

TEST(Config, ControlSocketFollowsTheName) {
    EXPECT_EQ(default_control_socket("branch-1"), "/run/sacip/branch-1.sock");
}

} // namespace
} // namespace sacip
