// SPDX-License-Identifier: BSD-3-Clause
//
// See host_state.hpp. Links, addresses and neighbours are marked and swept; routes are built anew
// beside the old ones and swapped in, because a dump also tells the order of equal routes.
#include "sacip_core/host_state.hpp"

#include <algorithm>

namespace sacip {
namespace {

bool same_hop(const RouteInfo& a, const RouteInfo& b) {
    return a.metric == b.metric && a.type == b.type && a.via == b.via && a.interface == b.interface;
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
        std::find_if(first, last, [&](const RouteInfo& r) { return same_hop(r, route); });
    if (known != last) {
        const bool changed = *known != route;
        *known = route;
        return changed;
    }
    list.insert(where == RouteInsert::prepend ? first : last, route);
    return true;
}

} // namespace

bool HostState::upsert(const LinkInfo& link) {
    const auto [it, is_new] = links_.try_emplace(link.index.value, Marked<LinkInfo>{link, 0});
    it->second.epoch = epoch(Table::links);
    if (!is_new && it->second.info == link) {
        return false;
    }
    it->second.info = link;
    return bump(Table::links);
}

bool HostState::remove_link(IfIndex index) {
    if (links_.erase(index.value) == 0) {
        return false;
    }
    if (const auto found = addresses_.find(index.value); found != addresses_.end()) {
        while (!found->second.list.empty()) {
            remove_address_at(found->second, found->second.list.size() - 1);
        }
        addresses_.erase(found);
    }
    size_t routes_gone = 0;
    for (auto& networks : routes_.by_length) {
        for (auto it = networks.begin(); it != networks.end();) {
            routes_gone +=
                std::erase_if(it->second, [&](const RouteInfo& r) { return r.interface == index; });
            it = it->second.empty() ? networks.erase(it) : std::next(it);
        }
    }
    if (routes_gone > 0) {
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

bool HostState::upsert(const AddressInfo& address) {
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

bool HostState::remove_address_at(AddressTable& table, size_t position) {
    const auto offset = static_cast<std::ptrdiff_t>(position);
    const auto local = local_.find(table.list[position].address);
    if (local != local_.end() && --local->second == 0) {
        local_.erase(local);
    }
    table.list.erase(table.list.begin() + offset);
    table.epochs.erase(table.epochs.begin() + offset);
    return bump(Table::addresses);
}

bool HostState::remove(const AddressInfo& address) {
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

bool HostState::add(const RouteInfo& route, RouteInsert where) {
    const bool staged = dumping(Table::routes);
    RouteTable& table = staged ? dumped_routes_ : routes_;
    auto& list = table.by_length[route.destination.length()][route.destination.address()];
    const bool changed = insert_route(list, route, where);
    if (changed && !staged) {
        bump(Table::routes);
    }
    return changed;
}

bool HostState::remove(const RouteInfo& route) {
    auto& networks = routes_.by_length[route.destination.length()];
    const auto found = networks.find(route.destination.address());
    if (found == networks.end()) {
        return false;
    }
    auto& list = found->second;
    const auto it = std::find_if(list.begin(), list.end(),
                                 [&](const RouteInfo& r) { return same_hop(r, route); });
    if (it == list.end()) {
        return false;
    }
    list.erase(it);
    if (list.empty()) {
        networks.erase(found);
    }
    return bump(Table::routes);
}

bool HostState::upsert(const NeighbourInfo& neighbour) {
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

bool HostState::remove_neighbour(NeighbourKey key) {
    if (neighbours_.erase(key) == 0) {
        return false;
    }
    changed_neighbours_.insert(key);
    return bump(Table::neighbours);
}

void HostState::begin_dump(Table table) {
    const auto t = static_cast<size_t>(table);
    dumping_[t] = true;
    generation_at_dump_[t] = generation_[t];
    ++epoch_[t]; // an entry survives only if it is named from here on
    if (table == Table::routes) {
        dumped_routes_ = {};
    }
}

bool HostState::end_dump(Table table) {
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
        if (!(dumped_routes_ == routes_)) {
            std::swap(routes_, dumped_routes_);
            bump(Table::routes);
        }
        dumped_routes_ = {};
        break;
    }
    return generation_[t] != generation_at_dump_[t];
}

void HostState::abandon_dump(Table table) {
    dumping_[static_cast<size_t>(table)] = false;
    if (table == Table::routes) {
        dumped_routes_ = {};
    }
}

void HostState::sweep_links() {
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

void HostState::sweep_addresses() {
    for (auto& [index, table] : addresses_) {
        for (size_t i = table.list.size(); i-- > 0;) {
            if (table.epochs[i] != epoch(Table::addresses)) {
                remove_address_at(table, i);
            }
        }
    }
}

void HostState::sweep_neighbours() {
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

std::optional<NextHop> HostState::route(Ipv4Addr destination) const {
    return route(destination, IfIndex{});
}

std::optional<NextHop> HostState::route(Ipv4Addr destination, IfIndex through) const {
    for (int length = 32; length >= 0; --length) {
        const auto& networks = routes_.by_length[static_cast<size_t>(length)];
        if (networks.empty()) {
            continue;
        }
        const Ipv4Prefix network{destination, static_cast<uint8_t>(length)};
        const auto found = networks.find(network.address());
        if (found == networks.end()) {
            continue;
        }
        for (const RouteInfo& r : found->second) {
            if (through.value != 0 && r.interface != through) {
                continue;
            }
            if (r.type != RouteType::unicast) {
                return std::nullopt; // it matches and says no: a shorter prefix must not overrule
            }
            const LinkInfo* out = link(r.interface);
            if (out != nullptr && out->up) {
                return NextHop{r.interface, r.via.is_unspecified() ? destination : r.via};
            }
        }
    }
    return std::nullopt;
}

std::span<const RouteInfo> HostState::routes_to(Ipv4Prefix prefix) const {
    const auto& networks = routes_.by_length[prefix.length()];
    const auto found = networks.find(prefix.address());
    return found == networks.end() ? std::span<const RouteInfo>{} : found->second;
}

const NeighbourInfo* HostState::neighbour(IfIndex interface, Ipv4Addr address) const {
    const auto found = neighbours_.find({interface, address});
    return found == neighbours_.end() ? nullptr : &found->second.info;
}

std::span<const AddressInfo> HostState::addresses(IfIndex interface) const {
    const auto found = addresses_.find(interface.value);
    return found == addresses_.end() ? std::span<const AddressInfo>{} : found->second.list;
}

bool HostState::is_local(Ipv4Addr address) const {
    return address.is_loopback() || local_.contains(address);
}

const LinkInfo* HostState::link(IfIndex index) const {
    const auto found = links_.find(index.value);
    return found == links_.end() ? nullptr : &found->second.info;
}

const LinkInfo* HostState::link(std::string_view name) const {
    for (const auto& [index, marked] : links_) {
        if (marked.info.name == name) {
            return &marked.info;
        }
    }
    return nullptr;
}

std::vector<LinkInfo> HostState::all_links() const {
    std::vector<LinkInfo> out;
    for (const auto& [index, marked] : links_) {
        out.push_back(marked.info);
    }
    return out;
}

std::vector<RouteInfo> HostState::all_routes() const {
    std::vector<RouteInfo> out;
    for (const auto& networks : routes_.by_length) {
        for (const auto& [network, list] : networks) {
            out.insert(out.end(), list.begin(), list.end());
        }
    }
    return out;
}

std::vector<NeighbourInfo> HostState::all_neighbours() const {
    std::vector<NeighbourInfo> out;
    for (const auto& [key, marked] : neighbours_) {
        out.push_back(marked.info);
    }
    return out;
}

std::vector<NeighbourKey> HostState::take_changed_neighbours() {
    std::vector<NeighbourKey> out(changed_neighbours_.begin(), changed_neighbours_.end());
    changed_neighbours_.clear();
    return out;
}

} // namespace sacip
