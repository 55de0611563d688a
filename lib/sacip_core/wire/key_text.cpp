// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/key_text.hpp"

#include <array>
#include <cstdint>

namespace sacip {

namespace {

/// All ones where low <= value <= high, else 0; values are small.
constexpr int32_t mask_if_within(int32_t value, int32_t low, int32_t high) {
    return ~((value - low) >> 31) & ~((high - value) >> 31);
}

/// 0 to 63 -> character of RFC 4648 §4.
constexpr char character_of(int32_t six_bits) {
    const int32_t c = (mask_if_within(six_bits, 0, 25) & (six_bits + 'A')) |
                      (mask_if_within(six_bits, 26, 51) & (six_bits - 26 + 'a')) |
                      (mask_if_within(six_bits, 52, 61) & (six_bits - 52 + '0')) |
                      (mask_if_within(six_bits, 62, 62) & '+') |
                      (mask_if_within(six_bits, 63, 63) & '/');
    return static_cast<char>(c);
}

/// The other way; negative for a character outside the alphabet.
constexpr int32_t six_bits_of(char character) {
    const int32_t c = static_cast<unsigned char>(character);
    const int32_t found = (mask_if_within(c, 'A', 'Z') & (c - 'A' + 1)) |
                          (mask_if_within(c, 'a', 'z') & (c - 'a' + 27)) |
                          (mask_if_within(c, '0', '9') & (c - '0' + 53)) |
                          (mask_if_within(c, '+', '+') & 63) | (mask_if_within(c, '/', '/') & 64);
    return found - 1;
}

} // namespace

void write_key_text(std::span<const std::byte, 32> key, std::span<char, key_text_length> text) {
    uint32_t bits = 0;
    int held = 0;
    size_t at = 0;
    for (const std::byte byte : key) {
        bits = (bits << 8) | std::to_integer<uint32_t>(byte);
        for (held += 8; held >= 6;) {
            held -= 6;
            text[at++] = character_of(static_cast<int32_t>((bits >> held) & 63));
        }
    }
    text[at++] = character_of(static_cast<int32_t>((bits << (6 - held)) & 63));
    text[at] = '=';
}

bool read_key_text(std::string_view text, std::span<std::byte, 32> key) {
    if (text.size() != key_text_length || text.back() != '=') {
        return false;
    }
    int32_t wrong = 0;
    uint32_t bits = 0;
    int held = 0;
    size_t at = 0;
    for (const char character : text.substr(0, key_text_length - 1)) {
        const int32_t six_bits = six_bits_of(character);
        wrong |= six_bits >> 31;
        bits = (bits << 6) | (static_cast<uint32_t>(six_bits) & 63);
        held += 6;
        if (held >= 8) {
            held -= 8;
            key[at++] = static_cast<std::byte>(bits >> held);
        }
    }
    const uint32_t spare_bits = bits & ((1U << held) - 1);
    return wrong == 0 && spare_bits == 0;
}

std::string to_text(const PublicKey& key) {
    std::array<char, key_text_length> text;
    write_key_text(key.bytes, text);
    return {text.data(), text.size()};
}

std::optional<PublicKey> public_key_from_text(std::string_view text) {
    PublicKey key;
    return read_key_text(text, key.bytes) ? std::optional{key} : std::nullopt;
}

} // namespace sacip
