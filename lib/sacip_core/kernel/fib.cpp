// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/kernel/fib.hpp"

#include <algorithm>

namespace sacip {
namespace {

bool same_hops(const RouteInfo& a, const RouteInfo& b) {
    return a.metric == b.metric && a.type == b.type && a.via == b.via &&
           a.interface == b.interface && a.more == b.more;
}

/// Keeps `list` sorted by metric; equal metrics stay in the order Linux tries them.
bool insert_route(std::vector<RouteInfo>& list, const RouteInfo& route, RouteInsert where) {
    const auto first = std::find_if(list.begin(), list.end(),
                                    [&](const RouteInfo& r) { return r.metric >= route.metric; });
    const auto last = std::find_if(first, list.end(),
                                   [&](const RouteInfo& r) { return r.metric > route.metric; });
    if (where == RouteInsert::replace && first != last) {
        // Linux replaces the first of its kind, in place.
        const bool changed = *first != route;
        *first = route;
        return changed;
    }
    // An event may tell what a dump has already told.
    const auto known =
        std::find_if(first, last, [&](const RouteInfo& r) { return same_hops(r, route); });
    if (known != last) {
        const bool changed = *known != route;
        *known = route;
        return changed;
    }
    list.insert(where == RouteInsert::prepend ? first : last, route);
    return true;
}

/// Without the hops through `index`; false if none is left.
bool take_hops_away(RouteInfo& route, IfIndex index) {
    std::erase_if(route.more, [&](const NextHop& h) { return h.interface == index; });
    if (route.interface != index) {
        return true;
    }
    if (route.more.empty()) {
        return false;
    }
    route.interface = route.more.front().interface;
    route.via = route.more.front().address;
    route.more.erase(route.more.begin());
    return true;
}

bool matches(const RuleInfo& rule, const RouteQuery& query, std::string_view in,
             std::string_view out) {
    const bool fits = !rule.foreign && rule.from.contains(query.source) &&
                      rule.to.contains(query.destination) && (rule.in.empty() || rule.in == in) &&
                      (rule.out.empty() || rule.out == out);
    return fits != rule.inverted;
}

} // namespace

bool RouteTables::add(const RouteInfo& route, RouteInsert where) {
    Networks& networks = tables_[route.table][route.destination.length()];
    return insert_route(networks[route.destination.address()], route, where);
}

bool RouteTables::remove(const RouteInfo& route) {
    const auto table = tables_.find(route.table);
    if (table == tables_.end()) {
        return false;
    }
    Networks& networks = table->second[route.destination.length()];
    const auto found = networks.find(route.destination.address());
    if (found == networks.end()) {
        return false;
    }
    const auto it = std::ranges::find_if(found->second,
                                         [&](const RouteInfo& r) { return same_hops(r, route); });
    if (it == found->second.end()) {
        return false;
    }
    found->second.erase(it);
    if (found->second.empty()) {
        networks.erase(found);
    }
    if (std::ranges::all_of(table->second, &Networks::empty)) {
        tables_.erase(table);
    }
    return true;
}

bool RouteTables::remove_interface(IfIndex index) {
    bool changed = false;
    for (auto& [number, table] : tables_) {
        for (Networks& networks : table) {
            for (auto it = networks.begin(); it != networks.end();) {
                std::erase_if(it->second, [&](RouteInfo& route) {
                    const size_t hops = route.more.size();
                    const bool gone = !take_hops_away(route, index);
                    changed = changed || gone || route.more.size() != hops;
                    return gone;
                });
                it = it->second.empty() ? networks.erase(it) : std::next(it);
            }
        }
    }
    std::erase_if(tables_, [](const auto& entry) {
        return std::ranges::all_of(entry.second, &Networks::empty);
    });
    return changed;
}

std::vector<RouteInfo> RouteTables::all() const {
    std::vector<RouteInfo> out;
    for (const auto& [number, table] : tables_) {
        for (const Networks& networks : table) {
            for (const auto& [network, list] : networks) {
                out.insert(out.end(), list.begin(), list.end());
            }
        }
    }
    return out;
}

std::vector<RouteInfo> RouteTables::to(Ipv4Prefix prefix) const {
    std::vector<RouteInfo> out;
    for (const auto& [number, table] : tables_) {
        const Networks& networks = table[prefix.length()];
        const auto found = networks.find(prefix.address());
        if (found == networks.end()) {
            continue;
        }
        for (const RouteInfo& route : found->second) {
            RouteInfo one = route;
            one.more.clear();
            out.push_back(one);
            for (const NextHop& hop : route.more) {
                one.interface = hop.interface;
                one.via = hop.address;
                out.push_back(one);
            }
        }
    }
    return out;
}

std::optional<RouteAnswer> RouteTables::look_up(uint32_t number, Ipv4Addr destination, IfIndex out,
                                                const std::function<bool(IfIndex)>& is_up) const {
    const auto table = tables_.find(number);
    for (int length = 32; table != tables_.end() && length >= 0; --length) {
        const Networks& networks = table->second[static_cast<size_t>(length)];
        if (networks.empty()) {
            continue;
        }
        const auto bits = static_cast<uint8_t>(length);
        const auto found = networks.find(Ipv4Prefix{destination, bits}.address());
        if (found == networks.end()) {
            continue;
        }
        for (const RouteInfo& r : found->second) {
            if (r.type != RouteType::unicast) {
                return RouteAnswer{r.type, {}, bits};
            }
            const auto fits = [&](IfIndex interface) {
                return (out == IfIndex{} || out == interface) && is_up(interface);
            };
            const auto answer = [&](NextHop hop) {
                hop.address = hop.address.is_unspecified() ? destination : hop.address;
                return RouteAnswer{RouteType::unicast, hop, bits};
            };
            if (fits(r.interface)) {
                return answer({r.interface, r.via});
            }
            const auto other =
                std::ranges::find_if(r.more, fits, [](const NextHop& h) { return h.interface; });
            if (other != r.more.end()) {
                return answer(*other);
            }
        }
    }
    return std::nullopt;
}

bool Fib::add(const RuleInfo& rule) {
    // Linux puts a new rule behind those of its priority, and knows no two that are equal.
    if (std::ranges::find(rules, rule) != rules.end()) {
        return false;
    }
    rules.insert(std::ranges::upper_bound(rules, rule.priority, {}, &RuleInfo::priority), rule);
    return true;
}

std::optional<RouteAnswer> Fib::look_up(const RouteQuery& query, std::string_view in,
                                        std::string_view out,
                                        const std::function<bool(IfIndex)>& is_up) const {
    uint32_t from = 0;
    for (const RuleInfo& rule : rules) {
        if (rule.priority < from || !matches(rule, query, in, out)) {
            continue;
        }
        switch (rule.action) {
        case RuleInfo::Action::nop:
            break;
        case RuleInfo::Action::go_to:
            from = rule.target;
            break;
        case RuleInfo::Action::blackhole:
            return RouteAnswer{RouteType::blackhole, {}, 0};
        case RuleInfo::Action::unreachable:
            return RouteAnswer{RouteType::unreachable, {}, 0};
        case RuleInfo::Action::prohibit:
            return RouteAnswer{RouteType::prohibit, {}, 0};
        case RuleInfo::Action::look_up:
            const auto answer = routes.look_up(rule.table, query.destination, query.out, is_up);
            const bool suppressed = answer && answer->type == RouteType::unicast &&
                                    answer->length <= rule.suppress_prefix_length;
            if (answer && answer->type != RouteType::throw_on && !suppressed) {
                return answer;
            }
        }
    }
    return std::nullopt;
}

} // namespace sacip
