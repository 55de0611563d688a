// SPDX-License-Identifier: BSD-3-Clause
//
// DevicePacketIo: the slow path's hands, a PacketIo on ports and host interfaces.
//
// Packets go out at once, one by one: what passes here is rare or was already late. Frames below
// Ethernet's 60 bytes are padded with zeros, as Linux does, since not every device does it.
#pragma once

#include "app/dpdk/host_interface.hpp"
#include "app/dpdk/packet_pool.hpp"
#include "app/dpdk/port.hpp"
#include "app/dpdk/punt_rings.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/packet/packet_io.hpp"

#include <vector>

namespace sacip {

class DevicePacketIo final : public PacketIo {
public:
    struct Params {
        std::vector<Port*> ports;                    ///< by PortId
        std::vector<HostInterface*> host_interfaces; ///< by PortId; nullptr where there is none
        PacketPool* pool{nullptr};                   ///< for allocate()
        unsigned sender{0};                          ///< PortParams::workers
        CoreCounters* counters{nullptr};             ///< the slow path's; tx of ports is counted
        PuntRings* punts{nullptr};                   ///< for keep_turns()
    };
    /// Nothing of `params` is owned; all of it outlives this.
    explicit DevicePacketIo(Params params) : params_{std::move(params)} {}

    bool transmit(PortId port, OwnedPacket packet) override;
    bool to_linux(PortId port, OwnedPacket packet) override;
    void release(OwnedPacket packet) override;
    OwnedPacket allocate(uint32_t length) override;
    void keep_turns(Direction to, bool keep) override { params_.punts->keep_turns(to, keep); }

private:
    Params params_;
};

} // namespace sacip
