// SPDX-License-Identifier: BSD-3-Clause
//
// Fib: Linux's IPv4 routing tables and rules (ip-route(8), ip-rule(8)), and its look-up.
//
// "Which way?" has Linux's answer: the rules in their order, in each one's table the longest prefix
// first, then the lowest metric; a route that says no (blackhole, unreachable, prohibit) is an
// answer as well, `throw` sends on to the next rule. With an output interface given only hops
// through it count, as for a socket bound to it. Where Linux would guess at the end of all that (a
// bound socket's destination is taken for on-link), there is no route for us.
//
// Not followed, and never true here: rules for a mark, a user, ports, a protocol, a TOS or a VRF,
// for packets of ours have none of these when they are asked for (`RuleInfo::foreign`).
//
// Owned and called by the slow path only; no I/O.
#pragma once

#include "sacip_core/base/prefix_map.hpp"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sacip {

/// RTN_*: everything but unicast means that there is no way to go, `throw_on`: in this table.
enum class RouteType : uint8_t { unicast, blackhole, unreachable, prohibit, throw_on, other };

/// Ask neighbour(interface, address) for the Ethernet address.
struct NextHop {
    IfIndex interface {};
    IpAddr address{}; ///< the router; in an answer the destination itself if it is on-link
    bool operator==(const NextHop&) const = default;
};

inline constexpr uint32_t main_table = 254; ///< RT_TABLE_MAIN

/// A route, TOS 0.
struct RouteInfo {
    IpPrefix destination{};
    IpAddr via{}; ///< unspecified: on-link
    IfIndex interface {};
    uint32_t metric{0};
    IpAddr preferred_source{}; ///< unspecified: Linux chooses
    RouteType type{RouteType::unicast};
    uint32_t table{main_table};
    bool onlink{false}; ///< RTNH_F_ONLINK: a hop's `via` need not lie in a subnet of its interface
    std::vector<NextHop> more{}; ///< further hops (multipath); address unspecified: on-link
    bool operator==(const RouteInfo&) const = default;
};

/// Where a new route goes among those of its prefix and metric (ip route append|prepend|replace).
enum class RouteInsert : uint8_t { append, prepend, replace };

/// A rule of the policy database.
struct RuleInfo {
    enum class Action : uint8_t { look_up, go_to, nop, blackhole, unreachable, prohibit };
    uint32_t priority{0};
    Action action{Action::look_up};
    uint32_t table{main_table}; ///< look_up
    uint32_t target{0};         ///< go_to: a priority
    IpPrefix from{};
    IpPrefix to{};
    std::string in{};               ///< name of an interface; empty: any
    std::string out{};              ///< the same
    bool inverted{false};           ///< `not`
    bool foreign{false};            ///< has a condition that no packet of ours meets
    int suppress_prefix_length{-1}; ///< an answer of this length or a shorter one does not count
    bool operator==(const RuleInfo&) const = default;
};

/// What is known of a packet. Interfaces: 0 where unknown; `in` lo: the box's own.
struct RouteQuery {
    IpAddr destination{};
    IpAddr source{};
    IfIndex in{};
    IfIndex out{}; ///< only through this one
};

struct RouteAnswer {
    RouteType type{RouteType::unicast};
    NextHop hop{};     ///< unicast only
    uint8_t length{0}; ///< of the route's prefix; 0 for a rule that says no
    bool operator==(const RouteAnswer&) const = default;
};

/// Table -> prefix -> its routes, in the order in which Linux tries them.
class RouteTables {
public:
    /// Whether anything changed.
    bool add(const RouteInfo& route, RouteInsert where);
    bool remove(const RouteInfo& route);
    bool remove_interface(IfIndex index);
    std::vector<RouteInfo> all() const;
    /// Of exactly this prefix, in all tables, each hop as a route of its own.
    std::vector<RouteInfo> to(IpPrefix prefix) const;
    /// The first route of the longest prefix with a live hop that fits; nothing: none does.
    std::optional<RouteAnswer> look_up(uint32_t table, IpAddr destination, IfIndex out,
                                       const std::function<bool(IfIndex)>& is_up) const;
    bool operator==(const RouteTables&) const = default;
    /// Calls `visit(prefix)` for each that has other routes in the other ones. O(routes).
    template <typename Visit>
    void visit_differences(const RouteTables& other, Visit&& visit) const {
        visit_missing(other, visit);
        other.visit_missing(*this, visit);
    }

private:
    template <typename Visit>
    void visit_missing(const RouteTables& in, Visit&& visit) const {
        for (const auto& [number, table] : tables_) {
            const auto there = in.tables_.find(number);
            table.visit_all([&](const IpPrefix& prefix, const std::vector<RouteInfo>& list) {
                const auto* const its =
                    there == in.tables_.end() ? nullptr : there->second.find(prefix);
                if (its == nullptr || *its != list) {
                    visit(prefix);
                }
            });
        }
    }
    std::map<uint32_t, PrefixMap<std::vector<RouteInfo>>> tables_;
};

struct Fib {
    /// Linux's own at its start, but for table local: what is in there is asked for elsewhere.
    std::vector<RuleInfo> rules{{.priority = 32766}, {.priority = 32767, .table = 253}};
    RouteTables routes;

    bool add(const RuleInfo& rule);
    /// Nothing: no route (ENETUNREACH). `in` and `out`: names of the query's interfaces.
    std::optional<RouteAnswer> look_up(const RouteQuery& query, std::string_view in,
                                       std::string_view out,
                                       const std::function<bool(IfIndex)>& is_up) const;
};

} // namespace sacip
