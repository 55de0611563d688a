// SPDX-License-Identifier: BSD-3-Clause
//
// VlanTags: 802.1Q tags come off at the way in and go on at the way out; nobody further in sees
// one.
//
// Several ports may share one device, each with the frames of one VLAN, at most one of them with
// the untagged ones. A device that can takes the tag off and puts it on; otherwise it is done here.
// Off the frame, the tag rests in the mbuf (vlan_tci, with RTE_MBUF_F_RX_VLAN_STRIPPED), so its
// priority (PCP and DEI) is at hand when the packet leaves by a tagged port again.
//
// In:  tag 0x8100 with VID 0 (priority only)  -> the untagged port, tag off
//      tag 0x8100 with the VID of a port      -> that port, tag off; what is below is its business
//      any other tag, 0x88A8 (802.1ad) too    -> the untagged port, tag still (or again) on: Linux
//                                                may have an interface for it
//      no port for it                         -> vlan_unknown
// A device of one port without a VLAN is no trunk, and only tags of priority come off there:
// workers look at a frame for one when nobody else knows what to do with it. Devices that take tags
// off do not say of which kind one was. Where it is the kernel that does it (af_packet), an 802.1ad
// tag looks like one of 802.1Q with the same VID.
#pragma once

#include "sacip_core/base/units.hpp"

#include <array>
#include <cstdint>
#include <span>

struct rte_mbuf;

namespace sacip {

/// The ports of one device, by VLAN. Filled before packets flow; then any core may read.
class VlanPorts {
public:
    static constexpr unsigned max_burst = 64;

    VlanPorts();
    /// `vlan` 1 to 4094, or 0 for untagged frames; each once.
    void add(uint16_t vlan, PortId port);

    /// A burst in the order of its ports; of each port, in the order in which it came.
    class Sorted {
    public:
        /// Those of one port; the packets without a port are those of `homeless`.
        std::span<rte_mbuf*> of(PortId port) {
            return std::span{packets_}.subspan(begin_[port.value],
                                               begin_[port.value + 1U] - begin_[port.value]);
        }

    private:
        friend class VlanPorts;
        std::array<rte_mbuf*, max_burst> packets_;
        std::array<uint8_t, max_ports + 2> begin_;
    };
    /// Where the packets that no port wants are found; a number that no port has.
    static constexpr PortId homeless{max_ports};

    /// Takes tags off and sorts. At most max_burst packets. Any worker.
    void sort(std::span<rte_mbuf* const> packets, Sorted& out) const;

private:
    PortId take_tag_off(rte_mbuf& packet) const;
    PortId leave_tag_on(rte_mbuf& packet) const;
    std::array<PortId, 4096> port_of_; ///< by VID; `homeless` where there is none
};

/// Takes a tag with VID 0 off; false if the packet has none. Any core.
bool take_priority_tag_off(rte_mbuf& packet);

/// Gives the packets the tag of `vlan`, with the priority that they came with, if any; the device
/// inserts it (`by_device`), or it is written into the frame. Returns how many have it: all up to
/// the first one that has no room. Any core.
unsigned tag(std::span<rte_mbuf* const> packets, uint16_t vlan, bool by_device);

/// Undoes tag().
void untag(std::span<rte_mbuf* const> packets);

} // namespace sacip
