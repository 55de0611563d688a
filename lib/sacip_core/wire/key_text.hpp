// SPDX-License-Identifier: BSD-3-Clause
//
// Key text: keys as people handle them, 44 characters of base64 as with WireGuard.
//
// 32 bytes are 43 characters and one '='. One key has one text: another alphabet, other padding,
// spare bits that are set, or anything around it is refused. The same code reads private keys
// (app/crypto/key_text), so no branch and no table look-up depends on a character's value.
#pragma once

#include "sacip_core/wire/secure_message.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sacip {

inline constexpr size_t key_text_length = 44;

std::string to_text(const PublicKey& key);
std::optional<PublicKey> public_key_from_text(std::string_view text);

/// The same for the bytes of any key, in memory of the caller's choice.
void write_key_text(std::span<const std::byte, 32> key, std::span<char, key_text_length> text);
/// False if `text` is no key's; then `key` has been filled with something meaningless, or not.
bool read_key_text(std::string_view text, std::span<std::byte, 32> key);

/// What is wrong with a text that is no key.
inline constexpr std::string_view what_a_key_looks_like =
    "a key is 44 characters of base64, as sacipctl genkey and pubkey print it";

} // namespace sacip
