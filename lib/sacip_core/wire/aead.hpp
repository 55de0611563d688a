// SPDX-License-Identifier: BSD-3-Clause
//
// Aead: the seam for ChaCha20-Poly1305 (RFC 8439), as mac.hpp is for HMAC.
//
// A sealed text is as long as the plain one and 16 bytes more. The nonce is a number, laid out as
// Noise says: four zero bytes, then the number little-endian (rev. 34 §12.3). Two texts under one
// key and one number give both away, so who seals must own the number: Sealer (transport.hpp), or a
// key that is used once.
#pragma once

#include "sacip_core/wire/mac.hpp"

#include <cstdint>
#include <span>

namespace sacip {

inline constexpr size_t aead_tag_bytes = 16;

/// Seam. Seals `plain` into the start of `out`, which has room for it and the tag; `associated` is
/// vouched for but not in it. `out` may begin where `plain` does, else they lie apart. False if
/// there is no room or the library failed: then `out` must not be sent. Any thread.
[[nodiscard]] bool aead_seal(std::span<const std::byte, secret_bytes> key, uint64_t number,
                             std::span<const std::byte> associated,
                             std::span<const std::byte> plain, std::span<std::byte> out);

/// Seam. The way back: `out` has room for `sealed` without its tag, and may begin where it does.
/// False if the tag does not fit, there is no room or the library failed: then `out` holds zeros or
/// what it held.
[[nodiscard]] bool aead_open(std::span<const std::byte, secret_bytes> key, uint64_t number,
                             std::span<const std::byte> associated,
                             std::span<const std::byte> sealed, std::span<std::byte> out);

} // namespace sacip
