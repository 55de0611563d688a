// SPDX-License-Identifier: BSD-3-Clause
//
// Cookie: what a HELLO must show before anybody computes X25519 for it.
//
// mac1 is keyed by the receiver's public key: who does not even know that is not answered. Under
// load a cookie is asked for as well: the receiver makes it of the source address and a secret of
// its own, and keeps nothing; it is sent to that address, sealed, and whoever gets it there keys
// mac2 with it. So a flood needs addresses that it can receive at.
//
//   mac1 key    = SHA-256("SACIP3 mac1" | receiver's public key)
//   mac1        = HMAC-SHA-256-128(mac1 key, all of the HELLO before it)
//   cookie key  = SHA-256("SACIP3 cookie" | receiver's public key)
//   cookie      = HMAC-SHA-256(secret, period | source)     period: 64 bits, counts 2 minutes
//   sealed      = nonce | ChaCha20-Poly1305(HMAC-SHA-256(cookie key, nonce), 0, cookie, mac1)
//   mac2        = HMAC-SHA-256-128(cookie, all of the HELLO before it, mac1 too)
//
// A nonce of 32 random bytes makes a key of its own for each sealed cookie, so none is used twice.
// An address is 16 bytes here, an IPv4 one mapped (RFC 4291 §2.5.5.2).
#pragma once

#include "sacip_core/wire/aead.hpp"
#include "sacip_core/wire/secure_message.hpp"

#include <array>
#include <optional>

namespace sacip {

/// A cookie is good in the period it was made in and in the next one.
inline constexpr Nanos cookie_period = from_s(120);

/// Of a HELLO's receiver. mac1 and mac2 are hmac_sha256_128() under this, or under a cookie.
std::optional<MacKey> mac1_key(const PublicKey& receiver);
std::optional<MacKey> cookie_key(const PublicKey& receiver);

/// The receiver's side.
class CookieMaker {
public:
    /// `secret` is random and told to nobody.
    explicit CookieMaker(MacKey secret) : secret_{std::move(secret)} {}
    /// Nothing if the library failed.
    std::optional<MacKey> cookie_for(IpAddr source, Nanos now) const;
    /// Is `mac2` that of `message` under a cookie which `source` got, this period or the last?
    bool is_shown_in(const Tag& mac2, std::span<const std::byte> message, IpAddr source,
                     Nanos now) const;

private:
    std::optional<MacKey> cookie_of(int64_t period, IpAddr source) const;

    MacKey secret_;
};

struct SealedCookie {
    std::array<std::byte, 32> nonce{};
    std::array<std::byte, secret_bytes + aead_tag_bytes> sealed{};
};

/// `mac1` is that of the HELLO it answers; `key` is cookie_key() of who makes it. Nothing if the
/// library failed.
std::optional<SealedCookie> seal_cookie(const MacKey& key, const MacKey& cookie, const Tag& mac1);
/// Nothing unless it answers the HELLO that had `mac1`.
std::optional<MacKey> open_cookie(const MacKey& key, const SealedCookie& in, const Tag& mac1);

} // namespace sacip
