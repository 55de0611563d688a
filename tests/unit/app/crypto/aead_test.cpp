// SPDX-License-Identifier: BSD-3-Clause
//
// ChaCha20-Poly1305 against RFC 8439, in place too, and every changed bit.
#include "sacip_core/wire/aead.hpp"

#include "tests/support/secrets.hpp"

#include <gtest/gtest.h>

namespace sacip {
namespace {

using test::Bytes;
using test::from_hex;
using TestKey = Secret<struct TestKeyPurpose>;

/// RFC 8439 A.5, the one vector whose nonce is a Noise one.
const char* const key_hex = "1c9240a5eb55d38af333888604f6b5f0473917c1402b80099dca5cbc207075c0";
constexpr uint64_t number = 0x0807060504030201;
const char* const associated_hex = "f33388860000000000004e91";
const char* const sealed_hex =
    "64a0861575861af460f062c79be643bd5e805cfd345cf389f108670ac76c8cb24c6cfc18755d43eea09ee94e382d26"
    "b0bdb7b73c321b0100d4f03b7f355894cf332f830e710b97ce98c8a84abd0b948114ad176e008d33bd60f982b1ff37"
    "c8559797a06ef4f0ef61c186324e2b3506383606907b6a7c02b0f9f6157b53c867e4b9166c767b804d46a59b5216cd"
    "e7a4e99040c5a40433225ee282a1b0a06c523eaf4534d7f83fa1155b0047718cbc546a0d072b04b3564eea1b422273"
    "f548271a0bb2316053fa76991955ebd63159434ecebb4e466dae5a1073a6727627097a1049e617d91d361094fa68f0"
    "ff77987130305beaba2eda04df997b714d6c6f2c29a6ad5cb4022b02709beead9d67890cbb22392336fea1851f38";
constexpr std::string_view plain_text =
    "Internet-Drafts are draft documents valid for a maximum of six months and may be updated, "
    "replaced, or obsoleted by other documents at any time. It is inappropriate to use "
    "Internet-Drafts as reference material or to cite them other than as "
    "/\xe2\x80\x9cwork in progress./\xe2\x80\x9d";

struct AeadTest : testing::Test {
    TestKey key = test::secret_of<TestKey>(from_hex(key_hex));
    Bytes associated = from_hex(associated_hex);
    Bytes plain = test::bytes_of(std::as_bytes(std::span{plain_text}));
    Bytes sealed = from_hex(sealed_hex);
};

TEST_F(AeadTest, Rfc8439) {
    Bytes out(sealed.size());
    ASSERT_TRUE(aead_seal(key.bytes(), number, associated, plain, out));
    EXPECT_EQ(out, sealed);
    out.assign(plain.size(), std::byte{0});
    ASSERT_TRUE(aead_open(key.bytes(), number, associated, sealed, out));
    EXPECT_EQ(out, plain);
}

TEST_F(AeadTest, InPlace) {
    Bytes buffer = plain;
    buffer.resize(sealed.size());
    ASSERT_TRUE(
        aead_seal(key.bytes(), number, associated, std::span{buffer}.first(plain.size()), buffer));
    EXPECT_EQ(buffer, sealed);
    ASSERT_TRUE(aead_open(key.bytes(), number, associated, buffer, buffer));
    buffer.resize(plain.size());
    EXPECT_EQ(buffer, plain);
}

TEST_F(AeadTest, NothingChangedIsOpenedAndNothingOfItIsLeft) {
    Bytes out(plain.size());
    for (size_t bit = 0; bit < sealed.size() * 8; bit++) {
        out.assign(plain.size(), std::byte{0xAA});
        ASSERT_FALSE(
            aead_open(key.bytes(), number, associated, test::with_flipped(sealed, bit), out))
            << bit;
        ASSERT_EQ(out, Bytes(plain.size())) << bit;
    }
    for (size_t bit = 0; bit < associated.size() * 8; bit++) {
        EXPECT_FALSE(
            aead_open(key.bytes(), number, test::with_flipped(associated, bit), sealed, out));
    }
    for (size_t bit = 0; bit < 64; bit++) {
        EXPECT_FALSE(
            aead_open(key.bytes(), number ^ (uint64_t{1} << bit), associated, sealed, out));
    }
    for (size_t bit = 0; bit < secret_bytes * 8; bit++) {
        const auto other = test::secret_of<TestKey>(test::with_flipped(from_hex(key_hex), bit));
        EXPECT_FALSE(aead_open(other.bytes(), number, associated, sealed, out));
    }
    EXPECT_TRUE(aead_open(key.bytes(), number, associated, sealed, out));
}

TEST_F(AeadTest, RoomIsLookedAtAndOnlyThatMuchIsWritten) {
    Bytes out(sealed.size());
    for (size_t length = 0; length < sealed.size(); length++) {
        EXPECT_FALSE(
            aead_open(key.bytes(), number, associated, std::span{sealed}.first(length), out));
        EXPECT_FALSE(
            aead_seal(key.bytes(), number, associated, plain, std::span{out}.first(length)));
    }
    EXPECT_FALSE(
        aead_open(key.bytes(), number, associated, sealed, std::span{out}.first(plain.size() - 1)));
    Bytes longer(sealed.size() + 8, std::byte{0x77});
    ASSERT_TRUE(aead_seal(key.bytes(), number, associated, plain, longer));
    EXPECT_EQ(Bytes(longer.begin() + static_cast<std::ptrdiff_t>(sealed.size()), longer.end()),
              Bytes(8, std::byte{0x77}));
}

TEST_F(AeadTest, EmptyTextsAreVouchedFor) {
    Bytes tag(aead_tag_bytes);
    ASSERT_TRUE(aead_seal(key.bytes(), 7, associated, {}, tag));
    EXPECT_TRUE(aead_open(key.bytes(), 7, associated, tag, {}));
    EXPECT_FALSE(aead_open(key.bytes(), 7, {}, tag, {}));
    ASSERT_TRUE(aead_seal(key.bytes(), 7, {}, {}, tag));
    EXPECT_TRUE(aead_open(key.bytes(), 7, {}, tag, {}));
}

} // namespace
} // namespace sacip
