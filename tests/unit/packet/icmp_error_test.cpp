// SPDX-License-Identifier: BSD-3-Clause
//
// ICMP errors, each built twice from nothing: in the terms it comes in and in those it must leave
// in, every checksum computed in full by the builder. What the product makes of the first must be
// the second, byte for byte.
#include "sacip_core/packet/icmp_error.hpp"

#include "sacip_core/exception/fragment_map.hpp"
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/property/random_packet.hpp"

#include <gtest/gtest.h>

#include <array>
#include <memory>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::PacketBuilder;
using test::Random;
using test::random_address;
using test::random_bytes;
using test::RandomPacket;

constexpr ParseContext context{.port_mac = test::default_port_mac};
constexpr Ipv4Addr router{198, 51, 100, 7};
constexpr size_t quote_at = 14 + 20 + 8; // in an error without IP options

/// A host behind an uplink that has moved; the far end has moved too.
const PathAddresses moved{.host = {10, 1, 0, 10},
                          .local_original = {10, 0, 1, 2},
                          .local_active = {10, 7, 1, 9},
                          .remote_original = {10, 9, 0, 10},
                          .remote_active = {10, 8, 0, 33}};

/// An error about `inner`, of which at most `quoted` bytes are quoted.
PacketBuilder error_about(const PacketBuilder& inner, size_t quoted = 548, uint8_t type = 3,
                          uint8_t code = 4, uint32_t rest = 1280) {
    Bytes packet = inner.build();
    packet.erase(packet.begin(), packet.begin() + 14);
    packet.resize(std::min(packet.size(), quoted));
    return PacketBuilder{}.icmp(type, code, rest).payload(packet);
}

struct Parsed {
    Bytes bytes;
    PacketView view;
    std::optional<Quote> quote;
};

Parsed parsed(const PacketBuilder& builder) {
    Parsed out{builder.build(), {}, {}};
    const Frame frame = test::frame_of(out.bytes);
    EXPECT_EQ(parse(frame, context, out.view), Verdict::punt(PuntReason::icmp));
    out.quote = read_quote(frame, out.view);
    return out;
}

Bytes translated(const PacketBuilder& builder, const DirectionRewrite& to) {
    Parsed p = parsed(builder);
    EXPECT_TRUE(p.quote);
    if (p.quote) {
        rewrite_error(test::frame_of(p.bytes), p.view, p.quote->packet, to,
                      translated_source(p.view, *p.quote, to));
    }
    return p.bytes;
}

RewriteSlot slot_of(const PathAddresses& addresses, L4ChecksumMode mode) {
    RewriteSlot slot;
    prepare_rewrite(addresses, mode, slot);
    return slot;
}

PacketBuilder host_sent() { return PacketBuilder{}.from(moved.host).to(moved.remote_original); }
PacketBuilder wire_sent() {
    return PacketBuilder{}.from(moved.local_active).to(moved.remote_active);
}

TEST(IcmpError, RouterOnTheWayIsHeardInTheTermsOfTheHost) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const auto expect = [&](auto&& finish) {
        EXPECT_EQ(translated(error_about(finish(wire_sent())).from(router).to(moved.local_active),
                             slot.inbound),
                  error_about(finish(host_sent())).from(router).to(moved.host).build());
    };
    expect([](PacketBuilder p) { return p.tcp(40000, 80).payload("data"); });
    expect([](PacketBuilder p) { return p.udp(5000, 33434).payload("odd"); });
    expect([](PacketBuilder p) { return p.udp(5000, 33434).l4_checksum(0); });
    expect([](PacketBuilder p) { return p.echo_request(7, 1).payload("ping"); });
    expect([](PacketBuilder p) { return p.proto(253); });
    expect([](PacketBuilder p) { return p.options(Bytes(40, std::byte{1})).tcp(40000, 80); });
}

TEST(IcmpError, FarEndSpeaksUnderItsOriginalAddress) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    EXPECT_EQ(translated(error_about(wire_sent().udp(5000, 53), 28, 3, 3, 0)
                             .from(moved.remote_active)
                             .to(moved.local_active),
                         slot.inbound),
              error_about(host_sent().udp(5000, 53), 28, 3, 3, 0)
                  .from(moved.remote_original)
                  .to(moved.host)
                  .build());
}

TEST(IcmpError, HostComplainsAboutWhatItReceived) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const auto received = [](Ipv4Addr from, Ipv4Addr to) {
        return PacketBuilder{}.from(from).to(to).udp(53, 5000).payload("late answer");
    };
    EXPECT_EQ(translated(error_about(received(moved.remote_original, moved.host), 548, 3, 3, 0)
                             .from(moved.host)
                             .to(moved.remote_original),
                         slot.outbound),
              error_about(received(moved.remote_active, moved.local_active), 548, 3, 3, 0)
                  .from(moved.local_active)
                  .to(moved.remote_active)
                  .build());
}

TEST(IcmpError, QuoteFromBeforeTheMoveGetsTheSameTerms) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const PacketBuilder old =
        PacketBuilder{}.from(moved.local_original).to(moved.remote_original).tcp(40000, 80);
    EXPECT_EQ(translated(error_about(old).from(router).to(moved.local_original), slot.inbound),
              error_about(host_sent().tcp(40000, 80)).from(router).to(moved.host).build());
}

TEST(IcmpError, OriginalModeUndoesItsFixedDelta) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::original);
    const PacketBuilder on_wire =
        wire_sent().checksum_for(moved.local_original, moved.remote_original).tcp(40000, 80);
    EXPECT_EQ(translated(error_about(on_wire).from(router).to(moved.local_active), slot.inbound),
              error_about(host_sent().tcp(40000, 80)).from(router).to(moved.host).build());
}

/// 8 bytes have the ports, 18 bytes the checksum of TCP, and a cut may fall anywhere. Half a
/// checksum can't be mended (the carry is in the other half) and stays.
TEST(IcmpError, EveryTruncation) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    for (const bool tcp : {true, false}) {
        const auto finish = [tcp](PacketBuilder p) {
            return (tcp ? p.tcp(40000, 80) : p.udp(40000, 80)).payload("twelve bytes");
        };
        for (size_t quoted = 0; quoted < 52; quoted++) {
            const PacketBuilder error =
                error_about(finish(wire_sent()), quoted).from(router).to(moved.local_active);
            ASSERT_EQ(parsed(error).quote.has_value(), quoted >= 28) << quoted;
            const bool half = tcp && quoted == 20 + 17;
            if (quoted >= 28) {
                PacketBuilder heard =
                    half ? error_about(finish(host_sent().checksum_for(moved.local_active,
                                                                       moved.remote_active)),
                                       quoted)
                         : error_about(finish(host_sent()), quoted);
                EXPECT_EQ(translated(error, slot.inbound),
                          heard.from(router).to(moved.host).build())
                    << quoted;
            }
        }
    }
}

TEST(IcmpError, TypesThatQuote) {
    for (unsigned type = 0; type < 256; type++) {
        PacketView view{.proto = 1, .icmp_type = static_cast<uint8_t>(type)};
        Bytes bytes = error_about(wire_sent().tcp(1, 2), 548, static_cast<uint8_t>(type), 0)
                          .from(router)
                          .to(moved.local_active)
                          .build();
        const Verdict verdict = parse(test::frame_of(bytes), context, view);
        const bool expected = type == 3 || type == 4 || type == 11 || type == 12;
        EXPECT_EQ(read_quote(test::frame_of(bytes), view).has_value(), expected) << type;
        EXPECT_TRUE(!expected || verdict == Verdict::punt(PuntReason::icmp));
    }
}

TEST(IcmpError, UnreachablesAreToldFromTooBig) {
    for (const uint8_t code : {uint8_t{0}, uint8_t{1}, uint8_t{3}, uint8_t{4}, uint8_t{13}}) {
        EXPECT_EQ(says_unreachable({.proto = 1, .icmp_type = 3, .icmp_code = code}), code != 4);
    }
    EXPECT_FALSE(says_unreachable({.proto = 1, .icmp_type = 11}));
    EXPECT_FALSE(says_unreachable({.proto = 6, .icmp_type = 3}));
}

TEST(IcmpError, WhatTheQuoteSays) {
    const auto quote_of = [](const PacketBuilder& inner) {
        return parsed(error_about(inner).from(router).to(moved.local_active)).quote;
    };
    const auto tcp = quote_of(wire_sent().ttl(1).options(Bytes(8, std::byte{1})).tcp(40000, 80));
    ASSERT_TRUE(tcp);
    EXPECT_TRUE(tcp->keyed);
    EXPECT_EQ(tcp->packet.l3, quote_at);
    EXPECT_EQ(tcp->packet.l4, quote_at + 28);
    EXPECT_EQ(tcp->packet.l4_length, 20);
    EXPECT_EQ(tcp->packet.ttl, 1);
    EXPECT_EQ(tcp->packet.source, moved.local_active);
    EXPECT_EQ(tcp->packet.destination, moved.remote_active);
    EXPECT_EQ(tcp->packet.source_port, Be16{40000});
    EXPECT_EQ(tcp->packet.destination_port, Be16{80});

    const PacketView answer = answer_to(*tcp);
    EXPECT_EQ(answer.source, moved.remote_active);
    EXPECT_EQ(answer.destination, moved.local_active);
    EXPECT_EQ(answer.source_port, Be16{80});
    EXPECT_EQ(answer.destination_port, Be16{40000});
    EXPECT_EQ(answer.proto, 6);

    const auto echo = quote_of(wire_sent().echo_request(77, 1));
    ASSERT_TRUE(echo);
    EXPECT_TRUE(echo->keyed);
    EXPECT_EQ(echo->packet.source_port, Be16{77});
    EXPECT_EQ(echo->packet.destination_port, Be16{77});

    const auto first = quote_of(wire_sent().fragment_field(0x2000).udp(5000, 53));
    ASSERT_TRUE(first);
    EXPECT_TRUE(first->keyed && first->packet.fragment);
    EXPECT_EQ(first->packet.source_port, Be16{5000});

    for (const uint8_t proto : {uint8_t{1}, uint8_t{6}, uint8_t{17}, uint8_t{253}}) {
        const auto later = quote_of(wire_sent().fragment_field(0x2005).proto(proto).payload("x"));
        ASSERT_TRUE(later);
        EXPECT_FALSE(later->keyed);
        EXPECT_EQ(later->packet.source_port, Be16{});
    }
    const auto timestamp = quote_of(wire_sent().icmp(13, 0));
    ASSERT_TRUE(timestamp);
    EXPECT_FALSE(timestamp->keyed);
    const auto raw = quote_of(wire_sent().proto(253));
    ASSERT_TRUE(raw);
    EXPECT_TRUE(raw->keyed);
}

TEST(IcmpError, WhatIsNoQuote) {
    const auto has_quote = [](const PacketBuilder& inner, Ipv4Addr addressee = moved.local_active) {
        return parsed(error_about(inner).from(router).to(addressee)).quote.has_value();
    };
    EXPECT_TRUE(has_quote(wire_sent().udp(1, 2)));
    EXPECT_FALSE(has_quote(wire_sent().udp(1, 2), {10, 7, 1, 10})) << "another one sent it";
    EXPECT_FALSE(has_quote(wire_sent().version(6).udp(1, 2)));
    EXPECT_FALSE(has_quote(wire_sent().header_words(4).udp(1, 2)));
    EXPECT_FALSE(has_quote(wire_sent().header_words(15).udp(1, 2)));
    EXPECT_FALSE(has_quote(wire_sent().total_length(19).udp(1, 2)));
    EXPECT_FALSE(has_quote(wire_sent().total_length(27).udp(1, 2))) << "padding is no header";
    EXPECT_TRUE(has_quote(wire_sent().total_length(65535).udp(1, 2))) << "cut off";
    for (const uint8_t type : {uint8_t{3}, uint8_t{4}, uint8_t{5}, uint8_t{11}, uint8_t{12}}) {
        EXPECT_FALSE(has_quote(wire_sent().icmp(type, 0))) << "an error about an error";
    }
    Bytes cut = error_about(wire_sent().udp(1, 2))
                    .from(router)
                    .to(moved.local_active)
                    .fragment_field(0x2000)
                    .build();
    PacketView view;
    ASSERT_TRUE(parse(test::frame_of(cut), context, view).decided());
    ASSERT_TRUE(read_first_fragment(test::frame_of(cut), view));
    ASSERT_EQ(view.icmp_type, 3);
    EXPECT_FALSE(read_quote(test::frame_of(cut), view)) << "the error itself is a fragment";
}

/// RFC 4884: a short packet is padded to 128 bytes and extensions follow. A later fragment's data
/// must not be taken for a header either.
TEST(IcmpError, WhatLiesBehindTheQuotedPacketStays) {
    const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
    const auto extended = [](const PacketBuilder& inner, Ipv4Addr addressee) {
        Bytes packet = inner.build();
        packet.erase(packet.begin(), packet.begin() + 14);
        packet.resize(128);
        packet.insert(packet.end(), {std::byte{0x20}, std::byte{0}, std::byte{0xDF}});
        return PacketBuilder{}.icmp(11, 0, 0x00200000).payload(packet).from(router).to(addressee);
    };
    EXPECT_EQ(
        translated(extended(wire_sent().tcp(1, 2).cut_l4_to(16), moved.local_active), slot.inbound),
        extended(host_sent().tcp(1, 2).cut_l4_to(16), moved.host).build());
    const auto later = [](PacketBuilder p) {
        return p.fragment_field(0x0005).proto(17).payload("data where UDP would have its checksum");
    };
    EXPECT_EQ(translated(error_about(later(wire_sent())).from(router).to(moved.local_active),
                         slot.inbound),
              error_about(later(host_sent())).from(router).to(moved.host).build());
}

// ---- properties

/// Sum of a whole ICMP message with its checksum: 0 if right, else by how much it is wrong.
uint16_t wrongness(const Bytes& frame) {
    const size_t header = 4 * (std::to_integer<size_t>(frame[14]) & 15U);
    const size_t total = test::read16(frame, 16);
    return as_delta(sum_of_bytes(std::span{frame}.subspan(14 + header, total - header)));
}

struct RandomError {
    PathAddresses path;
    L4ChecksumMode mode{};
    bool inbound{false};
    bool far_end_speaks{false};
    Ipv4Addr speaker;
    RandomPacket inner;
    uint16_t inner_fragment{0x4000};
    size_t quoted{0};
    uint8_t type{3}, code{0};
    uint32_t rest{0};
    Bytes options;

    static RandomError make(Random& random) {
        constexpr uint8_t types[] = {3, 4, 11, 12};
        RandomError e;
        const auto or_same = [&](Ipv4Addr same) {
            return random.one_in(3) ? same : random_address(random);
        };
        e.path.host = random_address(random);
        e.path.local_original = or_same(e.path.host);
        e.path.local_active = or_same(e.path.local_original);
        e.path.remote_original = random_address(random);
        e.path.remote_active = or_same(e.path.remote_original);
        e.mode = random.one_in(2) ? L4ChecksumMode::wire : L4ChecksumMode::original;
        e.inbound = random.one_in(2);
        e.far_end_speaks = random.one_in(2);
        e.speaker = random_address(random);
        e.inner = RandomPacket::make(random);
        e.inner.pad_to = 0;
        if (random.one_in(4)) {
            e.inner_fragment = random.one_in(2) ? 0x2000 : 0x2007;
        }
        e.quoted = 20 + e.inner.options.size() + 8 + random.below(random.one_in(2) ? 16 : 200);
        e.type = types[random.below(4)];
        e.code = random.any<uint8_t>();
        e.rest = random.any<uint32_t>();
        if (random.one_in(4)) {
            e.options = test::random_options(random, 4 * random.below(11));
        }
        return e;
    }

    /// As the network sees it, or as the host does.
    PacketBuilder in_terms(bool of_wire) const {
        const Ipv4Addr local = of_wire ? path.local_active : path.host;
        const Ipv4Addr remote = of_wire ? path.remote_active : path.remote_original;
        // An error from the wire quotes what went out, one from inside what came in.
        const Ipv4Addr sender = inbound ? local : remote, receiver = inbound ? remote : local;
        PacketBuilder quoted_packet =
            inner.builder(sender, receiver).fragment_field(inner_fragment);
        if (of_wire && mode == L4ChecksumMode::original) {
            quoted_packet.checksum_for(inbound ? path.local_original : path.remote_original,
                                       inbound ? path.remote_original : path.local_original);
        }
        return error_about(quoted_packet, quoted, type, code, rest)
            .from(far_end_speaks ? receiver : speaker)
            .to(sender)
            .options(options);
    }
    DirectionRewrite rewrite() const {
        const RewriteSlot slot = slot_of(path, mode);
        return inbound ? slot.inbound : slot.outbound;
    }
    /// Without a stranger who happens to have the address of one end.
    bool is_fair() const { return speaker != path.remote_active && speaker != path.host; }
};

TEST(IcmpError, IsAlwaysTheErrorThatTheOtherSideWouldHaveBuilt) {
    for_all(20'000, [](Random& random) {
        const RandomError e = RandomError::make(random);
        if (!e.is_fair()) {
            return;
        }
        // What the builder, but no network, changes with the addresses: a later fragment's data
        // that looks like a header, and half a checksum.
        const bool later = (e.inner_fragment & 0x1FFF) != 0;
        const bool half =
            e.inner.kind == RandomPacket::Kind::tcp && e.quoted == 20 + e.inner.options.size() + 17;
        if (half || (later && e.inner.has_addresses_in_checksum())) {
            return;
        }
        const Bytes out = translated(e.in_terms(e.inbound), e.rewrite());
        ASSERT_EQ(out, e.in_terms(!e.inbound).build());
        ASSERT_EQ(wrongness(out), 0);
    });
}

/// Whatever bytes are wrong, the message stays wrong by as much.
TEST(IcmpError, CorruptedStaysCorrupted) {
    for_all(20'000, [](Random& random) {
        const RandomError e = RandomError::make(random);
        Parsed p = parsed(e.in_terms(e.inbound));
        ASSERT_TRUE(p.quote);
        const size_t from = p.view.l4 + 2, to = p.bytes.size();
        for (unsigned flips = 1 + random.below(4); flips > 0; flips--) {
            const size_t at = from + random.below(static_cast<uint32_t>(to - from));
            if (at >= quote_at + e.options.size() && at < p.quote->packet.l4) {
                continue; // the quoted IP header must still be read the same way
            }
            p.bytes[at] ^= static_cast<std::byte>(1U << random.below(8));
        }
        const uint16_t wrong = wrongness(p.bytes);
        Bytes out = p.bytes;
        const DirectionRewrite there = e.rewrite();
        const Ipv4Addr speaker = translated_source(p.view, *p.quote, there);
        rewrite_error(test::frame_of(out), p.view, p.quote->packet, there, speaker);
        ASSERT_EQ(wrongness(out), wrong);
        ASSERT_EQ(is_right_sum(sum_of_bytes({out.data() + 14, p.view.l4 - size_t{14}})), true);
    });
}

TEST(IcmpError, BrokenPayloadIsTheSameBrokenPayloadOnTheOtherSide) {
    for_all(5'000, [](Random& random) {
        RandomError e = RandomError::make(random);
        e.inner_fragment = 0x4000;
        if (!e.is_fair()) {
            return;
        }
        Parsed p = parsed(e.in_terms(e.inbound));
        ASSERT_TRUE(p.quote);
        Bytes expected = e.in_terms(!e.inbound).build();
        const size_t end_of_headers = p.quote->packet.l4 + size_t{20};
        if (p.bytes.size() <= end_of_headers) {
            return;
        }
        const size_t at =
            end_of_headers + random.below(static_cast<uint32_t>(p.bytes.size() - end_of_headers));
        const auto flip = static_cast<std::byte>(1U << random.below(8));
        p.bytes[at] ^= flip;
        expected[at] ^= flip;
        rewrite_error(test::frame_of(p.bytes), p.view, p.quote->packet, e.rewrite(),
                      translated_source(p.view, *p.quote, e.rewrite()));
        ASSERT_EQ(p.bytes, expected);
        ASSERT_NE(wrongness(p.bytes), 0);
    });
}

/// Random messages behind a sound IP header: read inside the message or not at all.
TEST(IcmpError, NoiseIsHarmless) {
    for_all(20'000, [](Random& random) {
        Bytes noise = random_bytes(random, random.below(100));
        if (noise.size() >= 20 && !random.one_in(4)) { // far enough to be interesting
            noise[0] = static_cast<std::byte>(0x45 + random.below(3));
            test::write32(noise, 12, moved.local_active.value());
            noise[9] = std::byte{std::array<uint8_t, 4>{1, 6, 17, 50}[random.below(4)]};
        }
        Bytes bytes = PacketBuilder{}
                          .icmp(random.one_in(2) ? 3 : 11, 0)
                          .payload(noise)
                          .from(router)
                          .to(moved.local_active)
                          .build();
        const auto memory = std::make_unique<std::byte[]>(bytes.size()); // for the sanitizer
        std::copy(bytes.begin(), bytes.end(), memory.get());
        const Frame frame{memory.get(), static_cast<uint32_t>(bytes.size()), RxFacts::none};
        PacketView view;
        ASSERT_EQ(parse(frame, context, view), Verdict::punt(PuntReason::icmp));
        const auto quote = read_quote(frame, view);
        ASSERT_TRUE(std::equal(bytes.begin(), bytes.end(), memory.get())) << "read_quote() wrote";
        if (quote) {
            ASSERT_LE(quote->packet.l4 + quote->packet.l4_length, frame.length);
            const RewriteSlot slot = slot_of(moved, L4ChecksumMode::wire);
            rewrite_error(frame, view, quote->packet, slot.inbound,
                          translated_source(view, *quote, slot.inbound));
            ASSERT_EQ(wrongness({memory.get(), memory.get() + frame.length}), 0);
        }
    });
}

} // namespace
} // namespace sacip
