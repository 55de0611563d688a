// SPDX-License-Identifier: BSD-3-Clause
//
// PacketPool: where packet buffers come from.
//
// One pool feeds all ports, since a packet received on one waits in the transmit ring of another:
// it must have room for every ring there is, or a busy port would starve an idle one. Host
// interfaces have another, so Linux can't use up the ports' buffers. Since devices hold buffers of
// either, pools outlive all devices (and the PuntRings).
#pragma once

#include "sacip_core/packet/packet_io.hpp"

#include <memory>
#include <string>
#include <variant>

struct rte_mempool;

namespace sacip {

/// For the metric sacip_mbufs_in_use. A snapshot that may be off by what cores have in hand.
struct PoolUse {
    std::string name;
    uint32_t in_use{0};
    uint32_t size{0};
};

class PacketPool {
public:
    /// Bytes of a frame that a buffer for the usual MTU holds.
    static constexpr uint32_t usual_frame_bytes = 2048;

    /// `packets` at least, with frames of `frame_bytes` at least (up to 65,407); `name` unique, at
    /// most 20 characters. Or why not.
    static std::variant<std::unique_ptr<PacketPool>, std::string>
    create(const std::string& name, uint32_t packets, uint32_t frame_bytes = usual_frame_bytes);
    ~PacketPool();
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    /// A packet of `length` bytes, contents undefined; owner nullptr if there is none, or if
    /// `length` is above frame_bytes(). Any EAL thread.
    OwnedPacket allocate(uint32_t length);
    /// Bytes of a frame that one buffer holds. Longer ones are not received (see PortFrames).
    uint32_t frame_bytes() const { return frame_bytes_; }
    /// Any thread.
    PoolUse use() const;
    rte_mempool* native() const { return pool_; }

private:
    PacketPool(rte_mempool* pool, uint32_t frame_bytes) : pool_{pool}, frame_bytes_{frame_bytes} {}
    rte_mempool* pool_;
    uint32_t frame_bytes_;
};

} // namespace sacip
