// SPDX-License-Identifier: BSD-3-Clause
//
// See kernel_state.hpp. Links, addresses and neighbours are marked and swept; routes are built anew
// beside the old ones and swapped in, because a dump also tells the order of equal routes.
#include "sacip_core/kernel/kernel_state.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// With more of them a look at all is no more work.
constexpr size_t prefixes_told = 256;

} // namespace

void RouteChanges::add(const IpPrefix& prefix) {
    if (all || prefix.length() == 0 || prefixes.size() >= prefixes_told) {
        add_all();
    } else if (std::ranges::find(prefixes, prefix) == prefixes.end()) {
        prefixes.push_back(prefix);
    }
}

bool KernelState::upsert(const LinkInfo& link) {
    const auto [it, is_new] = links_.try_emplace(link.index.value, Marked<LinkInfo>{link, 0});
    it->second.epoch = epoch(Table::links);
    if (!is_new && it->second.info == link) {
        return false;
    }
    const bool is_named = std::ranges::any_of(
        fib_.rules, [](const RuleInfo& rule) { return !rule.in.empty() || !rule.out.empty(); });
    // No route leads by one that is new; where a rule names one, it may be this.
    if (is_named ||
        (!is_new && (it->second.info.up != link.up || it->second.info.master != link.master))) {
        changed_routes_.add_all();
    }
    it->second.info = link;
    return bump(Table::links);
}

bool KernelState::remove_link(IfIndex index) {
    if (links_.erase(index.value) == 0) {
        return false;
    }
    if (const auto found = addresses_.find(index.value); found != addresses_.end()) {
        while (!found->second.list.empty()) {
            remove_address_at(found->second, found->second.list.size() - 1);
        }
        addresses_.erase(found);
    }
    if (fib_.routes.remove_interface(index)) {
        changed_routes_.add_all();
        bump(Table::routes);
    }
    const size_t neighbours_gone = std::erase_if(neighbours_, [&](const auto& entry) {
        if (entry.first.interface != index) {
            return false;
        }
        changed_neighbours_.insert(entry.first);
        return true;
    });
    if (neighbours_gone > 0) {
        bump(Table::neighbours);
    }
    return bump(Table::links);
}

bool KernelState::upsert(const AddressInfo& address) {
    AddressTable& table = addresses_[address.interface.value];
    const auto it = std::find_if(table.list.begin(), table.list.end(),
                                 [&](const AddressInfo& a) { return a.is_same(address); });
    if (it == table.list.end()) {
        table.list.push_back(address);
        table.list.back().order = next_order_++;
        table.epochs.push_back(epoch(Table::addresses));
        ++local_[address.address];
        return bump(Table::addresses);
    }
    table.epochs[static_cast<size_t>(it - table.list.begin())] = epoch(Table::addresses);
    AddressInfo news = address;
    news.order = it->order;
    if (*it == news) {
        return false;
    }
    *it = news;
    return bump(Table::addresses);
}

bool KernelState::remove_address_at(AddressTable& table, size_t position) {
    const auto offset = static_cast<std::ptrdiff_t>(position);
    const auto local = local_.find(table.list[position].address);
    if (local != local_.end() && --local->second == 0) {
        local_.erase(local);
    }
    table.list.erase(table.list.begin() + offset);
    table.epochs.erase(table.epochs.begin() + offset);
    return bump(Table::addresses);
}

bool KernelState::remove(const AddressInfo& address) {
    const auto found = addresses_.find(address.interface.value);
    if (found == addresses_.end()) {
        return false;
    }
    AddressTable& table = found->second;
    for (size_t i = 0; i < table.list.size(); ++i) {
        if (table.list[i].is_same(address)) {
            return remove_address_at(table, i);
        }
    }
    return false;
}

bool KernelState::add(const RouteInfo& route, RouteInsert where) {
    const bool staged = dumping(Table::routes);
    const bool changed = (staged ? dumped_routes_ : fib_.routes).add(route, where);
    if (changed && !staged) {
        changed_routes_.add(route.destination);
        bump(Table::routes);
    }
    return changed;
}

bool KernelState::remove(const RouteInfo& route) {
    if (!fib_.routes.remove(route)) {
        return false;
    }
    changed_routes_.add(route.destination);
    return bump(Table::routes);
}

bool KernelState::add(const RuleInfo& rule) {
    if (dumping(Table::rules)) {
        dumped_rules_.push_back(rule); // Linux lists them in its order
        return true;
    }
    return fib_.add(rule) && bump_rules();
}

bool KernelState::remove(const RuleInfo& rule) {
    return std::erase(fib_.rules, rule) > 0 && bump_rules();
}

bool KernelState::upsert(const NeighbourInfo& neighbour) {
    const NeighbourKey key{neighbour.interface, neighbour.address};
    const auto [it, is_new] = neighbours_.try_emplace(key, Marked<NeighbourInfo>{neighbour, 0});
    it->second.epoch = epoch(Table::neighbours);
    if (!is_new && it->second.info == neighbour) {
        return false;
    }
    it->second.info = neighbour;
    changed_neighbours_.insert(key);
    return bump(Table::neighbours);
}

bool KernelState::remove_neighbour(NeighbourKey key) {
    if (neighbours_.erase(key) == 0) {
        return false;
    }
    changed_neighbours_.insert(key);
    return bump(Table::neighbours);
}

void KernelState::begin_dump(Table table) {
    const auto t = static_cast<size_t>(table);
    dumping_[t] = true;
    generation_at_dump_[t] = generation_[t];
    ++epoch_[t]; // an entry survives only if it is named from here on
    if (table == Table::routes) {
        dumped_routes_ = {};
    }
    if (table == Table::rules) {
        dumped_rules_.clear();
    }
}

bool KernelState::end_dump(Table table) {
    const auto t = static_cast<size_t>(table);
    if (!dumping_[t]) {
        return false;
    }
    dumping_[t] = false;
    switch (table) {
    case Table::links:
        sweep_links();
        break;
    case Table::addresses:
        sweep_addresses();
        break;
    case Table::neighbours:
        sweep_neighbours();
        break;
    case Table::routes:
        if (!(dumped_routes_ == fib_.routes)) {
            std::swap(fib_.routes, dumped_routes_);
            fib_.routes.visit_differences(
                dumped_routes_, [this](const IpPrefix& prefix) { changed_routes_.add(prefix); });
            bump(Table::routes);
        }
        dumped_routes_ = {};
        break;
    case Table::rules:
        if (dumped_rules_ != fib_.rules) {
            std::swap(fib_.rules, dumped_rules_);
            bump_rules();
        }
        break;
    }
    return generation_[t] != generation_at_dump_[t];
}

void KernelState::abandon_dump(Table table) {
    dumping_[static_cast<size_t>(table)] = false;
    if (table == Table::routes) {
        dumped_routes_ = {};
    }
}

void KernelState::sweep_links() {
    std::vector<IfIndex> gone;
    for (const auto& [index, marked] : links_) {
        if (marked.epoch != epoch(Table::links)) {
            gone.push_back(IfIndex{index});
        }
    }
    for (const IfIndex index : gone) {
        remove_link(index);
    }
}

void KernelState::sweep_addresses() {
    for (auto& [index, table] : addresses_) {
        for (size_t i = table.list.size(); i-- > 0;) {
            if (table.epochs[i] != epoch(Table::addresses)) {
                remove_address_at(table, i);
            }
        }
    }
}

void KernelState::sweep_neighbours() {
    const size_t gone = std::erase_if(neighbours_, [&](const auto& entry) {
        if (entry.second.epoch == epoch(Table::neighbours)) {
            return false;
        }
        changed_neighbours_.insert(entry.first);
        return true;
    });
    if (gone > 0) {
        bump(Table::neighbours);
    }
}

std::optional<RouteAnswer> KernelState::route(const RouteQuery& query) const {
    const auto name = [this](IfIndex index) {
        const LinkInfo* known = index == IfIndex{} ? nullptr : link(index);
        return known == nullptr ? std::string_view{} : std::string_view{known->name};
    };
    return fib_.look_up(query, name(query.in), name(query.out), [this](IfIndex index) {
        const LinkInfo* known = link(index);
        return known != nullptr && known->up;
    });
}

std::optional<NextHop> KernelState::route(IpAddr destination) const {
    const auto answer = route(RouteQuery{.destination = destination});
    return answer && answer->type == RouteType::unicast ? std::optional{answer->hop} : std::nullopt;
}

const NeighbourInfo* KernelState::neighbour(IfIndex interface, IpAddr address) const {
    const auto found = neighbours_.find({interface, address});
    return found == neighbours_.end() ? nullptr : &found->second.info;
}

std::optional<MacAddr> KernelState::mac_of(NeighbourKey key) const {
    const NeighbourInfo* const known = neighbour(key.interface, key.address);
    const bool resolved = known != nullptr && known->state == NeighbourState::resolved;
    return resolved && !known->mac.is_zero() ? std::optional{known->mac} : std::nullopt;
}

std::span<const AddressInfo> KernelState::addresses(IfIndex interface) const {
    const auto found = addresses_.find(interface.value);
    return found == addresses_.end() ? std::span<const AddressInfo>{} : found->second.list;
}

bool KernelState::is_local(IpAddr address) const {
    return address.is_loopback() || local_.contains(address);
}

const LinkInfo* KernelState::link(IfIndex index) const {
    const auto found = links_.find(index.value);
    return found == links_.end() ? nullptr : &found->second.info;
}

const LinkInfo* KernelState::link(std::string_view name) const {
    for (const auto& [index, marked] : links_) {
        if (marked.info.name == name) {
            return &marked.info;
        }
    }
    return nullptr;
}

std::vector<LinkInfo> KernelState::all_links() const {
    std::vector<LinkInfo> out;
    for (const auto& [index, marked] : links_) {
        out.push_back(marked.info);
    }
    return out;
}

std::vector<NeighbourInfo> KernelState::all_neighbours() const {
    std::vector<NeighbourInfo> out;
    for (const auto& [key, marked] : neighbours_) {
        out.push_back(marked.info);
    }
    return out;
}

std::vector<NeighbourKey> KernelState::take_changed_neighbours() {
    std::vector<NeighbourKey> out(changed_neighbours_.begin(), changed_neighbours_.end());
    changed_neighbours_.clear();
    return out;
}

} // namespace sacip
