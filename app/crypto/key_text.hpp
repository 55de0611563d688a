// SPDX-License-Identifier: BSD-3-Clause
//
// Key text: keys as people handle them, 44 characters of base64 as with WireGuard.
//
// 32 bytes are 43 characters and one '='. One key has one text: another alphabet, other padding,
// spare bits that are set, or anything around it is refused. No branch and no table look-up depends
// on a character of a private key.
#pragma once

#include "app/crypto/keys.hpp"

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace sacip::crypto {

inline constexpr size_t key_text_length = 44;

std::string to_text(const PublicKey& key);
std::optional<PublicKey> public_key_from_text(std::string_view text);

/// A private key's text, zeroed when it goes out of scope; only for handing it to its owner.
struct SecretText {
    std::array<char, key_text_length> characters{};
    SecretText() = default;
    SecretText(const SecretText&) = delete;
    SecretText& operator=(const SecretText&) = delete;
    ~SecretText();
    std::string_view view() const { return {characters.data(), characters.size()}; }
};
void to_text(const PrivateKey& key, SecretText& out);
std::optional<PrivateKey> private_key_from_text(std::string_view text);

/// What is wrong with a text that is no key.
inline constexpr std::string_view what_a_key_looks_like =
    "a key is 44 characters of base64, as sacipctl genkey and pubkey print it";

} // namespace sacip::crypto
