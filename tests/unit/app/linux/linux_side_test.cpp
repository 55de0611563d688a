// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxSide and its two threads against the running kernel, in a fresh network namespace; the test
// is the slow path. Run under the thread sanitiser as well. What becomes of it all while RTNL is
// held by another is told in tests/netns/rtnl_held.sh. Needs root; skipped loudly otherwise.
#include "app/linux/linux_side.hpp"
#include "app/netlink/sysctl.hpp"
#include "tests/support/own_namespace.hpp"

#include <gtest/gtest.h>

#include <net/if.h>
#include <poll.h>

#include <cstdlib>

namespace sacip {
namespace {

bool sh(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
}

class LinuxSideTest : public testing::Test {
protected:
    void SetUp() override {
        if (!test::enter_own_namespace()) {
            GTEST_SKIP() << "needs root";
        }
        ASSERT_TRUE(sh("ip link set lo up && ip link add wan0 type veth peer name far && "
                       "ip link set wan0 up && ip link set far up"));
    }
    void TearDown() override {
        if (side_) {
            side_->stop([] {});
        }
    }
    /// One port, wan0, which the box's own sockets use.
    void set_up(size_t requests = 64, size_t news = 64) {
        side_.emplace(requests, news);
        ASSERT_FALSE(side_->open());
        PortConfig config;
        config.name = "wan";
        config.host_interface.name = "wan0";
        config.host_interface.addresses = {{Ipv4Addr(10, 0, 1, 2), 24}};
        GatewayPort port;
        port.host_interface = IfIndex{static_cast<int>(if_nametoindex("wan0"))};
        std::vector<std::string> warnings;
        const auto refusal = side_->set_up(port, 0, config, true, warnings);
        ASSERT_FALSE(refusal) << *refusal;
        wan_ = port.host_interface;
    }
    void start() {
        const auto refusal = side_->start(host_, std::nullopt, [this] { chores_.add(); });
        ASSERT_FALSE(refusal) << *refusal;
        turn();
    }
    /// One turn of the slow path, as far as Linux is concerned.
    void turn() {
        changed_ = side_->follow(host_);
        for (const std::string& line : side_->look_after(host_, monotonic_now())) {
            said_ += line + "\n";
        }
    }
    /// Turns until `done` or five seconds are over.
    template <typename Done>
    bool until(Done done) {
        const Nanos end = monotonic_now() + from_s(5);
        while (!done()) {
            pollfd ready{side_->fd(), POLLIN, 0};
            if (::poll(&ready, 1, 20) > 0) {
                side_->clear_fd();
            }
            turn();
            if (monotonic_now() > end) {
                return false;
            }
        }
        return true;
    }
    bool has(IfIndex interface, Ipv4Addr address) const {
        const auto all = host_.addresses(interface);
        return std::ranges::find(all, address, &AddressInfo::address) != all.end();
    }

    bool says(const char* words) const { return said_.find(words) != std::string::npos; }

    std::optional<LinuxSide> side_;
    KernelState host_;
    IfIndex wan_{}, loopback_{1};
    bool changed_{false};
    std::string said_;
    Counter chores_; ///< times they were done
};

TEST_F(LinuxSideTest, FollowsLinux) {
    set_up();
    start();
    EXPECT_TRUE(has(wan_, Ipv4Addr(10, 0, 1, 2))) << "from the start";
    const IpPrefix far{Ipv4Addr(192, 0, 2, 0), 24};
    ASSERT_TRUE(sh("ip route add 192.0.2.0/24 via 10.0.1.1 src 10.0.1.2 && "
                   "ip addr add 10.0.2.2/24 dev wan0"));
    EXPECT_TRUE(until([&] { return has(wan_, Ipv4Addr(10, 0, 2, 2)); }));
    EXPECT_EQ(host_.routes_to(far).size(), 1U);
    // Linux takes the route away without a word.
    ASSERT_TRUE(sh("ip addr del 10.0.1.2/24 dev wan0"));
    EXPECT_TRUE(until([&] { return host_.routes_to(far).empty(); }));
    EXPECT_FALSE(has(wan_, Ipv4Addr(10, 0, 1, 2)));
    EXPECT_GT(side_->listener().monitor().dumps(), 5U);
    EXPECT_EQ(side_->listener().monitor().failed_dumps(), 0U);
    EXPECT_GT(side_->listener().lag(), Nanos{});
    turn();
    EXPECT_FALSE(changed_) << "nothing is left";
    EXPECT_EQ(said_, "");
}

/// A dump of more lines than the ring has room for: the thread waits for the slow path.
TEST_F(LinuxSideTest, MoreNewsThanRoom) {
    set_up(64, 8);
    start();
    ASSERT_TRUE(sh("for i in $(seq 1 250); do for j in 1 2 3 4; do "
                   "echo route add 10.$i.$j.0/24 via 10.0.1.9 dev wan0; done; done | ip -batch -"));
    // Calls for a dump of all of them.
    ASSERT_TRUE(sh("ip addr add 10.0.3.2/24 dev wan0 && ip addr del 10.0.3.2/24 dev wan0"));
    EXPECT_TRUE(until([&] { return host_.all_routes().size() == 1002; }))
        << host_.all_routes().size();
    const uint64_t dumps = side_->listener().monitor().dumps();
    ASSERT_TRUE(sh("ip link set wan0 down; ip addr add 10.0.4.2/24 dev wan0"));
    EXPECT_TRUE(until([&] { return host_.all_routes().empty(); })) << host_.all_routes().size();
    EXPECT_GT(side_->listener().monitor().dumps(), dumps);
    EXPECT_EQ(side_->listener().monitor().overruns(), 0U);
}

TEST_F(LinuxSideTest, ShadowsComeAndGo) {
    set_up();
    start();
    const Ipv4Addr shadow{10, 0, 1, 2};
    side_->keep_shadow(shadow);
    EXPECT_TRUE(until([&] { return has(loopback_, shadow); }));
    ASSERT_TRUE(sh("ip addr del 10.0.1.2/32 dev lo"));
    EXPECT_TRUE(until([&] { return !has(loopback_, shadow); }));
    EXPECT_TRUE(until([&] { return has(loopback_, shadow); })) << "it is put back";
    EXPECT_TRUE(until([&] { return says("they are put back"); })) << said_;
    side_->drop_shadow(shadow);
    EXPECT_TRUE(until([&] { return !has(loopback_, shadow); }));
    said_.clear();
    side_->keep_shadow(shadow);
    side_->stop([] {});
    EXPECT_TRUE(sh("ip -o addr show dev lo | grep -q 'inet 10.0.1.2/32.*lo:sacip'"))
        << "what was asked is done before the end";
    EXPECT_EQ(said_, "");
}

/// More wishes than the ring has room for: none is lost, and of each the last one counts.
TEST_F(LinuxSideTest, WantedShadowsDoNotGetLost) {
    set_up(2);
    const auto shadow = [](uint8_t last) { return Ipv4Addr(10, 0, 9, last); };
    for (uint8_t i = 1; i <= 50; ++i) {
        side_->keep_shadow(shadow(i)); // nobody reads yet
    }
    for (uint8_t i = 11; i <= 50; ++i) {
        side_->drop_shadow(shadow(i));
    }
    side_->drop_shadow(shadow(1));
    start();
    EXPECT_TRUE(until([&] { return host_.addresses(loopback_).size() == 1 + 9; }))
        << host_.addresses(loopback_).size();
    EXPECT_TRUE(has(loopback_, shadow(10)));
    EXPECT_FALSE(has(loopback_, shadow(1)));
    for (uint8_t i = 2; i <= 10; ++i) {
        side_->drop_shadow(shadow(i));
    }
    side_->stop([] {});
    EXPECT_FALSE(sh("ip -o addr show dev lo | grep 10.0.9."));
    EXPECT_EQ(said_, "");
}

TEST_F(LinuxSideTest, LastWayOutIsPutBack) {
    set_up();
    start();
    EXPECT_TRUE(has(wan_, Ipv4Addr(169, 254, 1, 2)));
    ASSERT_TRUE(sh("ip addr flush dev wan0 && ip route flush dev wan0"));
    EXPECT_TRUE(until([&] { return !has(wan_, Ipv4Addr(169, 254, 1, 2)); }));
    EXPECT_TRUE(until(
        [&] { return has(wan_, Ipv4Addr(169, 254, 1, 2)) && host_.routes_to({}).size() == 1; }));
    EXPECT_TRUE(until([&] { return says("they are put back"); })) << said_;
    said_.clear();
    for (int i = 0; i < 10; ++i) {
        turn();
    }
    EXPECT_EQ(said_, "") << "once";
}

TEST_F(LinuxSideTest, SettingsArePutBack) {
    set_up();
    start();
    ASSERT_FALSE(netlink::write_ipv4("wan0", netlink::Ipv4Setting::rp_filter, 1));
    EXPECT_TRUE(until([&] { return !said_.empty(); }));
    EXPECT_EQ(said_, "somebody changed a setting that a port needs; it is put back: "
                     "net.ipv4.conf.wan0.rp_filter from 1 to 0\n");
    EXPECT_EQ(netlink::read_ipv4("wan0", netlink::Ipv4Setting::rp_filter), 0);
}

/// The way that needs no lock of Linux's.
TEST_F(LinuxSideTest, ProbeHasLinuxResolve) {
    set_up();
    NeighbourProbe probe;
    probe.open();
    const char* const asks = "ip neigh show 10.0.1.9 dev wan0 | grep .";
    EXPECT_FALSE(sh(asks));
    probe.send({wan_, Ipv4Addr(10, 0, 1, 9)}, from_s(1));
    EXPECT_TRUE(sh(asks));
    probe.send({IfIndex{999}, Ipv4Addr(10, 0, 1, 9)}, from_s(1)); // is nobody's error
}

TEST_F(LinuxSideTest, ChoresAreDoneByAndByAndWhenAsked) {
    set_up();
    start();
    EXPECT_TRUE(until([&] { return chores_.get() >= 3; }));
    const uint64_t before = chores_.get();
    const Nanos asked = monotonic_now();
    side_->do_chores();
    EXPECT_TRUE(until([&] { return chores_.get() > before; }));
    EXPECT_LT(monotonic_now(), asked + from_ms(90));
}

TEST_F(LinuxSideTest, ResolvesAreDroppedWhenTheRingIsFull) {
    set_up(4);
    for (int i = 0; i < 10; ++i) {
        side_->resolve({wan_, Ipv4Addr(10, 0, 1, 9)}); // nobody reads yet
    }
    EXPECT_EQ(side_->resolves_dropped(), 6U);
    start();
    EXPECT_TRUE(until([&] { return sh("ip neigh show 10.0.1.9 dev wan0 | grep ."); }));
    EXPECT_TRUE(until([&] { return side_->waiting() == Nanos{}; }));
}

} // namespace
} // namespace sacip
