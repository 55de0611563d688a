// SPDX-License-Identifier: BSD-3-Clause
//
// With a device that checks and fills in checksums the packet on the wire is, bit for bit, the one
// that software would have sent; and what nobody vouched for stays as wrong as it came.
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include "tests/property/random_packet.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::Random;
using test::random_address;
using test::RandomPacket;

constexpr ParseContext context{.port_mac = test::default_port_mac};

PacketView view_of(Bytes& bytes) {
    PacketView view;
    EXPECT_FALSE(parse(test::frame_of(bytes), context, view).decided());
    return view;
}

/// A sending device: fills in what it is asked to, by the IPv4 header that it finds. Each field
/// must hold what DPDK wants there.
void fill_in(Bytes& bytes, TxChecksums asked) {
    std::byte* ip = bytes.data() + ether_header_bytes;
    const size_t header = ipv4::header_length(ip);
    if (has(asked, TxChecksums::ipv4)) {
        ASSERT_EQ(ipv4::checksum(ip), 0);
        ipv4::set_checksum(ip, internet_checksum({ip, header}));
    }
    if (!has(asked, TxChecksums::tcp) && !has(asked, TxChecksums::udp)) {
        return;
    }
    std::byte* l4 = ip + header;
    // To the end of the frame, as e1000 does.
    const std::span<const std::byte> segment{l4, bytes.data() + bytes.size()};
    const Ipv4Addr source = ipv4::source(ip);
    const Ipv4Addr destination = ipv4::destination(ip);
    const uint16_t seed = sum_of_pseudo_header(source, destination, ipv4::proto(ip),
                                               static_cast<uint16_t>(segment.size()));
    const bool is_tcp = has(asked, TxChecksums::tcp);
    ASSERT_EQ(is_tcp ? tcp::checksum(l4) : udp::checksum(l4), seed);
    const auto sum = static_cast<uint16_t>(~sum_of_bytes(segment));
    if (is_tcp) {
        tcp::set_checksum(l4, sum);
    } else {
        udp::set_checksum(l4, udp_checksum_on_wire(sum));
    }
}

TEST(DeviceChecksumProperty, TheWireSeesWhatSoftwareWouldHaveSent) {
    for_all(300'000, [](Random& random) {
        RewriteSlot slot;
        const PathAddresses path{random_address(random), random_address(random),
                                 random_address(random), random_address(random),
                                 random_address(random)};
        prepare_rewrite(path, random.one_in(2) ? L4ChecksumMode::wire : L4ChecksumMode::original,
                        slot);
        DirectionRewrite to = slot.outbound;
        const LinkHeader link{test::mac("02:00:00:00:00:77"), test::mac("02:00:00:00:00:02")};
        to.link = &link;
        to.device = static_cast<TxChecksums>(random.below(8));
        const RandomPacket packet = RandomPacket::make(random);

        // What software makes of it; with nobody vouching, right or wrong.
        RxFacts facts = random.one_in(2) ? RxFacts::none : RxFacts::ip_checksum_good;
        const auto kind = random.below(3);
        auto builder = packet.builder(path.host, path.remote_original);
        if (kind == 0 && packet.has_l4_checksum() && random.one_in(2)) {
            builder.l4_checksum(static_cast<uint16_t>(random.below(0xFFFF)));
        }
        Bytes expected = builder.build();
        Bytes bytes = expected;
        rewrite_addresses(test::frame_of(expected), view_of(expected), to);
        rewrite_next_hop(test::frame_of(expected), view_of(expected), to);

        if (kind == 1) {
            facts = facts | RxFacts::l4_checksum_good;
        } else if (kind == 2) {
            facts = facts | RxFacts::l4_checksum_partial;
            if (packet.has_l4_checksum()) { // whatever its host's driver left there
                const auto left = static_cast<uint16_t>(1 + random.below(0xFFFF));
                store(bytes.data() + packet.checksum_at(), left);
            }
        }
        const PacketView view = view_of(bytes);
        Frame frame = test::frame_of(bytes);
        frame.facts = facts;
        rewrite_for_device(frame, view, to);
        ASSERT_EQ(static_cast<uint8_t>(frame.unfinished) & ~static_cast<uint8_t>(to.device), 0)
            << "asked for what the device can't do";
        if (kind == 0) {
            ASSERT_FALSE(has(frame.unfinished, TxChecksums::tcp) ||
                         has(frame.unfinished, TxChecksums::udp))
                << "a recomputation would bless what nobody has checked";
        }
        fill_in(bytes, frame.unfinished);
        ASSERT_EQ(bytes, expected);
    });
}

TEST(DeviceChecksumProperty, FinishingNeedsNoDevice) {
    for_all(100'000, [](Random& random) {
        const RandomPacket packet = RandomPacket::make(random);
        const Bytes expected =
            packet.builder(random_address(random), random_address(random)).build();
        Bytes bytes = expected;
        if (packet.has_l4_checksum()) {
            store(bytes.data() + packet.checksum_at(),
                  static_cast<uint16_t>(1 + random.below(0xFFFF)));
        }
        Frame frame = test::frame_of(bytes);
        const PacketView view = view_of(bytes);
        frame.facts = RxFacts::l4_checksum_partial | RxFacts::ip_checksum_good;
        finish_l4_checksum(frame, view);
        ASSERT_EQ(frame.facts, RxFacts::ip_checksum_good);
        ASSERT_EQ(bytes, expected);
    });
}

} // namespace
} // namespace sacip
