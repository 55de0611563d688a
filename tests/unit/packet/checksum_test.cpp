// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/packet/checksum.hpp"

#include "tests/support/packet_builder.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sacip {
namespace {

using test::Bytes;

Bytes bytes_of(std::initializer_list<int> values) {
    Bytes out;
    for (const int v : values) {
        out.push_back(static_cast<std::byte>(v));
    }
    return out;
}

uint16_t host(uint16_t memory_order) { return Be16::from_raw(memory_order).value(); }

TEST(Checksum, ExampleOfRfc1071) {
    const Bytes data = bytes_of({0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7});
    EXPECT_EQ(host(sum_of_bytes(data)), 0xDDF2);
    EXPECT_EQ(host(internet_checksum(data)), 0x220D);
}

TEST(Checksum, OddLengthIsPaddedWithZero) {
    EXPECT_EQ(host(sum_of_bytes(bytes_of({0x12}))), 0x1200);
    EXPECT_EQ(host(sum_of_bytes(bytes_of({0x12, 0x34, 0x56}))), 0x6834);
    EXPECT_EQ(sum_of_bytes({}), 0);
}

TEST(Checksum, KnownIpv4Header) {
    const Bytes header = bytes_of({0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                   0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7});
    EXPECT_TRUE(is_right_sum(sum_of_bytes(header)));
    EXPECT_TRUE(is_right_sum(sum_of_plain_ipv4_header(header.data())));
}

TEST(Checksum, EveryLengthAgreesWithTheTextbook) {
    std::mt19937 random{1};
    for (size_t length = 0; length < 200; length++) {
        Bytes data(length);
        for (std::byte& b : data) {
            b = static_cast<std::byte>(random());
        }
        EXPECT_EQ(host(internet_checksum(data)), test::naive_checksum(data)) << length;
        if (length == 20) {
            EXPECT_EQ(sum_of_plain_ipv4_header(data.data()), sum_of_bytes(data));
        }
    }
}

TEST(Checksum, ManyOnesDoNotOverflow) {
    const Bytes data(65535, std::byte{0xFF});
    EXPECT_EQ(host(internet_checksum(data)), test::naive_checksum(data));
    EXPECT_EQ(fold_sum(~uint64_t{0}), 0xFFFF);
    EXPECT_EQ(fold_sum(0), 0);
    EXPECT_EQ(fold_sum(0x0001'0000), 1);
    EXPECT_EQ(fold_sum(0xFFFF'FFFF'FFFF'0000), 0xFFFF);
}

TEST(Checksum, ExampleOfRfc1624) {
    // §4: HC = 0xDD2F, m = 0x5555 becomes m' = 0x3285; the checksum becomes 0x0000.
    const uint16_t delta =
        as_delta(ones_add(static_cast<uint16_t>(~Be16{0x5555}.raw()), Be16{0x3285}.raw()));
    EXPECT_EQ(host(mend_checksum(Be16{0xDD2F}.raw(), delta)), 0x0000);
}

TEST(Checksum, DeltaOfNoChangeChangesNoBit) {
    constexpr Ipv4Addr a{10, 1, 0, 10};
    static_assert(address_delta(a, a) == 0);
    static_assert(inverse_delta(0) == 0);
    for (uint32_t hc = 0; hc <= 0xFFFF; hc++) {
        EXPECT_EQ(mend_checksum(static_cast<uint16_t>(hc), 0), hc);
        EXPECT_EQ(mend_udp_checksum(static_cast<uint16_t>(hc), 0), hc);
    }
}

TEST(Checksum, DeltasThatCancelAreNone) {
    // Halves swapped: other bytes, same sum.
    EXPECT_EQ(address_delta({1, 2, 3, 4}, {3, 4, 1, 2}), 0);
    const uint16_t there = address_delta({10, 1, 0, 10}, {192, 0, 2, 1});
    const uint16_t back = address_delta({192, 0, 2, 1}, {10, 1, 0, 10});
    EXPECT_NE(there, 0);
    EXPECT_EQ(as_delta(ones_add(there, back)), 0);
    EXPECT_EQ(inverse_delta(there), back);
}

/// All checksums a sender can make, for a handful of deltas.
TEST(Checksum, InverseGivesEveryChecksumBack) {
    for (const uint32_t d : {0x0000U, 0x0001U, 0x1234U, 0x7FFFU, 0x8000U, 0xFEDCU, 0xFFFEU}) {
        const auto delta = static_cast<uint16_t>(d);
        const uint16_t inverse = inverse_delta(delta);
        for (uint32_t hc = 0; hc <= 0xFFFE; hc++) {
            const auto checksum = static_cast<uint16_t>(hc);
            ASSERT_EQ(mend_checksum(mend_checksum(checksum, delta), inverse), hc) << d;
        }
        for (uint32_t hc = 0; hc <= 0xFFFF; hc++) {
            const auto checksum = static_cast<uint16_t>(hc);
            ASSERT_EQ(mend_udp_checksum(mend_udp_checksum(checksum, delta), inverse), hc) << d;
        }
    }
}

/// Linux writes it in software; one's complement can't tell it from 0x0000, and a receiver does
/// not.
TEST(Checksum, TcpsOtherZeroComesBackAsZero) {
    const uint16_t delta = 0x1234;
    EXPECT_EQ(mend_checksum(0xFFFF, delta), mend_checksum(0x0000, delta));
    EXPECT_EQ(mend_checksum(mend_checksum(0xFFFF, delta), inverse_delta(delta)), 0x0000);
}

TEST(Checksum, UdpZeroRule) {
    EXPECT_EQ(mend_udp_checksum(0, 0x1234), 0);
    // ~HC + delta = 0xFFFF computes 0, which means "none" and must not appear.
    EXPECT_EQ(mend_checksum(0x1234, static_cast<uint16_t>(0xFFFF - 0xEDCB)), 0);
    EXPECT_EQ(mend_udp_checksum(0x1234, static_cast<uint16_t>(0xFFFF - 0xEDCB)), 0xFFFF);
    EXPECT_EQ(udp_checksum_on_wire(0), 0xFFFF);
    EXPECT_EQ(udp_checksum_on_wire(1), 1);
}

TEST(Checksum, TtlDeltaIsTheSameForEveryTtlAndProtocol) {
    for (uint32_t ttl = 1; ttl <= 255; ttl++) {
        for (uint32_t proto = 0; proto <= 255; proto++) {
            const Be16 before{static_cast<uint16_t>(ttl << 8 | proto)};
            const Be16 after{static_cast<uint16_t>((ttl - 1) << 8 | proto)};
            ASSERT_EQ(as_delta(ones_add(static_cast<uint16_t>(~before.raw()), after.raw())),
                      ttl_decrement_delta);
        }
    }
}

TEST(Checksum, WholeSegmentWithPseudoHeader) {
    const Bytes frame = test::PacketBuilder{}.tcp(40000, 80).payload("odd").build();
    Bytes segment{frame.begin() + 34, frame.end()};
    const uint16_t expected = test::read16(segment, 16);
    test::write16(segment, 16, 0);
    EXPECT_EQ(host(l4_checksum({10, 1, 0, 10}, {10, 9, 0, 10}, 6, segment)), expected);
    EXPECT_EQ(sum_of_pseudo_header({}, {}, 0, 0), 0);
}

} // namespace
} // namespace sacip
