// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/keys.hpp"

#include "app/crypto/random.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

namespace sacip::crypto {
namespace {

constexpr std::string_view extract_salt = "SACIP2";
constexpr std::string_view expand_label = "SACIP2 message key";

struct Free {
    void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
    void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

/// A parameter that OpenSSL only reads.
OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                             bytes.size());
}

std::span<const std::byte> as_bytes(std::string_view text) {
    return std::as_bytes(std::span{text.data(), text.size()});
}

/// One step of HKDF-SHA-256 with its own inputs.
bool hkdf(int mode, OSSL_PARAM input, OSSL_PARAM more, std::span<std::byte> out) {
    const Owned<EVP_KDF> kdf{EVP_KDF_fetch(nullptr, "HKDF", nullptr)};
    const Owned<EVP_KDF_CTX> context{kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr};
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode), input, more,
                                 OSSL_PARAM_construct_end()};
    return context && EVP_KDF_derive(context.get(), raw(out.data()), out.size(), params) == 1;
}

} // namespace

std::optional<SenderId> sender_id_of(const PublicKey& key) {
    std::array<std::byte, 32> digest;
    size_t length = 0;
    if (EVP_Q_digest(nullptr, "SHA256", nullptr, key.bytes.data(), key.bytes.size(),
                     raw(digest.data()), &length) != 1) {
        return std::nullopt;
    }
    SenderId id;
    for (size_t i = 0; i < sizeof id.value; i++) {
        id.value = (id.value << 8) | std::to_integer<uint64_t>(digest[i]);
    }
    return id;
}

std::optional<PseudoRandomKey> hkdf_extract(std::span<const std::byte> salt,
                                            std::span<const std::byte> input) {
    PseudoRandomKey out;
    if (!hkdf(EVP_KDF_HKDF_MODE_EXTRACT_ONLY, octets(OSSL_KDF_PARAM_KEY, input),
              octets(OSSL_KDF_PARAM_SALT, salt), out.overwrite())) {
        return std::nullopt;
    }
    return out;
}

bool hkdf_expand(const PseudoRandomKey& prk, std::span<const std::byte> info,
                 std::span<std::byte> out) {
    return hkdf(EVP_KDF_HKDF_MODE_EXPAND_ONLY, octets(OSSL_KDF_PARAM_KEY, prk.bytes()),
                octets(OSSL_KDF_PARAM_INFO, info), out);
}

std::optional<PseudoRandomKey> pseudo_random_key(const SharedSecret& shared) {
    return hkdf_extract(as_bytes(extract_salt), shared.bytes());
}

std::optional<MacKey> message_key(const PseudoRandomKey& prk, const PublicKey& sender,
                                  const PublicKey& receiver) {
    std::array<std::byte, expand_label.size() + 2 * sizeof(PublicKey)> info;
    auto* at = std::copy_n(as_bytes(expand_label).data(), expand_label.size(), info.data());
    at = std::copy(sender.bytes.begin(), sender.bytes.end(), at);
    std::copy(receiver.bytes.begin(), receiver.bytes.end(), at);
    MacKey out;
    if (!hkdf_expand(prk, info, out.overwrite())) {
        return std::nullopt;
    }
    return out;
}

std::optional<PairKeys> pair_keys(const PrivateKey& own, const PublicKey& peer) {
    const auto own_public = public_key_of(own);
    const auto shared = shared_secret(own, peer);
    const auto prk = shared ? pseudo_random_key(*shared) : std::nullopt;
    if (!own_public || !prk) {
        return std::nullopt;
    }
    auto send = message_key(*prk, *own_public, peer);
    auto receive = message_key(*prk, peer, *own_public);
    if (!send || !receive) {
        return std::nullopt;
    }
    return PairKeys{std::move(*send), std::move(*receive)};
}

std::optional<Challenge> random_challenge() {
    Challenge challenge;
    do {
        if (!fill_random(challenge.bytes)) {
            return std::nullopt;
        }
    } while (challenge.is_zero());
    return challenge;
}

std::optional<MacKey> random_mac_key() {
    MacKey key;
    return fill_random(key.overwrite()) ? std::optional{std::move(key)} : std::nullopt;
}

} // namespace sacip::crypto
