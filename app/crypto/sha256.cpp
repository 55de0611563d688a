// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/sha256.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <memory>

namespace sacip::crypto {
namespace {

struct Free {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
    void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

const unsigned char* raw(std::span<const std::byte> bytes) {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw_out(std::span<std::byte> bytes) {
    return reinterpret_cast<unsigned char*>(bytes.data());
}

Owned<EVP_MD_CTX> make_digest() {
    const Owned<EVP_MD> digest{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
    Owned<EVP_MD_CTX> context{digest ? EVP_MD_CTX_new() : nullptr};
    if (context && EVP_DigestInit_ex2(context.get(), digest.get(), nullptr) != 1) {
        context.reset();
    }
    return context;
}

Owned<EVP_MAC_CTX> make_mac() {
    const Owned<EVP_MAC> mac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
    Owned<EVP_MAC_CTX> context{mac ? EVP_MAC_CTX_new(mac.get()) : nullptr};
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    if (context && EVP_MAC_CTX_set_params(context.get(), params) != 1) {
        context.reset();
    }
    return context;
}

bool set_key(EVP_MAC_CTX* context, std::span<const std::byte> key) {
    return EVP_MAC_init(context, raw(key), key.size(), nullptr) == 1;
}

bool update(EVP_MAC_CTX* context, std::span<const std::byte> bytes) {
    return EVP_MAC_update(context, raw(bytes), bytes.size()) == 1;
}

} // namespace

bool sha256(std::span<const std::byte> first, std::span<const std::byte> second,
            std::span<std::byte, sha256_bytes> out) {
    thread_local const Owned<EVP_MD_CTX> context = make_digest();
    return context && EVP_DigestInit_ex2(context.get(), nullptr, nullptr) == 1 &&
           EVP_DigestUpdate(context.get(), first.data(), first.size()) == 1 &&
           EVP_DigestUpdate(context.get(), second.data(), second.size()) == 1 &&
           EVP_DigestFinal_ex(context.get(), raw_out(out), nullptr) == 1;
}

bool hmac_sha256(std::span<const std::byte, secret_bytes> key, std::span<const std::byte> first,
                 std::span<const std::byte> second, std::span<std::byte, sha256_bytes> out) {
    thread_local Owned<EVP_MAC_CTX> context = make_mac();
    if (!context) {
        return false;
    }
    size_t length = 0;
    const bool done = set_key(context.get(), key) && update(context.get(), first) &&
                      update(context.get(), second) &&
                      EVP_MAC_final(context.get(), raw_out(out), &length, out.size()) == 1 &&
                      length == out.size();
    constexpr std::array<std::byte, secret_bytes> nobodys_key{};
    if (!set_key(context.get(), nobodys_key)) {
        context = make_mac();
    }
    return done;
}

} // namespace sacip::crypto
