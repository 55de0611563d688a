// SPDX-License-Identifier: BSD-3-Clause
//
// KeyedHash against the numbers its authors published, AesHash against what a program of a few
// lines makes of FIPS 197 (which passes the round of its appendix B).
#include "app/dpdk/aes_hash.hpp"
#include "app/dpdk/keyed_hash.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace sacip {
namespace {

constexpr HashSecret paper_secret{0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};

std::array<unsigned char, 15> paper_message() {
    std::array<unsigned char, 15> out;
    std::iota(out.begin(), out.end(), static_cast<unsigned char>(0));
    return out;
}

TEST(KeyedHash, SipHash24OfThePaper) {
    // Appendix A: key 00..0f, message 00..0e.
    const auto message = paper_message();
    EXPECT_EQ((siphash<2, 4>(paper_secret, message.data(), message.size())), 0xa129ca6149be45e5ULL);
    // First of the reference implementation's vectors: the empty message.
    EXPECT_EQ((siphash<2, 4>(paper_secret, message.data(), 0)), 0x726fdb47dd0e0e31ULL);
}

TEST(KeyedHash, EveryBitOfSecretAndMessageMatters) {
    auto message = paper_message();
    const uint64_t hash = siphash<1, 3>(paper_secret, message.data(), message.size());
    for (unsigned bit = 0; bit < 64; bit++) {
        const HashSecret first{paper_secret.k0 ^ uint64_t{1} << bit, paper_secret.k1};
        const HashSecret second{paper_secret.k0, paper_secret.k1 ^ uint64_t{1} << bit};
        EXPECT_NE((siphash<1, 3>(first, message.data(), message.size())), hash);
        EXPECT_NE((siphash<1, 3>(second, message.data(), message.size())), hash);
    }
    for (unsigned bit = 0; bit < 8 * message.size(); bit++) {
        const auto mask = static_cast<unsigned char>(1U << bit % 8);
        message[bit / 8] = static_cast<unsigned char>(message[bit / 8] ^ mask);
        EXPECT_NE((siphash<1, 3>(paper_secret, message.data(), message.size())), hash);
        message[bit / 8] = static_cast<unsigned char>(message[bit / 8] ^ mask);
    }
}

#if SACIP_HAS_AES_HASH
class AesHash : public testing::Test {
protected:
    void SetUp() override {
        if (!processor_has_aes()) {
            GTEST_SKIP() << "this processor has no AES instructions";
        }
        uint8_t next = 0;
        for (auto& round : secret.keys) {
            for (auto& byte : round) {
                byte = next++;
            }
        }
        std::iota(key.begin(), key.end(), uint8_t{0xA0});
    }
    template <size_t Bytes>
    uint32_t hash() const {
        const void* const at = key.data();
        uint32_t out = 0;
        aes_hash<Bytes>(secret, &at, 1, &out);
        return out;
    }
    AesSecret secret;
    std::array<uint8_t, 16> key;
};

TEST_F(AesHash, IsFourRoundsOfFips197) {
    EXPECT_EQ(hash<16>(), 0x00e7d569U);
    EXPECT_EQ(hash<8>(), 0x8f7d1e6aU);
}

TEST_F(AesHash, EachKeyOfABurstHasItsOwn) {
    std::array<std::array<uint8_t, 16>, 64> keys;
    std::array<const void*, 64> at;
    for (size_t i = 0; i < keys.size(); i++) {
        keys[i].fill(static_cast<uint8_t>(i));
        at[i] = keys[i].data();
    }
    std::array<uint32_t, 64> hashes;
    aes_hash<16>(secret, at.data(), at.size(), hashes.data());
    for (size_t i = 0; i < keys.size(); i++) {
        key = keys[i];
        EXPECT_EQ(hashes[i], hash<16>()) << i;
    }
}

TEST_F(AesHash, EveryBitOfSecretAndKeyMatters) {
    const uint32_t before = hash<16>();
    for (size_t round = 0; round < secret.keys.size(); round++) {
        for (size_t at = 0; at < 16; at++) {
            uint8_t& byte = secret.keys[round][at];
            byte = static_cast<uint8_t>(byte ^ 0x10U);
            // The hash is the first column, which the last round makes of one diagonal.
            const bool is_seen = round < 3 || (round == 3 && at % 5 == 0) || (round == 4 && at < 4);
            EXPECT_EQ(hash<16>() != before, is_seen) << round << " " << at;
            byte = static_cast<uint8_t>(byte ^ 0x10U);
        }
    }
    for (unsigned bit = 0; bit < 128; bit++) {
        key[bit / 8] = static_cast<uint8_t>(key[bit / 8] ^ 1U << bit % 8);
        EXPECT_NE(hash<16>(), before) << bit;
        key[bit / 8] = static_cast<uint8_t>(key[bit / 8] ^ 1U << bit % 8);
    }
}
#endif

} // namespace
} // namespace sacip
