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
    l4_checksum_partial = 4, ///< not filled in yet, the data are good (virtio, tap)
};
constexpr RxFacts operator|(RxFacts a, RxFacts b) {
    return static_cast<RxFacts>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
constexpr RxFacts without(RxFacts set, RxFacts bit) {
    return static_cast<RxFacts>(static_cast<uint8_t>(set) & ~static_cast<uint8_t>(bit));
}
constexpr bool has(RxFacts set, RxFacts bit) {
    return (static_cast<uint8_t>(set) & static_cast<uint8_t>(bit)) != 0;
}

/// Checksums that a sending device fills in; bits. Of a port which it can, of a frame which it
/// must.
enum class TxChecksums : uint8_t {
    none = 0,
    ipv4 = 1,
    tcp = 2, ///< the field holds the pseudo-header sum; so for UDP
    udp = 4,
};
constexpr TxChecksums operator|(TxChecksums a, TxChecksums b) {
    return static_cast<TxChecksums>(static_cast<uint8_t>(a) | static_cast<uint8_t>(b));
}
constexpr bool has(TxChecksums set, TxChecksums bit) {
    return (static_cast<uint8_t>(set) & static_cast<uint8_t>(bit)) != 0;
}

/// An Ethernet frame in contiguous writable memory, from the destination address on.
struct Frame {
    std::byte* data{nullptr};
    uint32_t length{0};
    RxFacts facts{RxFacts::none};
    TxChecksums unfinished{TxChecksums::none}; ///< only in a frame judged `forward`
};

} // namespace sacip
