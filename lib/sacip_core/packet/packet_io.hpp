// SPDX-License-Identifier: BSD-3-Clause
//
// PacketIo: how the slow path lets go of a packet, without knowing what a packet is made of.
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/translation.hpp"

namespace sacip {

/// An owned packet: the bytes and an opaque owner (the mbuf in the product). Whoever holds it must
/// hand it to exactly one call of PacketIo.
struct OwnedPacket {
    Frame frame;
    void* owner{nullptr};
};

/// Slow path only.
class PacketIo {
public:
    virtual ~PacketIo() = default;
    /// Takes the packet; false (and the packet is freed) if the port's queue is full.
    virtual bool transmit(PortId port, OwnedPacket packet) = 0;
    /// Takes the packet; gives it to Linux as if received on the host interface of `port`; false
    /// (and the packet is freed) if Linux did not take it or the port has no host interface.
    virtual bool to_linux(PortId port, OwnedPacket packet) = 0;
    /// Frees the packet.
    virtual void release(OwnedPacket packet) = 0;
    /// A fresh packet of `length` bytes, contents undefined; owner nullptr if there is no memory.
    virtual OwnedPacket allocate(uint32_t length) = 0;
    /// Whether packets that workers punted wait in the slow path for no more than their turn:
    /// workers see it at once (PuntsUnderWay).
    virtual void keep_turns(Direction to, bool keep) = 0;
};

} // namespace sacip
