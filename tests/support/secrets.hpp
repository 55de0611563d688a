// SPDX-License-Identifier: BSD-3-Clause
//
// Keys of tests: of bytes that everybody may know.
#pragma once

#include "app/crypto/x25519.hpp"
#include "tests/property/property.hpp"
#include "tests/support/hex.hpp"

namespace sacip::test {

inline Bytes random_bytes(Random& random, size_t length) {
    Bytes out(length);
    for (std::byte& byte : out) {
        byte = random.any<std::byte>();
    }
    return out;
}

template <typename Key>
Key secret_of(const Bytes& bytes) {
    EXPECT_EQ(bytes.size(), secret_bytes);
    return Key{std::span<const std::byte, secret_bytes>{bytes.data(), secret_bytes}};
}

/// Of anything with an array `bytes`: a public key, a tag.
template <typename Value>
Value value_of(const Bytes& bytes) {
    Value out;
    EXPECT_EQ(bytes.size(), out.bytes.size());
    std::copy_n(bytes.begin(), out.bytes.size(), out.bytes.begin());
    return out;
}

inline KeyPair pair_of(const Bytes& private_key) {
    return crypto::key_pair(secret_of<PrivateKey>(private_key)).value();
}

inline Bytes bytes_of(std::span<const std::byte> span) { return {span.begin(), span.end()}; }

/// One bit of it changed.
inline Bytes with_flipped(Bytes bytes, size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1U << (bit % 8));
    return bytes;
}

} // namespace sacip::test
