// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/units.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

TEST(Units, BigEndianLiesInMemoryAsOnTheWire) {
    const Be16 port{0x1234};
    const Be32 word{0x12345678};
    const uint8_t port_bytes[] = {0x12, 0x34};
    const uint8_t word_bytes[] = {0x12, 0x34, 0x56, 0x78};
    EXPECT_EQ(std::memcmp(&port, port_bytes, 2), 0);
    EXPECT_EQ(std::memcmp(&word, word_bytes, 4), 0);
    EXPECT_EQ(port.value(), 0x1234);
    EXPECT_EQ(word.value(), 0x12345678U);
    EXPECT_EQ(Be16::from_raw(port.raw()), port);
    EXPECT_EQ(Be32::from_raw(word.raw()), word);
}

TEST(Units, BigEndianComparesByValueNotByMemory) {
    EXPECT_LT(Be16{0x00FF}, Be16{0x0100});
    EXPECT_LT(Be32{0x000000FF}, Be32{0x01000000});
    EXPECT_LT(Ipv4Addr(9, 255, 255, 255), Ipv4Addr(10, 0, 0, 0));
}

TEST(Units, AddressFromTextAndBack) {
    for (const char* text : {"0.0.0.0", "10.1.0.10", "255.255.255.255", "1.20.255.4"}) {
        const auto address = Ipv4Addr::from_text(text);
        ASSERT_TRUE(address) << text;
        EXPECT_EQ(address->to_text(), text);
    }
    EXPECT_EQ(Ipv4Addr::from_text("10.1.2.3"), Ipv4Addr(10, 1, 2, 3));
}

TEST(Units, AddressRefusesEverythingButADottedQuad) {
    for (const char* text :
         {"", "10", "10.1.2", "10.1.2.3.4", "10.1.2.", ".1.2.3", "10..2.3", "256.1.1.1",
          "1.1.1.1000", "01.1.1.1", "1.1.1.00", "0x1.1.1.1", " 1.1.1.1", "1.1.1.1 ", "+1.1.1.1",
          "-1.1.1.1", "1.1.1.1/32", "a.b.c.d"}) {
        EXPECT_FALSE(Ipv4Addr::from_text(text)) << '"' << text << '"';
    }
}

TEST(Units, AddressKinds) {
    struct Row {
        Ipv4Addr address;
        bool host_unicast;
    };
    for (const auto& [address, host_unicast] :
         {Row{{0, 0, 0, 0}, false}, Row{{0, 0, 0, 1}, false}, Row{{1, 0, 0, 0}, true},
          Row{{10, 1, 0, 10}, true}, Row{{126, 255, 255, 255}, true}, Row{{127, 0, 0, 1}, false},
          Row{{128, 0, 0, 1}, true}, Row{{169, 253, 255, 255}, true}, Row{{169, 254, 1, 1}, false},
          Row{{169, 255, 0, 0}, true}, Row{{223, 255, 255, 255}, true}, Row{{224, 0, 0, 1}, false},
          Row{{239, 255, 255, 255}, false}, Row{{240, 0, 0, 1}, false},
          Row{{255, 255, 255, 255}, false}}) {
        EXPECT_EQ(address.is_host_unicast(), host_unicast) << address.to_text();
    }
    EXPECT_TRUE(Ipv4Addr().is_unspecified());
    EXPECT_TRUE(Ipv4Addr(224, 0, 0, 1).is_multicast());
    EXPECT_FALSE(Ipv4Addr(240, 0, 0, 1).is_multicast());
    EXPECT_TRUE(Ipv4Addr(255, 255, 255, 255).is_broadcast());
    EXPECT_FALSE(Ipv4Addr(10, 0, 0, 255).is_broadcast());
    EXPECT_TRUE(Ipv4Addr(127, 255, 0, 1).is_loopback());
}

TEST(Units, MacFromTextAndBack) {
    const auto mac = MacAddr::from_text("02:aB:00:Cd:9f:ff");
    ASSERT_TRUE(mac);
    EXPECT_EQ(mac->bytes, (std::array<uint8_t, 6>{0x02, 0xab, 0x00, 0xcd, 0x9f, 0xff}));
    EXPECT_EQ(mac->to_text(), "02:ab:00:cd:9f:ff");
    EXPECT_FALSE(mac->is_group());
    EXPECT_TRUE(MacAddr::from_text("01:00:5e:00:00:01")->is_group());
    EXPECT_TRUE(MacAddr{}.is_zero());
    for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:0", "02:00:00:00:00:000",
                             "02-00-00-00-00-00", "0g:00:00:00:00:00", "02:00:00:00:00:00:"}) {
        EXPECT_FALSE(MacAddr::from_text(text)) << '"' << text << '"';
    }
}

TEST(Units, TimesConvertWithoutLoss) {
    EXPECT_EQ(from_us(3), Nanos{3'000});
    EXPECT_EQ(from_ms(20), Nanos{20'000'000});
    EXPECT_EQ(from_s(2) + from_ms(1), Nanos{2'001'000'000});
    EXPECT_EQ(from_s(2) - from_ms(1), Nanos{1'999'000'000});
    EXPECT_EQ(to_tick(from_ms(99)), Tick{0});
    EXPECT_EQ(to_tick(from_ms(100)), Tick{1});
    EXPECT_EQ(to_tick(from_s(3600)), Tick{36'000});
}

} // namespace
} // namespace sacip
