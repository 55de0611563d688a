// SPDX-License-Identifier: BSD-3-Clause
//
// KeyedHash: SipHash (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012).
//
// Whoever sends packets chooses the keys of our tables. Under CRC, or under jhash with its 32 bits
// of seed, such a sender can make them all fall into one bucket; without the 128-bit key of this
// hash it can't. One compression round and three at the end (SipHash-1-3) are what the hash tables
// of Rust and Python use; a 16-byte key costs six rounds, about as much as jhash.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sacip {

struct HashSecret {
    uint64_t k0{0};
    uint64_t k1{0};
};

/// SipHash-c-d of `length` bytes at `data`.
template <unsigned C, unsigned D>
inline uint64_t siphash(const HashSecret& secret, const void* data, size_t length) {
    uint64_t v0 = secret.k0 ^ 0x736f6d6570736575ULL;
    uint64_t v1 = secret.k1 ^ 0x646f72616e646f6dULL;
    uint64_t v2 = secret.k0 ^ 0x6c7967656e657261ULL;
    uint64_t v3 = secret.k1 ^ 0x7465646279746573ULL;
    const auto rounds = [&](unsigned n) {
        for (; n > 0; n--) {
            v0 += v1;
            v2 += v3;
            v1 = std::rotl(v1, 13) ^ v0;
            v3 = std::rotl(v3, 16) ^ v2;
            v0 = std::rotl(v0, 32);
            v2 += v1;
            v0 += v3;
            v1 = std::rotl(v1, 17) ^ v2;
            v3 = std::rotl(v3, 21) ^ v0;
            v2 = std::rotl(v2, 32);
        }
    };
    const auto absorb = [&](uint64_t word) {
        v3 ^= word;
        rounds(C);
        v0 ^= word;
    };
    const auto* at = static_cast<const unsigned char*>(data);
    size_t left = length;
    for (; left >= 8; left -= 8, at += 8) {
        uint64_t word;
        std::memcpy(&word, at, 8);
        absorb(word);
    }
    uint64_t last = uint64_t{length} << 56;
    for (size_t i = 0; i < left; i++) {
        last |= uint64_t{at[i]} << (8 * i);
    }
    absorb(last);
    v2 ^= 0xFF;
    rounds(D);
    return v0 ^ v1 ^ v2 ^ v3;
}

} // namespace sacip
