// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/packet_pool.hpp"

#include "app/dpdk/mbuf_frame.hpp"

#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

namespace sacip {
namespace {

// Buffers each core keeps at hand; the pool's size must not suffer from it.
constexpr unsigned core_cache = 128;

} // namespace

std::variant<std::unique_ptr<PacketPool>, std::string> PacketPool::create(const std::string& name,
                                                                          uint32_t packets) {
    // A core's cache may grow to 1.5 times its size before it is flushed.
    const uint32_t size = packets + rte_lcore_count() * core_cache * 3 / 2;
    rte_mempool* const pool = rte_pktmbuf_pool_create(
        name.c_str(), size, core_cache, 0, RTE_PKTMBUF_HEADROOM + max_frame_bytes, SOCKET_ID_ANY);
    if (pool == nullptr) {
        return "no memory for " + std::to_string(size) + " packet buffers (" + name +
               "): " + rte_strerror(rte_errno) + "; give EAL more memory (-m)";
    }
    return std::unique_ptr<PacketPool>{new PacketPool{pool}};
}

PacketPool::~PacketPool() { rte_mempool_free(pool_); }

OwnedPacket PacketPool::allocate(uint32_t length) {
    if (length > max_frame_bytes) {
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
