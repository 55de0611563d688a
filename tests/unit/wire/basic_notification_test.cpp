// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/basic_notification.hpp"

#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;
using test::PacketBuilder;

constexpr BasicNotification sample{
    .old_address = {10, 8, 0, 2}, .new_address = {10, 7, 0, 2}, .to = {10, 1, 0, 10}};
constexpr EtherAddresses ether{.destination = test::default_port_mac,
                               .source = test::default_sender_mac};

PacketBuilder sample_packet(uint8_t code = 0) {
    return PacketBuilder{}
        .from(sample.old_address.v4())
        .to(sample.to.v4())
        .icmp(20, code, 0x0A070002);
}

DecodedNotification decoded(const PacketBuilder& packet) {
    Bytes bytes = packet.build();
    const Frame frame = test::frame_of(bytes);
    PacketView view;
    const ParseContext outside{.port_mac = test::default_port_mac, .outside = true};
    EXPECT_EQ(parse(frame, outside, view), Verdict::punt(PuntReason::notification));
    return decode(frame, view);
}

DropReason refusal_of(const PacketBuilder& packet) {
    const DecodedNotification result = decoded(packet);
    const DropReason* why = std::get_if<DropReason>(&result);
    return why != nullptr ? *why : DropReason::none;
}

TEST(Notification, NumbersOfTheProtocol) {
    EXPECT_EQ(default_notification_icmp_type, 20);
    EXPECT_EQ(default_notification_udp_port, 4720);
    EXPECT_EQ(static_cast<int>(NotificationCode::basic), 0);
    EXPECT_EQ(static_cast<int>(NotificationCode::secure), 1);
    EXPECT_EQ(basic_notification_bytes, 8U);
    ASSERT_EQ(std::size(basic_notification_repeats), 2U);
    EXPECT_EQ(basic_notification_repeats[0], from_ms(20));
    EXPECT_EQ(basic_notification_repeats[1], from_ms(100));
    EXPECT_EQ(ParseContext{}.notification_icmp_type, default_notification_icmp_type);
}

TEST(Notification, EncodedBytes) {
    Bytes out(64, std::byte{0xEE});
    ASSERT_EQ(encode(sample, 20, ether, out), basic_notification_frame_bytes);
    const uint8_t expected[] = {0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x00,
                                0x00, 0x00, 0x00, 0x99, 0x08, 0x00, // Ethernet
                                0x45, 0xC0, 0x00, 0x1C, 0x00, 0x00, 0x40, 0x00,
                                0x40, 0x01, 0x26, 0x0D,                          // IPv4
                                0x0A, 0x08, 0x00, 0x02, 0x0A, 0x01, 0x00, 0x0A,  // from, to
                                0x14, 0x00, 0xE1, 0xF6, 0x0A, 0x07, 0x00, 0x02}; // message
    for (size_t i = 0; i < sizeof expected; i++) {
        EXPECT_EQ(std::to_integer<int>(out[i]), expected[i]) << "byte " << i;
    }
    for (size_t i = sizeof expected; i < out.size(); i++) {
        EXPECT_EQ(out[i], std::byte{0xEE}) << "byte " << i << " is not ours";
    }
}

TEST(Notification, EncodeAgreesWithTheBuilder) {
    for (const uint8_t type : {uint8_t{20}, uint8_t{253}, uint8_t{254}}) {
        Bytes out(basic_notification_frame_bytes);
        ASSERT_EQ(encode(sample, type, ether, out), out.size());
        EXPECT_EQ(out, PacketBuilder{}
                           .from(sample.old_address.v4())
                           .to(sample.to.v4())
                           .tos(0xC0)
                           .id(0)
                           .ttl(64)
                           .fragment_field(0x4000)
                           .icmp(type, 0, 0x0A070002)
                           .build());
    }
}

TEST(Notification, EncodeNeedsRoom) {
    Bytes out(basic_notification_frame_bytes - 1, std::byte{0xEE});
    EXPECT_EQ(encode(sample, 20, ether, out), 0U);
    EXPECT_EQ(out, Bytes(out.size(), std::byte{0xEE}));
}

TEST(Notification, EncodeAndDecode) {
    Bytes out(basic_notification_frame_bytes);
    encode(sample, 20, ether, out);
    const Frame frame = test::frame_of(out);
    PacketView view;
    const ParseContext outside{.port_mac = test::default_port_mac, .outside = true};
    ASSERT_EQ(parse(frame, outside, view), Verdict::punt(PuntReason::notification));
    EXPECT_EQ(decode(frame, view), DecodedNotification{sample});
}

TEST(Notification, IpOptionsAndFramePaddingDoNotMatter) {
    EXPECT_EQ(decoded(sample_packet().pad_to(60)), DecodedNotification{sample});
    EXPECT_EQ(decoded(sample_packet().options(Bytes(4, std::byte{1}))),
              DecodedNotification{sample});
}

TEST(Notification, LengthIsExact) {
    for (size_t length = 4; length < 8; length++) {
        EXPECT_EQ(refusal_of(sample_packet().cut_l4_to(length).pad_to(60)),
                  DropReason::notification_length);
    }
    EXPECT_EQ(refusal_of(sample_packet().payload("x")), DropReason::notification_length);
    EXPECT_EQ(refusal_of(sample_packet().payload("x").l4_checksum(0)),
              DropReason::notification_length);
}

TEST(Notification, ChecksumBeforeCode) {
    EXPECT_EQ(refusal_of(sample_packet().l4_checksum(0xE1F7)), DropReason::notification_checksum);
    EXPECT_EQ(refusal_of(sample_packet(1).l4_checksum(0)), DropReason::notification_checksum);
    EXPECT_EQ(refusal_of(sample_packet(1).payload("long").l4_checksum(0)),
              DropReason::notification_checksum);
}

TEST(Notification, OtherCodesAreNotSpoken) {
    EXPECT_EQ(refusal_of(sample_packet(1)), DropReason::notification_code);
    EXPECT_EQ(refusal_of(sample_packet(255)), DropReason::notification_code);
    // A secure message is longer than a basic one; its code, not its length, is what we lack.
    EXPECT_EQ(refusal_of(sample_packet(1).payload(Bytes(52))), DropReason::notification_code);
}

TEST(Notification, AddressesAreNotJudgedHere) {
    EXPECT_EQ(
        decoded(PacketBuilder{}.from(sample.old_address.v4()).to(sample.to.v4()).icmp(20, 0, 0)),
        (DecodedNotification{BasicNotification{sample.old_address, Ipv4Addr{}, sample.to}}));
}

} // namespace
} // namespace sacip
