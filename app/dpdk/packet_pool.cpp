// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/packet_pool.hpp"

#include "app/dpdk/mbuf_frame.hpp"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include <algorithm>

namespace sacip {
namespace {

// Buffers each core keeps at hand; the pool's size must not suffer from it.
constexpr unsigned core_cache = 256;
constexpr uint32_t most_frame_bytes = UINT16_MAX - RTE_PKTMBUF_HEADROOM;
/// Of a buffer beside the frame: headroom, rte_mbuf, the pool's own.
constexpr uint32_t overhead_bytes = RTE_PKTMBUF_HEADROOM + sizeof(rte_mbuf) + 64;

} // namespace

std::variant<std::unique_ptr<PacketPool>, std::string>
PacketPool::create(const std::string& name, uint32_t packets, uint32_t frame_bytes) {
    // A core's cache may grow to 1.5 times its size before it is flushed.
    const uint32_t size = packets + rte_lcore_count() * core_cache * 3 / 2;
    // Network cards count a buffer's room in KiB, and would use two buffers rather than one.
    const uint32_t unit = frame_bytes > 1024 ? 1024 : RTE_CACHE_LINE_SIZE;
    const uint32_t whole = (std::max(frame_bytes, 1U) + unit - 1) / unit * unit;
    const uint32_t room = std::min(whole, most_frame_bytes);
    rte_mempool* const pool =
        rte_pktmbuf_pool_create(name.c_str(), size, core_cache, 0,
                                static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM + room), SOCKET_ID_ANY);
    if (pool == nullptr) {
        const uint64_t megabytes = (uint64_t{size} * (room + overhead_bytes) >> 20) + 1;
        return "no memory for " + std::to_string(size) + " packet buffers of " +
               std::to_string(room) + " bytes (" + name + ", " + std::to_string(megabytes) +
               " MB): " + rte_strerror(rte_errno) +
               "; give EAL more memory (-m, or more huge pages)" +
               (room > usual_frame_bytes ? ", or the ports a smaller mtu" : "");
    }
    return std::unique_ptr<PacketPool>{new PacketPool{pool, room}};
}

PacketPool::~PacketPool() { rte_mempool_free(pool_); }

OwnedPacket PacketPool::allocate(uint32_t length) {
    if (length > frame_bytes_) {
        return {};
    }
    rte_mbuf* const mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) {
        return {};
    }
    mbuf->data_len = static_cast<uint16_t>(length);
    mbuf->pkt_len = length;
    return owned_packet(mbuf);
}

PoolUse PacketPool::use() const {
    return {pool_->name, rte_mempool_in_use_count(pool_), pool_->size};
}

} // namespace sacip
