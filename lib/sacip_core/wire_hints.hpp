// SPDX-License-Identifier: BSD-3-Clause
//
// WireHints: where a worker found a wire pair the last time, and which of its views a packet had.
//
// A packet from the wire needs two look-ups, its pair and its flow, where one from the inside needs
// one. But pairs are few, and a worker sees the same ones again and again. A hint is only a guess:
// who takes it proves it, the pair by what stands in the wire index, the view by the flow that it
// leads to. So a hint that is old, or another one's that fell into the same place, costs time and
// nothing else, and no address change has to come here.
#pragma once

#include "sacip_core/packet.hpp"
#include "sacip_core/path.hpp"

#include <vector>

namespace sacip {

/// Of one worker.
class WireHints {
public:
    WireHints() : positions_(size_t{1} << pair_bits), views_(size_t{1} << view_bits) {}

    /// A position of the wire index.
    int32_t position(WirePair pair) const { return positions_[place(pair)]; }
    void found_at(WirePair pair, int32_t position) { positions_[place(pair)] = position; }

    /// Number of a view, of a pair that has several.
    uint8_t view(const PacketView& packet) const { return views_[place(packet)]; }
    void seen_as(const PacketView& packet, uint8_t view) { views_[place(packet)] = view; }

private:
    static constexpr unsigned pair_bits = 14; // 64 KiB, which the nearer caches hold
    static constexpr unsigned view_bits = 18; // 256 KiB, touched only where there are views

    /// Multiplicative hashing (Knuth 6.4): the upper bits of the product.
    static size_t place(uint64_t number, unsigned bits) {
        return static_cast<size_t>(number * 0x9E37'79B9'7F4A'7C15U >> (64 - bits));
    }
    static size_t place(WirePair pair) { return place(pair.packed(), pair_bits); }
    static size_t place(const PacketView& packet) {
        const uint64_t ports =
            uint64_t{packet.source_port.raw()} << 16 | packet.destination_port.raw();
        const WirePair pair{packet.source, packet.destination};
        return place((pair.packed() ^ ports << 8) + packet.proto, view_bits);
    }

    std::vector<int32_t> positions_;
    std::vector<uint8_t> views_;
};

} // namespace sacip
