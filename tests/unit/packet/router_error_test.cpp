// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/router_error.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "tests/support/frame_text.hpp"

#include <gtest/gtest.h>

namespace sacip::test {
namespace {

constexpr RouterErrorText too_big{icmp::type_unreachable, icmp::code_fragmentation_needed, 1400};
const Ipv4Addr router{10, 1, 0, 1};

Bytes error_about(Bytes packet, Ipv4Addr from = router) {
    const PacketView view = view_of(packet);
    const Bytes before = packet;
    Bytes out(router_error_max_bytes, std::byte{0xAA});
    const uint32_t length = write_router_error(frame_of(packet), view, too_big, from, out);
    EXPECT_EQ(packet, before) << "the packet itself is not touched";
    EXPECT_LE(length, out.size());
    out.resize(length);
    return out;
}
size_t length_about(const PacketBuilder& packet) { return error_about(packet.build()).size(); }

TEST(RouterError, QuotesThePacketAndNamesTheMtu) {
    const Bytes packet = PacketBuilder{}.udp(4000, 53).payload("question").build();
    const Bytes out = error_about(packet);
    ASSERT_EQ(out.size(), 14U + 20 + 8 + 36);
    EXPECT_EQ(ether::destination(out.data()), default_sender_mac);
    EXPECT_EQ(ether::source(out.data()), default_port_mac);
    const std::byte* ip = out.data() + 14;
    EXPECT_EQ(ipv4::source(ip), router);
    EXPECT_EQ(ipv4::destination(ip), addr("10.1.0.10"));
    EXPECT_EQ(internet_checksum({ip, 20}), 0);
    EXPECT_EQ(icmp::type(ip + 20), icmp::type_unreachable);
    EXPECT_EQ(icmp::code(ip + 20), icmp::code_fragmentation_needed);
    EXPECT_EQ(read16(out, 14 + 20 + 6), 1400);
    EXPECT_EQ(internet_checksum({ip + 20, out.size() - 34}), 0);
    EXPECT_TRUE(std::equal(packet.begin() + 14, packet.begin() + 50, out.begin() + 42));
}

TEST(RouterError, IsNeverLongerThan576Bytes) {
    EXPECT_EQ(length_about(PacketBuilder{}.udp(1, 2).payload(std::string(1400, 'x'))), 14U + 576);
}

/// RFC 1122 §3.2.2.
TEST(RouterError, IsNotSentAboutWhatNobodyShouldHearOf) {
    EXPECT_GT(length_about(PacketBuilder{}.echo_request(1, 1)), 0U);
    EXPECT_EQ(length_about(PacketBuilder{}.icmp(icmp::type_unreachable, 1)), 0U);
    EXPECT_EQ(length_about(PacketBuilder{}.icmp(icmp::type_redirect, 1)), 0U);
    EXPECT_EQ(length_about(PacketBuilder{}.udp(1, 2).from("0.0.0.0")), 0U);
    EXPECT_EQ(length_about(PacketBuilder{}.udp(1, 2).to("224.0.0.5")), 0U);
    EXPECT_EQ(length_about(PacketBuilder{}.udp(1, 2).fragment_field(100)), 0U);
    EXPECT_GT(length_about(PacketBuilder{}.udp(1, 2).fragment_field(0x2000)), 0U);
    EXPECT_EQ(error_about(PacketBuilder{}.udp(1, 2).build(), Ipv4Addr{}).size(), 0U)
        << "a router without an address says nothing";
}

} // namespace
} // namespace sacip::test
