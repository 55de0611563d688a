// SPDX-License-Identifier: BSD-3-Clause
//
// One array of nodes. Each is free, a route, or a datagram that is waited for; it is in the hash
// chain of its key and at the young end of a list when made, so lists are in order of deadlines.
#include "sacip_core/exception/fragment_map.hpp"

#include "sacip_core/packet/l4_fields.hpp"

namespace sacip {
namespace {

constexpr uint32_t steps_per_call = 2; ///< more than one is made, so room comes back

} // namespace

FragmentKey fragment_key(const Frame& frame, const PacketView& view) {
    return {view.source, view.destination, ipv4::id(frame.data + view.l3), view.proto};
}

bool read_first_fragment(const Frame& frame, PacketView& view) {
    if (view.l4_length < least_l4_bytes(view)) {
        return false;
    }
    read_l4_fields(frame.data + view.l4, view, true);
    return true;
}

FragmentMap::FragmentMap(uint64_t secret)
    : hash_{secret}, nodes_(nodes), chains_(chains, none), sources_(classes) {
    for (uint32_t i = nodes; i-- > 0;) {
        nodes_[i].chain = free_;
        free_ = static_cast<Index>(i);
    }
}

uint64_t FragmentMap::hash(const FragmentKey& key) const {
    const uint64_t ends = uint64_t{key.source.raw()} << 32 | key.destination.raw();
    const uint64_t rest = uint64_t{key.id.raw()} << 16 | uint64_t{key.proto} << 8 | key.way_in;
    return hash_.of(ends, rest);
}

uint16_t FragmentMap::class_of(Ipv4Addr source) const {
    return static_cast<uint16_t>(hash_(source) % classes);
}

uint64_t FragmentMap::hold_key(const FragmentKey& key) const {
    constexpr uint64_t top = uint64_t{1} << 63, below_top = uint64_t{1} << 62;
    return (hash(key) | top) & ~below_top;
}

std::optional<FragmentRoute> FragmentMap::find(const FragmentKey& key, Nanos now) const {
    const Index at = lookup(key);
    if (at == none || nodes_[at].waiting != 0 || nodes_[at].deadline <= now) {
        return std::nullopt;
    }
    return nodes_[at].route;
}

std::optional<Nanos> FragmentMap::wait(const FragmentKey& key, Nanos now) {
    tick(now, steps_per_call);
    Index at = lookup(key);
    if (at != none && (nodes_[at].waiting == 0 || nodes_[at].deadline <= now)) {
        remove(at);
        at = none;
    }
    const Source& source = sources_[class_of(key.source)];
    if (waiting_ >= max_waiting || source.waiting >= max_waiting_per_source) {
        return std::nullopt;
    }
    if (at == none) {
        at = index_of(take(key, now));
        append(waiting_by_age_, &Node::age, at);
    }
    Node& node = nodes_[at];
    node.waiting++;
    sources_[node.source].waiting++;
    waiting_++;
    return node.deadline - now;
}

uint32_t FragmentMap::learn(const FragmentKey& key, FragmentRoute route, Nanos now) {
    tick(now, steps_per_call);
    uint32_t waited = 0;
    if (const Index at = lookup(key); at != none) {
        waited = nodes_[at].waiting;
        remove(at);
    }
    Source& source = sources_[class_of(key.source)];
    if (source.route_count >= max_routes_per_source) {
        remove(source.routes.first);
    } else if (routes_ >= max_routes) {
        remove(by_age_.first);
    }
    Node& node = take(key, now);
    node.route = route;
    append(by_age_, &Node::age, index_of(node));
    append(source.routes, &Node::sister, index_of(node));
    source.route_count++;
    routes_++;
    return waited;
}

void FragmentMap::tick(Nanos now, uint32_t steps) {
    remove_expired(by_age_, now, steps);
    remove_expired(waiting_by_age_, now, steps);
}

// ---- nodes and lists

FragmentMap::Index FragmentMap::lookup(const FragmentKey& key) const {
    Index at = chains_[hash(key) % chains];
    while (at != none && nodes_[at].key != key) {
        at = nodes_[at].chain;
    }
    return at;
}

/// A free node, of which there always is one: the bounds add up. The caller puts it into its lists.
FragmentMap::Node& FragmentMap::take(const FragmentKey& key, Nanos now) {
    const Index at = free_;
    Node& node = nodes_[at];
    free_ = node.chain;
    Index& head = chains_[hash(key) % chains];
    node = {.key = key,
            .route = {},
            .deadline = now + life,
            .waiting = 0,
            .chain = head,
            .source = class_of(key.source),
            .age = {},
            .sister = {}};
    head = at;
    return node;
}

void FragmentMap::remove(Index at) {
    Node& node = nodes_[at];
    Source& source = sources_[node.source];
    if (node.waiting != 0) {
        unlink(waiting_by_age_, &Node::age, at);
        source.waiting = static_cast<uint16_t>(source.waiting - node.waiting);
        waiting_ -= node.waiting;
    } else {
        unlink(by_age_, &Node::age, at);
        unlink(source.routes, &Node::sister, at);
        source.route_count--;
        routes_--;
    }
    Index* link = &chains_[hash(node.key) % chains];
    while (*link != at) {
        link = &nodes_[*link].chain;
    }
    *link = node.chain;
    node.chain = free_;
    free_ = at;
}

void FragmentMap::append(List& list, Links Node::*links, Index at) {
    nodes_[at].*links = {list.last, none};
    (list.last == none ? list.first : (nodes_[list.last].*links).after) = at;
    list.last = at;
}

void FragmentMap::unlink(List& list, Links Node::*links, Index at) {
    const Links gone = nodes_[at].*links;
    (gone.before == none ? list.first : (nodes_[gone.before].*links).after) = gone.after;
    (gone.after == none ? list.last : (nodes_[gone.after].*links).before) = gone.before;
}

void FragmentMap::remove_expired(const List& list, Nanos now, uint32_t steps) {
    for (; steps > 0 && list.first != none && nodes_[list.first].deadline <= now; steps--) {
        remove(list.first);
    }
}

} // namespace sacip
