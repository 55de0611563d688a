// SPDX-License-Identifier: BSD-3-Clause
//
// Frame: all that one room of the data path hands to the next about a packet's bytes.
//
// A view; whoever received the packet owns the memory and keeps it until the verdict is carried
// out. The checksum facts are what the receiving device said, never what we hope.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sacip {

/// What the receiving device knows of the checksums; bits.
enum class RxFacts : uint8_t {
    none = 0,
    ip_checksum_good = 1,
    l4_checksum_good = 2,
    l4_checksum_partial = 4, ///< holds the pseudo-header sum only (virtio, tap)
};
constexpr RxFacts operator|(RxFacts a, RxFacts b) {
    return static_cast<RxFacts>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
constexpr bool has(RxFacts set, RxFacts bit) {
    return (static_cast<uint8_t>(set) & static_cast<uint8_t>(bit)) != 0;
}

/// An Ethernet frame in contiguous writable memory, from the destination address on.
struct Frame {
    std::byte* data{nullptr};
    uint32_t length{0};
    RxFacts facts{RxFacts::none};
};

} // namespace sacip
