// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/vlan_tags.hpp"

#include "app/dpdk/mbuf_frame.hpp"

#include <rte_ether.h>

namespace sacip {
namespace {

constexpr uint16_t vid_bits = 0x0FFF;
constexpr uint16_t tagged_header_bytes = sizeof(rte_ether_hdr) + sizeof(rte_vlan_hdr);

uint16_t ether_type(const rte_mbuf& packet) {
    return rte_be_to_cpu_16(rte_pktmbuf_mtod(&packet, const rte_ether_hdr*)->ether_type);
}

bool came_without_tag(const rte_mbuf& packet) {
    if (packet.data_len < sizeof(rte_ether_hdr)) {
        return true; // a runt: for the parser
    }
    const uint16_t type = ether_type(packet);
    return type != RTE_ETHER_TYPE_VLAN && type != RTE_ETHER_TYPE_QINQ;
}

/// VID of the tag in the frame, if it is one of 802.1Q and whole; else one that no port has.
uint16_t vid_in_frame(const rte_mbuf& packet) {
    if (packet.data_len < tagged_header_bytes || ether_type(packet) != RTE_ETHER_TYPE_VLAN) {
        return vid_bits;
    }
    const auto* tag = rte_pktmbuf_mtod_offset(&packet, const rte_vlan_hdr*, sizeof(rte_ether_hdr));
    return rte_be_to_cpu_16(tag->vlan_tci) & vid_bits;
}

} // namespace

VlanPorts::VlanPorts() { port_of_.fill(homeless); }

void VlanPorts::add(uint16_t vlan, PortId port) { port_of_[vlan & vid_bits] = port; }

/// The port of the packet, which has no tag any more unless nobody knows its VLAN.
PortId VlanPorts::take_tag_off(rte_mbuf& packet) const {
    if ((packet.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) {
        const PortId port = port_of_[packet.vlan_tci & vid_bits];
        if (port == homeless) {
            return leave_tag_on(packet);
        }
        pad(packet);
        return port;
    }
    if (came_without_tag(packet)) {
        return port_of_[0];
    }
    const PortId port = port_of_[vid_in_frame(packet)];
    if (port == homeless) {
        return port_of_[0];
    }
    rte_vlan_strip(&packet);
    pad(packet);
    return port;
}

/// The untagged port gets it as it was on the wire.
PortId VlanPorts::leave_tag_on(rte_mbuf& packet) const {
    rte_mbuf* same = &packet;
    return port_of_[0] != homeless && rte_vlan_insert(&same) == 0 ? port_of_[0] : homeless;
}

void VlanPorts::sort(std::span<rte_mbuf* const> packets, Sorted& out) const {
    std::array<PortId, max_burst> ports;
    std::array<uint8_t, max_ports + 1> next{};
    for (size_t i = 0; i < packets.size(); i++) {
        ports[i] = take_tag_off(*packets[i]);
        next[ports[i].value]++;
    }
    uint8_t begin = 0;
    for (size_t port = 0; port < next.size(); port++) {
        out.begin_[port] = begin;
        begin = static_cast<uint8_t>(begin + next[port]);
        next[port] = out.begin_[port];
    }
    out.begin_.back() = begin;
    for (size_t i = 0; i < packets.size(); i++) {
        out.packets_[next[ports[i].value]++] = packets[i];
    }
}

bool take_priority_tag_off(rte_mbuf& packet) {
    if (vid_in_frame(packet) != 0) {
        return false;
    }
    rte_vlan_strip(&packet);
    pad(packet);
    return true;
}

unsigned tag(std::span<rte_mbuf* const> packets, uint16_t vlan, bool by_device) {
    unsigned done = 0;
    for (rte_mbuf* packet : packets) {
        const bool has_priority = (packet->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
        const int priority = has_priority ? packet->vlan_tci & ~vid_bits : 0;
        packet->vlan_tci = static_cast<uint16_t>(priority | vlan);
        if (by_device) {
            packet->ol_flags |= RTE_MBUF_F_TX_VLAN;
        } else if (rte_vlan_insert(&packet) != 0) {
            break;
        }
        done++;
    }
    return done;
}

void untag(std::span<rte_mbuf* const> packets) {
    for (rte_mbuf* packet : packets) {
        // A device that does it in software has already written it into the frame.
        if ((packet->ol_flags & RTE_MBUF_F_TX_VLAN) != 0) {
            packet->ol_flags &= ~RTE_MBUF_F_TX_VLAN;
        } else {
            rte_vlan_strip(packet);
        }
    }
}

} // namespace sacip
