// SPDX-License-Identifier: BSD-3-Clause
//
// Flow: one 5-tuple as the inside host sees it, pointing to its path.
//
// The key is made of addresses that never change while the flow lives (the host's own and the
// original of the far end), so an address change touches no flow. Keys go into the hash as bytes:
// padding would be garbage in the hash, hence the explicit zeros and the static_assert.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/parse.hpp"

#include <atomic>

namespace sacip {

template <AddressFamily F>
struct FlowKeyOf {
    typename F::Addr host;   ///< the inside host's address
    typename F::Addr remote; ///< the far end's original address
    L4Port host_port;
    L4Port remote_port;
    uint8_t proto{0};
    uint8_t zero[3]{};
    bool operator==(const FlowKeyOf&) const = default;
};
using FlowKey = FlowKeyOf<Ipv4>;
static_assert(sizeof(FlowKey) == 16 && std::has_unique_object_representations_v<FlowKey>);

/// The key of a packet as the host sent it.
template <AddressFamily F>
inline FlowKeyOf<F> key_from_host(const PacketViewOf<F>& v) {
    return {v.source, v.destination, v.source_port, v.destination_port, v.proto, {}};
}

/// The key of a packet from the wire, for a host and an original far end.
template <AddressFamily F>
inline FlowKeyOf<F> key_from_wire(const PacketViewOf<F>& v, typename F::Addr host,
                                  typename F::Addr remote) {
    return {host, remote, v.destination_port, v.source_port, v.proto, {}};
}

/// TCP events seen, either direction; bits. What they make of each other: FlowTable::mark().
inline constexpr uint8_t flow_seen_syn = 1; ///< never of a flow that is closed
inline constexpr uint8_t flow_seen_fin_out = 2;
inline constexpr uint8_t flow_seen_fin_in = 4;
inline constexpr uint8_t flow_seen_rst = 8;   ///< and nothing else since
inline constexpr uint8_t flow_seen_out = 16;  ///< a segment without SYN went out
inline constexpr uint8_t flow_seen_in = 32;   ///< a segment without SYN came in
inline constexpr uint8_t flow_seen_both = 64; ///< both of these, before the RST

/// What workers read and mark of a flow; lies at the flow's position in a dense array, those of
/// IPv4 two to a cache line. `key` and `path` are written by the slow path; the rest also by
/// workers, and only when it changes, so that a busy flow's line stays clean.
template <AddressFamily F>
struct alignas(32) FlowRecordOf {
    /// Valid for a reader who has seen a path here, until it is quiescent.
    FlowKeyOf<F> key;
    std::atomic<uint32_t> path{no_path.value};
    std::atomic<uint32_t> last_seen{0}; ///< Tick
    /// PathTable::orders() when a packet from the wire was last found to be this flow's.
    std::atomic<uint32_t> order{0};
    std::atomic<uint8_t> seen{0}; ///< flow_seen_*
};
using FlowRecord = FlowRecordOf<Ipv4>;
static_assert(sizeof(FlowRecord) == 32);

} // namespace sacip
