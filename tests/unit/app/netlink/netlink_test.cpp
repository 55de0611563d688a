// SPDX-License-Identifier: BSD-3-Clause
//
// Monitor and Requests against the running kernel: a fresh network namespace with a veth pair,
// e0 <-> e1, real ip(8) commands, and after each of them the mirror must equal what `ip -j` says.
// Needs root (or CAP_SYS_ADMIN); skipped loudly otherwise.
#include "app/netlink/monitor.hpp"
#include "app/netlink/request.hpp"
#include "app/netlink/sysctl.hpp"
#include "tests/support/own_namespace.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>

namespace sacip::netlink {
namespace {

using Json = nlohmann::json;
using Lines = std::set<std::string>;

bool sh(const std::string& command) { return std::system((command + " 2>/dev/null").c_str()) == 0; }

Json ip_json(const std::string& arguments) {
    FILE* pipe = popen(("ip -j " + arguments).c_str(), "r");
    std::string text;
    std::array<char, 4096> chunk{};
    for (size_t got = 0; (got = fread(chunk.data(), 1, chunk.size(), pipe)) > 0;) {
        text.append(chunk.data(), got);
    }
    pclose(pipe);
    return text.empty() ? Json::array() : Json::parse(text);
}

bool has(const Json& list, const char* word) {
    return std::find(list.begin(), list.end(), word) != list.end();
}

// The same tables, as lines of text: from ip(8) and from the mirror.

Lines links_of_ip() {
    Lines out;
    for (const Json& l : ip_json("link")) {
        out.insert(l["ifname"].get<std::string>() + " " + std::to_string(l["ifindex"].get<int>()) +
                   (has(l["flags"], "UP") ? " up" : "") +
                   (has(l["flags"], "LOWER_UP") ? " carrier" : "") + " " +
                   l.value("address", "00:00:00:00:00:00") + " in " + l.value("master", "-"));
    }
    return out;
}
Lines links_of(const KernelState& host) {
    Lines out;
    for (const LinkInfo& l : host.all_links()) {
        out.insert(l.name + " " + std::to_string(l.index.value) + (l.up ? " up" : "") +
                   (l.carrier ? " carrier" : "") + " " + l.mac.to_text() + " in " +
                   (l.master == IfIndex{} ? "-" : host.link(l.master)->name));
    }
    return out;
}

Lines addresses_of_ip() {
    Lines out;
    for (const Json& l : ip_json("-4 addr")) {
        for (const Json& a : l.value("addr_info", Json::array())) {
            out.insert(l["ifname"].get<std::string>() + " " + a["local"].get<std::string>() + "/" +
                       std::to_string(a["prefixlen"].get<int>()) +
                       (a.value("secondary", false) ? " secondary" : "") +
                       (a.value("deprecated", false) ? " deprecated" : "") + " " +
                       a["scope"].get<std::string>());
        }
    }
    return out;
}
Lines addresses_of(const KernelState& host) {
    constexpr std::array<const char*, 4> scopes{"global", "link", "host", "other"};
    Lines out;
    for (const LinkInfo& l : host.all_links()) {
        for (const AddressInfo& a : host.addresses(l.index)) {
            out.insert(l.name + " " + a.address.to_text() + "/" + std::to_string(a.prefix_length) +
                       (a.secondary ? " secondary" : "") + (a.deprecated ? " deprecated" : "") +
                       " " + scopes[static_cast<size_t>(a.scope)]);
        }
    }
    return out;
}

/// Hops that Linux does not use for now are none to us, nor is a route that has only such.
std::string hops_of_ip(const Json& route) {
    std::string out;
    for (const Json& hop : route.contains("nexthops") ? route["nexthops"] : Json::array({route})) {
        if (!has(hop.value("flags", Json::array()), "dead")) {
            out += " via " + hop.value("gateway", "0.0.0.0") + " dev " + hop.value("dev", "-");
        }
    }
    return out;
}
Lines routes_of_ip() {
    Lines out;
    for (const Json& r : ip_json("-4 route show table all")) {
        const std::string to = r["dst"];
        const std::string table = r.value("table", "main");
        const std::string hops = hops_of_ip(r);
        if (table != "local" && !hops.empty()) {
            out.insert(r.value("type", "unicast") + " " +
                       (to == "default" ? std::string{"0.0.0.0/0"} : to) + hops + " metric " +
                       std::to_string(r.value("metric", 0U)) + " src " +
                       r.value("prefsrc", "0.0.0.0") + " table " + table);
        }
    }
    return out;
}
Lines routes_of(const KernelState& host) {
    constexpr std::array<const char*, 6> types{"unicast",  "blackhole", "unreachable",
                                               "prohibit", "throw",     "other"};
    Lines out;
    for (const RouteInfo& r : host.all_routes()) {
        std::string hops;
        const auto add = [&](NextHop hop) {
            const LinkInfo* link = host.link(hop.interface);
            hops +=
                " via " + hop.address.to_text() + " dev " + (link != nullptr ? link->name : "-");
        };
        add({r.interface, r.via});
        std::ranges::for_each(r.more, add);
        out.insert(std::string{types[static_cast<size_t>(r.type)]} + " " + r.destination.to_text() +
                   hops + " metric " + std::to_string(r.metric) + " src " +
                   r.preferred_source.to_text() + " table " +
                   (r.table == main_table ? "main" : std::to_string(r.table)));
    }
    return out;
}

/// "PRIORITY from PREFIX lookup TABLE ..."; without that of table local.
Lines rules_of_ip() {
    Lines out;
    for (const Json& r : ip_json("-4 rule")) {
        const std::string table = r.value("table", "-");
        const std::string from = r.value("src", "all");
        if (table != "local") {
            out.insert(std::to_string(r["priority"].get<int>()) + " from " + from +
                       (r.contains("srclen") ? "/" + std::to_string(r["srclen"].get<int>()) : "") +
                       " iif " + r.value("iif", "-") + " lookup " + table);
        }
    }
    return out;
}
Lines rules_of(const KernelState& host) {
    Lines out;
    for (const RuleInfo& r : host.rules()) {
        const std::string table = r.action != RuleInfo::Action::look_up ? "-"
                                  : r.table == main_table               ? "main"
                                  : r.table == 253                      ? "default"
                                                                        : std::to_string(r.table);
        out.insert(std::to_string(r.priority) + " from " +
                   (r.from.length() == 0 ? "all" : r.from.to_text()) + " iif " +
                   (r.in.empty() ? "-" : r.in) + " lookup " + table);
    }
    return out;
}

/// Only entries with an Ethernet address: the others come and go with timers.
Lines neighbours_of_ip() {
    Lines out;
    for (const Json& n : ip_json("-4 neigh show nud all")) {
        if (n.contains("lladdr") && !has(n["state"], "FAILED") && !has(n["state"], "NOARP")) {
            out.insert(n["dev"].get<std::string>() + " " + n["dst"].get<std::string>() + " " +
                       n["lladdr"].get<std::string>());
        }
    }
    return out;
}
Lines neighbours_of(const KernelState& host) {
    Lines out;
    for (const NeighbourInfo& n : host.all_neighbours()) {
        if (n.state == NeighbourState::resolved && !n.mac.is_zero()) {
            out.insert(host.link(n.interface)->name + " " + n.address.to_text() + " " +
                       n.mac.to_text());
        }
    }
    return out;
}

/// Whether the mirror changed.
bool polled(Monitor& monitor, KernelState& host) {
    const auto before = host.generations();
    DirectSink sink{host};
    monitor.poll(sink);
    return host.generations() != before;
}

class Netlink : public testing::Test {
protected:
    void SetUp() override {
        // The process goes from namespace to namespace; the one it leaves dies with its links.
        if (!test::enter_own_namespace()) {
            GTEST_SKIP() << "needs root";
        }
        ASSERT_TRUE(sh("ip link set lo up && ip link add e0 type veth peer name e1 && "
                       "ip link set e0 up && ip link set e1 up"));
        const Result refusal = monitor_.start(sink_);
        ASSERT_FALSE(refusal) << refusal->to_text();
    }

    /// Runs ip(8), polls once, compares.
    void step(const std::string& arguments) {
        SCOPED_TRACE("ip " + arguments);
        ASSERT_TRUE(sh("ip " + arguments));
        poll();
        compare();
    }
    void compare() {
        EXPECT_EQ(addresses_of(host_), addresses_of_ip());
        EXPECT_EQ(routes_of(host_), routes_of_ip());
        EXPECT_EQ(rules_of(host_), rules_of_ip());
        EXPECT_EQ(neighbours_of(host_), neighbours_of_ip());
        // Linux tells of a carrier up to a second after it changed.
        EXPECT_TRUE(poll_until([&] { return links_of(host_) == links_of_ip(); }));
    }
    /// Reads on while there is something to read.
    void poll_all() {
        pollfd ready{monitor_.fd(), POLLIN, 0};
        while (::poll(&ready, 1, 0) > 0) {
            poll();
        }
    }
    /// Polls until `done` or three seconds are over.
    template <typename Done>
    bool poll_until(Done done) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds{3};
        while (!done()) {
            const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
                end - std::chrono::steady_clock::now());
            pollfd ready{monitor_.fd(), POLLIN, 0};
            if (left.count() <= 0 || ::poll(&ready, 1, static_cast<int>(left.count())) <= 0) {
                return false;
            }
            poll();
        }
        return true;
    }
    IfIndex index_of(const char* name) const { return host_.link(name)->index; }

    bool poll() { return polled(monitor_, host_); }

    KernelState host_;
    DirectSink sink_{host_};
    Monitor monitor_;
};

TEST_F(Netlink, DumpAtStart) {
    sh("ip addr add 10.5.0.1/24 dev e0; ip route add default via 10.5.0.254; "
       "ip neigh add 10.5.0.254 lladdr 02:00:00:00:00:fe dev e0");
    KernelState host;
    DirectSink sink{host};
    Monitor monitor;
    ASSERT_FALSE(monitor.start(sink));
    EXPECT_EQ(addresses_of(host), addresses_of_ip());
    EXPECT_EQ(routes_of(host), routes_of_ip());
    EXPECT_EQ(neighbours_of(host), neighbours_of_ip());
    EXPECT_EQ(links_of(host), links_of_ip());
    EXPECT_TRUE(host.is_local(Ipv4Addr(127, 0, 0, 1)));
    EXPECT_FALSE(polled(monitor, host)) << "nothing new";
    EXPECT_FALSE(polled(monitor, host)) << "and it does not wait";
}

TEST_F(Netlink, PortsOfABridge) {
    step("link add br0 type bridge");
    step("link set e0 master br0");
    EXPECT_EQ(host_.link("e0")->master, index_of("br0"));
    step("link set e0 nomaster");
}

TEST_F(Netlink, RulesAndTables) {
    step("addr add 10.5.0.1/24 dev e0");
    step("route add default via 10.5.0.9 dev e0 table 100");
    step("rule add from 10.5.0.0/24 lookup 100 pref 700");
    step("rule add iif e0 lookup 100 pref 600");
    step("rule add from 10.6.0.0/16 prohibit pref 650");
    step("rule del pref 700");
    step("route flush table 100");
    step("rule flush");
    step("rule add lookup main pref 32766");
}

TEST_F(Netlink, PromotionOfSecondaries) {
    ASSERT_FALSE(write_ipv4("e0", Ipv4Setting::promote_secondaries, 1));
    step("addr add 10.5.0.1/24 dev e0");
    step("route add default via 10.5.0.254");
    step("addr add 10.5.0.2/24 dev e0");
    step("addr add 10.5.0.3/24 dev e0");
    step("addr del 10.5.0.1/24 dev e0");
    ASSERT_EQ(host_.addresses(index_of("e0")).size(), 2U);
    EXPECT_FALSE(host_.addresses(index_of("e0"))[0].secondary);
    EXPECT_TRUE(host_.addresses(index_of("e0"))[1].secondary);
}

TEST_F(Netlink, NoPromotion) {
    ASSERT_FALSE(write_ipv4("e0", Ipv4Setting::promote_secondaries, 0));
    ASSERT_TRUE(sh("sysctl -qw net.ipv4.conf.all.promote_secondaries=0"));
    step("addr add 10.5.0.1/24 dev e0");
    step("addr add 10.5.0.2/24 dev e0");
    step("addr del 10.5.0.1/24 dev e0");
    EXPECT_TRUE(host_.addresses(index_of("e0")).empty());
}

TEST_F(Netlink, AddThenDelete) {
    step("addr add 10.5.0.1/24 dev e0");
    step("route add default via 10.5.0.254");
    step("addr add 10.6.0.1/24 dev e0");
    step("route replace default via 10.6.0.254");
    step("addr del 10.5.0.1/24 dev e0");
    EXPECT_EQ(host_.route(Ipv4Addr(192, 0, 2, 1)),
              (NextHop{index_of("e0"), Ipv4Addr(10, 6, 0, 254)}));
}

TEST_F(Netlink, RoutesThatVanishInSilence) {
    for (int i = 0; i < 20; ++i) { // the dump must never be earlier than the removal
        step("addr add 10.5.0.1/24 dev e0");
        step("route add default via 10.5.0.254");
        ASSERT_TRUE(host_.route(Ipv4Addr(192, 0, 2, 1)));
        step("addr del 10.5.0.1/24 dev e0");
        ASSERT_FALSE(host_.route(Ipv4Addr(192, 0, 2, 1)));
    }
    step("addr add 10.6.0.1/24 dev e0");
    step("route add default via 10.6.0.254");
    step("link set e0 down");
    EXPECT_FALSE(host_.route(Ipv4Addr(192, 0, 2, 1)));
    step("link set e0 up");
    EXPECT_EQ(host_.route(Ipv4Addr(10, 6, 0, 9)), (NextHop{index_of("e0"), Ipv4Addr(10, 6, 0, 9)}));
}

/// Linux sends the event before it removes the routes: no dump may come in between.
TEST_F(Netlink, RouteDumpIsNotEarlierThanTheSilentRemoval) {
    Requests requests;
    ASSERT_FALSE(requests.open());
    const IfIndex e0 = index_of("e0");
    const AddressRequest a{e0, Ipv4Addr(10, 5, 0, 1), 24};
    RouteRequest route;
    route.via = Ipv4Addr(10, 5, 0, 254);
    route.interface = e0;
    for (int i = 0; i < 50; ++i) {
        ASSERT_FALSE(requests.add_address(a));
        ASSERT_FALSE(requests.add_route(route));
        poll_all();
        ASSERT_EQ(host_.all_routes().size(), 2U);
        std::thread other{[&] { ASSERT_FALSE(requests.delete_address(a)); }};
        EXPECT_TRUE(poll_until([&] { return host_.addresses(e0).empty(); }));
        EXPECT_FALSE(host_.route(Ipv4Addr(192, 0, 2, 1))) << "round " << i;
        other.join();
    }
}

TEST_F(Netlink, Lifetimes) {
    step("addr add 10.5.0.1/24 dev e0 valid_lft 100 preferred_lft 50");
    step("addr change 10.5.0.1/24 dev e0 valid_lft 100 preferred_lft 0");
    EXPECT_TRUE(host_.addresses(index_of("e0"))[0].deprecated);
    step("addr replace 10.5.0.1/24 dev e0 valid_lft 200 preferred_lft 100");
    EXPECT_FALSE(host_.addresses(index_of("e0"))[0].deprecated);
}

TEST_F(Netlink, DhcpClientThatAddsTwice) {
    step("addr add 10.9.0.50/8 dev e0");
    step("addr del 10.9.0.50/8 dev e0");
    step("addr add 10.9.0.50/24 dev e0");
}

TEST_F(Netlink, CarrierOfThePeer) {
    step("addr add 10.5.0.1/24 dev e0");
    ASSERT_TRUE(sh("ip link set e1 down"));
    EXPECT_TRUE(poll_until([&] { return !host_.link("e0")->carrier; }));
    compare();
    ASSERT_TRUE(sh("ip link set e1 up"));
    EXPECT_TRUE(poll_until([&] { return host_.link("e0")->carrier; }));
    compare();
}

TEST_F(Netlink, ShadowOnLoAndOtherScopes) {
    step("addr add 10.5.0.9/32 dev lo");
    step("addr add 10.5.0.9/24 dev e0");
    step("addr del 10.5.0.9/24 dev e0");
    EXPECT_TRUE(host_.is_local(Ipv4Addr(10, 5, 0, 9)));
    step("addr add 169.254.1.2/32 dev e0 scope link");
    step("addr add 10.7.0.1/24 dev e0 noprefixroute");
    step("addr del 10.5.0.9/32 dev lo");
    EXPECT_FALSE(host_.is_local(Ipv4Addr(10, 5, 0, 9)));
}

TEST_F(Netlink, KindsOfRoutes) {
    step("addr add 10.5.0.1/24 dev e0");
    step("route add blackhole 10.9.0.0/16");
    step("route add unreachable 10.10.0.0/16 metric 7");
    step("route add prohibit 10.11.0.0/16");
    step("route add 10.12.0.0/16 via 10.5.0.2 metric 20");
    step("route add 10.12.0.0/16 via 10.5.0.3 metric 10 src 10.5.0.1");
    step("route append 10.12.0.0/16 via 10.5.0.4 metric 10");
    step("route prepend 10.12.0.0/16 via 10.5.0.5 metric 10");
    EXPECT_EQ(host_.route(Ipv4Addr(10, 12, 0, 1))->address, Ipv4Addr(10, 5, 0, 5));
    step("route replace 10.12.0.0/16 via 10.5.0.6 metric 10");
    EXPECT_EQ(host_.route(Ipv4Addr(10, 12, 0, 1))->address, Ipv4Addr(10, 5, 0, 6));
    step("route del 10.12.0.0/16 via 10.5.0.6 metric 10");
    step("route add 10.13.0.0/16 nexthop via 10.5.0.2 nexthop via 10.5.0.3");
    step("route add 10.14.0.0/16 via 10.5.0.2 table 100"); // not ours
    step("nexthop add id 1 via 10.5.0.7 dev e0");
    step("route add 10.15.0.0/16 nhid 1");
    EXPECT_EQ(host_.route(Ipv4Addr(10, 15, 0, 1))->address, Ipv4Addr(10, 5, 0, 7));
    step("route flush 10.12.0.0/16");
}

TEST_F(Netlink, NexthopObjectsChangeInSilence) {
    step("addr add 10.5.0.1/24 dev e0");
    step("nexthop add id 1 via 10.5.0.7 dev e0");
    step("route add 10.15.0.0/16 nhid 1");
    step("nexthop replace id 1 via 10.5.0.8 dev e0");
    step("nexthop del id 1");
}

TEST_F(Netlink, LinksComeAndGo) {
    step("link add d0 type veth peer name d9");
    step("link set d9 up");
    step("link set d0 up");
    step("addr add 10.8.0.1/24 dev d0");
    step("route add 10.18.0.0/16 via 10.8.0.9");
    step("neigh add 10.8.0.9 lladdr 02:00:00:00:00:09 dev d0");
    step("link set d0 down");
    step("link set d0 name d1");
    step("link set d1 up");
    step("link del d1");
    EXPECT_EQ(host_.link("d1"), nullptr);
    EXPECT_FALSE(host_.is_local(Ipv4Addr(10, 8, 0, 1)));
}

TEST_F(Netlink, Neighbours) {
    step("addr add 10.5.0.1/24 dev e0");
    step("neigh add 10.5.0.77 lladdr 02:00:00:00:00:77 dev e0 nud reachable");
    host_.take_changed_neighbours();
    step("neigh replace 10.5.0.77 lladdr 02:00:00:00:00:77 dev e0 nud stale");
    EXPECT_TRUE(host_.take_changed_neighbours().empty());
    step("neigh replace 10.5.0.77 lladdr 02:00:00:00:00:78 dev e0 nud permanent");
    EXPECT_EQ(host_.take_changed_neighbours().size(), 1U);
    step("neigh add proxy 10.5.0.99 dev e0");
    EXPECT_EQ(host_.neighbour(index_of("e0"), Ipv4Addr(10, 5, 0, 99)), nullptr);
    step("neigh del 10.5.0.77 dev e0");
    step("link set e0 down");
}

/// All at once, read in one poll.
TEST_F(Netlink, OneBurst) {
    ASSERT_FALSE(write_ipv4("e0", Ipv4Setting::promote_secondaries, 1));
    ASSERT_TRUE(sh("ip addr add 10.5.0.1/24 dev e0; ip route add default via 10.5.0.254; "
                   "ip addr add 10.5.0.2/24 dev e0; ip addr del 10.5.0.1/24 dev e0; "
                   "ip addr flush dev e0; ip addr add 10.6.0.1/24 dev e0; ip link set e0 down; "
                   "ip link set e0 up; ip route add default via 10.6.0.254"));
    EXPECT_TRUE(poll());
    compare();
}

TEST_F(Netlink, EventsLostToAFullBuffer) {
    KernelState host;
    DirectSink sink{host};
    Monitor monitor;
    ASSERT_FALSE(monitor.start(sink, 1)); // Linux makes it its smallest
    Requests requests;
    ASSERT_FALSE(requests.open());
    for (int i = 0; i < 2000; ++i) {
        const auto last = static_cast<uint8_t>(i % 200 + 1);
        const AddressRequest a{index_of("e0"), Ipv4Addr(10, 5, 0, last), 24};
        ASSERT_FALSE(requests.add_address(a));
        if (i % 200 != 199) { // the hundredth part stays
            ASSERT_FALSE(requests.delete_address(a));
        } else if (i != 1999) {
            ASSERT_TRUE(sh("ip addr flush dev e0"));
        }
        if (i % 500 == 250) {
            polled(monitor, host);
        }
    }
    polled(monitor, host);
    EXPECT_GT(monitor.overruns(), 0U);
    EXPECT_EQ(monitor.failed_dumps(), 0U);
    EXPECT_EQ(addresses_of(host), addresses_of_ip());
    EXPECT_EQ(routes_of(host), routes_of_ip());
    EXPECT_EQ(host.addresses(index_of("e0")).size(), 1U);
    poll_all(); // the one with room for everything
    EXPECT_EQ(monitor_.overruns(), 0U);
    compare();
}

/// Somebody else changes tables all the time while we poll; at the end all is equal.
TEST_F(Netlink, ChangesDuringDumps) {
    std::thread other{[] { // shares our namespace
        sh("for i in 1 2 3 4 5 6 7 8 9 10; do ip addr add 10.5.0.$i/24 dev e0; "
           "ip route add default via 10.5.0.254; ip link set e0 down; ip link set e0 up; "
           "ip addr del 10.5.0.$i/24 dev e0; done; ip addr add 10.6.0.1/24 dev e0");
    }};
    for (int i = 0; i < 200; ++i) {
        pollfd ready{monitor_.fd(), POLLIN, 0};
        ::poll(&ready, 1, 5);
        poll();
    }
    other.join();
    poll_all();
    compare();
}

TEST_F(Netlink, RequestsDoWhatIpDoes) {
    Requests requests;
    ASSERT_FALSE(requests.open());
    const IfIndex e0 = index_of("e0");
    const IfIndex lo = index_of("lo");
    const AddressRequest a{e0, Ipv4Addr(10, 5, 0, 1), 24};
    EXPECT_FALSE(requests.add_address(a));
    EXPECT_FALSE(requests.add_address({lo, Ipv4Addr(10, 5, 0, 9), 32}));
    EXPECT_FALSE(
        requests.add_address({e0, Ipv4Addr(169, 254, 1, 2), 32, AddressScope::link, false}));
    EXPECT_FALSE(requests.add_address({e0, Ipv4Addr(10, 7, 0, 1), 24, AddressScope::global, true}));
    EXPECT_FALSE(requests.set_neighbour(e0, Ipv4Addr(169, 254, 1, 1), MacAddr{{2, 0, 0, 0, 0, 1}}));
    RouteRequest fallback;
    fallback.via = Ipv4Addr(169, 254, 1, 1);
    fallback.interface = e0;
    fallback.metric = 65535;
    fallback.onlink = true;
    EXPECT_FALSE(requests.add_route(fallback));
    RouteRequest route;
    route.destination = IpPrefix(Ipv4Addr(10, 9, 0, 0), 16);
    route.via = Ipv4Addr(10, 5, 0, 2);
    EXPECT_FALSE(requests.add_route(route));
    route.via = Ipv4Addr(10, 5, 0, 3);
    EXPECT_FALSE(requests.replace_route(route));
    poll();
    compare();
    EXPECT_EQ(addresses_of(host_),
              (Lines{"lo 127.0.0.1/8 host", "lo 10.5.0.9/32 global", "e0 10.5.0.1/24 global",
                     "e0 169.254.1.2/32 link", "e0 10.7.0.1/24 global"}));
    EXPECT_EQ(routes_of(host_),
              (Lines{"unicast 0.0.0.0/0 via 169.254.1.1 dev e0 metric 65535 src 0.0.0.0 "
                     "table main",
                     "unicast 10.5.0.0/24 via 0.0.0.0 dev e0 metric 0 src 10.5.0.1 table main",
                     "unicast 10.9.0.0/16 via 10.5.0.3 dev e0 metric 0 src 0.0.0.0 table main"}));
    EXPECT_FALSE(requests.delete_route(route));
    EXPECT_FALSE(requests.delete_route(fallback));
    EXPECT_FALSE(requests.delete_neighbour(e0, Ipv4Addr(169, 254, 1, 1)));
    EXPECT_FALSE(requests.delete_address(a));
    EXPECT_FALSE(requests.set_link_up(e0, false));
    poll();
    compare();
    EXPECT_FALSE(host_.link("e0")->up);
}

TEST_F(Netlink, RefusalsSayWhatWasTried) {
    Requests requests;
    ASSERT_FALSE(requests.open());
    const AddressRequest a{index_of("e0"), Ipv4Addr(10, 5, 0, 1), 24};
    const Result refusal = requests.delete_address(a);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->error, EADDRNOTAVAIL);
    EXPECT_EQ(refusal->to_text(),
              "ip addr del 10.5.0.1/24 dev e0: Cannot assign requested address");
    EXPECT_FALSE(requests.add_address(a));
    EXPECT_EQ(requests.add_address(a)->error, EEXIST);
    EXPECT_EQ(requests.set_link_up(IfIndex{999}, true)->error, ENODEV);
}

TEST_F(Netlink, CarrierOfATap) {
    Requests requests;
    ASSERT_FALSE(requests.open());
    const int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tap < 0) {
        GTEST_SKIP() << "no /dev/net/tun";
    }
    ifreq wanted{};
    wanted.ifr_flags = IFF_TAP | IFF_NO_PI;
    std::strcpy(wanted.ifr_name, "t0");
    ASSERT_EQ(ioctl(tap, TUNSETIFF, &wanted), 0);
    poll();
    EXPECT_FALSE(requests.set_link_up(index_of("t0"), true));
    EXPECT_TRUE(poll_until([&] { return host_.link("t0")->carrier; }));
    EXPECT_FALSE(requests.set_carrier(index_of("t0"), false));
    EXPECT_TRUE(poll_until([&] { return !host_.link("t0")->carrier; }));
    EXPECT_FALSE(requests.set_carrier(index_of("t0"), true));
    EXPECT_TRUE(poll_until([&] { return host_.link("t0")->carrier; }));
    EXPECT_TRUE(host_.link("t0")->up) << "nothing else was touched";
    close(tap);
    EXPECT_EQ(requests.set_carrier(index_of("e0"), false)->error, EOPNOTSUPP);
}

TEST_F(Netlink, AskNeighbourMakesLinuxResolveIt) {
    Requests requests;
    ASSERT_FALSE(requests.open());
    const IfIndex e0 = index_of("e0");
    // The answerer lives in a namespace that dies with its only process.
    ASSERT_TRUE(sh("ip addr add 10.5.0.1/24 dev e0; (unshare -n sleep 4 & "
                   "sleep 0.2; ip link set e1 netns $!; nsenter -t $! -n "
                   "sh -c 'ip addr add 10.5.0.2/24 dev e1; ip link set e1 up') >/dev/null"));
    ASSERT_TRUE(poll_until([&] { return host_.link("e0")->carrier; }));
    const auto start = std::chrono::steady_clock::now();
    requests.ask_neighbour(e0, Ipv4Addr(10, 5, 0, 2));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds{100});
    EXPECT_TRUE(poll_until([&] {
        const NeighbourInfo* n = host_.neighbour(e0, Ipv4Addr(10, 5, 0, 2));
        return n != nullptr && n->state == NeighbourState::resolved;
    }));
    compare();
    EXPECT_EQ(requests.neighbours_refused(), 0U);
    requests.ask_neighbour(IfIndex{999}, Ipv4Addr(10, 5, 0, 2));
    EXPECT_EQ(requests.neighbours_refused(), 1U);
}

TEST_F(Netlink, Settings) {
    ASSERT_FALSE(prepare_ipv4("e0"));
    EXPECT_EQ(read_ipv4("e0", Ipv4Setting::forwarding), 1);
    EXPECT_EQ(read_ipv4("e0", Ipv4Setting::arp_ignore), 1);
    EXPECT_EQ(read_ipv4("e0", Ipv4Setting::arp_announce), 2);
    EXPECT_EQ(read_ipv4("e0", Ipv4Setting::rp_filter), 0);
    EXPECT_EQ(read_ipv4("e0", Ipv4Setting::promote_secondaries), 1);
    EXPECT_TRUE(read_ipv4("all", Ipv4Setting::rp_filter).has_value());
    EXPECT_EQ(write_ipv4("../all", Ipv4Setting::forwarding, 1)->error, EINVAL);
    const Result refusal = write_ipv4("nowhere0", Ipv4Setting::forwarding, 1);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->to_text(), "write 1 to /proc/sys/net/ipv4/conf/nowhere0/forwarding: "
                                  "No such file or directory");
}

} // namespace
} // namespace sacip::netlink
