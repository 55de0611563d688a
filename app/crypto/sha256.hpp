// SPDX-License-Identifier: BSD-3-Clause
//
// SHA-256, and HMAC on it (RFC 2104), on OpenSSL.
//
// Fetching an algorithm is slow, so each thread keeps one context for each. That of HMAC remembers
// the last key in memory that core dumps include; therefore it is given a key of zeros after each
// use.
#pragma once

#include "sacip_core/wire/mac.hpp"

#include <cstddef>
#include <span>

namespace sacip::crypto {

inline constexpr size_t sha256_bytes = 32;

/// Of `first` followed by `second`; `out` may be one of them. False if OpenSSL failed: then `out`
/// must not be used.
[[nodiscard]] bool sha256(std::span<const std::byte> first, std::span<const std::byte> second,
                          std::span<std::byte, sha256_bytes> out);

/// The same under a key.
[[nodiscard]] bool hmac_sha256(std::span<const std::byte, secret_bytes> key,
                               std::span<const std::byte> first, std::span<const std::byte> second,
                               std::span<std::byte, sha256_bytes> out);

} // namespace sacip::crypto
