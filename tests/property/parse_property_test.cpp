// SPDX-License-Identifier: BSD-3-Clause
//
// Any bytes may come in on a wire. Whatever they are, parse() ends, reads nothing outside them,
// changes none of them, and what it lets through can be rewritten without leaving the frame. The
// data path's short cuts come to the same: parse_plain() and rewrite_forwarded().
//
// Each frame lies in heap memory of exactly its size: built with the address sanitizer, one byte
// too far ends the run.
#include "sacip_core/packet/parse.hpp"

#include "sacip_core/packet/parse_plain.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/property/random_packet.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::Random;
using test::random_address;
using test::random_bytes;
using test::RandomPacket;

/// Parses and, if there is something to rewrite, rewrites.
void expect_harmless(Random& random, const Bytes& bytes, RxFacts facts) {
    const auto memory = std::make_unique<std::byte[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), memory.get());
    const Frame frame{memory.get(), static_cast<uint32_t>(bytes.size()), facts};
    const ParseContext context{.port_mac = test::default_port_mac, .outside = random.one_in(2)};

    PacketView view;
    const Verdict verdict = parse(frame, context, view);
    ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), memory.get())) << "parse() wrote";
    ASSERT_NE(verdict.action, Action::forward);
    ASSERT_EQ(verdict.action == Action::drop, verdict.drop_reason() != DropReason::none);
    ASSERT_EQ(verdict.action == Action::punt, verdict.punt_reason() != PuntReason::none);
    ASSERT_LE(uint32_t{view.l4} + view.l4_length, frame.length);
    PacketView plain;
    if (parse_plain(frame, context, plain)) {
        ASSERT_EQ(verdict, Verdict::proceed());
        ASSERT_EQ(plain, view);
    }
    if (verdict.decided() && verdict.punt_reason() != PuntReason::fragment) {
        return;
    }
    ASSERT_GE(view.l4, view.l3 + 20);
    ASSERT_EQ(view.fragment, verdict.decided());
    DirectionRewrite to;
    to.source = random_address(random);
    to.destination = random_address(random);
    to.l4_mode = random.one_in(2) ? L4ChecksumMode::wire : L4ChecksumMode::original;
    to.l4_delta = static_cast<uint16_t>(random.below(0xFFFF));
    const LinkHeader link{{{2, 0, 0, 0, 1, random.any<uint8_t>()}},
                          {{2, 0, 0, 0, 2, random.any<uint8_t>()}}};
    to.link = &link;
    rewrite_addresses(frame, view, to);
    rewrite_next_hop(frame, view, to);
    if (!view.fragment) {
        const Bytes in_two_steps{memory.get(), memory.get() + bytes.size()};
        std::copy(bytes.begin(), bytes.end(), memory.get());
        rewrite_forwarded(frame, view, to);
        ASSERT_TRUE(std::equal(in_two_steps.begin(), in_two_steps.end(), memory.get()));
    }
}

/// Enough of a frame that noise gets past the first checks.
void pass_link_layer(Bytes& bytes) {
    for (size_t i = 0; i < 6 && i < bytes.size(); i++) {
        bytes[i] = std::byte{test::default_port_mac.bytes[i]};
    }
    if (bytes.size() >= 14) {
        test::write16(bytes, 12, ether_type_ipv4);
    }
}

TEST(ParseProperty, NoiseIsHarmless) {
    for_all(250'000, [](Random& random) {
        Bytes bytes = random_bytes(random, random.below(100));
        if (!random.one_in(8)) {
            pass_link_layer(bytes);
        }
        if (bytes.size() > 14 && !random.one_in(4)) {
            bytes[14] = static_cast<std::byte>(0x40 | random.below(16));
        }
        if (bytes.size() > 18 && !random.one_in(4)) {
            test::write16(bytes, 16, static_cast<uint16_t>(bytes.size() - 14 - random.below(4)));
        }
        expect_harmless(random, bytes,
                        random.one_in(4) ? RxFacts::none : RxFacts::ip_checksum_good);
    });
}

TEST(ParseProperty, BrokenPacketsAreHarmless) {
    for_all(150'000, [](Random& random) {
        const RandomPacket packet = RandomPacket::make(random);
        Bytes bytes = packet.builder(random_address(random), random_address(random)).build();
        for (uint32_t flips = random.below(4); flips > 0; flips--) {
            const uint32_t at =
                random.below(static_cast<uint32_t>(std::min<size_t>(bytes.size(), 64)));
            bytes[at] ^= static_cast<std::byte>(1U << random.below(8));
        }
        expect_harmless(random, bytes,
                        random.one_in(4) ? RxFacts::none : RxFacts::ip_checksum_good);
    });
}

/// Every length of one packet: as the wire cut it, and as a sender may have made it.
TEST(ParseProperty, EveryTruncationIsHarmless) {
    for_all(1'000, [](Random& random) {
        const RandomPacket packet = RandomPacket::make(random);
        const test::PacketBuilder builder =
            packet.builder(random_address(random), random_address(random));
        const Bytes whole = builder.build();
        for (size_t length = 0; length < whole.size(); length++) {
            expect_harmless(random, Bytes{whole.begin(), whole.begin() + static_cast<long>(length)},
                            RxFacts::none);
        }
        const uint16_t fragment = random.one_in(2) ? uint16_t{0x4000} : random.any<uint16_t>();
        for (size_t length = 0; length < 24; length++) {
            expect_harmless(random,
                            test::PacketBuilder{builder}
                                .fragment_field(fragment)
                                .cut_l4_to(length)
                                .pad_to(0)
                                .build(),
                            RxFacts::none);
        }
    });
}

/// Whole packets are understood as what they were built as.
TEST(ParseProperty, WholePacketsProceed) {
    for_all(100'000, [](Random& random) {
        const RandomPacket packet = RandomPacket::make(random);
        const Ipv4Addr source = random_address(random);
        const Ipv4Addr destination = random_address(random);
        Bytes bytes = packet.builder(source, destination).build();
        PacketView view;
        const ParseContext context{.port_mac = test::default_port_mac, .outside = true};
        ASSERT_EQ(parse(test::frame_of(bytes), context, view), Verdict::proceed());
        ASSERT_EQ(view.source, source);
        ASSERT_EQ(view.destination, destination);
        ASSERT_EQ(view.ttl, packet.ttl);
        ASSERT_EQ(view.l4, 34 + packet.options.size());
        ASSERT_LE(size_t{view.l4} + view.l4_length, bytes.size());
        const bool ports = packet.kind < RandomPacket::Kind::udp_lite; // else the flow has none
        ASSERT_EQ(view.source_port.value(), ports ? packet.source_port : 0);
        const bool common = ports && packet.kind != RandomPacket::Kind::echo;
        PacketView plain;
        ASSERT_EQ(parse_plain(test::frame_of(bytes), context, plain),
                  common && packet.options.empty());
    });
}

} // namespace
} // namespace sacip
