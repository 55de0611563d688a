// SPDX-License-Identifier: BSD-3-Clause
//
// The core's seam for the tag (sacip_core/mac.hpp), on OpenSSL's EVP_MAC.
//
// Fetching an algorithm is slow, so each thread keeps one context. A context remembers the last
// key in memory that core dumps include; therefore it is given a key of zeros after each use.
#include "sacip_core/wire/mac.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace sacip {
namespace {

constexpr size_t sha256_bytes = 32;

struct FreeMac {
    void operator()(EVP_MAC* mac) const { EVP_MAC_free(mac); }
    void operator()(EVP_MAC_CTX* context) const { EVP_MAC_CTX_free(context); }
};

using Context = std::unique_ptr<EVP_MAC_CTX, FreeMac>;

Context make_context() {
    const std::unique_ptr<EVP_MAC, FreeMac> mac{EVP_MAC_fetch(nullptr, "HMAC", nullptr)};
    Context context{mac ? EVP_MAC_CTX_new(mac.get()) : nullptr};
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    if (context && EVP_MAC_CTX_set_params(context.get(), params) != 1) {
        context.reset();
    }
    return context;
}

bool set_key(EVP_MAC_CTX* context, std::span<const std::byte> key) {
    return EVP_MAC_init(context, reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                        nullptr) == 1;
}

bool update(EVP_MAC_CTX* context, std::span<const std::byte> bytes) {
    return EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(bytes.data()),
                          bytes.size()) == 1;
}

} // namespace

std::optional<Tag> hmac_sha256_128(const MacKey& key, std::span<const std::byte> first,
                                   std::span<const std::byte> second) {
    thread_local Context context = make_context();
    if (!context || !key.is_set()) {
        return std::nullopt;
    }
    unsigned char whole[sha256_bytes];
    size_t length = 0;
    const bool done = set_key(context.get(), key.bytes()) && update(context.get(), first) &&
                      update(context.get(), second) &&
                      EVP_MAC_final(context.get(), whole, &length, sizeof whole) == 1 &&
                      length == sizeof whole;
    constexpr std::array<std::byte, secret_bytes> nobodys_key{};
    if (!set_key(context.get(), nobodys_key)) {
        context = make_context();
    }
    std::optional<Tag> tag;
    if (done) {
        std::memcpy(tag.emplace().bytes.data(), whole, tag_bytes);
    }
    OPENSSL_cleanse(whole, sizeof whole);
    return tag;
}

} // namespace sacip
