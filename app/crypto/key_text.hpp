// SPDX-License-Identifier: BSD-3-Clause
//
// Key text of a private key: what sacip_core/key_text.hpp says of keys, in memory that is zeroed.
#pragma once

#include "app/crypto/keys.hpp"
#include "sacip_core/wire/key_text.hpp"

#include <array>
#include <optional>
#include <string_view>

namespace sacip::crypto {

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

} // namespace sacip::crypto
