// SPDX-License-Identifier: BSD-3-Clause
//
// KeyedHash against the numbers its authors published.
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

} // namespace
} // namespace sacip
