// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/cookie.hpp"

#include "app/crypto/bytes_of.hpp"
#include "app/crypto/random.hpp"
#include "app/crypto/sha256.hpp"

namespace sacip {
namespace {

using SealingKey = Secret<struct SealingKeyPurpose>;

std::optional<MacKey> labelled(std::string_view label, const PublicKey& receiver) {
    MacKey key;
    const bool done = crypto::sha256(crypto::bytes_of(label), receiver.bytes, key.overwrite());
    return done ? std::optional{std::move(key)} : std::nullopt;
}

} // namespace

std::optional<MacKey> mac1_key(const PublicKey& receiver) {
    return labelled("SACIP3 mac1", receiver);
}
std::optional<MacKey> cookie_key(const PublicKey& receiver) {
    return labelled("SACIP3 cookie", receiver);
}

std::optional<MacKey> CookieMaker::cookie_of(int64_t period, IpAddr source) const {
    MacKey cookie;
    const bool done =
        secret_.is_set() &&
        crypto::hmac_sha256(secret_.bytes(), crypto::bytes_of(static_cast<uint64_t>(period)),
                            crypto::bytes_of(source), cookie.overwrite());
    return done ? std::optional{std::move(cookie)} : std::nullopt;
}

std::optional<MacKey> CookieMaker::cookie_for(IpAddr source, Nanos now) const {
    return cookie_of(now.value / cookie_period.value, source);
}

bool CookieMaker::is_shown_in(const Tag& mac2, std::span<const std::byte> message, IpAddr source,
                              Nanos now) const {
    const int64_t period = now.value / cookie_period.value;
    for (const int64_t made : {period, period - 1}) {
        const auto cookie = cookie_of(made, source);
        const auto tag = cookie ? hmac_sha256_128(*cookie, message, {}) : std::nullopt;
        if (tag && equal(*tag, mac2)) {
            return true;
        }
    }
    return false;
}

std::optional<SealedCookie> seal_cookie(const MacKey& key, const MacKey& cookie, const Tag& mac1) {
    SealedCookie out;
    SealingKey once;
    if (!key.is_set() || !cookie.is_set() || !crypto::fill_random(out.nonce) ||
        !crypto::hmac_sha256(key.bytes(), out.nonce, {}, once.overwrite()) ||
        !aead_seal(once.bytes(), 0, mac1.bytes, cookie.bytes(), out.sealed)) {
        return std::nullopt;
    }
    return out;
}

std::optional<MacKey> open_cookie(const MacKey& key, const SealedCookie& in, const Tag& mac1) {
    MacKey cookie;
    SealingKey once;
    if (!key.is_set() || !crypto::hmac_sha256(key.bytes(), in.nonce, {}, once.overwrite()) ||
        !aead_open(once.bytes(), 0, mac1.bytes, in.sealed, cookie.overwrite())) {
        return std::nullopt;
    }
    return cookie;
}

} // namespace sacip
