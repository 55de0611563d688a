// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/arp.hpp"

#include "sacip_core/packet/headers.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::addr;
using test::Bytes;
using test::frame_of;
using test::mac;

const MacAddr asker = mac("02:00:00:00:00:99");

Bytes request(size_t length = arp_frame_bytes) {
    Bytes out(arp_frame_bytes);
    ether::set_destination(out.data(), mac("ff:ff:ff:ff:ff:ff"));
    ether::set_source(out.data(), asker);
    ether::set_type(out.data(), Be16{ether_type_arp});
    std::byte* p = out.data() + ether_header_bytes;
    arp::set_hardware(p, Be16{1});
    arp::set_protocol(p, Be16{ether_type_ipv4});
    arp::set_hardware_length(p, 6);
    arp::set_protocol_length(p, 4);
    arp::set_operation(p, Be16{1});
    arp::set_sender_mac(p, asker);
    arp::set_sender(p, addr("10.0.1.1"));
    arp::set_target(p, addr("10.0.1.7"));
    out.resize(length);
    out.shrink_to_fit(); // the sanitizer stands right behind it
    return out;
}

TEST(Arp, ReadsARequest) {
    for (const size_t length : {size_t{arp_frame_bytes}, size_t{60}}) {
        Bytes bytes = request(length);
        const auto read = read_arp_request(frame_of(bytes));
        ASSERT_TRUE(read);
        EXPECT_EQ(read->sender_mac, asker);
        EXPECT_EQ(read->sender, addr("10.0.1.1"));
        EXPECT_EQ(read->target, addr("10.0.1.7"));
    }
}

TEST(Arp, AnAnnouncementIsARequestForOnesOwn) {
    Bytes bytes(arp_frame_bytes, std::byte{0xEE});
    write_arp_announcement(frame_of(bytes), addr("10.0.1.7"), mac("02:00:00:00:00:05"));
    EXPECT_EQ(ether::destination(bytes.data()), mac("ff:ff:ff:ff:ff:ff"));
    EXPECT_EQ(ether::source(bytes.data()), mac("02:00:00:00:00:05"));
    const auto read = read_arp_request(frame_of(bytes));
    ASSERT_TRUE(read);
    EXPECT_EQ(read->sender_mac, mac("02:00:00:00:00:05"));
    EXPECT_EQ(read->sender, addr("10.0.1.7"));
    EXPECT_EQ(read->target, addr("10.0.1.7"));
    EXPECT_EQ(arp::target_mac(bytes.data() + ether_header_bytes), MacAddr{});
}

TEST(Arp, NothingIsReadFromATruncatedFrame) {
    for (size_t length = 0; length < arp_frame_bytes; length++) {
        Bytes bytes = request(length);
        EXPECT_FALSE(read_arp_request(frame_of(bytes))) << length;
    }
}

TEST(Arp, EveryFieldMustBeRight) {
    for (const size_t at : {12, 13, 14, 15, 16, 17, 18, 19, 20, 21}) { // types, lengths, operation
        Bytes bytes = request();
        bytes[at] ^= std::byte{0x40};
        EXPECT_FALSE(read_arp_request(frame_of(bytes))) << at;
    }
    Bytes reply = request();
    reply[21] = std::byte{2};
    EXPECT_FALSE(read_arp_request(frame_of(reply)));
}

TEST(Arp, TheAnswerNamesTheTargetAndGoesToTheAsker) {
    Bytes bytes = request();
    const auto read = read_arp_request(frame_of(bytes));
    ASSERT_TRUE(read);
    Bytes reply(arp_frame_bytes);
    const MacAddr ours = mac("02:00:00:00:00:01");
    write_arp_reply(frame_of(reply), *read, ours);
    EXPECT_EQ(ether::destination(reply.data()), asker);
    EXPECT_EQ(ether::source(reply.data()), ours);
    const std::byte* p = reply.data() + ether_header_bytes;
    EXPECT_EQ(arp::operation(p), Be16{arp::operation_reply});
    EXPECT_EQ(arp::sender_mac(p), ours);
    EXPECT_EQ(arp::sender(p), addr("10.0.1.7"));
    EXPECT_EQ(arp::target_mac(p), asker);
    EXPECT_EQ(arp::target(p), addr("10.0.1.1"));
    EXPECT_FALSE(read_arp_request(frame_of(reply)));
}

} // namespace
} // namespace sacip
