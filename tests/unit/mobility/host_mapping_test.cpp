// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/host_mapping.hpp"

#include "tests/support/rig_config.hpp"

#include <gtest/gtest.h>
#include <random>

namespace sacip::test {
namespace {

constexpr MappingId host{0}, net{1}, the_box{2}, other{3};

class HostMappingTest : public testing::Test {
protected:
    static Config make() {
        Config c = small_config(2);
        c.hosts = {uplink_host("10.1.0.10"), routed("10.2.0.0/24", "10.3.0.0/24"), box(),
                   uplink_host("10.1.0.11", "wan2")};
        return c;
    }
    Config config_{make()};
    CurrentPolicy policy_{std::make_shared<const Policy>(make_policy(config_))};
    HostMappings mappings_{config_, policy_, 1};
};

TEST_F(HostMappingTest, ByHostByWireByPort) {
    EXPECT_EQ(mappings_.of_host(addr("10.1.0.10")), host);
    EXPECT_EQ(mappings_.of_host(addr("10.2.0.7")), net);
    EXPECT_FALSE(mappings_.of_host(addr("10.4.0.1")));
    EXPECT_EQ(mappings_.of_box(wan), the_box);
    EXPECT_FALSE(mappings_.of_box(lan));
    EXPECT_FALSE(mappings_.wire_of(host, addr("10.1.0.10"))) << "no address yet";
    EXPECT_EQ(mappings_.wire_of(net, addr("10.2.0.7")), addr("10.3.0.7"));
    EXPECT_EQ(mappings_.host_of(net, addr("10.3.0.7")), addr("10.2.0.7"));
    EXPECT_EQ(mappings_.of_wire(addr("10.3.0.7")), net);
}

TEST_F(HostMappingTest, APortsAddressIsTheHostsAndTheBoxs) {
    EXPECT_TRUE(mappings_.give(wan, addr("10.0.1.2")));
    EXPECT_FALSE(mappings_.give(wan, addr("10.0.1.3"))) << "they have one";
    EXPECT_EQ(mappings_.of_wire(addr("10.0.1.2")), host) << "never the box";
    EXPECT_EQ(mappings_.host_behind(the_box, addr("10.0.1.2")), addr("10.0.1.2"));
    EXPECT_EQ(mappings_.host_behind(host, addr("10.0.1.2")), addr("10.1.0.10"));
    EXPECT_EQ(mappings_.around_wire(addr("10.0.1.2")), (std::vector{host, the_box}));
    EXPECT_FALSE(mappings_[other].wire) << "another port's";
}

TEST_F(HostMappingTest, WhatIsLostIsFoundByWhatItWas) {
    mappings_.give(wan, addr("10.0.1.2"));
    const uint64_t before = mappings_.generation();
    mappings_.lose(prefix("10.0.1.2"));
    EXPECT_NE(mappings_.generation(), before);
    EXPECT_FALSE(mappings_.of_wire(addr("10.0.1.2")));
    EXPECT_FALSE(mappings_.is_own_wire(addr("10.0.1.2")));
    EXPECT_TRUE(mappings_.has_at(prefix("10.0.1.2")));
    EXPECT_TRUE(mappings_.around_wire(addr("10.0.1.2")).empty());
    mappings_.move(prefix("10.0.1.2"), prefix("10.0.2.2"), from_s(1), from_s(31));
    EXPECT_EQ(mappings_.of_wire(addr("10.0.2.2")), host);
    EXPECT_EQ(mappings_[the_box].wire, prefix("10.0.2.2"));
    EXPECT_FALSE(mappings_.has_at(prefix("10.0.1.2")));
    mappings_.lose(prefix("10.3.0.0/24"));
    EXPECT_TRUE(mappings_[net].wire) << "a prefix is no port's";
}

TEST_F(HostMappingTest, WhereAMappingWasIsKnownForAWhile) {
    mappings_.move(prefix("10.3.0.0/24"), prefix("10.7.0.0/24"), from_s(1), from_s(31));
    EXPECT_EQ(mappings_.of_left_wire(addr("10.3.0.9"), from_s(2)), net);
    EXPECT_TRUE(mappings_.has_left(net, addr("10.3.0.9"), from_s(2)));
    EXPECT_FALSE(mappings_.has_left(host, addr("10.3.0.9"), from_s(2)));
    EXPECT_FALSE(mappings_.of_left_wire(addr("10.3.0.9"), from_s(31)));
    EXPECT_FALSE(mappings_.of_left_wire(addr("10.7.0.9"), from_s(2)));
}

TEST_F(HostMappingTest, HostsFollowAnotherPortAndKnowTheirWayHome) {
    mappings_.give(wan, addr("10.0.1.2"));
    mappings_.move(prefix("10.0.1.2"), prefix("10.0.3.2"), from_s(1), from_s(31));
    mappings_.follow(prefix("10.0.3.2"), wan2);
    EXPECT_EQ(mappings_[host].port, wan2);
    EXPECT_EQ(mappings_[the_box].port, wan) << "the box stays the port's";
    mappings_.set_home(host, wan);
    EXPECT_EQ(mappings_[host].left_port, wan);
    EXPECT_EQ(mappings_.away(), std::vector{host});
    mappings_.set_home(host, std::nullopt);
    EXPECT_TRUE(mappings_.away().empty());
    EXPECT_EQ(mappings_.at_wire(prefix("10.0.3.2")), (std::vector{host, the_box}));
}

TEST_F(HostMappingTest, OverlapsAreThoseOfWireAndInside) {
    mappings_.give(wan, addr("10.0.1.2"));
    for (const char* ours : {"10.0.1.2", "10.1.0.10", "10.2.0.7", "10.3.0.0/25", "10.0.0.0/8",
                             "10.0.1.0/24", "10.3.0.0/16"}) {
        EXPECT_TRUE(mappings_.overlaps(prefix(ours))) << ours;
    }
    for (const char* free : {"10.0.1.3", "10.4.0.0/16", "10.1.0.12", "10.0.1.4/30"}) {
        EXPECT_FALSE(mappings_.overlaps(prefix(free))) << free;
    }
}

/// Beside what a look at each of them says.
TEST(HostMappings, LookUpsSayWhatALookAtAllSays) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 dice{seed};
    Config config = small_config();
    for (uint8_t i = 0; i < 200; i++) {
        const std::string number = std::to_string(i);
        config.hosts.push_back(i % 2 == 0
                                   ? routed("10.1." + number + ".0/24", "10.2." + number + ".0/24")
                                   : routed("10.3.0." + number, "10.4.0." + number));
    }
    const CurrentPolicy policy{std::make_shared<const Policy>(make_policy(config))};
    HostMappings mappings{config, policy, dice()};
    for (int round = 0; round < 2000; round++) {
        const MappingId id{static_cast<uint32_t>(dice() % 200)};
        const IpPrefix to{Ipv4Addr{10, static_cast<uint8_t>(100 + dice() % 4),
                                   static_cast<uint8_t>(dice()), static_cast<uint8_t>(dice())},
                          mappings[id].wire->length()};
        if (!mappings.overlaps(to)) {
            mappings.move(*mappings[id].wire, to, {}, {});
        }
        const Ipv4Addr asked{
            10, static_cast<uint8_t>(dice() % 2 == 0 ? 100 + dice() % 4 : 2 + dice() % 3),
            static_cast<uint8_t>(dice()), static_cast<uint8_t>(dice())};
        std::optional<MappingId> wanted;
        for (uint32_t i = 0; i < 200; i++) {
            if (mappings[{i}].wire->contains(asked)) {
                wanted = MappingId{i};
            }
        }
        ASSERT_EQ(mappings.of_wire(asked), wanted) << asked.to_text();
        const IpPrefix around{asked, static_cast<uint8_t>(8 + dice() % 25)};
        ASSERT_EQ(mappings.overlaps(around),
                  std::ranges::any_of(mappings.all(),
                                      [&](const HostMapping& m) {
                                          return m.wire->overlaps(around) ||
                                                 m.inside.overlaps(around);
                                      }))
            << around.to_text();
    }
}

} // namespace
} // namespace sacip::test
