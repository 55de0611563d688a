// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/flow_table.hpp"

namespace sacip {

template <AddressFamily F>
std::variant<std::unique_ptr<FlowTableOf<F>>, std::string>
FlowTableOf<F>::create(uint32_t capacity, GracePeriod& grace) {
    auto index =
        HashIndex::create({std::string{F::name} + "_flows", capacity, sizeof(Key), &grace});
    if (auto* error = std::get_if<std::string>(&index)) {
        return "flow table: " + *error;
    }
    return std::make_unique<FlowTableOf>(std::move(std::get<0>(index)), capacity);
}

template <AddressFamily F>
FlowTableOf<F>::FlowTableOf(std::unique_ptr<HashIndex> index, uint32_t capacity)
    : index_{std::move(index)},
      records_(index_->positions()), capacity_{capacity}, by_ports_{index_->positions()} {}

template <AddressFamily F>
std::optional<FlowId> FlowTableOf<F>::insert(const Key& key, PathId path, Tick now) {
    if (size() >= capacity_) {
        return std::nullopt;
    }
    const int32_t position = index_->insert(&key);
    if (position < 0) {
        return std::nullopt;
    }
    Record& r = record(position);
    r.last_seen.store(now.value, std::memory_order_relaxed);
    r.order.store(0, std::memory_order_relaxed);
    r.seen.store(0, std::memory_order_relaxed);
    r.key = key; // nobody reads it: the last one's readers have all been quiescent
    r.path.store(path.value, std::memory_order_release);
    return FlowId{static_cast<uint32_t>(position)};
}

template <AddressFamily F>
void FlowTableOf<F>::erase(const Info& flow) {
    records_[flow.id.value].path.store(no_path.value, std::memory_order_release);
    index_->erase(&flow.key);
    list_waiting();
    if (by_ports_.contains(flow.id.value)) {
        by_ports_.remove(ports_hash(flow.key), flow.id.value);
    }
}

template <AddressFamily F>
uint32_t FlowTableOf<F>::ports_hash(const Key& key) const {
    const Key ports = key_of_ports(key);
    const void* const bytes = &ports;
    uint32_t out = 0;
    index_->hash_burst(&bytes, 1, &out);
    return out;
}

template <AddressFamily F>
void FlowTableOf<F>::list_by_ports(FlowId id) {
    to_list_[waiting_++] = id;
    if (waiting_ == to_list_.size()) {
        list_waiting();
    }
}

/// Many at once: their misses overlap, those of the TLB as well.
template <AddressFamily F>
void FlowTableOf<F>::list_waiting() {
    if (waiting_ == 0) {
        return;
    }
    std::array<Key, max_waiting> keys;
    std::array<const void*, max_waiting> pointers;
    std::array<uint32_t, max_waiting> hashes;
    for (unsigned i = 0; i < waiting_; i++) {
        keys[i] = key_of_ports(records_[to_list_[i].value].key);
        pointers[i] = &keys[i];
    }
    index_->hash_burst(pointers.data(), waiting_, hashes.data());
    for (unsigned i = 0; i < waiting_; i++) {
        by_ports_.prefetch(hashes[i]);
    }
    for (unsigned i = 0; i < waiting_; i++) {
        by_ports_.add(hashes[i], to_list_[i].value);
    }
    waiting_ = 0;
}

template <AddressFamily F>
std::optional<FlowInfoOf<F>> FlowTableOf<F>::at(FlowId id) const {
    const Record& r = records_[id.value];
    const uint32_t path = r.path.load(std::memory_order_relaxed);
    if (path == no_path.value) {
        return std::nullopt;
    }
    return Info{id,
                r.key,
                {path},
                {r.last_seen.load(std::memory_order_relaxed)},
                r.seen.load(std::memory_order_relaxed)};
}

/// Of a flow that is closed no SYN is noted, and of one that saw a RST no direction: so whatever
/// comes next is new, and ends up here.
template <AddressFamily F>
bool FlowTableOf<F>::mark(Record& record, uint8_t bits, uint8_t tcp_flags) {
    constexpr uint8_t both = flow_seen_out | flow_seen_in;
    constexpr uint8_t fins = flow_seen_fin_out | flow_seen_fin_in;
    uint8_t seen = record.seen.load(std::memory_order_relaxed);
    uint8_t next = 0;
    do {
        if (bits == flow_seen_rst) {
            const bool was_both = (seen & both) == both || (seen & flow_seen_both) != 0;
            next = bits | (seen & fins) | (was_both ? flow_seen_both : 0);
        } else if ((bits & flow_seen_syn) != 0 && is_closed(seen)) {
            return (tcp_flags & (tcp_syn | tcp_ack)) == tcp_syn;
        } else if ((seen & flow_seen_rst) != 0) { // not for this connection, or not believed
            next = bits | (seen & fins) | ((seen & flow_seen_both) != 0 ? both : 0);
        } else {
            next = seen | bits;
        }
        if (is_closed(next)) {
            next &= static_cast<uint8_t>(~flow_seen_syn);
        }
    } while (!record.seen.compare_exchange_weak(seen, next, std::memory_order_relaxed));
    return false;
}

template <AddressFamily F>
bool FlowTableOf<F>::is_closed(uint8_t seen) {
    constexpr uint8_t both = flow_seen_fin_in | flow_seen_fin_out;
    return (seen & flow_seen_rst) != 0 || (seen & both) == both;
}

template <AddressFamily F>
Tick FlowTableOf<F>::timeout_of(const Record& record, const FlowTimeouts& timeouts) {
    switch (static_cast<IpProto>(record.key.proto)) {
    case IpProto::tcp: {
        constexpr uint8_t both = flow_seen_in | flow_seen_out;
        const uint8_t seen = record.seen.load(std::memory_order_relaxed);
        return (seen & both) == both && !is_closed(seen) ? timeouts.tcp_established
                                                         : timeouts.tcp_other;
    }
    case IpProto::udp:
    case IpProto::udp_lite:
        return timeouts.udp;
    case IpProto::dccp:
    case IpProto::icmp:
        break;
    }
    return timeouts.other;
}

template <AddressFamily F>
void FlowTableOf<F>::collect_expired(Tick now, const FlowTimeouts& timeouts, uint32_t steps,
                                     std::vector<Info>& expired) {
    for (uint32_t i = 0; i < steps && i < positions(); i++) {
        const uint32_t position = cursor_;
        cursor_ = cursor_ + 1 == positions() ? 0 : cursor_ + 1;
        const Record& r = records_[position];
        if (r.path.load(std::memory_order_relaxed) == no_path.value) {
            continue;
        }
        // A worker's tick may be ahead of ours by a moment: then the flow is certainly alive.
        const auto idle =
            static_cast<int32_t>(now.value - r.last_seen.load(std::memory_order_relaxed));
        if (idle > static_cast<int32_t>(timeout_of(r, timeouts).value)) {
            if (const auto flow = at({position})) {
                expired.push_back(*flow);
            }
        }
    }
}

template class FlowTableOf<Ipv4>;

} // namespace sacip
