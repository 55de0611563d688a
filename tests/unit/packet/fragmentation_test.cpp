// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/fragmentation.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "tests/support/frame_text.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

std::vector<Bytes> pieces_of(Bytes packet, uint16_t mtu) {
    const PacketView view = view_of(packet);
    std::vector<Bytes> out;
    for (uint32_t offset = 0;;) {
        Bytes piece(ether_header_bytes + size_t{mtu});
        const Piece made = write_piece(frame_of(packet), view, offset, mtu, piece);
        if (made.frame_bytes == 0) {
            return out;
        }
        piece.resize(made.frame_bytes);
        out.push_back(piece);
        offset += made.payload_bytes;
    }
}
std::string any_text(size_t length) {
    std::string out;
    for (size_t i = 0; i < length; i++) {
        out += static_cast<char>('a' + i * 7 % 26);
    }
    return out;
}

TEST(Fragmentation, PiecesMakeThePacketAgain) {
    for (const unsigned payload : {2U, 600U, 1000U, 1472U, 8000U}) {
        for (const uint16_t mtu : std::initializer_list<uint16_t>{28, 68, 576, 1400}) {
            const Bytes packet =
                PacketBuilder{}.fragment_field(0).udp(1, 2).payload(any_text(payload)).build();
            const auto pieces = pieces_of(packet, mtu);
            Bytes whole(packet.begin() + 34, packet.end());
            size_t end = 0;
            for (size_t i = 0; i < pieces.size(); i++) {
                const std::byte* ip = pieces[i].data() + 14;
                const uint16_t field = ipv4::fragment_field(ip).value();
                EXPECT_LE(pieces[i].size(), 14U + mtu);
                EXPECT_EQ(ipv4::total_length(ip).value(), pieces[i].size() - 14);
                EXPECT_EQ(internet_checksum({ip, 20}), 0);
                EXPECT_EQ((field & ipv4::flag_more_fragments) != 0, i + 1 < pieces.size());
                EXPECT_EQ((field & ipv4::fragment_offset_mask) * 8U, end);
                EXPECT_TRUE(std::equal(pieces[i].begin() + 34, pieces[i].end(),
                                       whole.begin() + static_cast<long>(end)));
                end += pieces[i].size() - 34;
            }
            EXPECT_EQ(end, whole.size()) << payload << " bytes for an MTU of " << mtu;
        }
    }
}

TEST(Fragmentation, APieceOfAPieceKeepsItsPlace) {
    const auto pieces = pieces_of(
        PacketBuilder{}.fragment_field(0x2000 | 100).udp(1, 2).payload(any_text(500)).build(), 276);
    ASSERT_EQ(pieces.size(), 2U);
    EXPECT_EQ(ipv4::fragment_field(pieces[0].data() + 14).value(), 0x2000 | 100);
    EXPECT_EQ(ipv4::fragment_field(pieces[1].data() + 14).value(), 0x2000 | 132);
}

/// RFC 791 §3.1: record route stays in the first piece, a security option goes into all.
TEST(Fragmentation, OptionsThatAreNotCopied) {
    const Bytes options{std::byte{7}, std::byte{3}, std::byte{4}, std::byte{0x82},
                        std::byte{4}, std::byte{1}, std::byte{2}, std::byte{0}};
    const auto pieces = pieces_of(
        PacketBuilder{}.fragment_field(0).options(options).udp(1, 2).payload(any_text(100)).build(),
        76);
    ASSERT_GE(pieces.size(), 2U);
    EXPECT_TRUE(std::equal(options.begin(), options.end(), pieces[0].begin() + 34));
    EXPECT_EQ(pieces[1][34], std::byte{1});
    EXPECT_EQ(pieces[1][36], std::byte{1});
    EXPECT_EQ(pieces[1][37], std::byte{0x82});
}

TEST(Fragmentation, AnMtuWithoutRoomMakesNone) {
    EXPECT_TRUE(pieces_of(PacketBuilder{}.udp(1, 2).payload("text").build(), 24).empty());
}

} // namespace
} // namespace sacip::test
