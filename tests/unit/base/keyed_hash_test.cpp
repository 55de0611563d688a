// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/keyed_hash.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace sacip {
namespace {

IpAddr nth_address(uint32_t n) {
    return IpAddr{static_cast<uint8_t>(n >> 24), static_cast<uint8_t>(n >> 16),
                  static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)};
}

/// As a stranger finds them who knows the secret: they share a bucket.
std::vector<IpAddr> colliding(const KeyedHash& hash, size_t buckets, size_t wanted) {
    std::vector<IpAddr> out;
    for (uint32_t n = 1; out.size() < wanted; n++) {
        if (hash(nth_address(n)) % buckets == 0) {
            out.push_back(nth_address(n));
        }
    }
    return out;
}

size_t fullest_bucket(const KeyedHash& hash, size_t buckets, const std::vector<IpAddr>& keys) {
    std::vector<size_t> counts(buckets);
    for (const IpAddr key : keys) {
        counts[hash(key) % buckets]++;
    }
    return *std::ranges::max_element(counts);
}

TEST(KeyedHash, WhatSharesABucketUnderOneSecretDoesNotUnderAnother) {
    constexpr size_t buckets = 1031, wanted = 1000; // a prime, as the standard library's tables
    for (uint64_t secret = 0; secret < 8; secret++) {
        const auto keys = colliding(KeyedHash{secret}, buckets, wanted);
        EXPECT_EQ(fullest_bucket(KeyedHash{secret}, buckets, keys), wanted);
        EXPECT_LE(fullest_bucket(KeyedHash{secret + 1}, buckets, keys), 10U) << secret;
        EXPECT_LE(fullest_bucket(KeyedHash{~secret}, buckets, keys), 10U) << secret;
    }
}

TEST(KeyedHash, BothWordsCount) {
    const KeyedHash hash{7};
    EXPECT_NE(hash.of(1, 2), hash.of(1, 3));
    EXPECT_NE(hash.of(1, 2), hash.of(2, 2));
    EXPECT_NE(hash.of(1, 2), hash.of(2, 1));
}

} // namespace
} // namespace sacip
