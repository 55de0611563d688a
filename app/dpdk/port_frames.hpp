// SPDX-License-Identifier: BSD-3-Clause
//
// PortFrames: how long a port's frames are, and what would make them longer than that.
//
// The MTU is the operator's or the device's own. A device that stands on an interface of Linux has
// that one's, and what it can do beyond is set where its --vdev stands: af_packet cuts off what its
// ring's slots don't hold, and an unsuitable frame on its way out stops its ring for good. So MTU
// and slots are made to fit here, before a packet flows.
// A segment that is longer than the MTU (TSO of a virtual machine, LRO of a card, GRO of the
// kernel) is nothing that a router can forward: whatever delivers them is refused.
#pragma once

#include "sacip_core/base/units.hpp"

#include <optional>
#include <string>
#include <variant>

struct rte_eth_dev_info;

namespace sacip {

struct PortFrames {
    uint16_t mtu{0};          ///< bytes of an IP packet
    uint32_t buffer_bytes{0}; ///< of one packet buffer, for a frame with two VLAN tags
    bool by_kernel{false};    ///< the MTU is the interface's under it; DPDK knows no such one
    uint16_t dpdk_mtu() const { return by_kernel ? uint16_t{0} : mtu; }
};

/// `wanted` 0: the device's own, which is `dpdk_mtu` where Linux has no other. The error says what
/// the device can do, and the remedy.
std::variant<PortFrames, std::string> fit_frames(const rte_eth_dev_info& info, uint16_t wanted,
                                                 uint16_t dpdk_mtu);

/// What delivers segments longer than the MTU, and the remedy; or nothing.
std::optional<std::string> refuse_segments(const rte_eth_dev_info& info);

/// The value of `key` in a device's arguments ("iface=x,tso=1"); nothing if it is not there.
std::optional<std::string> device_argument(const rte_eth_dev_info& info, const std::string& key);

} // namespace sacip
