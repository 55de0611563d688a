// SPDX-License-Identifier: BSD-3-Clause
//
// Port: a DPDK Ethernet device with the queues the gateway's cores need.
//
// Receive: each queue is polled by one worker. Devices with RSS get as many queues as there are
// workers (at most); devices that spread packets over a given number of queues by themselves
// (af_packet, af_xdp, vhost, ring, pcap) have all of them polled, or some packets would never come.
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
// Slow path only, but for receive and transmit.
#pragma once

#include "app/dpdk/packet_pool.hpp"
#include "sacip_core/frame.hpp"
#include "sacip_core/units.hpp"

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
    uint16_t mtu{0};    ///< bytes of an IP packet; 0 leaves the device's own
    bool offload{true}; ///< checksums by the device where it can
};

/// What the device could do and what we let it do.
struct PortOffloads {
    struct Set {
        bool rx_ipv4{false}, rx_l4{false}; ///< checks checksums
        bool tx_ipv4{false}, tx_l4{false}; ///< fills checksums in
    };
    Set offered;
    Set in_use;
};

class Port {
public:
    struct Impl;
    /// Finds and configures the device; the error lists the devices there are.
    static std::variant<std::unique_ptr<Port>, std::string> open(const PortParams& params);
    explicit Port(std::unique_ptr<Impl> impl);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    /// Packets that this port's rings hold at most: the port's share of the pool.
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
    MacAddr mac() const;
    uint16_t mtu() const;
    unsigned rx_queues() const;
    unsigned tx_queues() const;
    /// True: senders share transmit queues, since the device has too few.
    bool tx_shared() const;
    const PortOffloads& offloads() const;
    /// The checksums that the device fills in when asked to, per packet.
    TxChecksums fills() const;
    bool link_up() const;
    /// Packets the device dropped for want of room in its receive queues.
    uint64_t missed() const;

    /// One thread at a time per queue. Packets belong to the caller.
    unsigned receive(unsigned queue, rte_mbuf** packets, unsigned room);
    /// `sender`: a worker's id, or PortParams::workers for the slow path. Takes the first n packets
    /// and returns n; the rest stays the caller's.
    unsigned transmit(unsigned sender, rte_mbuf** packets, unsigned count);

private:
    std::unique_ptr<Impl> impl_;
};

} // namespace sacip
