// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/fragmentation.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint32_t unit = 8; ///< of the offset in the header

/// Options that go into the first piece only become no-operations in the others.
void blank_options(std::byte* ip, uint32_t header) {
    constexpr uint8_t end = 0;
    constexpr uint8_t no_operation = 1;
    constexpr uint8_t copied = 0x80;
    for (uint32_t i = ipv4::min_header_bytes; i < header;) {
        const auto type = std::to_integer<uint8_t>(ip[i]);
        const bool single = type == end || type == no_operation;
        const uint32_t length =
            single || i + 1 == header ? 1 : std::to_integer<uint32_t>(ip[i + 1]);
        if (type == end || length == 0 || i + length > header) {
            return;
        }
        if ((type & copied) == 0) {
            std::fill_n(ip + i, length, std::byte{no_operation});
        }
        i += length;
    }
}

} // namespace

Piece write_piece(const Frame& packet, const PacketView& v, uint32_t offset, uint16_t mtu,
                  std::span<std::byte> out) {
    const uint32_t header = v.l4 - v.l3;
    const uint32_t payload = v.ip_length() - header;
    const uint32_t room = mtu > header ? (mtu - header) / unit * unit : 0;
    if (room == 0 || offset >= payload || out.size() < ether_header_bytes + size_t{mtu}) {
        return {};
    }
    const bool last = payload - offset <= mtu - header;
    const uint32_t bytes = last ? payload - offset : room;
    const std::byte* const from = packet.data + v.l3;
    std::byte* const ip = out.data() + ether_header_bytes;
    std::copy_n(packet.data, ether_header_bytes, out.data());
    std::copy_n(from, header, ip);
    std::copy_n(from + header + offset, bytes, ip + header);
    if (offset > 0) {
        blank_options(ip, header);
    }
    const uint16_t field = ipv4::fragment_field(from).value();
    const bool more = !last || (field & ipv4::flag_more_fragments) != 0;
    const auto place = static_cast<uint16_t>((field & ipv4::fragment_offset_mask) + offset / unit);
    ipv4::set_fragment_field(
        ip, Be16{static_cast<uint16_t>((more ? ipv4::flag_more_fragments : 0) | place)});
    ipv4::set_total_length(ip, Be16{static_cast<uint16_t>(header + bytes)});
    ipv4::set_checksum(ip, 0);
    ipv4::set_checksum(ip, internet_checksum({ip, header}));
    return {ether_header_bytes + header + bytes, bytes};
}

} // namespace sacip
