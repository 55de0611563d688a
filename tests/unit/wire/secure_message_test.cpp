// SPDX-License-Identifier: BSD-3-Clause
//
// The secure notification's bytes: its numbers, each kind there and back, each refusal by name, its
// two carriers, and what must hold of every message (SACIP_SEED repeats a run).
#include "sacip_core/wire/secure_carrier.hpp"

#include "tests/property/property.hpp"
#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace sacip {
namespace {

using test::Bytes;
using test::for_all;
using test::Random;

constexpr SecureAddresses there{.source = {203, 0, 113, 7}, .destination = {198, 51, 100, 1}};
constexpr SecureHeader sample_header{
    .sender = {0x0102030405060708}, .epoch = {1'735'689'600'000'000}, .sequence = {42}, .flags = 1};

MacKey key_of(uint8_t filling) {
    MacKey key;
    for (std::byte& byte : key.overwrite()) {
        byte = std::byte{filling};
    }
    return key;
}

template <size_t N>
std::array<std::byte, N> random_bytes(Random& random) {
    std::array<std::byte, N> out;
    for (std::byte& byte : out) {
        byte = random.any<std::byte>();
    }
    return out;
}
Ipv4Addr random_address(Random& random) { return Ipv4Addr::from_raw(random.any<uint32_t>()); }

Bind sample_bind() {
    Bind bind;
    bind.add({IpPrefix{{192, 0, 2, 7}, 32}, IpPrefix{{203, 0, 113, 7}, 32}, 200, 3600});
    bind.add({IpPrefix{{10, 2, 0, 0}, 24}, IpPrefix{{10, 7, 0, 0}, 24}, 100, 60});
    return bind;
}

SecureBody random_body(Random& random, uint32_t kind) {
    const WireTuple tuple{random.any<uint8_t>(), L4Port{random.any<uint16_t>()},
                          L4Port{random.any<uint16_t>()}, random_address(random),
                          random_address(random)};
    const auto hello = [&random](auto out) {
        out.public_key.bytes = random_bytes<32>(random);
        out.capabilities = random.any<uint32_t>();
        out.checksum = static_cast<WireChecksum>(random.below(2));
        out.challenge.bytes = random_bytes<16>(random);
        out.echo.bytes = random_bytes<16>(random);
        return SecureBody{out};
    };
    const auto probe = [&random](auto out) {
        out.nonce = random_bytes<8>(random);
        out.send_time = random.next();
        out.padding_bytes = static_cast<uint16_t>(random.below(probe_max_padding_bytes + 1));
        return SecureBody{out};
    };
    switch (static_cast<SecureKind>(kind)) {
    case SecureKind::hello:
        return hello(Hello{});
    case SecureKind::hello_ack:
        return hello(HelloAck{});
    case SecureKind::bind: {
        Bind bind{.echo = {random_bytes<16>(random)}};
        for (uint32_t left = random.below(bind_max_entries + 1); left > 0; left--) {
            const auto length = static_cast<uint8_t>(random.below(33));
            bind.add({IpPrefix{random_address(random), length},
                      IpPrefix{random_address(random), length}, random.any<uint8_t>(),
                      random.any<uint32_t>()});
        }
        return bind;
    }
    case SecureKind::bind_ack:
        return BindAck{{random.next()},
                       {random.next()},
                       static_cast<BindStatus>(random.below(4)),
                       random.any<BindReason>(),
                       {random_bytes<16>(random)}};
    case SecureKind::solicit:
        return Solicit{tuple};
    case SecureKind::solicit_ack:
        return SolicitAck{tuple, random_address(random), random_address(random),
                          random.any<SolicitStatus>()};
    case SecureKind::probe:
        return probe(Probe{});
    default:
        return probe(ProbeAck{});
    }
}

Bytes encoded(const SecureHeader& header, const SecureBody& body) {
    Bytes out(secure_message_max_bytes, std::byte{0xEE});
    const size_t length = encode(header, body, out);
    EXPECT_GE(length, secure_message_min_bytes);
    out.resize(length);
    return out;
}
Bytes sealed(const SecureHeader& header, const SecureBody& body, const MacKey& key,
             const SecureAddresses& addresses = there) {
    Bytes message = encoded(header, body);
    EXPECT_TRUE(seal(message, key, addresses));
    return message;
}

/// What becomes of it at a receiver that knows the sender.
std::variant<SecureBody, DropReason> received(std::span<const std::byte> message, const MacKey& key,
                                              const SecureAddresses& addresses = there) {
    const auto envelope = decode_envelope(message);
    if (const auto* why = std::get_if<DropReason>(&envelope)) {
        return *why;
    }
    if (!is_genuine(std::get<Envelope>(envelope), key, addresses)) {
        return DropReason::notification_tag;
    }
    return decode_body(std::get<Envelope>(envelope));
}

DropReason why_of(const std::variant<SecureBody, DropReason>& result) {
    const auto* why = std::get_if<DropReason>(&result);
    return why != nullptr ? *why : DropReason::none;
}

/// Of a message whose bytes were changed before it was sealed.
DropReason refusal_of_body(const SecureBody& body, size_t at, std::initializer_list<int> bytes) {
    const MacKey key = key_of(7);
    Bytes message = encoded(sample_header, body);
    for (const int byte : bytes) {
        message.at(at++) = static_cast<std::byte>(byte);
    }
    EXPECT_TRUE(seal(message, key, there));
    return why_of(received(message, key));
}

TEST(SecureNotification, NumbersOfTheProtocol) {
    EXPECT_EQ(secure_header_bytes, 32U);
    EXPECT_EQ(secure_message_max_bytes, 1200U);
    EXPECT_EQ(secure_message_min_bytes, 48U);
    EXPECT_EQ(hello_body_bytes, 72U);
    EXPECT_EQ(bind_fixed_bytes, 20U);
    EXPECT_EQ(bind_entry_bytes, 45U);
    EXPECT_EQ(bind_max_entries, 25U);
    EXPECT_EQ(bind_ack_body_bytes, 36U);
    EXPECT_EQ(solicit_body_bytes, 38U);
    EXPECT_EQ(solicit_ack_body_bytes, 78U);
    EXPECT_EQ(tag_bytes, 16U);
}

TEST(SecureNotification, RetriesBackOff) {
    const int64_t expected_ms[] = {50, 100, 200, 400, 800, 1600, 3200, 5000, 5000};
    for (unsigned i = 0; i < std::size(expected_ms); i++) {
        EXPECT_EQ(retry_delay(i + 1), from_ms(expected_ms[i])) << "after try " << i + 1;
    }
    EXPECT_EQ(retry_delay(1, from_ms(20)), from_ms(40));
    EXPECT_EQ(retry_delay(2, from_ms(20)), from_ms(80));
    EXPECT_EQ(retry_delay(1, from_s(4)), from_s(5));
    EXPECT_EQ(retry_delay(std::numeric_limits<unsigned>::max(), Nanos{0}), from_s(5));
}

TEST(SecureNotification, HeaderBytes) {
    const Bytes message = encoded(sample_header, Probe{.nonce = {}, .send_time = 3});
    const uint8_t expected[] = {0x5A, 0xC1, 2, 7, 0, 16,   0,    1,    1,    2,    3,
                                4,    5,    6, 7, 8, 0x00, 0x06, 0x2A, 0x99, 0xBA, 0x0C,
                                0x60, 0x00, 0, 0, 0, 0,    0,    0,    0,    42};
    ASSERT_EQ(message.size(), 48U + 16U);
    for (size_t i = 0; i < sizeof expected; i++) {
        EXPECT_EQ(std::to_integer<int>(message[i]), expected[i]) << "byte " << i;
    }
    EXPECT_EQ(message[47], std::byte{3});
}

TEST(SecureNotification, EncodeNeedsRoom) {
    for (const size_t room : {size_t{0}, size_t{47}, size_t{157}}) {
        Bytes out(room, std::byte{0xEE});
        EXPECT_EQ(encode(sample_header, sample_bind(), out), 0U);
        EXPECT_EQ(out, Bytes(room, std::byte{0xEE}));
    }
    Bytes out(2000);
    Probe probe;
    probe.padding_bytes = probe_max_padding_bytes;
    EXPECT_EQ(encode(sample_header, probe, out), secure_message_max_bytes);
    probe.padding_bytes++;
    EXPECT_EQ(encode(sample_header, probe, out), 0U);
}

TEST(SecureNotification, TheLongestBindHas25Entries) {
    Bind bind;
    while (bind.add({})) {
    }
    EXPECT_EQ(bind.count, bind_max_entries);
    EXPECT_EQ(encoded(sample_header, bind).size(), 48U + 20 + 25 * 45);
}

TEST(SecureNotification, UnknownFlagsAreNotSentAndNotMinded) {
    SecureHeader header = sample_header;
    header.flags = 0xFFFF;
    EXPECT_EQ(std::to_integer<int>(encoded(header, Probe{})[7]), 3);
    const MacKey key = key_of(7);
    Bytes message = encoded(sample_header, Probe{});
    message[6] = std::byte{0x80};
    ASSERT_TRUE(seal(message, key, there));
    EXPECT_EQ(why_of(received(message, key)), DropReason::none);
}

TEST(SecureNotification, ReservedBytesAreNotMinded) {
    EXPECT_EQ(refusal_of_body(sample_bind(), 32 + 18, {1, 2}), DropReason::none);
    EXPECT_EQ(refusal_of_body(sample_bind(), 32 + 22, {1, 2}), DropReason::none);
    EXPECT_EQ(refusal_of_body(Hello{}, 32 + 37, {1, 2, 3}), DropReason::none);
    EXPECT_EQ(refusal_of_body(BindAck{}, 32 + 18, {1, 2}), DropReason::none);
    EXPECT_EQ(refusal_of_body(SolicitAck{}, 32 + 71, {1, 2, 3, 4, 5, 6, 7}), DropReason::none);
    EXPECT_EQ(refusal_of_body(Probe{.nonce = {}, .padding_bytes = 2}, 32 + 16, {1, 2}),
              DropReason::none);
}

TEST(SecureNotification, MagicVersionAndLengthComeFirst) {
    const Bytes good = sealed(sample_header, sample_bind(), key_of(7));
    for (const size_t at : {0U, 1U, 2U, 4U, 5U}) {
        Bytes bad = good;
        bad[at] ^= std::byte{1};
        EXPECT_EQ(why_of(received(bad, MacKey{})), DropReason::notification_malformed) << at;
    }
    Bytes longer = good;
    longer.push_back({});
    EXPECT_EQ(why_of(received(longer, key_of(7))), DropReason::notification_malformed);
    Bytes huge(secure_message_max_bytes + 1);
    std::copy_n(good.begin(), 32, huge.begin());
    test::write16(huge, 4, static_cast<uint16_t>(huge.size() - 48));
    EXPECT_EQ(why_of(received(huge, key_of(7))), DropReason::notification_malformed);
}

TEST(SecureNotification, UnknownKindsAreGenuineButNotUnderstood) {
    for (const int kind : {0, 9, 255}) {
        EXPECT_EQ(refusal_of_body(Probe{}, 3, {kind}), DropReason::notification_body);
    }
}

TEST(SecureNotification, EachKindHasItsLength) {
    for (int kind = 1; kind <= 6; kind++) { // a body of 16 bytes fits PROBE and PROBE_ACK only
        EXPECT_EQ(refusal_of_body(Probe{}, 3, {kind}), DropReason::notification_body) << kind;
    }
    EXPECT_EQ(refusal_of_body(sample_bind(), 32 + 16, {0, 1}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(sample_bind(), 32 + 16, {0, 3}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(sample_bind(), 32 + 16, {255, 255}), DropReason::notification_body);
}

TEST(SecureNotification, PrefixesAreSound) {
    constexpr size_t original = 32 + 20;
    constexpr size_t active = original + 20;
    const auto refusal = [](size_t at, std::initializer_list<int> bytes) {
        return refusal_of_body(sample_bind(), at, bytes);
    };
    EXPECT_EQ(refusal(original + 1, {33}), DropReason::notification_body); // length
    EXPECT_EQ(refusal(original + 1, {24}), DropReason::notification_body); // host bits
    EXPECT_EQ(refusal(original, {5}), DropReason::notification_body);      // family
    EXPECT_EQ(refusal(original, {0}), DropReason::notification_body);      // family
    EXPECT_EQ(refusal(original + 8, {1}), DropReason::notification_body);  // behind IPv4
    EXPECT_EQ(refusal(active + 19, {1}), DropReason::notification_body);   // behind IPv4
    EXPECT_EQ(refusal(active, {6}), DropReason::notification_body);        // mixed families
    EXPECT_EQ(refusal(active, {4, 31, 0, 0, 203, 0, 113, 6}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(Solicit{}, 32, {7}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(Solicit{}, 32 + 6 + 15, {1}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(SolicitAck{}, 32 + 38 + 15, {1}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(BindAck{}, 32 + 16, {4}), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(Hello{}, 32 + 36, {2}), DropReason::notification_body);
}

TEST(SecureNotification, Family6IsUnderstoodAsNotSpoken) {
    Bind bind;
    bind.add({});
    constexpr size_t original = 32 + 20;
    constexpr size_t active = original + 20;
    const auto refusal = [&bind](int length, int active_length, int last_byte) {
        Bytes message = encoded(sample_header, bind);
        message[original] = message[active] = std::byte{6};
        message[original + 1] = static_cast<std::byte>(length);
        message[active + 1] = static_cast<std::byte>(active_length);
        message[active + 19] = static_cast<std::byte>(last_byte);
        const MacKey key = key_of(7);
        EXPECT_TRUE(seal(message, key, there));
        return why_of(received(message, key));
    };
    EXPECT_EQ(refusal(128, 128, 1), DropReason::notification_family);
    EXPECT_EQ(refusal(48, 48, 0), DropReason::notification_family);
    EXPECT_EQ(refusal(48, 49, 0), DropReason::notification_body);
    EXPECT_EQ(refusal(129, 129, 0), DropReason::notification_body);
    EXPECT_EQ(refusal(127, 127, 1), DropReason::notification_body);
    EXPECT_EQ(refusal_of_body(Solicit{}, 32, {6}), DropReason::notification_family);
    EXPECT_EQ(refusal_of_body(SolicitAck{}, 32, {6}), DropReason::notification_family);
}

TEST(SecureNotification, AddressesAreAuthenticatedUnlessInNatMode) {
    const MacKey key = key_of(7);
    const SecureAddresses elsewhere{.source = {203, 0, 113, 8}, .destination = there.destination};
    const SecureAddresses back{.source = there.destination, .destination = there.source};
    const Bytes plain = sealed(sample_header, sample_bind(), key);
    EXPECT_EQ(why_of(received(plain, key)), DropReason::none);
    EXPECT_EQ(why_of(received(plain, key, elsewhere)), DropReason::notification_tag);
    EXPECT_EQ(why_of(received(plain, key, back)), DropReason::notification_tag);
    SecureHeader header = sample_header;
    header.flags |= flag_nat;
    const Bytes nat = sealed(header, sample_bind(), key);
    EXPECT_EQ(why_of(received(nat, key, elsewhere)), DropReason::none);
    EXPECT_EQ(why_of(received(nat, key_of(8))), DropReason::notification_tag);
}

TEST(SecureNotification, WithoutAKeyNothingIsSealedOrGenuine) {
    Bytes message = encoded(sample_header, Probe{});
    const Bytes before = message;
    EXPECT_FALSE(seal(message, MacKey{}, there));
    EXPECT_EQ(message, before);
    EXPECT_EQ(why_of(received(message, MacKey{})), DropReason::notification_tag);
    EXPECT_FALSE(seal(std::span{message}.first(40), key_of(7), there));
    EXPECT_EQ(message, before);
}

TEST(Secret, MovesAndForgets) {
    MacKey one = key_of(7);
    MacKey two = std::move(one);
    EXPECT_FALSE(one.is_set()); // NOLINT: that is the point
    EXPECT_EQ(two.bytes()[31], std::byte{7});
    const MacKey three = two.copy();
    two.clear();
    EXPECT_FALSE(two.is_set());
    EXPECT_EQ(three.bytes()[0], std::byte{7});
    static_assert(!std::is_copy_constructible_v<MacKey> && !std::is_copy_assignable_v<MacKey>);
}

TEST(SecureNotificationProperty, WhatIsSaidIsHeard) {
    for_all(5000, [](Random& random) {
        const SecureHeader header{{random.next()},
                                  {random.next()},
                                  {random.next()},
                                  static_cast<uint16_t>(random.below(4))};
        const SecureBody body = random_body(random, 1 + random.below(8));
        const MacKey key = key_of(random.any<uint8_t>());
        const SecureAddresses addresses{random_address(random), random_address(random)};
        const Bytes message = sealed(header, body, key, addresses);
        const auto envelope = decode_envelope(message);
        ASSERT_TRUE(std::holds_alternative<Envelope>(envelope));
        EXPECT_EQ(std::get<Envelope>(envelope).header, header);
        const auto heard = received(message, key, addresses);
        ASSERT_TRUE(std::holds_alternative<SecureBody>(heard)) << text_of(why_of(heard)).name;
        EXPECT_EQ(std::get<SecureBody>(heard), body);
        EXPECT_EQ(encoded(header, std::get<SecureBody>(heard)).size(), message.size());
    });
}

TEST(SecureNotificationProperty, EveryTruncationAndEveryFlippedBitIsRefused) {
    for_all(8, [](Random& random) {
        const MacKey key = key_of(random.any<uint8_t>());
        for (uint32_t kind = 1; kind <= 8; kind++) {
            Bytes message = sealed(sample_header, random_body(random, kind), key);
            for (size_t length = 0; length < message.size(); length++) {
                const Bytes cut(message.begin(), message.begin() + static_cast<long>(length));
                ASSERT_EQ(why_of(received(cut, key)), DropReason::notification_malformed);
            }
            for (size_t bit = 0; bit < message.size() * 8; bit++) {
                const auto flip = static_cast<std::byte>(1U << (bit % 8));
                message[bit / 8] ^= flip;
                const DropReason why = why_of(received(message, key));
                ASSERT_TRUE(why == DropReason::notification_malformed ||
                            why == DropReason::notification_tag)
                    << "kind " << kind << " bit " << bit;
                message[bit / 8] ^= flip;
            }
        }
    });
}

// ---- carriers

constexpr EtherAddresses ether{.destination = test::default_port_mac,
                               .source = test::default_sender_mac};
constexpr CarrierRoute over_icmp{.carrier = Carrier::icmp, .addresses = there};
constexpr CarrierRoute over_udp{.carrier = Carrier::udp,
                                .addresses = there,
                                .source_port = L4Port{4720},
                                .destination_port = L4Port{4720}};

std::variant<CarriedMessage, DropReason> carried(Bytes& bytes) {
    const Frame frame = test::frame_of(bytes);
    PacketView view;
    const ParseContext outside{.port_mac = test::default_port_mac, .outside = true};
    const Verdict verdict = parse(frame, outside, view);
    EXPECT_NE(verdict.action, Action::drop);
    return decode_carrier(frame, view);
}

DropReason refusal_of(Bytes bytes) {
    const auto result = carried(bytes);
    const auto* why = std::get_if<DropReason>(&result);
    return why != nullptr ? *why : DropReason::none;
}

test::PacketBuilder udp_with(std::span<const std::byte> message) {
    return test::PacketBuilder{}
        .from(there.source.v4())
        .to(there.destination.v4())
        .tos(0xC0)
        .id(0)
        .udp(4720, 4720)
        .payload(message);
}

TEST(SecureCarrier, ThereAndBack) {
    for_all(500, [](Random& random) {
        const Bytes message = encoded(sample_header, random_body(random, 1 + random.below(8)));
        for (const CarrierRoute& route : {over_icmp, over_udp}) {
            Bytes out(secure_frame_max_bytes);
            const size_t length = encode_carrier(message, route, 20, ether, out);
            ASSERT_GT(length, message.size());
            out.resize(length);
            const auto result = carried(out);
            ASSERT_TRUE(std::holds_alternative<CarriedMessage>(result));
            const auto& got = std::get<CarriedMessage>(result);
            EXPECT_EQ(got.route.carrier, route.carrier);
            EXPECT_EQ(got.route.addresses.source, there.source);
            EXPECT_EQ(got.route.addresses.destination, there.destination);
            EXPECT_EQ(got.route.source_port, route.source_port);
            EXPECT_EQ(got.route.destination_port, route.destination_port);
            EXPECT_EQ(Bytes(got.message.begin(), got.message.end()), message);
        }
    });
}

TEST(SecureCarrier, AgreesWithTheBuilder) {
    const Bytes message = encoded(sample_header, sample_bind());
    Bytes out(secure_frame_max_bytes);
    out.resize(encode_carrier(message, over_udp, 20, ether, out));
    EXPECT_EQ(out, udp_with(message).build());
    Bytes icmp(secure_frame_max_bytes);
    icmp.resize(encode_carrier(message, over_icmp, 253, ether, icmp));
    const uint32_t first_word = 0x5AC10203;
    EXPECT_EQ(icmp, test::PacketBuilder{}
                        .from(there.source.v4())
                        .to(there.destination.v4())
                        .tos(0xC0)
                        .id(0)
                        .icmp(253, 1, first_word)
                        .payload(std::span{message}.subspan(4))
                        .build());
}

TEST(SecureCarrier, NeedsRoom) {
    const Bytes message = encoded(sample_header, sample_bind());
    Bytes out(14 + 20 + 8 + message.size() - 1, std::byte{0xEE});
    EXPECT_EQ(encode_carrier(message, over_udp, 20, ether, out), 0U);
    EXPECT_EQ(out, Bytes(out.size(), std::byte{0xEE}));
    Bytes large(2000);
    EXPECT_EQ(encode_carrier(Bytes(1201), over_icmp, 20, ether, large), 0U);
}

TEST(SecureCarrier, Refusals) {
    const Bytes message = encoded(sample_header, sample_bind());
    EXPECT_EQ(refusal_of(udp_with(message).build()), DropReason::none);
    EXPECT_EQ(refusal_of(udp_with(message).l4_checksum(0).build()), DropReason::none);
    EXPECT_EQ(refusal_of(udp_with(message).pad_to(300).build()), DropReason::none);
    EXPECT_EQ(refusal_of(udp_with(message).l4_checksum(1).build()),
              DropReason::notification_checksum);
    for (const size_t length : {size_t{0}, size_t{7}, message.size() + 7, message.size() + 9}) {
        EXPECT_EQ(refusal_of(udp_with(message).udp_length(static_cast<uint16_t>(length)).build()),
                  DropReason::notification_malformed);
    }
    EXPECT_EQ(refusal_of(udp_with(Bytes(47)).build()), DropReason::notification_malformed);
    const auto icmp = [&message](uint8_t code) {
        return test::PacketBuilder{}.icmp(20, code, 0).payload(message);
    };
    EXPECT_EQ(refusal_of(icmp(1).l4_checksum(1).build()), DropReason::notification_checksum);
    EXPECT_EQ(refusal_of(icmp(2).build()), DropReason::notification_code);
    EXPECT_EQ(refusal_of(icmp(1).cut_l4_to(51).build()), DropReason::notification_malformed);
}

} // namespace
} // namespace sacip
