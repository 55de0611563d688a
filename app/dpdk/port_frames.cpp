// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/port_frames.hpp"

#include "app/dpdk/kernel_interface.hpp"
#include "sacip_core/config/boot_config.hpp"

#include <rte_dev.h>
#include <rte_devargs.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace sacip {
namespace {

constexpr uint32_t vlan_tag = 4;
// An af_packet slot begins with the kernel's own header; a frame that is received lies behind room
// for an Ethernet header aligned to 16. What is left is DPDK's demand on a buffer.
constexpr uint32_t slot_header = 66;
constexpr uint32_t slot_buffer_header = 32;
constexpr uint32_t default_slot = 2048;
constexpr uint32_t most_buffer = UINT16_MAX - RTE_PKTMBUF_HEADROOM;

bool is(const rte_eth_dev_info& info, std::string_view driver) {
    return info.driver_name == driver;
}

uint32_t slot_bytes(const rte_eth_dev_info& info) {
    const auto told = device_argument(info, "framesz");
    return told ? static_cast<uint32_t>(std::strtoul(told->c_str(), nullptr, 0)) : default_slot;
}

/// The longest packet that fits the device's frames.
uint32_t most_of(const rte_eth_dev_info& info) {
    if (is(info, "net_af_packet")) {
        const uint32_t around = slot_header + RTE_ETHER_HDR_LEN + vlan_tag;
        return std::min<uint32_t>(most_mtu, std::max(slot_bytes(info), around) - around);
    }
    const bool says_both = info.max_mtu != UINT16_MAX && info.max_rx_pktlen > info.max_mtu;
    const uint32_t around = says_both ? info.max_rx_pktlen - info.max_mtu
                                      : uint32_t{RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN};
    const uint32_t room = std::max(info.max_rx_pktlen, around) - around;
    return std::min({uint32_t{most_mtu}, uint32_t{info.max_mtu}, room});
}

/// A slot for this MTU: a power of 2, as af_packet's blocks are filled best.
uint32_t slot_for(uint32_t mtu) {
    uint32_t out = default_slot;
    while (out < mtu + slot_header + RTE_ETHER_HDR_LEN + vlan_tag) {
        out *= 2;
    }
    return out;
}

IfIndex interface_under(const rte_eth_dev_info& info) {
    return IfIndex{static_cast<int>(info.if_index)};
}

} // namespace

std::optional<std::string> device_argument(const rte_eth_dev_info& info, const std::string& key) {
    const rte_devargs* const given =
        info.device == nullptr ? nullptr : rte_dev_devargs(info.device);
    std::string_view left = given == nullptr || given->args == nullptr ? "" : given->args;
    while (!left.empty()) {
        const std::string_view one = left.substr(0, left.find(','));
        left.remove_prefix(std::min(left.size(), one.size() + 1));
        if (one.substr(0, one.find('=')) == key) {
            return std::string{one.substr(std::min(one.size(), key.size() + 1))};
        }
    }
    return std::nullopt;
}

std::variant<PortFrames, std::string> fit_frames(const rte_eth_dev_info& info, uint16_t wanted,
                                                 uint16_t dpdk_mtu) {
    const auto under =
        info.if_index != 0 ? kernel_interface::mtu_of(interface_under(info)) : std::nullopt;
    const uint32_t mtu = wanted != 0 ? wanted : under.value_or(dpdk_mtu);
    const uint32_t least = std::max<uint32_t>(least_mtu, info.min_mtu);
    const uint32_t most = most_of(info);
    if (mtu < least || mtu > most) {
        std::string out = wanted != 0 ? "mtu " : "its own MTU, ";
        out += std::to_string(mtu) + (wanted != 0 ? " is " : ", is ");
        out += (mtu > most ? "more" : "less") + std::string{" than the device can do: "} +
               std::to_string(least) + " to " + std::to_string(most);
        if (is(info, "net_af_packet") && mtu > most && mtu <= most_mtu) {
            const std::string slot = std::to_string(slot_for(mtu));
            out += "; give --vdev longer frames (framesz=" + slot + ",blocksz=" + slot + ")";
            out += wanted != 0 ? "" : ", or write a smaller mtu: for this port";
        } else {
            out += "; write an mtu: in that range for this port";
        }
        return out;
    }
    PortFrames out{static_cast<uint16_t>(mtu), 0, is(info, "net_af_packet")};
    out.buffer_bytes = mtu + RTE_ETHER_HDR_LEN + 2 * vlan_tag;
    if (out.by_kernel) {
        out.buffer_bytes = std::max(out.buffer_bytes, slot_bytes(info) - slot_buffer_header);
    }
    out.buffer_bytes = std::max(out.buffer_bytes, uint32_t{info.min_rx_bufsize});
    if (out.buffer_bytes > most_buffer) {
        return "frames of " + std::to_string(out.buffer_bytes) +
               " bytes are longer than a packet buffer can be: at most framesz=" +
               std::to_string((most_buffer + slot_buffer_header) / 16 * 16);
    }
    return out;
}

std::optional<std::string> refuse_segments(const rte_eth_dev_info& info) {
    const auto tso = is(info, "net_vhost") ? device_argument(info, "tso") : std::nullopt;
    if (tso && std::strtol(tso->c_str(), nullptr, 0) != 0) {
        return "tso=1 lets the virtual machine send segments longer than the MTU, which can't be "
               "forwarded; take it out of --vdev";
    }
    const bool of_kernel = is(info, "net_af_packet") || is(info, "net_pcap");
    const std::string remedy = of_kernel && info.if_index != 0
                                   ? kernel_interface::merging_remedy(interface_under(info))
                                   : "";
    if (!remedy.empty()) {
        const std::string name = kernel_interface::name_of(interface_under(info)).value_or("?");
        return "Linux makes long frames of short ones on " + name +
               ", which can't be forwarded: ethtool -K " + name + remedy;
    }
    return std::nullopt;
}

} // namespace sacip
