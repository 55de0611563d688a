// SPDX-License-Identifier: BSD-3-Clause
//
// What must hold of every rewritten packet.
//
// One exception, by nature: one's complement has two zeros, so a TCP checksum field of 0xFFFF comes
// back as 0x0000, which is the same number. No computation gives it (the sum it is the complement
// of would be 0, and a pseudo header that names TCP is never 0), though Linux writes it in
// software, so the cases below leave exactly that value out. For UDP 0xFFFF is legal and is kept.
#include "sacip_core/packet/rewrite.hpp"

#include "tests/property/random_packet.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::PacketBuilder;
using test::Random;
using test::random_address;
using test::RandomPacket;

constexpr ParseContext context{.port_mac = test::default_port_mac};

L4ChecksumMode random_mode(Random& random) {
    return random.one_in(2) ? L4ChecksumMode::wire : L4ChecksumMode::original;
}

/// Now and then some of the addresses are equal, as they are before a move and for routed hosts.
PathAddresses random_path(Random& random) {
    PathAddresses out;
    out.host = random_address(random);
    out.local_original = random.one_in(3) ? out.host : random_address(random);
    out.local_active = random.one_in(3) ? out.local_original : random_address(random);
    out.remote_original = random_address(random);
    out.remote_active = random.one_in(3) ? out.remote_original : random_address(random);
    return out;
}

/// What the gateway at the other end knows; its host is `far_host`.
PathAddresses seen_from_far_end(const PathAddresses& here, Ipv4Addr far_host) {
    return {.host = far_host,
            .local_original = here.remote_original,
            .local_active = here.remote_active,
            .remote_original = here.local_original,
            .remote_active = here.local_active};
}

PacketView view_of(Bytes& bytes) {
    PacketView view;
    EXPECT_FALSE(parse(test::frame_of(bytes), context, view).decided());
    return view;
}

void rewrite(Bytes& bytes, const DirectionRewrite& to) {
    const PacketView view = view_of(bytes);
    rewrite_addresses(test::frame_of(bytes), view, to);
}

/// Nothing but addresses and checksums may differ.
void expect_rest_untouched(const RandomPacket& packet, const Bytes& before, const Bytes& after) {
    ASSERT_EQ(before.size(), after.size());
    for (size_t i = 0; i < before.size(); i++) {
        const bool ip_checksum = i == 24 || i == 25;
        const bool address = i >= 26 && i < 34;
        const size_t l4 = packet.checksum_at();
        const bool l4_checksum = packet.has_addresses_in_checksum() && (i == l4 || i == l4 + 1);
        if (!ip_checksum && !address && !l4_checksum) {
            ASSERT_EQ(before[i], after[i]) << "byte " << i;
        }
    }
}

/// Whatever the L4 checksum field holds, right or wrong: the inverse gives it back.
TEST(RewriteProperty, ThereAndBackIsTheSameBitForBit) {
    for_all(300'000, [](Random& random) {
        const PathAddresses path = random_path(random);
        RewriteSlot slot;
        prepare_rewrite(path, random_mode(random), slot);
        const RandomPacket packet = RandomPacket::make(random);
        PacketBuilder builder = packet.builder(path.host, path.remote_original);
        if (packet.has_addresses_in_checksum() && random.one_in(2)) {
            const auto wish = random.any<uint16_t>();
            const bool has_two_zeros =
                packet.kind == RandomPacket::Kind::tcp || packet.kind == RandomPacket::Kind::dccp;
            builder.l4_checksum(wish == 0xFFFF && has_two_zeros ? 0 : wish);
        }
        const Bytes before = builder.build();
        Bytes bytes = before;
        rewrite(bytes, slot.outbound);
        expect_rest_untouched(packet, before, bytes);

        DirectionRewrite undo = slot.inbound;
        undo.source = path.host;
        undo.destination = path.remote_original;
        rewrite(bytes, undo);
        ASSERT_EQ(bytes, before);
    });
}

/// From host to host through two gateways, each step compared with the packet built anew.
TEST(RewriteProperty, IncrementalIsTheFullChecksumAtEveryStep) {
    for_all(250'000, [](Random& random) {
        const PathAddresses here = random_path(random);
        const Ipv4Addr far_host = random.one_in(3) ? here.remote_original : random_address(random);
        const L4ChecksumMode mode = random_mode(random);
        RewriteSlot near_slot;
        RewriteSlot far_slot;
        prepare_rewrite(here, mode, near_slot);
        prepare_rewrite(seen_from_far_end(here, far_host), mode, far_slot);

        const RandomPacket packet = RandomPacket::make(random);
        Bytes bytes = packet.builder(here.host, here.remote_original).build();
        rewrite(bytes, near_slot.outbound);
        PacketBuilder wire = packet.builder(here.local_active, here.remote_active);
        if (mode == L4ChecksumMode::original) {
            wire.checksum_for(here.local_original, here.remote_original);
        }
        ASSERT_EQ(bytes, wire.build());

        rewrite(bytes, far_slot.inbound);
        ASSERT_EQ(bytes, packet.builder(here.local_original, far_host).build());
    });
}

/// How far off the L4 checksum is; both zeros are one.
uint16_t l4_error(const Bytes& bytes, const PacketView& view) {
    const auto segment = std::span{bytes}.subspan(view.l4, view.l4_length);
    const uint16_t out =
        test::naive_checksum(segment, test::naive_pseudo_header(view.source, view.destination,
                                                                view.proto, view.l4_length));
    return out == 0xFFFF ? uint16_t{0} : out;
}

TEST(RewriteProperty, CorruptionStaysEquallyWrong) {
    for_all(200'000, [](Random& random) {
        const PathAddresses path = random_path(random);
        RewriteSlot slot;
        prepare_rewrite(path, L4ChecksumMode::wire, slot);
        RandomPacket packet = RandomPacket::make(random);
        packet.kind = random.one_in(2) ? RandomPacket::Kind::tcp : RandomPacket::Kind::udp;
        Bytes bytes = packet.builder(path.host, path.remote_original)
                          .l4_checksum(static_cast<uint16_t>(1 + random.below(0xFFFE)))
                          .build();
        const uint16_t error = l4_error(bytes, view_of(bytes));
        rewrite(bytes, slot.outbound);
        ASSERT_EQ(l4_error(bytes, view_of(bytes)), error);
    });
}

TEST(RewriteProperty, NextHopIsTheFullChecksumToo) {
    for_all(100'000, [](Random& random) {
        const RandomPacket packet = RandomPacket::make(random);
        const Ipv4Addr source = random_address(random);
        const Ipv4Addr destination = random_address(random);
        Bytes bytes = packet.builder(source, destination).build();
        const LinkHeader link{test::mac("02:00:00:00:00:77"), test::mac("02:00:00:00:00:02")};
        const DirectionRewrite to{.link = &link};
        rewrite_next_hop(test::frame_of(bytes), view_of(bytes), to);
        ASSERT_EQ(bytes, packet.builder(source, destination)
                             .ttl(static_cast<uint8_t>(packet.ttl - 1))
                             .ether(link.next_hop(), link.port_mac())
                             .build());
    });
}

} // namespace
} // namespace sacip
