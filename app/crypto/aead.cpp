// SPDX-License-Identifier: BSD-3-Clause
//
// The core's seam for sealing (sacip_core/wire/aead.hpp), on OpenSSL's EVP_CIPHER.
//
// Each thread keeps one context for either direction, and keys lie in secret memory only: a context
// for each key would save a fifth of a microsecond a message, and hold a kilobyte and that key
// where core dumps see it. So the key is given each time, and zeros after it.
#include "sacip_core/wire/aead.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <memory>

namespace sacip {
namespace {

using Key = std::span<const std::byte, secret_bytes>;

constexpr size_t nonce_bytes = 12;
constexpr size_t max_bytes = 65535; // a Noise message's, rev. 34 §3

struct Free {
    void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, Free>;

const unsigned char* raw(const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

Context make_context(bool seals) {
    const std::unique_ptr<EVP_CIPHER, Free> cipher{
        EVP_CIPHER_fetch(nullptr, "ChaCha20-Poly1305", nullptr)};
    Context context{cipher ? EVP_CIPHER_CTX_new() : nullptr};
    if (context && EVP_CipherInit_ex2(context.get(), cipher.get(), nullptr, nullptr, seals ? 1 : 0,
                                      nullptr) != 1) {
        context.reset();
    }
    return context;
}

bool set_key(EVP_CIPHER_CTX* context, Key key, uint64_t number) {
    std::array<unsigned char, nonce_bytes> nonce{};
    for (size_t i = 0; i < sizeof number; i++) {
        nonce[nonce_bytes - sizeof number + i] = static_cast<unsigned char>(number >> (8 * i));
    }
    return EVP_CipherInit_ex2(context, nullptr, raw(key.data()), nonce.data(), -1, nullptr) == 1;
}

void forget_key(Context& context, bool seals) {
    constexpr std::array<std::byte, secret_bytes> nobodys_key{};
    if (!set_key(context.get(), nobodys_key, 0)) {
        context = make_context(seals);
    }
}

/// `in` through the cipher into `out`; `out` null: `in` is associated data.
bool update(EVP_CIPHER_CTX* context, std::span<const std::byte> in, std::byte* out) {
    int length = 0;
    return in.empty() || EVP_CipherUpdate(context, raw(out), &length, raw(in.data()),
                                          static_cast<int>(in.size())) == 1;
}

bool finish(EVP_CIPHER_CTX* context) {
    int length = 0;
    unsigned char nothing = 0; // a stream cipher has no last block
    return EVP_CipherFinal_ex(context, &nothing, &length) == 1;
}

} // namespace

bool aead_seal(Key key, uint64_t number, std::span<const std::byte> associated,
               std::span<const std::byte> plain, std::span<std::byte> out) {
    thread_local Context context = make_context(true);
    if (!context || plain.size() > max_bytes || associated.size() > max_bytes ||
        out.size() < plain.size() + aead_tag_bytes) {
        return false;
    }
    std::byte* const tag = out.data() + plain.size();
    const bool done =
        set_key(context.get(), key, number) && update(context.get(), associated, nullptr) &&
        update(context.get(), plain, out.data()) && finish(context.get()) &&
        EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, aead_tag_bytes, tag) == 1;
    forget_key(context, true);
    return done;
}

bool aead_open(Key key, uint64_t number, std::span<const std::byte> associated,
               std::span<const std::byte> sealed, std::span<std::byte> out) {
    thread_local Context context = make_context(false);
    if (!context || sealed.size() < aead_tag_bytes || sealed.size() > max_bytes + aead_tag_bytes ||
        associated.size() > max_bytes || out.size() < sealed.size() - aead_tag_bytes) {
        return false;
    }
    const auto text = sealed.first(sealed.size() - aead_tag_bytes);
    std::array<std::byte, aead_tag_bytes> tag; // OpenSSL wants to be able to write to it
    std::copy_n(sealed.end() - aead_tag_bytes, aead_tag_bytes, tag.begin());
    const bool done = set_key(context.get(), key, number) &&
                      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, aead_tag_bytes,
                                          tag.data()) == 1 &&
                      update(context.get(), associated, nullptr) &&
                      update(context.get(), text, out.data()) && finish(context.get());
    if (!done) {
        OPENSSL_cleanse(out.data(), text.size());
    }
    forget_key(context, false);
    return done;
}

} // namespace sacip
