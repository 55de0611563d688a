// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/reject.hpp"

#include "tests/support/frame_text.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

/// The frame that answers; empty if none.
Bytes refusal_of(Bytes packet) {
    const PacketView view = view_of(packet);
    const Bytes before = packet;
    Bytes out(refusal_max_bytes, std::byte{0xAA});
    const uint32_t length = write_refusal(frame_of(packet), view, out);
    EXPECT_LE(length, out.size());
    EXPECT_EQ(packet, before) << "the packet itself is not touched";
    for (size_t i = length; i < out.size(); i++) {
        EXPECT_EQ(out[i], std::byte{0xAA}) << "written beyond the frame, at " << i;
    }
    out.resize(length);
    return out;
}
Bytes refusal_of(const PacketBuilder& packet) { return refusal_of(packet.build()); }
std::string line_of(const PacketBuilder& packet) {
    const Bytes out = refusal_of(packet);
    return out.empty() ? "" : text_of(out, true);
}
const std::byte* tcp_of(const Bytes& frame) { return frame.data() + 34; }

TEST(Refusal, GoesBackWhereThePacketCameFrom) {
    const Bytes out = refusal_of(PacketBuilder{}.tcp(4000, 80, tcp_syn));
    ASSERT_EQ(out.size(), 54U);
    EXPECT_EQ(ether::destination(out.data()), default_sender_mac);
    EXPECT_EQ(ether::source(out.data()), default_port_mac);
    EXPECT_EQ(ether::type(out.data()), Be16{ether_type_ipv4});
    EXPECT_EQ(read16(out, 16), 40) << "total length";
    EXPECT_EQ(text_of(out, true), "tcp 10.9.0.10:80 > 10.1.0.10:4000 [R]");
}

/// RFC 9293 §3.10.7.1: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>.
TEST(Refusal, OfASynAcknowledgesIt) {
    const Bytes out = refusal_of(PacketBuilder{}.tcp(4000, 80, tcp_syn));
    ASSERT_EQ(out.size(), 54U);
    EXPECT_EQ(tcp::sequence(tcp_of(out)), Be32{0});
    EXPECT_EQ(tcp::acknowledgement(tcp_of(out)), Be32{0x01020305});
    EXPECT_EQ(tcp::flags(tcp_of(out)), tcp_rst | tcp_ack);
    EXPECT_EQ(tcp::data_offset(tcp_of(out)), 20U);
}

TEST(Refusal, CountsWhatTheSegmentOccupies) {
    const auto acknowledged = [](const PacketBuilder& packet) {
        const Bytes out = refusal_of(packet);
        return out.size() == 54 ? tcp::acknowledgement(tcp_of(out)).value() - 0x01020304U : ~0U;
    };
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, 0)), 0U);
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, 0).payload("12345")), 5U);
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, tcp_fin).payload("12345")), 6U);
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, tcp_syn | tcp_fin)), 2U);
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, tcp_syn).payload("12345678").data_offset(7)),
              1U)
        << "options are no data";
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, 0).payload("123").pad_to(60)), 3U)
        << "nor is Ethernet's padding";
    EXPECT_EQ(acknowledged(PacketBuilder{}.tcp(1, 2, tcp_syn).data_offset(15)), 1U)
        << "a header longer than the packet";
}

/// <SEQ=SEG.ACK><CTL=RST>: believed by the sender, since it is in its window.
TEST(Refusal, OfDataTakesItsAcknowledgement) {
    for (const uint8_t flags : {tcp_ack, uint8_t{tcp_ack | tcp_syn}, uint8_t{tcp_ack | tcp_fin}}) {
        const Bytes out = refusal_of(PacketBuilder{}.tcp(4000, 80, flags).payload("data"));
        ASSERT_EQ(out.size(), 54U);
        EXPECT_EQ(tcp::sequence(tcp_of(out)), Be32{0x05060708});
        EXPECT_EQ(tcp::acknowledgement(tcp_of(out)), Be32{0});
        EXPECT_EQ(tcp::flags(tcp_of(out)), tcp_rst);
        EXPECT_EQ(text_of(out, true), "tcp 10.9.0.10:80 > 10.1.0.10:4000 [R]");
    }
}

TEST(Refusal, OfAllElseQuotesThePacket) {
    const Bytes packet = PacketBuilder{}.udp(5000, 53).payload("a long question").build();
    const Bytes out = refusal_of(packet);
    ASSERT_EQ(out.size(), 14U + 20 + 8 + 20 + 8);
    EXPECT_EQ(text_of(out, false), "icmp 3/13 10.9.0.10 > 10.1.0.10");
    EXPECT_EQ(naive_checksum(std::span{out}.subspan(34)), 0) << "ICMP checksum";
    EXPECT_EQ(read16(out, 38), 0) << "unused";
    EXPECT_EQ(read16(out, 40), 0);
    EXPECT_TRUE(std::equal(out.begin() + 42, out.end(), packet.begin() + 14));
    EXPECT_EQ(line_of(PacketBuilder{}.echo_request(7, 1)), "icmp 3/13 10.9.0.10 > 10.1.0.10");
    EXPECT_EQ(line_of(PacketBuilder{}.proto(50).payload("esp")), "icmp 3/13 10.9.0.10 > 10.1.0.10");
}

TEST(Refusal, QuotesOptionsAndNoMoreThanThereIs) {
    const Bytes longest =
        PacketBuilder{}.options(Bytes(40, std::byte{1})).udp(5000, 53).payload("x").build();
    const Bytes out = refusal_of(longest);
    EXPECT_EQ(out.size(), refusal_max_bytes);
    EXPECT_TRUE(std::equal(out.begin() + 42, out.end(), longest.begin() + 14));
    EXPECT_EQ(naive_checksum(std::span{out}.subspan(34)), 0);
    EXPECT_EQ(refusal_of(PacketBuilder{}.proto(50).payload("abc").pad_to(60)).size(),
              14U + 20 + 8 + 20 + 3);
    EXPECT_EQ(refusal_of(PacketBuilder{}.proto(50)).size(), 14U + 20 + 8 + 20);
}

TEST(Refusal, IsNeverAnswered) {
    EXPECT_EQ(line_of(PacketBuilder{}.tcp(4000, 80, tcp_rst)), "");
    EXPECT_EQ(line_of(PacketBuilder{}.tcp(4000, 80, tcp_rst | tcp_ack)), "");
    for (const uint8_t type : std::initializer_list<uint8_t>{0, 3, 4, 5, 11, 12, 20}) {
        EXPECT_EQ(line_of(PacketBuilder{}.icmp(type, 0)), "") << +type;
    }
}

TEST(Refusal, FragmentsAreNotAnswered) {
    for (const uint16_t field : std::initializer_list<uint16_t>{0x2000, 0x2001, 0x0001}) {
        EXPECT_EQ(line_of(PacketBuilder{}.udp(5000, 53).payload("part").fragment_field(field)), "");
        EXPECT_EQ(line_of(PacketBuilder{}.tcp(5000, 53).fragment_field(field)), "");
    }
}

/// parse() drops most of them; whoever calls with a view of another making is safe, too.
TEST(Refusal, ImpossibleSourcesAreNotAnswered) {
    for (const char* source : {"0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.1.1", "224.0.0.5",
                               "240.0.0.1", "255.255.255.255"}) {
        Bytes packet = PacketBuilder{}.udp(5000, 53).build();
        PacketView view = view_of(packet);
        view.source = addr(source);
        Bytes out(refusal_max_bytes);
        EXPECT_EQ(write_refusal(frame_of(packet), view, out), 0U) << source;
    }
}

TEST(Refusal, NeedsRoom) {
    Bytes packet = PacketBuilder{}.udp(5000, 53).build();
    const PacketView view = view_of(packet);
    Bytes out(refusal_max_bytes - 1);
    EXPECT_EQ(write_refusal(frame_of(packet), view, out), 0U);
}

} // namespace
} // namespace sacip::test
