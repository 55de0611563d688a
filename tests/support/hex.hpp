// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes as hexadecimal digits, two a byte and nothing between them.
#pragma once

#include "tests/support/packet_builder.hpp"

#include <string>

namespace sacip::test {

inline Bytes from_hex(const std::string& text) {
    Bytes out;
    for (size_t i = 0; i < text.size(); i += 2) {
        out.push_back(static_cast<std::byte>(std::stoi(text.substr(i, 2), nullptr, 16)));
    }
    return out;
}

inline std::string to_hex(const Bytes& bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out;
    for (const std::byte b : bytes) {
        out += digits[std::to_integer<size_t>(b >> 4)];
        out += digits[std::to_integer<size_t>(b & std::byte{15})];
    }
    return out;
}

} // namespace sacip::test
