// SPDX-License-Identifier: BSD-3-Clause
//
// StationTable: the ports' Ethernet addresses, as workers judge frames by them.
//
// The slow path writes, workers look once a turn whether there is a newer version, and then take
// all addresses over. An address is one atomic word; a reader that comes in the middle of a change
// sees a newer version at its next turn.
#pragma once

#include "sacip_core/base/units.hpp"

#include <array>
#include <atomic>

namespace sacip {

class StationTable {
public:
    /// Slow path only. `former`: accepted as well, zero for none.
    void set(PortId port, const MacAddr& mac, const MacAddr& former) {
        stations_[port.value].mac.store(pack(mac), std::memory_order_relaxed);
        stations_[port.value].former.store(pack(former), std::memory_order_relaxed);
        version_.store(version_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    }

    // Any worker.
    /// Before the addresses. 0: none has been set.
    uint32_t version() const { return version_.load(std::memory_order_acquire); }
    MacAddr mac(PortId port) const {
        return unpack(stations_[port.value].mac.load(std::memory_order_relaxed));
    }
    MacAddr former(PortId port) const {
        return unpack(stations_[port.value].former.load(std::memory_order_relaxed));
    }

private:
    struct Station {
        std::atomic<uint64_t> mac{0}, former{0};
    };
    static uint64_t pack(const MacAddr& mac) {
        uint64_t out = 0;
        std::memcpy(&out, mac.bytes.data(), mac.bytes.size());
        return out;
    }
    static MacAddr unpack(uint64_t word) {
        MacAddr out;
        std::memcpy(out.bytes.data(), &word, out.bytes.size());
        return out;
    }
    std::array<Station, max_ports> stations_;
    std::atomic<uint32_t> version_{0};
};

} // namespace sacip
