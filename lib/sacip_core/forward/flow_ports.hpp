// SPDX-License-Identifier: BSD-3-Clause
//
// FlowPorts: flows by what stays when their far end moves: the host, both ports, the protocol.
//
// A packet in the middle of a flow may come from where we don't know its far end to be. Whether it
// can be of a flow that we have is asked by its ports, for the flow table needs the far end, too.
// Only flows are listed whose far end somebody speaks for; they may be a million. Chains by a keyed
// hash, the last begun first, as two arrays beside the flow table's.
#pragma once

#include "sacip_core/forward/big_array.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>

namespace sacip {

/// Slow path only. Positions are those of the flow table.
class FlowPorts {
public:
    explicit FlowPorts(uint32_t positions)
        : heads_(std::max(std::bit_ceil(positions) / 8, 1U)), links_(positions) {}

    /// Well before add(): the head of a chain lies anywhere in a large array.
    void prefetch(uint32_t hash) const { __builtin_prefetch(&heads_[slot(hash)], 1); }
    /// `hash`: of what the flow is found by. It must not be listed.
    void add(uint32_t hash, uint32_t position) {
        uint32_t& head = heads_[slot(hash)];
        links_[position] = {head, first};
        if (head != none) {
            links_[head - 1].before = position + 1;
        }
        head = position + 1;
    }
    bool contains(uint32_t position) const { return links_[position].before != none; }
    /// It must be listed.
    void remove(uint32_t hash, uint32_t position) {
        const Links at = links_[position];
        (at.before == first ? heads_[slot(hash)] : links_[at.before - 1].next) = at.next;
        if (at.next != none) {
            links_[at.next - 1].before = at.before;
        }
        links_[position] = {};
    }
    /// Calls `visit(position)` for those with this hash, and maybe others, until it returns true;
    /// for at most `most_visited`. A peer may have begun any number of flows with the same ports.
    template <typename Visit>
    void visit(uint32_t hash, Visit&& visit) const {
        uint32_t at = heads_[slot(hash)];
        for (unsigned i = 0; i < most_visited && at != none; i++) {
            if (visit(at - 1)) {
                return;
            }
            at = links_[at - 1].next;
        }
    }
    static constexpr unsigned most_visited = 32;

private:
    static constexpr uint32_t none = 0, first = UINT32_MAX;
    struct Links {
        uint32_t next{none};
        uint32_t before{none}; ///< none: not listed
    };
    size_t slot(uint32_t hash) const { return hash & (heads_.size() - 1); }

    BigArray<uint32_t> heads_; ///< positions + 1
    BigArray<Links> links_;
};

} // namespace sacip
