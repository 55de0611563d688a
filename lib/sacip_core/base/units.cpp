// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/base/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace sacip {
namespace {

/// Without leading zeros.
std::optional<unsigned> take_decimal(std::string_view& text, size_t max_digits) {
    unsigned out = 0;
    const char* end = text.data() + std::min(text.size(), max_digits);
    const auto [next, error] = std::from_chars(text.data(), end, out);
    const auto used = static_cast<size_t>(next - text.data());
    if (error != std::errc{} || (used > 1 && text[0] == '0')) {
        return std::nullopt;
    }
    text.remove_prefix(used);
    return out;
}

/// A decimal of at most `max_digits`, without sign or leading zero; moves `text` past it.
std::optional<unsigned> hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return static_cast<unsigned>(c - '0');
    }
    const auto lower = static_cast<char>(c | 0x20);
    if (lower >= 'a' && lower <= 'f') {
        return static_cast<unsigned>(lower - 'a') + 10;
    }
    return std::nullopt;
}

} // namespace

std::optional<Ipv4Addr> Ipv4Addr::from_text(std::string_view text) {
    uint32_t bits = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0) {
            if (text.empty() || text[0] != '.') {
                return std::nullopt;
            }
            text.remove_prefix(1);
        }
        const auto number = take_decimal(text, 3);
        if (!number || *number > 255) {
            return std::nullopt;
        }
        bits = (bits << 8) | *number;
    }
    return text.empty() ? std::optional{Ipv4Addr{Be32{bits}}} : std::nullopt;
}

std::string Ipv4Addr::to_text() const {
    std::array<char, sizeof "255.255.255.255"> out;
    char* end = out.data();
    for (const unsigned shift : {24U, 16U, 8U, 0U}) {
        end = std::to_chars(end, out.data() + out.size(), (value() >> shift) & 255).ptr;
        *end++ = '.';
    }
    return {out.data(), end - 1};
}

std::optional<MacAddr> MacAddr::from_text(std::string_view text) {
    if (text.size() != 17) {
        return std::nullopt;
    }
    MacAddr out;
    for (size_t i = 0; i < 6; i++) {
        const auto high = hex_digit(text[3 * i]);
        const auto low = hex_digit(text[3 * i + 1]);
        if (!high || !low || (i < 5 && text[3 * i + 2] != ':')) {
            return std::nullopt;
        }
        out.bytes[i] = static_cast<uint8_t>(*high << 4 | *low);
    }
    return out;
}

std::string MacAddr::to_text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const uint8_t byte : bytes) {
        if (!out.empty()) {
            out += ':';
        }
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

} // namespace sacip
