// SPDX-License-Identifier: BSD-3-Clause
//
// AesHash: four rounds of AES with secret round keys, over one block.
//
// What SipHash is for any key and any processor, this is for keys of 8 and of 16 bytes where the
// processor has instructions for a round of AES: several keys at once, a few cycles each. Without
// the round keys nobody can tell which keys meet: for any difference of two blocks each difference
// of what four rounds make of them has a probability of at most 2^-113 (Keliher, Sui 2007), and
// nobody gets to see a hash. Not a MAC, and not for keys of which one is a part of another.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#define SACIP_HAS_AES_HASH 1
#else
#define SACIP_HAS_AES_HASH 0
#endif

namespace sacip {

/// Random bytes.
struct AesSecret {
    alignas(16) std::array<std::array<uint8_t, 16>, 5> keys{};
};

#if SACIP_HAS_AES_HASH

inline bool processor_has_aes() { return __builtin_cpu_supports("aes") != 0; }

/// Of keys of `Bytes` bytes each. Only where processor_has_aes().
template <size_t Bytes>
[[gnu::target("aes")]] inline void aes_hash(const AesSecret& secret, const void* const* keys,
                                            unsigned count, uint32_t* hashes) {
    static_assert(Bytes == 8 || Bytes == 16);
    const auto* k = reinterpret_cast<const __m128i*>(secret.keys.data());
    for (unsigned i = 0; i < count; i++) {
        const auto* at = static_cast<const __m128i*>(keys[i]);
        __m128i block = Bytes == 16 ? _mm_loadu_si128(at) : _mm_loadl_epi64(at);
        block = _mm_xor_si128(block, k[0]);
        block = _mm_aesenc_si128(block, k[1]);
        block = _mm_aesenc_si128(block, k[2]);
        block = _mm_aesenc_si128(block, k[3]);
        block = _mm_aesenc_si128(block, k[4]);
        hashes[i] = static_cast<uint32_t>(_mm_cvtsi128_si32(block));
    }
}

#endif

} // namespace sacip
