// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/x25519.hpp"

#include "app/crypto/random.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <memory>

namespace sacip::crypto {
namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* raw(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

/// A parameter that OpenSSL only reads.
OSSL_PARAM octets(const char* name, std::span<const std::byte> bytes) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()),
                                             bytes.size());
}

Owned<EVP_PKEY> openssl_key(const KeyPair& pair) {
    OSSL_PARAM params[] = {octets(OSSL_PKEY_PARAM_PRIV_KEY, pair.private_key.bytes()),
                           octets(OSSL_PKEY_PARAM_PUB_KEY, pair.public_key.bytes),
                           OSSL_PARAM_construct_end()};
    const Owned<EVP_PKEY_CTX> context{EVP_PKEY_CTX_new_from_name(nullptr, "X25519", nullptr)};
    EVP_PKEY* key = nullptr;
    const bool done = context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params) == 1;
    return Owned<EVP_PKEY>{done ? key : nullptr};
}

bool is_zero(std::span<const std::byte, secret_bytes> bytes) {
    std::byte any{0};
    for (const std::byte byte : bytes) {
        any |= byte;
    }
    return any == std::byte{0};
}

} // namespace

std::optional<PrivateKey> generate_private_key() {
    PrivateKey key;
    const auto bytes = key.overwrite();
    if (!fill_random(bytes)) {
        return std::nullopt;
    }
    bytes[0] &= std::byte{0xF8};
    bytes[31] = (bytes[31] & std::byte{0x7F}) | std::byte{0x40};
    return key;
}

std::optional<PublicKey> public_key_of(const PrivateKey& key) {
    const Owned<EVP_PKEY> pair{EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr,
                                                            raw(key.bytes().data()), secret_bytes)};
    PublicKey out;
    size_t length = out.bytes.size();
    if (!pair || EVP_PKEY_get_raw_public_key(pair.get(), raw(out.bytes.data()), &length) != 1 ||
        length != out.bytes.size()) {
        return std::nullopt;
    }
    return out;
}

std::optional<KeyPair> key_pair(PrivateKey key) {
    if (!key.is_set()) {
        auto made = generate_private_key();
        if (!made) {
            return std::nullopt;
        }
        key = std::move(*made);
    }
    const auto public_key = public_key_of(key);
    return public_key ? std::optional{KeyPair{std::move(key), *public_key}} : std::nullopt;
}

std::optional<SharedSecret> shared_secret(const KeyPair& own, const PublicKey& peer) {
    const Owned<EVP_PKEY> ours = openssl_key(own);
    const Owned<EVP_PKEY> theirs{EVP_PKEY_new_raw_public_key(
        EVP_PKEY_X25519, nullptr, raw(peer.bytes.data()), peer.bytes.size())};
    const Owned<EVP_PKEY_CTX> context{ours ? EVP_PKEY_CTX_new(ours.get(), nullptr) : nullptr};
    SharedSecret out;
    size_t length = secret_bytes;
    if (!theirs || !context || EVP_PKEY_derive_init(context.get()) != 1 ||
        EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1 ||
        EVP_PKEY_derive(context.get(), raw(out.overwrite().data()), &length) != 1 ||
        length != secret_bytes || is_zero(out.bytes())) {
        return std::nullopt;
    }
    return out;
}

std::optional<SharedSecret> shared_secret(const PrivateKey& own, const PublicKey& peer) {
    const auto pair = key_pair(own.copy());
    return pair ? shared_secret(*pair, peer) : std::nullopt;
}

} // namespace sacip::crypto
