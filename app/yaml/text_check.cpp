// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/text_check.hpp"

#include <array>
#include <cstdio>

namespace sacip::yaml {

namespace {

constexpr size_t max_quoted_text = 60; // in a message
constexpr size_t max_byte_errors = 20; // tabs tend to come in hundreds

/// Length of the UTF-8 sequence at the start of `text` (RFC 3629), 0 if there is none.
size_t utf8_length(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned lead = byte(0);
    const size_t length = lead < 0x80   ? 1
                          : lead < 0xC2 ? 0
                          : lead < 0xE0 ? 2
                          : lead < 0xF0 ? 3
                          : lead < 0xF5 ? 4
                                        : 0;
    if (length > text.size()) {
        return 0;
    }
    for (size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    const bool overlong = (lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xF0 && byte(1) < 0x90);
    const bool surrogate = lead == 0xED && byte(1) >= 0xA0;
    const bool too_large = lead == 0xF4 && byte(1) >= 0x90;
    return overlong || surrogate || too_large ? 0 : length;
}

bool is_text_byte(std::string_view text, size_t at) {
    const auto c = static_cast<unsigned char>(text[at]);
    if (c == '\r') {
        return at + 1 < text.size() && text[at + 1] == '\n';
    }
    return c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7F);
}

} // namespace

bool check_bytes(std::string_view text, Errors& errors) {
    Mark at{1, 1};
    bool in_indentation = true;
    const size_t errors_before = errors.size();
    for (size_t i = 0; i < text.size();) {
        const size_t length = utf8_length(text.substr(i));
        if (length == 0 || !is_text_byte(text, i)) {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "0x%02X",
                          static_cast<unsigned>(static_cast<unsigned char>(text[i])));
            report(errors, at, std::string{"the byte "} + hex.data() + " is not text",
                   "save the file as plain UTF-8 text");
            return false;
        }
        const char c = text[i];
        if (c == '\t' && in_indentation) {
            report(errors, at, "tab in the indentation", "write spaces instead");
            if (errors.size() - errors_before >= max_byte_errors) {
                return false;
            }
        }
        in_indentation = c == '\n' || (in_indentation && c == ' ');
        at = c == '\n' ? Mark{at.line + 1, 1} : Mark{at.line, at.column + static_cast<int>(length)};
        i += length;
    }
    return errors.size() == errors_before;
}

std::string quoted(std::string_view text) {
    std::string out{'"'};
    for (const char c : text.substr(0, max_quoted_text)) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte >= 0x7F) {
            std::array<char, 8> hex{};
            std::snprintf(hex.data(), hex.size(), "\\x%02X", static_cast<unsigned>(byte));
            out += c == '\n' ? "\\n" : hex.data();
        } else {
            out += c;
        }
    }
    return out + (text.size() > max_quoted_text ? "...\"" : "\"");
}

} // namespace sacip::yaml
