// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/ip_addr.hpp"

#include <gtest/gtest.h>
#include <unordered_set>

namespace sacip {
namespace {

/// 2001:db8:0:1::2
constexpr IpAddr of_v6{0x2001'0DB8'0000'0001, 2};

TEST(IpAddrTest, IsAnIpv4AddressAndBack) {
    const IpAddr address{10, 1, 2, 3};
    EXPECT_TRUE(address.is_v4());
    EXPECT_EQ(address.v4(), Ipv4Addr(10, 1, 2, 3));
    EXPECT_EQ(address, Ipv4Addr(10, 1, 2, 3));
    EXPECT_EQ(address.bits(), 32);
    EXPECT_EQ(IpAddr{}, Ipv4Addr{});
    EXPECT_EQ(address.to_text(), "10.1.2.3");
    EXPECT_EQ(IpAddr::from_text("10.1.2.3"), address);
    for (const char* text : {"", "10.1.2", "10.1.2.03", "::1", "::ffff:10.1.2.3"}) {
        EXPECT_FALSE(IpAddr::from_text(text)) << text;
    }
}

TEST(IpAddrTest, FamiliesAreApart) {
    EXPECT_FALSE(of_v6.is_v4());
    EXPECT_EQ(of_v6.bits(), 128);
    EXPECT_EQ(of_v6.to_text(), "2001:db8:0:1::2");
    EXPECT_NE(IpAddr(0, 0x0A01'0203), IpAddr(10, 1, 2, 3)) << "::10.1.2.3 is IPv6";
    EXPECT_TRUE(IpAddr(0, 0).is_unspecified());
    EXPECT_TRUE(IpAddr().is_unspecified());
    EXPECT_NE(IpAddr(0, 0), IpAddr());
    EXPECT_LT(IpAddr(255, 255, 255, 255), of_v6);
}

TEST(IpAddrTest, KindsAreThoseOfTheFamily) {
    EXPECT_TRUE(IpAddr(10, 1, 2, 3).is_host_unicast());
    EXPECT_FALSE(IpAddr(224, 0, 0, 1).is_host_unicast());
    EXPECT_TRUE(IpAddr(224, 0, 0, 1).is_multicast());
    EXPECT_TRUE(IpAddr(127, 0, 0, 1).is_loopback());
    EXPECT_TRUE(of_v6.is_host_unicast());
    const IpAddr link_local{0xFE80'0000'0000'0000, 1}, group{0xFF02'0000'0000'0000, 1}, self{0, 1};
    for (const IpAddr& none : {link_local, group, self, IpAddr{0, 0}}) {
        EXPECT_FALSE(none.is_host_unicast()) << none.to_text();
    }
    EXPECT_TRUE(group.is_multicast());
    EXPECT_TRUE(self.is_loopback());
}

TEST(IpAddrTest, NextCarries) {
    EXPECT_EQ(IpAddr(10, 0, 0, 255).next(), IpAddr(10, 0, 1, 0));
    EXPECT_EQ(IpAddr(7, UINT64_MAX).next(), IpAddr(8, 0));
}

TEST(IpAddrTest, HashTellsNeighboursApart) {
    std::unordered_set<size_t> hashes;
    for (uint32_t i = 0; i < 4096; i++) {
        hashes.insert(std::hash<IpAddr>{}(Ipv4Addr{Be32{0x0A000000U + i}}));
    }
    EXPECT_EQ(hashes.size(), 4096U);
}

/// Bit by bit: the first `length` bits of the family's part are those of the address.
TEST(IpPrefixTest, MasksEachLengthOfBothFamilies) {
    const auto bit = [](IpAddr a, unsigned i) {
        return ((i < 64 ? a.high() : a.low()) >> (63 - i % 64) & 1) != 0;
    };
    for (const IpAddr address : {IpAddr{0xFFFF'FFFF'FFFF'FFFF, 0xFFFF'FFFF'FFFF'FFFF},
                                 IpAddr{255, 255, 255, 255}, of_v6, IpAddr{10, 85, 170, 1}}) {
        const IpAddr other{~address.high(), ~address.low()};
        const unsigned skipped = address.is_v4() ? 96 : 0;
        for (unsigned length = 0; length <= address.bits(); length++) {
            const IpPrefix prefix{address, static_cast<uint8_t>(length)};
            EXPECT_EQ(prefix.length(), length);
            EXPECT_TRUE(prefix.contains(address));
            EXPECT_TRUE(prefix.contains(prefix.last()));
            for (unsigned i = 0; i < 128; i++) {
                const bool fixed = i < skipped + length;
                ASSERT_EQ(bit(prefix.address(), i), fixed && bit(address, i)) << length;
                ASSERT_EQ(bit(prefix.last(), i), !fixed || bit(address, i)) << length;
                ASSERT_EQ(bit(prefix.with_host_part_of(other), i), bit(fixed ? address : other, i));
            }
        }
    }
}

TEST(IpPrefixTest, HoldsOnlyItsFamily) {
    const IpPrefix all_v4, all_v6{IpAddr{0, 0}, 0};
    EXPECT_NE(all_v4, all_v6);
    EXPECT_TRUE(all_v4.contains(IpAddr{10, 0, 0, 1}));
    EXPECT_FALSE(all_v4.contains(of_v6));
    EXPECT_TRUE(all_v6.contains(of_v6));
    EXPECT_FALSE(all_v6.contains(IpAddr{10, 0, 0, 1}));
    EXPECT_FALSE(all_v6.overlaps(all_v4));
    EXPECT_TRUE(IpPrefix::host(of_v6).is_host());
    EXPECT_EQ(IpPrefix(of_v6, 32).to_text(), "2001:db8::/32");
    EXPECT_FALSE(IpPrefix::from_text("2001:db8::/32"));
}

TEST(IpPrefixTest, ClearsHostBitsAndContains) {
    const IpPrefix net{{10, 1, 2, 3}, 24};
    EXPECT_EQ(net.address(), IpAddr(10, 1, 2, 0));
    EXPECT_TRUE(net.contains(IpAddr(10, 1, 2, 255)));
    EXPECT_FALSE(net.contains(IpAddr(10, 1, 3, 0)));
    EXPECT_TRUE(net.contains(IpPrefix({10, 1, 2, 128}, 25)));
    EXPECT_FALSE(net.contains(IpPrefix({10, 1, 0, 0}, 16)));
    EXPECT_TRUE(net.overlaps(IpPrefix({10, 1, 0, 0}, 16)));
    EXPECT_FALSE(net.overlaps(IpPrefix({10, 1, 3, 0}, 24)));
    EXPECT_EQ(net.with_host_part_of({172, 16, 9, 77}), IpAddr(10, 1, 2, 77));
}

TEST(IpPrefixTest, AtItsEnds) {
    const IpPrefix all{{1, 2, 3, 4}, 0};
    EXPECT_TRUE(all.contains(IpAddr(255, 255, 255, 255)));
    EXPECT_EQ(all.with_host_part_of({9, 8, 7, 6}), IpAddr(9, 8, 7, 6));
    EXPECT_EQ(all.to_text(), "0.0.0.0/0");
    const IpPrefix one = IpPrefix::host({10, 0, 0, 7});
    EXPECT_TRUE(one.is_host());
    EXPECT_TRUE(one.contains(IpAddr(10, 0, 0, 7)));
    EXPECT_FALSE(one.contains(IpAddr(10, 0, 0, 6)));
    EXPECT_EQ(one.with_host_part_of({9, 8, 7, 6}), IpAddr(10, 0, 0, 7));
    EXPECT_EQ(IpPrefix({10, 0, 0, 7}, 99), one);
}

TEST(IpPrefixTest, FromTextAndBack) {
    for (const char* text : {"0.0.0.0/0", "10.1.0.0/16", "10.1.2.128/25", "10.1.2.3"}) {
        const auto prefix = IpPrefix::from_text(text);
        ASSERT_TRUE(prefix) << text;
        EXPECT_EQ(prefix->to_text(), text);
    }
    EXPECT_EQ(IpPrefix::from_text("10.1.2.3/32"), IpPrefix::from_text("10.1.2.3"));
    for (const char* text : {"", "/", "10.1.0.0/", "10.1.0.0/33", "10.1.0.0/016", "10.1.0.1/16",
                             "10.1.0.0/16 ", "10.1.0.0/-1", "10.1.0.0/1x", "10.1.0/16"}) {
        EXPECT_FALSE(IpPrefix::from_text(text)) << '"' << text << '"';
    }
}

} // namespace
} // namespace sacip
