// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/key_text.hpp"

#include <cstring>

namespace sacip::crypto {

SecretText::~SecretText() { explicit_bzero(characters.data(), characters.size()); }

void to_text(const PrivateKey& key, SecretText& out) {
    write_key_text(key.bytes(), out.characters);
}

std::optional<PrivateKey> private_key_from_text(std::string_view text) {
    PrivateKey key;
    if (!read_key_text(text, key.overwrite())) {
        return std::nullopt;
    }
    return key;
}

} // namespace sacip::crypto
