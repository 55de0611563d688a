// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/device_packet_io.hpp"

#include "app/dpdk/mbuf_frame.hpp"

namespace sacip {

bool DevicePacketIo::transmit(PortId port, OwnedPacket packet) {
    rte_mbuf* mbuf = mbuf_of(packet);
    if (mbuf == nullptr) {
        return false;
    }
    pad(*mbuf);
    const uint32_t bytes = mbuf->pkt_len;
    if (port.value >= params_.ports.size() ||
        params_.ports[port.value]->transmit(params_.sender, &mbuf, 1) != 1) {
        rte_pktmbuf_free(mbuf);
        return false;
    }
    PortCounters& counters = params_.counters->ports[port.value];
    counters.tx_packets.add();
    counters.tx_bytes.add(bytes);
    return true;
}

bool DevicePacketIo::to_linux(PortId port, OwnedPacket packet) {
    if (port.value >= params_.host_interfaces.size() ||
        params_.host_interfaces[port.value] == nullptr) {
        release(packet);
        return false;
    }
    rte_mbuf* const mbuf = mbuf_of(packet);
    return mbuf != nullptr && params_.host_interfaces[port.value]->send({&mbuf, 1}) == 1;
}

void DevicePacketIo::release(OwnedPacket packet) {
    rte_pktmbuf_free(static_cast<rte_mbuf*>(packet.owner));
}

OwnedPacket DevicePacketIo::allocate(uint32_t length) { return params_.pool->allocate(length); }

} // namespace sacip
