// SPDX-License-Identifier: BSD-3-Clause
//
// MbufFrame: what lies between DPDK's packets and ours; only files in this folder include it.
//
// A Frame is one piece of memory. Scatter is never switched on, so a device should not deliver
// chains; if one does (virtio may merge buffers), the chain is made one piece where it fits and
// dropped where not.
#pragma once

#include "sacip_core/base/verdict.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/packet_io.hpp"
#include "sacip_core/packet/parse.hpp"

#include <cstring>
#include <rte_mbuf.h>

namespace sacip {

inline constexpr uint32_t min_frame_bytes = 60; // without the frame check sequence

/// The reason under which a frame that does not fit one buffer is dropped.
inline constexpr DropReason does_not_fit = DropReason::frame_too_long;

/// What the receiving device said of the checksums. L4 "none" is DPDK's word for: the field is not
/// filled in, the data are good.
inline RxFacts rx_facts(const rte_mbuf& mbuf) {
    constexpr uint64_t said = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    RxFacts out = RxFacts::none;
    if ((mbuf.ol_flags & said) == 0) {
        return out;
    }
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD) {
        out = out | RxFacts::ip_checksum_good;
    }
    switch (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) {
    case RTE_MBUF_F_RX_L4_CKSUM_GOOD:
        return out | RxFacts::l4_checksum_good;
    case RTE_MBUF_F_RX_L4_CKSUM_NONE:
        return out | RxFacts::l4_checksum_partial;
    default:
        return out;
    }
}

/// Tells the sending device what the pipeline left to it.
inline void ask_for_checksums(rte_mbuf& mbuf, const Frame& frame) {
    constexpr uint64_t said_by_receiver = RTE_MBUF_F_RX_IP_CKSUM_MASK | RTE_MBUF_F_RX_L4_CKSUM_MASK;
    mbuf.ol_flags = (mbuf.ol_flags & ~said_by_receiver) | RTE_MBUF_F_TX_IPV4;
    mbuf.ol_flags |= has(frame.unfinished, TxChecksums::ipv4) ? RTE_MBUF_F_TX_IP_CKSUM : 0;
    mbuf.ol_flags |= has(frame.unfinished, TxChecksums::tcp) ? RTE_MBUF_F_TX_TCP_CKSUM : 0;
    mbuf.ol_flags |= has(frame.unfinished, TxChecksums::udp) ? RTE_MBUF_F_TX_UDP_CKSUM : 0;
    mbuf.l2_len = ether_header_bytes;
    mbuf.l3_len = ipv4::header_length(frame.data + ether_header_bytes) & 0x3CU; // at most 60
}

/// True if the packet is, or has been made, one piece.
inline bool make_contiguous(rte_mbuf& mbuf) {
    return rte_pktmbuf_is_contiguous(&mbuf) != 0 || rte_pktmbuf_linearize(&mbuf) == 0;
}

/// Makes it as long as Ethernet asks, with zeros.
inline void pad(rte_mbuf& mbuf) {
    if (mbuf.pkt_len >= min_frame_bytes) {
        return;
    }
    const auto missing = static_cast<uint16_t>(min_frame_bytes - mbuf.pkt_len);
    if (char* const tail = rte_pktmbuf_append(&mbuf, missing)) {
        std::memset(tail, 0, missing);
    }
}

inline Frame frame_of(rte_mbuf& mbuf) {
    return {rte_pktmbuf_mtod(&mbuf, std::byte*), mbuf.data_len, rx_facts(mbuf)};
}

inline OwnedPacket owned_packet(rte_mbuf* mbuf) { return {frame_of(*mbuf), mbuf}; }

/// The packet's mbuf, made to hold what the frame says now: the slow path may have moved either end
/// of the frame within its buffer. nullptr (and the packet is freed) if it left the buffer.
inline rte_mbuf* mbuf_of(const OwnedPacket& packet) {
    auto* const mbuf = static_cast<rte_mbuf*>(packet.owner);
    const auto* const start = static_cast<const std::byte*>(mbuf->buf_addr);
    const auto offset = packet.frame.data - start;
    if (offset < 0 || offset + static_cast<int64_t>(packet.frame.length) > mbuf->buf_len) {
        rte_pktmbuf_free(mbuf);
        return nullptr;
    }
    mbuf->data_off = static_cast<uint16_t>(offset);
    mbuf->data_len = static_cast<uint16_t>(packet.frame.length);
    mbuf->pkt_len = packet.frame.length;
    return mbuf;
}

} // namespace sacip
