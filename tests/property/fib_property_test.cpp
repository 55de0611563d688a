// SPDX-License-Identifier: BSD-3-Clause
//
// Fib against the kernel: random tables, rules, links and carriers in a network namespace, mirrored
// by Monitor; each look-up has the answer of `ip route get` (RTM_GETROUTE).
//
// Where we refuse, and Linux does not: a packet bound to an interface for which there is no route.
// Linux takes its destination for on-link. Multipath: Linux chooses one hop, any of them is right.
// Needs root; skipped loudly otherwise.
#include "app/netlink/monitor.hpp"
#include "tests/property/property.hpp"
#include "tests/support/own_namespace.hpp"

#include <linux/rtnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace sacip::netlink {
namespace {

using test::Random;

struct KernelAnswer {
    int error{0};  ///< errno
    NextHop hop{}; ///< its address is unspecified where the destination is on-link
};

/// lan 10.1.0.1, wan 10.0.1.2, lte 10.0.3.2, vpn 10.50.0.1, each /24, each a veth with a peer.
struct Side {
    const char* name;
    Ipv4Addr own;
    const char* router;
};
constexpr std::array<Side, 4> sides{{{"lan", {10, 1, 0, 1}, "10.1.0.99"},
                                     {"wan", {10, 0, 1, 2}, "10.0.1.1"},
                                     {"lte", {10, 0, 3, 2}, "10.0.3.1"},
                                     {"vpn", {10, 50, 0, 1}, "10.50.0.7"}}};
constexpr std::array<const char*, 7> prefixes{"default",     "20.0.0.0/8",  "20.1.0.0/16",
                                              "20.1.1.0/24", "20.1.1.7/32", "20.2.0.0/15",
                                              "20.1.1.0/25"};
const std::array<Ipv4Addr, 7> destinations{{{20, 1, 1, 7},
                                            {20, 1, 1, 8},
                                            {20, 1, 1, 200},
                                            {20, 1, 9, 9},
                                            {20, 3, 0, 1},
                                            {20, 77, 0, 1},
                                            {99, 9, 9, 9}}};

std::string any_hop(Random& random) {
    const Side& by = sides[random.below(sides.size())];
    const std::string dev = std::string{" dev "} + by.name;
    switch (random.below(4)) {
    case 0:
        return dev; // on-link
    case 1:
        return std::string{" via 172.16.0.1"} + dev + " onlink";
    default:
        return std::string{" via "} + by.router + dev;
    }
}

std::string any_route(Random& random) {
    std::string out = random.one_in(3) ? "route append " : "route replace ";
    constexpr std::array<const char*, 4> refusals{"blackhole ", "unreachable ", "prohibit ",
                                                  "throw "};
    const std::string to = prefixes[random.below(prefixes.size())];
    const std::string table = std::array{"main", "100", "200"}[random.below(3)];
    const std::string rest =
        " table " + table + " metric " + std::to_string(random.below(3) * 100 + 1);
    if (random.one_in(5)) {
        return out + refusals[random.below(refusals.size())] + to + rest;
    }
    if (random.one_in(4)) {
        std::string hops;
        for (uint32_t i = 0; i < 2 + random.below(2); i++) {
            hops += " nexthop" + any_hop(random);
        }
        return out + to + rest + hops;
    }
    return out + to + rest + any_hop(random);
}

/// What says no is for our destinations only: Linux also asks for the way back to the source.
std::string any_rule(Random& random) {
    const std::string preference = " pref " + std::to_string(1000 + random.below(8) * 10);
    const std::string which =
        std::array{"",         " from 10.1.0.0/24", " from 10.1.0.10",     " from 10.0.3.2",
                   " iif lan", " oif lte",          " not from 10.1.0.10", " fwmark 0x7",
                   " iif vpn", " uidrange 5-6"}[random.below(10)];
    const std::string to = std::array{"", " to 20.1.0.0/16", " to 20.0.0.0/8"}[random.below(3)];
    switch (random.below(8)) {
    case 0:
        return "rule add" + preference + which + " to 20.1.1.0/24" +
               std::array{" blackhole", " unreachable", " prohibit"}[random.below(3)];
    case 1:
        return "rule add" + preference + which + to + " goto 32766";
    case 2:
        return "rule add" + preference + which + to + " lookup main suppress_prefixlength " +
               std::to_string(random.below(3) * 8);
    default:
        return "rule add" + preference + which + to + " lookup " +
               std::array{"100", "200", "main"}[random.below(3)];
    }
}

class FibProperty : public testing::Test {
protected:
    void SetUp() override {
        if (!test::enter_own_namespace()) {
            GTEST_SKIP() << "needs root";
        }
        std::string lines = "link set lo up\n";
        for (const Side& s : sides) {
            const std::string name = s.name;
            lines += "link add " + name + " type veth peer name " + name + "-peer\nlink set " +
                     name + " up\nlink set " + name + "-peer up\naddr add " + s.own.to_text() +
                     "/24 dev " + name + "\n";
        }
        ip(lines);
        ASSERT_EQ(std::system("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0; "
                              "for i in lan wan lte vpn; do "
                              "sysctl -qw net.ipv4.conf.$i.rp_filter=0; done"),
                  0);
        netlink::DirectSink sink{host_};
        ASSERT_FALSE(monitor_.start(sink));
        ASSERT_FALSE(questions_.open(0, false));
    }

    /// Lines that Linux refuses (a route that is there, say) are left out.
    static void ip(const std::string& lines) {
        FILE* to = popen("ip -force -batch - 2>/dev/null", "w");
        ASSERT_NE(to, nullptr);
        fwrite(lines.data(), 1, lines.size(), to);
        pclose(to);
    }

    KernelAnswer kernel(const RouteQuery& q) {
        alignas(nlmsghdr) std::array<char, 512> buffer{};
        nlmsghdr* m = mnl_nlmsg_put_header(buffer.data());
        m->nlmsg_type = RTM_GETROUTE;
        m->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
        auto* header = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(m, sizeof(rtmsg)));
        header->rtm_family = AF_INET;
        header->rtm_dst_len = 32;
        header->rtm_src_len = 32;
        mnl_attr_put_u32(m, RTA_DST, q.destination.v4().raw());
        mnl_attr_put_u32(m, RTA_SRC, q.source.v4().raw());
        const bool bound = q.out != IfIndex{};
        mnl_attr_put_u32(m, bound ? RTA_OIF : RTA_IIF,
                         static_cast<uint32_t>(bound ? q.out.value : q.in.value));
        KernelAnswer out;
        out.error = questions_.transact(m, [&](const nlmsghdr* line) {
            const auto* a =
                static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(line, sizeof(rtmsg)));
            const auto* end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(line));
            for (; mnl_attr_ok(a, static_cast<int>(end - reinterpret_cast<const char*>(a)));
                 a = mnl_attr_next(a)) {
                if (mnl_attr_get_type(a) == RTA_OIF) {
                    out.hop.interface = IfIndex{static_cast<int>(mnl_attr_get_u32(a))};
                } else if (mnl_attr_get_type(a) == RTA_GATEWAY) {
                    out.hop.address = Ipv4Addr::from_raw(mnl_attr_get_u32(a));
                }
            }
        });
        return out;
    }
    bool is_other_hop(const RouteQuery& q, const RouteAnswer& ours, const NextHop& seen) const {
        const auto all = host_.all_routes();
        return std::ranges::any_of(all, [&](const RouteInfo& r) {
            const auto has = [&](NextHop hop) {
                hop.address = hop.address == q.destination ? Ipv4Addr{} : hop.address;
                return NextHop{r.interface, r.via} == hop ||
                       std::ranges::find(r.more, hop) != r.more.end();
            };
            return r.destination.length() == ours.length && r.destination.contains(q.destination) &&
                   !r.more.empty() && has(ours.hop) && has(seen);
        });
    }

    bool agree(const RouteQuery& q, const std::optional<RouteAnswer>& ours,
               const KernelAnswer& theirs) const {
        if (ours && ours->type == RouteType::unicast) {
            NextHop hop = ours->hop;
            hop.address = hop.address == q.destination ? Ipv4Addr{} : hop.address;
            return theirs.error == 0 && (theirs.hop == hop || (q.out == IfIndex{} &&
                                                               is_other_hop(q, *ours, theirs.hop)));
        }
        if (q.out != IfIndex{}) { // Linux guesses
            return theirs.error == 0 && theirs.hop == NextHop{q.out, {}};
        }
        switch (ours ? ours->type : RouteType::other) {
        case RouteType::blackhole:
            return theirs.error == EINVAL;
        case RouteType::prohibit:
            return theirs.error == EACCES;
        case RouteType::unreachable:
            return theirs.error == EHOSTUNREACH || theirs.error == ENETUNREACH;
        default:
            return theirs.error == ENETUNREACH;
        }
    }

    void compare() {
        for (const Ipv4Addr to : destinations) {
            for (size_t i = 0; i < sides.size(); i++) {
                const LinkInfo* link = host_.link(sides[i].name);
                if (!link->up) {
                    continue;
                }
                const RouteQuery bound{to, sides[i].own, IfIndex{1}, link->index};
                check(bound, sides[i].name);
                if (i == 0 || i == 3) {
                    const Ipv4Addr host = i == 0 ? Ipv4Addr{10, 1, 0, 10} : Ipv4Addr{10, 50, 0, 9};
                    check({to, host, link->index, {}}, sides[i].name);
                }
            }
        }
    }
    void check(const RouteQuery& q, const char* side) {
        const auto ours = host_.route(q);
        const KernelAnswer theirs = kernel(q);
        rows_++;
        answers_ += ours && ours->type == RouteType::unicast ? 1 : 0;
        ASSERT_TRUE(agree(q, ours, theirs))
            << q.destination.to_text() << " from " << q.source.to_text()
            << (q.out == IfIndex{} ? " iif " : " oif ") << side << ": Linux says errno "
            << theirs.error << ", via " << theirs.hop.address.to_text() << " dev "
            << theirs.hop.interface.value << "; we say "
            << (ours ? "type " + std::to_string(static_cast<int>(ours->type)) + ", via " +
                           ours->hop.address.to_text() + " dev " +
                           std::to_string(ours->hop.interface.value)
                     : std::string{"no route"})
            << "\n"
            << tables();
    }
    static std::string tables() {
        std::string out;
        for (const char* command : {"ip rule", "ip route show table all | grep -v local"}) {
            FILE* from = popen(command, "r");
            std::array<char, 4096> text{};
            while (from != nullptr && fgets(text.data(), text.size(), from) != nullptr) {
                out += text.data();
            }
            pclose(from);
        }
        return out;
    }

    /// Linux tells of a carrier up to a second after it changed.
    void settle(bool carriers) {
        for (int i = 0; i < (carriers ? 60 : 1); i++) {
            usleep(carriers ? 20'000 : 1'000);
            netlink::DirectSink sink{host_};
            monitor_.poll(sink);
        }
    }

    KernelState host_;
    Monitor monitor_;
    Socket questions_;
    size_t rows_{0};
    size_t answers_{0};
};

/// One world after another, so that what is left over would show.
TEST_F(FibProperty, AnswersAsLinuxDoes) {
    test::for_all(30, [&](Random& random) {
        std::string lines = "route flush table 100\nroute flush table 200\n";
        lines += "route flush root 20.0.0.0/8\nroute flush exact default\n";
        for (uint32_t i = 0; i < 8; i++) { // whatever the last world had
            lines += "rule del pref " + std::to_string(1000 + i * 10) + "\nrule del pref " +
                     std::to_string(1000 + i * 10) + "\n";
        }
        for (uint32_t i = 0; i < 3 + random.below(20); i++) {
            lines += any_route(random) + "\n";
        }
        for (uint32_t i = 0; i < random.below(6); i++) {
            lines += any_rule(random) + "\n";
        }
        const std::string link = sides[random.below(sides.size())].name;
        const bool blink = random.one_in(4);
        if (blink) { // its routes go, the connected one comes back
            lines += "link set " + link + " down\nlink set " + link + " up\n";
        }
        ip(lines);
        settle(blink);
        compare();
    });
    std::printf("%zu look-ups compared, %zu of them with a next hop\n", rows_, answers_);
    EXPECT_GT(rows_, 200U);
    EXPECT_GT(answers_, rows_ / 4);
}

/// With and without ignore_routes_with_linkdown.
TEST_F(FibProperty, RoutesWithoutACarrier) {
    test::for_all(4, [&](Random& random) {
        const bool ignore = random.one_in(2);
        for (const Side& s : sides) {
            std::ignore = std::system(("sysctl -qw net.ipv4.conf." + std::string{s.name} +
                                       ".ignore_routes_with_linkdown=" + (ignore ? "1" : "0"))
                                          .c_str());
        }
        std::string lines;
        for (uint32_t i = 0; i < 12; i++) {
            lines += any_route(random) + "\n";
        }
        const std::string link = sides[1 + random.below(2)].name;
        ip(lines + "link set " + link + "-peer down\n");
        settle(true);
        compare();
        ip("link set " + link + "-peer up\n");
        settle(true);
        compare();
    });
}

} // namespace
} // namespace sacip::netlink
