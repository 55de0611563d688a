// SPDX-License-Identifier: BSD-3-Clause
//
// Cookies: whom they serve, for how long, and whom not.
#include "sacip_core/wire/cookie.hpp"

#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;

struct CookieTest : testing::Test {
    test::Random random{test::seed()};
    PublicKey receiver = test::value_of<PublicKey>(test::random_bytes(random, 32));
    CookieMaker maker{test::secret_of<MacKey>(test::random_bytes(random, 32))};
    Bytes hello = test::random_bytes(random, 150);
    IpAddr source{192, 0, 2, 7};
    Tag mac1 = test::value_of<Tag>(test::random_bytes(random, 16));

    Tag mac2_under(const MacKey& cookie) { return hmac_sha256_128(cookie, hello, {}).value(); }
};

TEST_F(CookieTest, HoldsToTheEndOfTheNextPeriod) {
    for (const Nanos made : {from_s(120), from_s(239), from_s(240), from_s(1234)}) {
        const Tag mac2 = mac2_under(maker.cookie_for(source, made).value());
        const int64_t period = made.value / cookie_period.value;
        const Nanos end{(period + 2) * cookie_period.value};
        EXPECT_TRUE(maker.is_shown_in(mac2, hello, source, made));
        EXPECT_TRUE(maker.is_shown_in(mac2, hello, source, made + cookie_period));
        EXPECT_TRUE(maker.is_shown_in(mac2, hello, source, end - Nanos{1}));
        EXPECT_FALSE(maker.is_shown_in(mac2, hello, source, end));
        EXPECT_FALSE(maker.is_shown_in(mac2, hello, source, made - cookie_period));
    }
}

TEST_F(CookieTest, IsOneAddressesAndOneSecretsAndOneMessages) {
    const Nanos now = from_s(1000);
    const Tag mac2 = mac2_under(maker.cookie_for(source, now).value());
    for (const IpAddr other :
         {IpAddr{192, 0, 2, 8}, IpAddr{0, 0xC0000207}, IpAddr{0x20010db800000000, 7}, IpAddr{}}) {
        EXPECT_FALSE(maker.is_shown_in(mac2, hello, other, now)) << other.to_text();
    }
    const CookieMaker other{test::secret_of<MacKey>(test::random_bytes(random, 32))};
    EXPECT_FALSE(other.is_shown_in(mac2, hello, source, now));
    for (size_t bit = 0; bit < hello.size() * 8; bit++) {
        ASSERT_FALSE(maker.is_shown_in(mac2, test::with_flipped(hello, bit), source, now));
    }
    for (size_t bit = 0; bit < tag_bytes * 8; bit++) {
        const Bytes changed = test::with_flipped(test::bytes_of(mac2.bytes), bit);
        EXPECT_FALSE(maker.is_shown_in(test::value_of<Tag>(changed), hello, source, now));
    }
    EXPECT_TRUE(maker.is_shown_in(mac2, hello, source, now));
    EXPECT_FALSE(CookieMaker{MacKey{}}.is_shown_in(mac2, hello, source, now));
    EXPECT_FALSE(CookieMaker{MacKey{}}.cookie_for(source, now).has_value());
}

TEST_F(CookieTest, SealedIsOpenedForTheHelloItAnswersOnly) {
    const MacKey key = cookie_key(receiver).value();
    const MacKey cookie = maker.cookie_for(source, from_s(1)).value();
    const SealedCookie sealed = seal_cookie(key, cookie, mac1).value();
    const auto opened = open_cookie(key, sealed, mac1);
    ASSERT_TRUE(opened);
    EXPECT_EQ(test::bytes_of(opened->bytes()), test::bytes_of(cookie.bytes()));

    const auto other_mac1 = test::value_of<Tag>(test::random_bytes(random, 16));
    EXPECT_FALSE(open_cookie(key, sealed, other_mac1));
    PublicKey other_receiver = receiver;
    other_receiver.bytes[0] ^= std::byte{1};
    EXPECT_FALSE(open_cookie(cookie_key(other_receiver).value(), sealed, mac1));
    EXPECT_FALSE(open_cookie(mac1_key(receiver).value(), sealed, mac1));
    for (size_t bit = 0; bit < sizeof(SealedCookie) * 8; bit++) {
        SealedCookie changed = sealed;
        std::byte* const at = bit / 8 < changed.nonce.size()
                                  ? &changed.nonce[bit / 8]
                                  : &changed.sealed[bit / 8 - changed.nonce.size()];
        *at ^= static_cast<std::byte>(1U << (bit % 8));
        ASSERT_FALSE(open_cookie(key, changed, mac1)) << bit;
    }
    EXPECT_NE(seal_cookie(key, cookie, mac1).value().nonce, sealed.nonce);
    EXPECT_FALSE(seal_cookie(key, MacKey{}, mac1));
    EXPECT_FALSE(seal_cookie(MacKey{}, cookie, mac1));
    EXPECT_FALSE(open_cookie(MacKey{}, sealed, mac1));
}

} // namespace
} // namespace sacip
