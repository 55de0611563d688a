// SPDX-License-Identifier: BSD-3-Clause
//
// The sums are made once per path and move (prepare_rewrite); per packet there are two additions.
// Reading both directions off one PathAddresses is what makes inbound the exact inverse of outbound
// at the other end: same numbers, other sign.
//
// A checksum that is only partial (RxFacts::l4_checksum_partial) must have been finished before:
// its field holds a sum, not a complement, and mending would take it the wrong way.
#include "sacip_core/rewrite.hpp"

#include "sacip_core/checksum.hpp"
#include "sacip_core/headers.hpp"

namespace sacip {
namespace {

/// One place for both protocols that have the addresses in their checksum.
inline void mend_l4_checksum(std::byte* l4, const PacketView& view, uint16_t delta) {
    if (view.is(IpProto::tcp)) {
        if (view.l4_length >= tcp::min_header_bytes) [[likely]] {
            tcp::set_checksum(l4, mend_checksum(tcp::checksum(l4), delta));
        }
    } else if (view.is(IpProto::udp)) {
        if (view.l4_length >= udp::header_bytes) [[likely]] {
            udp::set_checksum(l4, mend_udp_checksum(udp::checksum(l4), delta));
        }
    }
}

} // namespace

void prepare_rewrite(const PathAddresses& addresses, L4ChecksumMode mode, RewriteSlot& slot) {
    const uint16_t local = address_delta(addresses.host, addresses.local_active);
    const uint16_t remote = address_delta(addresses.remote_original, addresses.remote_active);
    const uint16_t ip = both_deltas(local, remote);
    const uint16_t l4 =
        mode == L4ChecksumMode::wire ? ip : address_delta(addresses.host, addresses.local_original);

    slot.outbound.source = addresses.local_active;
    slot.outbound.destination = addresses.remote_active;
    slot.outbound.ip_delta = ip;
    slot.outbound.l4_delta = l4;

    slot.inbound.source = addresses.remote_original;
    slot.inbound.destination = addresses.host;
    slot.inbound.ip_delta = inverse_delta(ip);
    slot.inbound.l4_delta = inverse_delta(l4);
}

void rewrite_addresses(const Frame& frame, const PacketView& view, const DirectionRewrite& to) {
    std::byte* ip = frame.data + view.l3;
    ipv4::set_source(ip, to.source);
    ipv4::set_destination(ip, to.destination);
    ipv4::set_checksum(ip, mend_checksum(ipv4::checksum(ip), to.ip_delta));
    if (view.fragment && ipv4::has_fragment_offset(ip)) [[unlikely]] {
        return;
    }
    mend_l4_checksum(frame.data + view.l4, view, to.l4_delta);
}

void rewrite_next_hop(const Frame& frame, const PacketView& view, const DirectionRewrite& to) {
    std::byte* ip = frame.data + view.l3;
    ipv4::set_ttl(ip, static_cast<uint8_t>(ipv4::ttl(ip) - 1));
    ipv4::set_checksum(ip, mend_checksum(ipv4::checksum(ip), ttl_decrement_delta));
    ether::set_destination(frame.data, to.next_hop);
    ether::set_source(frame.data, to.port_mac);
}

} // namespace sacip
