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
    return insert_route(tables_[route.table][route.destination], route, where);
}

bool RouteTables::remove(const RouteInfo& route) {
    const auto table = tables_.find(route.table);
    auto* const list = table == tables_.end() ? nullptr : table->second.find(route.destination);
    if (list == nullptr) {
        return false;
    }
    const auto it =
        std::ranges::find_if(*list, [&](const RouteInfo& r) { return same_hops(r, route); });
    if (it == list->end()) {
        return false;
    }
    list->erase(it);
    if (list->empty()) {
        table->second.erase(route.destination);
    }
    if (table->second.empty()) {
        tables_.erase(table);
    }
    return true;
}

bool RouteTables::remove_interface(IfIndex index) {
    bool changed = false;
    for (auto& [number, table] : tables_) {
        table.erase_if([&](const IpPrefix&, std::vector<RouteInfo>& list) {
            std::erase_if(list, [&](RouteInfo& route) {
                const size_t hops = route.more.size();
                const bool gone = !take_hops_away(route, index);
                changed = changed || gone || route.more.size() != hops;
                return gone;
            });
            return list.empty();
        });
    }
    std::erase_if(tables_, [](const auto& entry) { return entry.second.empty(); });
    return changed;
}

std::vector<RouteInfo> RouteTables::all() const {
    std::vector<RouteInfo> out;
    for (const auto& [number, table] : tables_) {
        table.visit_all([&](const IpPrefix&, const std::vector<RouteInfo>& list) {
            out.insert(out.end(), list.begin(), list.end());
        });
    }
    return out;
}

std::vector<RouteInfo> RouteTables::to(IpPrefix prefix) const {
    std::vector<RouteInfo> out;
    for (const auto& [number, table] : tables_) {
        const auto* const list = table.find(prefix);
        for (const RouteInfo& route : list == nullptr ? std::vector<RouteInfo>{} : *list) {
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

std::optional<RouteAnswer> RouteTables::look_up(uint32_t number, IpAddr destination, IfIndex out,
                                                const std::function<bool(IfIndex)>& is_up) const {
    const auto table = tables_.find(number);
    if (table == tables_.end()) {
        return std::nullopt;
    }
    const auto fits = [&](IfIndex interface) {
        return (out == IfIndex{} || out == interface) && is_up(interface);
    };
    std::optional<RouteAnswer> answer;
    const auto take = [&](NextHop hop, uint8_t length) {
        hop.address = hop.address.is_unspecified() ? destination : hop.address;
        answer = {RouteType::unicast, hop, length};
        return true;
    };
    table->second.visit_around(
        destination, [&](const IpPrefix& prefix, const std::vector<RouteInfo>& list) {
            for (const RouteInfo& r : list) {
                if (r.type != RouteType::unicast) {
                    answer = {r.type, {}, prefix.length()};
                    return true;
                }
                if (fits(r.interface)) {
                    return take({r.interface, r.via}, prefix.length());
                }
                const auto other = std::ranges::find_if(r.more, fits, &NextHop::interface);
                if (other != r.more.end()) {
                    return take(*other, prefix.length());
                }
            }
            return false;
        });
    return answer;
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
