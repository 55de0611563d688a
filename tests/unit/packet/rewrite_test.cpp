// SPDX-License-Identifier: BSD-3-Clause
//
// Which addresses and checksums end up in a packet. The rows of tests/vectors and the properties in
// tests/property say the same of many more packets.
#include "sacip_core/packet/rewrite.hpp"

#include "sacip_core/packet/checksum.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::addr;
using test::Bytes;
using test::PacketBuilder;

constexpr ParseContext context{.port_mac = test::default_port_mac};
constexpr MacAddr next_hop{{0x02, 0, 0, 0, 0, 0x77}};
constexpr MacAddr out_mac{{0x02, 0, 0, 0, 0, 0x02}};
constinit const LinkHeader link_header{next_hop, out_mac};

/// A host behind an uplink that has moved; the far end has moved too.
const PathAddresses moved{.host = {10, 1, 0, 10},
                          .local_original = {10, 0, 1, 2},
                          .local_active = {10, 7, 1, 9},
                          .remote_original = {10, 9, 0, 10},
                          .remote_active = {10, 8, 0, 33}};

RewriteSlot slot_of(const PathAddresses& addresses, L4ChecksumMode mode) {
    RewriteSlot slot;
    slot.outbound.link = slot.inbound.link = &link_header;
    prepare_rewrite(addresses, mode, slot);
    return slot;
}

Bytes rewritten(const PacketBuilder& packet, const DirectionRewrite& to) {
    Bytes bytes = packet.build();
    PacketView view;
    const Frame frame = test::frame_of(bytes);
    const Verdict verdict = parse(frame, context, view);
    EXPECT_TRUE(!verdict.decided() || verdict.punt_reason() == PuntReason::fragment);
    rewrite_addresses(frame, view, to);
    return bytes;
}

PacketBuilder from_host() { return PacketBuilder{}.from(moved.host).to(moved.remote_original); }
PacketBuilder on_wire() { return PacketBuilder{}.from(moved.local_active).to(moved.remote_active); }

TEST(Rewrite, PrepareKeepsWhatIsNotItsOwn) {
    RewriteSlot slot;
    slot.outbound.link = &link_header;
    slot.inbound.port = PortId{4};
    slot.inbound.action = PathAction::to_box;
    prepare_rewrite(moved, L4ChecksumMode::wire, slot);
    EXPECT_EQ(slot.outbound.link, &link_header);
    EXPECT_EQ(slot.outbound.action, PathAction::hold);
    EXPECT_EQ(slot.inbound.port, PortId{4});
    EXPECT_EQ(slot.inbound.action, PathAction::to_box);
    EXPECT_EQ(slot.outbound.source, moved.local_active);
    EXPECT_EQ(slot.outbound.destination, moved.remote_active);
    EXPECT_EQ(slot.inbound.source, moved.remote_original);
    EXPECT_EQ(slot.inbound.destination, moved.host);
}

TEST(Rewrite, InboundDeltasUndoOutbound) {
    for (const L4ChecksumMode mode : {L4ChecksumMode::wire, L4ChecksumMode::original}) {
        const RewriteSlot slot = slot_of(moved, mode);
        EXPECT_EQ(as_delta(ones_add(slot.outbound.l4_delta, slot.inbound.l4_delta)), 0);
    }
}

/// A packet sent before the peer heard of our move arrives on the pair before: both checksums must
/// come out right whatever pair the slot is for. (It once got the delta of the new pair.)
TEST(Rewrite, PacketOfThePairBeforeIsMendedForItsOwnAddresses) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const Bytes late =
        rewritten(PacketBuilder{}.from(moved.remote_active).to(moved.local_original), slot.inbound);
    EXPECT_EQ(late, PacketBuilder{}.from(moved.remote_original).to(moved.host).build());
}

TEST(Rewrite, OriginalModeLeavesL4OfRoutedHostsAlone) {
    PathAddresses routed = moved;
    routed.local_original = routed.host;
    const RewriteSlot slot = slot_of(routed, L4ChecksumMode::original);
    EXPECT_EQ(slot.outbound.l4_delta, 0);
    EXPECT_EQ(slot.inbound.l4_delta, 0);
    EXPECT_EQ(slot_of(moved, L4ChecksumMode::original).outbound.l4_delta,
              address_delta(moved.host, moved.local_original));
}

TEST(Rewrite, UnchangedPathChangesNothing) {
    const PathAddresses still{.host = moved.host,
                              .local_original = moved.host,
                              .local_active = moved.host,
                              .remote_original = moved.remote_original,
                              .remote_active = moved.remote_original};
    for (const L4ChecksumMode mode : {L4ChecksumMode::wire, L4ChecksumMode::original}) {
        const RewriteSlot slot = slot_of(still, mode);
        // Also checksums that no sender makes.
        for (const uint16_t sum :
             std::initializer_list<uint16_t>{0x0000, 0x0001, 0x8000, 0xFFFE, 0xFFFF}) {
            const PacketBuilder udp = from_host().udp(5000, 53).l4_checksum(sum);
            EXPECT_EQ(rewritten(udp, slot.outbound), udp.build());
            const PacketBuilder tcp = from_host().tcp(5000, 53).l4_checksum(sum);
            EXPECT_EQ(rewritten(tcp, slot.outbound), tcp.build());
        }
    }
}

/// The result is the packet that would have been built with the addresses of the wire.
TEST(Rewrite, WireModeMakesAValidPacketOfEveryKind) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const auto expect_both_ways = [&](auto&& finish) {
        EXPECT_EQ(rewritten(finish(from_host()), slot.outbound), finish(on_wire()).build());
        const auto inbound_wire = PacketBuilder{}.from(moved.remote_active).to(moved.local_active);
        const auto inbound_host = PacketBuilder{}.from(moved.remote_original).to(moved.host);
        EXPECT_EQ(rewritten(finish(inbound_wire), slot.inbound), finish(inbound_host).build());
    };
    expect_both_ways([](PacketBuilder p) { return p.tcp(40000, 80).payload("data"); });
    expect_both_ways([](PacketBuilder p) { return p.tcp(40000, 80, tcp_rst); });
    expect_both_ways([](PacketBuilder p) { return p.udp(5000, 53).payload("odd"); });
    expect_both_ways([](PacketBuilder p) { return p.udp(5000, 53).l4_checksum(0); });
    expect_both_ways([](PacketBuilder p) { return p.echo_request(7, 1).payload("ping"); });
    expect_both_ways([](PacketBuilder p) { return p.proto(253).payload("raw packet"); });
    expect_both_ways([](PacketBuilder p) { return p.proto(253); });
    expect_both_ways([](PacketBuilder p) {
        return p.options(Bytes(8, std::byte{1})).tcp(40000, 80).payload("data");
    });
    expect_both_ways([](PacketBuilder p) { return p.udp(5000, 53).pad_to(60); });
}

TEST(Rewrite, OriginalModeKeepsTheChecksumInTermsOfTheOriginals) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::original);
    EXPECT_EQ(rewritten(from_host().tcp(40000, 80).payload("data"), slot.outbound),
              on_wire()
                  .checksum_for(moved.local_original, moved.remote_original)
                  .tcp(40000, 80)
                  .payload("data")
                  .build());
}

TEST(Rewrite, ComputedZeroOfUdpIsWrittenAsOnes) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    // The two payload bytes that make the sum on the wire come out as zero.
    const Bytes probe = on_wire().udp(5000, 53).payload(std::string_view{"\0\0", 2}).build();
    Bytes filler(2);
    test::write16(filler, 0, test::read16(probe, 34 + 6));
    const Bytes out = rewritten(from_host().udp(5000, 53).payload(filler), slot.outbound);
    EXPECT_EQ(test::read16(out, 34 + 6), 0xFFFF);
    EXPECT_EQ(out, on_wire().udp(5000, 53).payload(filler).build());
}

TEST(Rewrite, OnlyAFirstFragmentHasAChecksumToMend) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const auto first = [](PacketBuilder p) { return p.fragment_field(0x2000).tcp(40000, 80); };
    EXPECT_EQ(rewritten(first(from_host()), slot.outbound), first(on_wire()).build());
    for (const uint16_t field : std::initializer_list<uint16_t>{0x0001, 0x2003}) {
        const auto later = [field](PacketBuilder p) {
            return p.fragment_field(field).proto(6).payload("twenty-four bytes of data");
        };
        EXPECT_EQ(rewritten(later(from_host()), slot.outbound), later(on_wire()).build());
    }
}

TEST(Rewrite, HeaderThatIsNotWholeIsLeftAlone) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    for (const uint8_t proto : {uint8_t{6}, uint8_t{17}}) {
        for (size_t length = 0; length < (proto == 6 ? 20U : 8U); length++) {
            const Bytes stub(length, std::byte{0x5A});
            const auto tiny = [&](PacketBuilder p) {
                return p.fragment_field(0x2000).proto(proto).payload(stub).pad_to(60);
            };
            EXPECT_EQ(rewritten(tiny(from_host()), slot.outbound), tiny(on_wire()).build());
        }
    }
}

TEST(Rewrite, NextHopTakesOneFromTheTtl) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    for (const uint8_t ttl : {uint8_t{2}, uint8_t{64}, uint8_t{255}}) {
        Bytes bytes = from_host().ttl(ttl).udp(5000, 53).build();
        PacketView view;
        const Frame frame = test::frame_of(bytes);
        ASSERT_FALSE(parse(frame, context, view).decided());
        rewrite_next_hop(frame, view, slot.outbound);
        EXPECT_EQ(bytes, from_host()
                             .ether(next_hop, out_mac)
                             .ttl(static_cast<uint8_t>(ttl - 1))
                             .udp(5000, 53)
                             .build());
    }
}

} // namespace
} // namespace sacip
