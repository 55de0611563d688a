// SPDX-License-Identifier: BSD-3-Clause
//
// Rewrite: the only file that writes IP addresses and checksums into packets; what stands in front
// is the link header's (link_header.hpp).
//
// Addresses come precomputed from the path's slot, checksums are mended by adding the one's
// complement delta of what is written over what was there (RFC 1624): a corrupted packet stays
// corrupted, and the inverse delta at the other end gives the host its own checksum back, bit for
// bit.
#pragma once

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/translation.hpp"

namespace sacip {

/// The addresses of one path, from which both directions follow.
template <AddressFamily F>
struct PathAddressesOf {
    using Addr = typename F::Addr;
    Addr host;            ///< what the inside host uses for itself
    Addr local_original;  ///< what the far end saw at set-up
    Addr local_active;    ///< on the wire now
    Addr remote_original; ///< what the inside host uses for the far end
    Addr remote_active;   ///< on the wire now
};
using PathAddresses = PathAddressesOf<Ipv4>;

/// Fills addresses, L4 mode and L4 delta of both directions of `slot`; leaves next hop, port and
/// action. Mode `original`: the L4 delta is fixed and covers host -> local_original only (0 for
/// routed hosts and the box), since the wire checksum is in terms of the originals.
template <AddressFamily F>
void prepare_rewrite(const PathAddressesOf<F>& addresses, L4ChecksumMode mode,
                     RewriteSlotOf<F>& slot);

/// Writes both addresses and mends the header checksum and, where the packet is TCP, UDP,
/// UDP-Lite or DCCP, not a fragment with an offset, and its header is whole, the L4 checksum. UDP
/// checksum 0 stays 0, a computed 0 becomes 0xFFFF. Ethernet header and TTL stay. `frame` and
/// `view` are from a successful parse(), or from a punted IP packet whose view says fragment
/// (then only a first fragment's L4 checksum is mended, if it fits).
template <AddressFamily F>
void rewrite_addresses(const Frame& frame, const PacketViewOf<F>& view,
                       const DirectionRewriteOf<F>& to);

/// Fills in the TCP or UDP checksum that the receiving device says is not filled in yet
/// (RxFacts::l4_checksum_partial), for the addresses of `view`; then it is no fact any more. Reads
/// the whole packet. Nothing for other packets, a fragment, or UDP that has none (0). Relies on the
/// device's word that the data are good, and not on what the field holds: a sum of the addresses of
/// the sender's socket as a rule, which nobody promises. `view` is of a parse() that did not drop
/// the packet.
template <AddressFamily F>
void finish_l4_checksum(Frame& frame, const PacketViewOf<F>& view);

/// The same in the terms that the path's mode says, before `to` is written: what comes in in mode
/// `original` is in terms of the originals, from which `to` leads to the host's addresses. May be
/// done again to what the other has finished when nobody knew the path.
template <AddressFamily F>
void finish_l4_checksum(Frame& frame, const PacketViewOf<F>& view, const DirectionRewriteOf<F>& to);

/// True if the TCP or UDP checksum is wrong and its field holds the pseudo-header sum: the sender
/// left it to its device, and nobody filled it in or said so (a veth, seen through af_packet). One
/// in 65,536 of corrupted packets looks like that, so it is no ground for filling it in. `frame`
/// and `view` are of a parse() that said `proceed`.
template <AddressFamily F>
bool is_unfinished(const Frame& frame, const PacketViewOf<F>& view);

/// rewrite_addresses() and rewrite_next_hop() in one, for what parse() said `proceed` to. Inline:
/// this is what the data path does to a packet.
template <AddressFamily F>
void rewrite_forwarded(const Frame& frame, const PacketViewOf<F>& view,
                       const DirectionRewriteOf<F>& to);

/// The same for a packet that leaves by a device which fills checksums in (`to.device`); what is
/// left to it stands in `frame.unfinished` then. That is the header's, which parse() has checked,
/// and the L4 one only where a whole recomputation blesses nothing: its device called it good, or
/// nobody has filled it in. And only where the device's idea of the sum must be ours: mode `wire`,
/// no bytes behind the packet, a UDP length that is true.
template <AddressFamily F>
void rewrite_for_device(Frame& frame, const PacketViewOf<F>& view, const DirectionRewriteOf<F>& to);

/// rewrite_addresses() for an ICMP error and for the packet it quotes (icmp_error.hpp has the
/// story). `to` is the rewrite of a packet that travels as the error does and answers `quoted`: the
/// error gets its destination and `source`, the quote both addresses crosswise. The quoted IPv4
/// checksum is mended, the quoted TCP or UDP one if it is among what is quoted, and the ICMP
/// checksum by what these changes come to: whichever was wrong stays wrong by as much. `frame` and
/// `error` are of a packet that parse() punted as `icmp`, `quoted` is Quote::packet.
void rewrite_error(const Frame& frame, const PacketView& error, const PacketView& quoted,
                   const DirectionRewrite& to, Ipv4Addr source);

/// Decrements the TTL (which must be above 1), mends the header checksum for it, and writes the
/// Ethernet addresses of the next hop.
template <AddressFamily F>
void rewrite_next_hop(const Frame& frame, const PacketViewOf<F>& view,
                      const DirectionRewriteOf<F>& to);

namespace rewrite_step {

/// Returns the delta for the checksums that cover them.
template <AddressFamily F>
inline uint16_t write_addresses(std::byte* ip, const PacketViewOf<F>& view,
                                const DirectionRewriteOf<F>& to) {
    const auto source = to.source;
    const auto destination = to.destination;
    F::set_addresses(ip, source, destination);
    return addresses_delta(view.source, view.destination, source, destination);
}

/// One place for all protocols that have the addresses in their checksum. The header is whole, or
/// its first 8 bytes are there: UDP-Lite (RFC 3828) and DCCP (RFC 4340 §5.1) have it where UDP has.
/// ICMP's covers them in some families.
template <AddressFamily F>
inline void mend_l4_checksum(std::byte* l4, const PacketViewOf<F>& view, uint16_t delta) {
    if (view.is(IpProto::tcp)) {
        tcp::set_checksum(l4, mend_checksum(tcp::checksum(l4), delta));
    } else if (view.is(IpProto::udp)) [[likely]] {
        udp::set_checksum(l4, mend_udp_checksum(udp::checksum(l4), delta));
    } else if (view.is(IpProto::udp_lite)) {
        udp::set_checksum(l4, mend_udp_checksum(udp::checksum(l4), delta));
    } else if (view.is(IpProto::dccp)) {
        udp::set_checksum(l4, mend_checksum(udp::checksum(l4), delta));
    } else if (F::icmp_covers_addresses && view.is(F::icmp)) {
        icmp::set_checksum(l4, mend_checksum(icmp::checksum(l4), delta));
    }
}

/// What the L4 checksum gets where the addresses changed by `wire`.
template <AddressFamily F>
inline uint16_t l4_delta(const DirectionRewriteOf<F>& to, uint16_t wire) {
    return to.l4_mode == L4ChecksumMode::wire ? wire : to.l4_delta;
}

/// All of rewrite_next_hop() but the checksum.
template <AddressFamily F>
inline void take_hop(const Frame& frame, const PacketViewOf<F>& view,
                     const DirectionRewriteOf<F>& to) {
    std::byte* const data = frame.data;
    std::byte* const ip = data + view.l3;
    F::set_ttl(ip, static_cast<uint8_t>(F::ttl(ip) - 1));
    to.link->write_to(data);
}

} // namespace rewrite_step

template <AddressFamily F>
[[gnu::always_inline]] inline void rewrite_forwarded(const Frame& frame,
                                                     const PacketViewOf<F>& view,
                                                     const DirectionRewriteOf<F>& to) {
    std::byte* const data = frame.data;
    std::byte* const ip = data + view.l3;
    const uint16_t delta = rewrite_step::write_addresses(ip, view, to);
    const uint16_t mended = mend_checksum(F::checksum(ip), delta);
    F::set_checksum(ip, mend_checksum(mended, ttl_decrement_delta));
    rewrite_step::mend_l4_checksum(data + view.l4, view, rewrite_step::l4_delta(to, delta));
    rewrite_step::take_hop(frame, view, to);
}

} // namespace sacip
