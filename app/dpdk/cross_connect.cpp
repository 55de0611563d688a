// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/cross_connect.hpp"

#include "app/dpdk/mbuf_frame.hpp"

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_net.h>
#include <rte_tcp.h>
#include <rte_udp.h>

#include <utility>

namespace sacip {
namespace {

uint16_t ether_type(const rte_mbuf& packet) {
    return rte_be_to_cpu_16(rte_pktmbuf_mtod(&packet, const rte_ether_hdr*)->ether_type);
}

} // namespace

CrossConnect::CrossConnect(std::vector<HostInterface*> interfaces, std::vector<PortId> reads,
                           PuntRings& punts, CoreCounters& counters)
    : interfaces_{std::move(interfaces)}, reads_{std::move(reads)}, punts_{punts}, counters_{
                                                                                       counters} {
    std::erase_if(reads_, [&](PortId port) { return interfaces_[port.value] == nullptr; });
    for (const PortId port : reads_) {
        if (const int fd = interfaces_[port.value]->readable_fd(); fd >= 0) {
            readable_.push_back({fd, POLLIN, 0});
        }
    }
}

CrossConnect::~CrossConnect() {
    for (; head_ != tail_; head_++) {
        rte_pktmbuf_free(waiting_[head_ % capacity].packet);
        counters_.drop(DropReason::linux_full);
    }
    counters_.held.set(0);
}

bool CrossConnect::concerns(const rte_mbuf& packet, PuntReason reason) {
    return (reason == PuntReason::not_ip || reason == PuntReason::link_group) &&
           packet.data_len >= sizeof(rte_ether_hdr) && ether_type(packet) != RTE_ETHER_TYPE_ARP;
}

void CrossConnect::to_linux(rte_mbuf* packet, PortId port, PuntReason reason) {
    if (port.value >= interfaces_.size() || interfaces_[port.value] == nullptr ||
        tail_ - head_ == capacity) {
        rte_pktmbuf_free(packet);
        counters_.drop(DropReason::linux_full);
        return;
    }
    finish_ipv6_checksum(*packet);
    waiting_[tail_++ % capacity] = {packet, port, reason};
    counters_.held.set(tail_ - head_);
}

bool CrossConnect::send_waiting() {
    const bool any = head_ != tail_;
    for (unsigned left = burst; left > 0 && head_ != tail_;) {
        // Those in a row for the same interface go together.
        std::array<rte_mbuf*, burst> packets;
        const Waiting first = waiting_[head_ % capacity];
        unsigned count = 0;
        while (count < left && head_ != tail_) {
            const Waiting& next = waiting_[head_ % capacity];
            if (next.port != first.port || next.reason != first.reason) {
                break;
            }
            packets[count++] = next.packet;
            head_++;
        }
        left -= count;
        const unsigned sent = interfaces_[first.port.value]->send({packets.data(), count});
        counters_.punted[static_cast<size_t>(first.reason)].add(sent);
        counters_.dropped[static_cast<size_t>(DropReason::linux_full)].add(count - sent);
    }
    if (any) {
        counters_.held.set(tail_ - head_);
    }
    return any;
}

unsigned CrossConnect::from_linux(size_t i, std::span<rte_mbuf*, burst> out, bool& any) {
    const PortId port = reads_[i];
    const unsigned got = interfaces_[port.value]->receive(out, counters_);
    any = any || got > 0;
    unsigned kept = 0;
    for (unsigned k = 0; k < got; k++) {
        rte_mbuf* const packet = out[k];
        const uint16_t type = packet->data_len < sizeof(rte_ether_hdr)
                                  ? uint16_t{RTE_ETHER_TYPE_ARP}
                                  : ether_type(*packet);
        if (type != RTE_ETHER_TYPE_IPV4 && type != RTE_ETHER_TYPE_ARP) {
            counters_.received.add();
            pad(*packet);
            out[kept++] = packet;
        } else if (!punts_.pass_on(packet, port)) {
            counters_.received.add();
            counters_.drop(DropReason::punt_ring_full);
            rte_pktmbuf_free(packet);
        }
    }
    return kept;
}

void finish_ipv6_checksum(rte_mbuf& packet) {
    if ((packet.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) != RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        return;
    }
    packet.ol_flags &= ~RTE_MBUF_F_RX_L4_CKSUM_MASK;
    rte_net_hdr_lens lengths{};
    const uint32_t type = rte_net_get_ptype(&packet, &lengths, RTE_PTYPE_ALL_MASK);
    const bool is_tcp = (type & RTE_PTYPE_L4_MASK) == RTE_PTYPE_L4_TCP;
    if (!RTE_ETH_IS_IPV6_HDR(type) || (!is_tcp && (type & RTE_PTYPE_L4_MASK) != RTE_PTYPE_L4_UDP)) {
        return;
    }
    const auto* const ip = rte_pktmbuf_mtod_offset(&packet, const rte_ipv6_hdr*, lengths.l2_len);
    const uint32_t begin = uint32_t{lengths.l2_len} + lengths.l3_len;
    const uint32_t end = lengths.l2_len + uint32_t{sizeof *ip} + rte_be_to_cpu_16(ip->payload_len);
    const uint32_t header = is_tcp ? sizeof(rte_tcp_hdr) : sizeof(rte_udp_hdr);
    if (end > packet.data_len || begin + header > end) {
        return;
    }
    auto* const l4 = rte_pktmbuf_mtod_offset(&packet, std::byte*, begin);
    const auto sum = static_cast<uint16_t>(~rte_raw_cksum(l4, end - begin));
    std::byte* const field =
        l4 + (is_tcp ? offsetof(rte_tcp_hdr, cksum) : offsetof(rte_udp_hdr, dgram_cksum));
    const uint16_t filled_in = sum == 0 && !is_tcp ? uint16_t{0xFFFF} : sum;
    std::memcpy(field, &filled_in, sizeof filled_in);
}

} // namespace sacip
