// SPDX-License-Identifier: BSD-3-Clause
//
// Port: a DPDK Ethernet device with the queues the gateway's cores need, or one VLAN of it.
//
// Ports of one device share its queues, its link and its Ethernet address; each has packets of its
// own, sorted by vlan_tags. The device lives as long as one of them. What is said of a device below
// is the same for all of its ports.
// Receive: each queue is polled by one worker. Devices with RSS get as many queues as there are
// workers (at most); devices that spread packets over a given number of queues by themselves
// (af_packet, af_xdp, vhost, ring, pcap) have all of them polled, or some packets would never come;
// memif, whose peer says how many there are, but only to the driver, has one each way.
// Transmit: every sender (each worker, and the slow path) has a queue of its own where the device
// has that many; otherwise senders share queues under a spinlock each, which costs an uncontended
// atomic per burst.
//
// No promiscuous mode: the gateway is a router. Multicast is let in for Linux (OSPF, VRRP). Scatter
// stays off: buffers hold a frame of the largest MTU of all ports, and a longer one is refused by
// the device or dropped. LRO and TSO are never asked for (PortFrames).
// Checksums: with `offload` the device checks what it receives and fills in what it sends, as far
// as it can; with it off nothing is asked of it, and virtio devices deliver finished checksums.
//
// Life: open, then (when the size of the pool is known) start, stop, destroy (before the pools).
// Starting or stopping one port of a device does it for all.
// Slow path only, but for receive and transmit.
#pragma once

#include "app/dpdk/packet_pool.hpp"
#include "app/dpdk/vlan_tags.hpp"
#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/frame.hpp"

#include <optional>
#include <string>
#include <variant>

struct rte_mbuf;

namespace sacip {

struct PortParams {
    PortId id{};
    std::string name;   ///< the operator's, for messages
    std::string device; ///< DPDK's: "0000:03:00.0", "net_af_packet0"
    unsigned workers{1};
    uint16_t mtu{0};       ///< bytes of an IP packet; 0: the device's own
    bool offload{true};    ///< checksums and tags by the device where it can
    uint16_t vlan{0};      ///< 802.1Q, 1 to 4094; 0: the frames without a tag
    bool trunk{false};     ///< this or another port of the device has a VLAN
    uint16_t trunk_mtu{0}; ///< the largest of the device's ports; 0: none has one
};

/// What the device could do and what we let it do.
struct PortOffloads {
    struct Set {
        bool rx_ipv4{false}, rx_l4{false};   ///< checks checksums
        bool tx_ipv4{false}, tx_l4{false};   ///< fills checksums in
        bool rx_vlan{false}, tx_vlan{false}; ///< takes tags off, puts them on; in use on a trunk
    };
    Set offered;
    Set in_use;
};

class Port {
public:
    struct Impl;
    /// Finds and configures the device; the error lists the devices there are. With another port of
    /// the same device, which is a trunk, shares it; what params say of the device is not looked
    /// at.
    static std::variant<std::unique_ptr<Port>, std::string> open(const PortParams& params,
                                                                 const Port* sibling = nullptr);
    Port(std::shared_ptr<Impl> device, const PortParams& params);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    /// Packets that the device's rings hold at most: its share of the pool.
    uint32_t packets_needed() const;
    /// Bytes that each buffer of the pool has for a frame: the device's demand.
    uint32_t buffer_bytes() const;
    /// Sets the queues up and lets packets flow. The pool outlives the port. Why not, or nothing.
    std::optional<std::string> start(PacketPool& pool);
    /// No packet flows any more; workers must not poll.
    void stop();

    PortId id() const;
    const std::string& name() const;
    const std::string& device() const;
    std::string driver() const;
    uint16_t vlan() const { return params_.vlan; }
    /// The ports of a trunk; nullptr where all frames are this port's, tagged or not.
    const VlanPorts* vlans() const;
    bool shares_device(const Port& other) const { return impl_ == other.impl_; }
    /// The device's own at first; then what take_mac() was given. Slow path.
    MacAddr mac() const { return mac_; }
    /// Frames for this address are the port's from now on, if program_mac() has its way.
    void take_mac(const MacAddr& mac) { mac_ = mac; }
    /// The device takes the address as its own; one that other ports share takes it in addition;
    /// one that can't is made to let all frames in. Else what an operator should know. While
    /// packets flow PortWatch asks for it; stop() gives the device back the address that it was
    /// found with.
    std::optional<std::string> program_mac(const MacAddr& mac);
    uint16_t mtu() const;
    unsigned rx_queues() const;
    unsigned tx_queues() const;
    /// True: senders share transmit queues, since the device has too few.
    bool tx_shared() const;
    const PortOffloads& offloads() const;
    /// The checksums that the device fills in when asked to, per packet.
    TxChecksums fills() const;
    /// As the device has it (while packets flow: PortWatch). Those that stand on an interface of
    /// Linux say up whatever that one is.
    bool link_up() const;
    /// That interface; 0: the device stands on none, or does not say.
    IfIndex kernel_interface() const;
    struct Losses {
        uint64_t missed; ///< packets that the device dropped for want of room in its receive queues
        uint64_t errors; ///< packets that the device could not receive
    };
    /// Since the start (while packets flow: PortWatch).
    Losses losses() const;

    /// Of the device, so of all its ports. One thread at a time per queue. Packets belong to the
    /// caller.
    unsigned receive(unsigned queue, rte_mbuf** packets, unsigned room);
    /// `sender`: a worker's id, or PortParams::workers for the slow path. Takes the first n packets
    /// and returns n; the rest stays the caller's. Tags are put on here.
    unsigned transmit(unsigned sender, rte_mbuf** packets, unsigned count);

private:
    PortParams params_;
    MacAddr mac_;
    std::shared_ptr<Impl> impl_; ///< the device
};

} // namespace sacip
