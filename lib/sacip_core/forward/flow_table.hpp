// SPDX-License-Identifier: BSD-3-Clause
//
// FlowTable: 5-tuple -> flow -> path, a burst at a time.
//
// The hash gives a key's position, the record lies at that position in a dense array. Workers find
// and mark records; only the slow path inserts and erases. An address change does not come here at
// all: it edits paths. Ageing walks a few positions at a time, so no pause grows with the table.
#pragma once

#include "sacip_core/forward/big_array.hpp"
#include "sacip_core/forward/flow.hpp"
#include "sacip_core/forward/flow_ports.hpp"
#include "sacip_core/forward/hash_index.hpp"
#include "sacip_core/forward/path.hpp"
#include "sacip_core/packet/parse.hpp"

#include <array>
#include <optional>
#include <vector>

namespace sacip {

/// How long a flow may be silent before it is forgotten, in ticks (RFC 5382 REQ-5, RFC 4787 REQ-5).
struct FlowTimeouts {
    Tick tcp_established{};
    Tick tcp_other{};
    Tick udp{};
    Tick other{};
};

/// A flow as the writer sees it.
template <AddressFamily F>
struct FlowInfoOf {
    FlowId id;
    FlowKeyOf<F> key;
    PathId path;
    Tick last_seen;
    uint8_t seen;
};
using FlowInfo = FlowInfoOf<Ipv4>;

template <AddressFamily F>
class FlowTableOf {
public:
    using Addr = typename F::Addr;
    using Key = FlowKeyOf<F>;
    using Record = FlowRecordOf<F>;
    using Info = FlowInfoOf<F>;

    /// For up to `capacity` flows, all of which fit; or why not.
    static std::variant<std::unique_ptr<FlowTableOf>, std::string> create(uint32_t capacity,
                                                                          GracePeriod& grace);

    // Any registered thread.

    void find_burst(const Key* const* keys, unsigned count, int32_t* positions) const {
        index_->find_burst(reinterpret_cast<const void* const*>(keys), count, positions);
    }
    /// Keyed hashes of anything of the size of a key.
    void hash_burst(const void* const* keys, unsigned count, uint32_t* hashes) const {
        index_->hash_burst(keys, count, hashes);
    }
    int32_t find(const Key& key) const { return index_->find(&key); }
    Record& record(int32_t position) { return record(static_cast<uint32_t>(position)); }
    Record& record(uint32_t position) { return records_[position]; }
    PathId path_at(int32_t position) const {
        return {records_[static_cast<uint32_t>(position)].path.load(std::memory_order_relaxed)};
    }
    /// Marks that a packet passed. Writes only what changes. True: the packet begins a connection
    /// where this flow has ended. It is a new flow's, with a new flow's life and path
    /// (RFC 9293 §3.6.1): the slow path takes this one away.
    template <Direction D>
    static bool touch(Record& record, Tick now, bool tcp, uint8_t tcp_flags);

    // Slow path only.

    /// Nothing when the table is full. The key must not be in the table.
    std::optional<FlowId> insert(const Key& key, PathId path, Tick now);
    void erase(const Info& flow);
    /// It is among with_ports() from now on. It is put there a little later, when its line of
    /// memory has come.
    void list_by_ports(FlowId id);
    /// Calls `visit(flow)` for those listed that this host has with these ports, whatever the far
    /// end, the last begun first, until it returns true.
    template <typename Visit>
    void with_ports(Addr host, L4Port host_port, L4Port remote_port, uint8_t proto, Visit&& visit);
    /// The flow at this position, if one is there.
    std::optional<Info> at(FlowId id) const;
    uint32_t size() const { return index_->size(); }
    uint32_t capacity() const { return capacity_; }
    uint32_t positions() const { return static_cast<uint32_t>(records_.size()); }
    /// Looks at the next `steps` positions and returns the flows there whose time is up. The
    /// caller erases them.
    void collect_expired(Tick now, const FlowTimeouts& timeouts, uint32_t steps,
                         std::vector<Info>& expired);
    /// True once both FINs were seen, or a RST that nothing followed (anybody may send one, and the
    /// host may not have taken it: RFC 5961 §3.2): a new connection may take the 5-tuple over.
    static bool is_closed(uint8_t seen);

    FlowTableOf(std::unique_ptr<HashIndex> index, uint32_t capacity);

private:
    /// What stays of it when its far end moves.
    static Key key_of_ports(Key key) {
        key.remote = {};
        return key;
    }
    uint32_t ports_hash(const Key& key) const;
    void list_waiting();
    /// Out of the way of the packets that change nothing: it costs them no register.
    [[gnu::cold, gnu::noinline]] static bool mark(Record& record, uint8_t bits, uint8_t tcp_flags);
    static Tick timeout_of(const Record& record, const FlowTimeouts& timeouts);

    // Read by all, for every packet.
    std::unique_ptr<HashIndex> index_;
    BigArray<Record> records_;
    uint32_t capacity_;

    // The slow path's, written for every flow: in other cache lines.
    alignas(64) FlowPorts by_ports_;
    uint32_t cursor_{0};
    static constexpr unsigned max_waiting = 32;
    unsigned waiting_{0}; ///< to be listed by ports
    std::array<FlowId, max_waiting> to_list_{};
};
using FlowTable = FlowTableOf<Ipv4>;

template <AddressFamily F>
template <typename Visit>
void FlowTableOf<F>::with_ports(Addr host, L4Port host_port, L4Port remote_port, uint8_t proto,
                                Visit&& visit) {
    list_waiting();
    const Key wanted{host, {}, host_port, remote_port, proto, {}};
    by_ports_.visit(ports_hash(wanted), [&](uint32_t position) {
        return key_of_ports(records_[position].key) == wanted && visit(*at({position}));
    });
}

template <AddressFamily F>
template <Direction D>
inline bool FlowTableOf<F>::touch(Record& record, Tick now, bool tcp, uint8_t tcp_flags) {
    constexpr auto relaxed = std::memory_order_relaxed;
    if (record.last_seen.load(relaxed) != now.value) {
        record.last_seen.store(now.value, relaxed);
    }
    if (!tcp) {
        return false;
    }
    constexpr bool out = D == Direction::outbound;
    uint8_t bits =
        (tcp_flags & tcp_syn) != 0 ? flow_seen_syn : (out ? flow_seen_out : flow_seen_in);
    if ((tcp_flags & tcp_fin) != 0) {
        bits |= out ? flow_seen_fin_out : flow_seen_fin_in;
    }
    if ((tcp_flags & tcp_rst) != 0) {
        bits = flow_seen_rst;
    }
    if ((record.seen.load(relaxed) & bits) != bits) [[unlikely]] {
        return mark(record, bits, tcp_flags);
    }
    return false;
}

} // namespace sacip
