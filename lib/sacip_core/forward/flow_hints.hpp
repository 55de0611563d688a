// SPDX-License-Identifier: BSD-3-Clause
//
// FlowHints: where in the flow table a worker found the flow of a packet the last time.
//
// A look-up in the index touches two cold cache lines and takes a hundred instructions and more; a
// packet from the wire needs two of them. But most packets are of a flow that has just been seen. A
// hint is only a guess: the record it leads to has the flow's own key, and proves it. So a hint
// that is old, or another one's that fell into the same place, costs time and nothing else, and
// neither an address change nor the end of a flow has to come here.
//
// Places are chosen by the keyed hash of the 5-tuple as it lies in the packet, eight to a set. A
// place holds a position, and in the bits above it what the hash has there. In a set that is full
// any of them goes, not the oldest: where nine flows come round in a fixed order, the oldest is
// always the one that is wanted next.
#pragma once

#include "sacip_core/forward/big_array.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sacip {

/// Of one worker, which alone may call it. `hash` is FlowTable::hash_burst()'s.
class FlowHints {
public:
    /// For a flow table of so many positions, at least 1.
    explicit FlowHints(uint32_t positions)
        : position_mask_{std::bit_ceil(positions) - 1},
          sets_(std::max<size_t>(std::bit_ceil(size_t{positions}) / 2, least_sets)) {}

    /// What it takes of memory.
    size_t bytes() const { return sets_.size() * sizeof(Set); }
    void prefetch(uint32_t hash) const { __builtin_prefetch(&set(hash)); }
    /// A position of the table; which, where nothing is known, does not matter.
    uint32_t position(uint32_t hash) const {
        std::array<Lanes, 2> places;
        std::memcpy(&places, &set(hash), sizeof places);
        // No two places of a set have the same hash; empty ones, which may, hold position 0.
        Lanes found = of(places[0], hash) | of(places[1], hash);
        found |= __builtin_shufflevector(found, found, 2, 3, 0, 1);
        return (found[0] | found[1]) & position_mask_;
    }
    /// The flow of packets with this hash is there.
    void found_at(uint32_t hash, uint32_t position) {
        Set& at = set(hash);
        auto place = std::ranges::find_if(
            at, [&](uint32_t each) { return ((each ^ hash) & ~position_mask_) == 0; });
        if (place == at.end()) {
            place = std::ranges::find(at, uint32_t{0});
        }
        if (place == at.end()) {
            dice_ = dice_ * 1664525 + 1013904223; // Knuth's, whose upper bits are the random ones
            place = at.begin() + (dice_ >> 16) % at.size();
        }
        *place = (hash & ~position_mask_) | position;
    }

private:
    using Set = std::array<uint32_t, 8>;
    using Lanes = uint32_t __attribute__((vector_size(sizeof(Set) / 2)));
    static constexpr size_t least_sets = size_t{1} << 11;

    /// Those of the places that have this hash, and 0 for the others.
    Lanes of(Lanes places, uint32_t hash) const {
        return places & (((places ^ hash) & ~position_mask_) == 0);
    }
    const Set& set(uint32_t hash) const { return sets_[hash & (sets_.size() - 1)]; }
    Set& set(uint32_t hash) { return sets_[hash & (sets_.size() - 1)]; }

    uint32_t position_mask_;
    uint32_t dice_{0};
    BigArray<Set> sets_;
};

} // namespace sacip
