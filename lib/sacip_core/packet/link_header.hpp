// SPDX-License-Identifier: BSD-3-Clause
//
// LinkHeader: the Ethernet addresses of all frames that leave by one port to one next hop.
//
// Whoever sends there points to it, so that a router's new address is one store, whatever hangs on
// that router. The two addresses are 12 bytes, more than a store holds; but a port with another
// address has other headers, so only the next hop's ever change: they and the first two bytes of
// the port's are one word, the rest of the port's stays for good. No frame has parts of two
// addresses.
#pragma once

#include "sacip_core/packet/headers.hpp"

#include <array>
#include <atomic>
#include <bit>
#include <cstring>

namespace sacip {

/// The Ethernet addresses of one frame.
struct EtherAddresses {
    MacAddr destination, source;
    bool operator==(const EtherAddresses&) const = default;
};
static_assert(sizeof(EtherAddresses) == 12); // as they lie in a frame

class alignas(16) LinkHeader {
public:
    constexpr LinkHeader(MacAddr next_hop, MacAddr port)
        : first_{first_of(next_hop, port)}, rest_{port.bytes[2], port.bytes[3], port.bytes[4],
                                                  port.bytes[5]} {}

    /// Any core: writes both addresses where a frame begins.
    void write_to(std::byte* frame) const {
        store(frame, first_.load(std::memory_order_relaxed));
        store(frame + sizeof(uint64_t), rest_);
    }
    MacAddr next_hop() const {
        const auto first = std::bit_cast<First>(first_.load(std::memory_order_relaxed));
        return {{first[0], first[1], first[2], first[3], first[4], first[5]}};
    }
    MacAddr port_mac() const {
        const auto first = std::bit_cast<First>(first_.load(std::memory_order_relaxed));
        return {{first[6], first[7], rest_[0], rest_[1], rest_[2], rest_[3]}};
    }
    bool is(const EtherAddresses& addresses) const {
        std::array<std::byte, sizeof addresses> own;
        write_to(own.data());
        return std::memcmp(own.data(), &addresses, sizeof addresses) == 0;
    }
    EtherAddresses addresses() const { return {next_hop(), port_mac()}; }
    /// Slow path only.
    void set_next_hop(MacAddr next_hop) {
        first_.store(first_of(next_hop, port_mac()), std::memory_order_relaxed);
    }

private:
    using First = std::array<uint8_t, sizeof(uint64_t)>;
    static constexpr uint64_t first_of(const MacAddr& to, const MacAddr& from) {
        return std::bit_cast<uint64_t>(First{to.bytes[0], to.bytes[1], to.bytes[2], to.bytes[3],
                                             to.bytes[4], to.bytes[5], from.bytes[0],
                                             from.bytes[1]});
    }

    std::atomic<uint64_t> first_;
    std::array<uint8_t, 4> rest_;
};
static_assert(sizeof(LinkHeader) == 16 && std::atomic<uint64_t>::is_always_lock_free);

/// What leads nowhere has this one.
inline constinit const LinkHeader no_link_header{{}, {}};

} // namespace sacip
