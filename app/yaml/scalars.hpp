// SPDX-License-Identifier: BSD-3-Clause
//
// One scalar of the file -> one typed value, or an error that says what to write instead.
//
// Each reader takes the node, the name of its key for the message, and the list to add to; it
// gives nothing after an error, and nothing without an error if the node was refused before.
#pragma once

#include "app/yaml/yaml_tree.hpp"
#include "sacip_core/config/config.hpp"

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sacip::yaml {

/// The text of a scalar; a list, a map or nothing is an error with `remedy`.
std::optional<std::string_view> read_text(const Node& node, std::string_view key,
                                          std::string_view remedy, Errors& errors);

/// Decimal digits only; nothing octal, hexadecimal, signed, broken or quoted.
std::optional<uint32_t> read_integer(const Node& node, std::string_view key, uint32_t least,
                                     uint32_t most, uint32_t example, Errors& errors);

/// "20ms", "30s", "5min", "2h": a whole number and its unit. `example` is the key's default.
std::optional<Milliseconds> read_duration(const Node& node, std::string_view key,
                                          Milliseconds least, Milliseconds most,
                                          Milliseconds example, Errors& errors);

/// "168h", "7440s", "20ms": the largest of these units that is exact.
std::string to_text(Milliseconds duration);

std::optional<IpAddr> read_address(const Node& node, std::string_view key, Errors& errors);

/// "10.2.0.0/24", or one address for a /32; host bits set are an error.
std::optional<IpPrefix> read_prefix(const Node& node, std::string_view key, Errors& errors);

/// "10.1.0.1/24", the length required.
std::optional<InterfaceAddress> read_interface_address(const Node& node, std::string_view key,
                                                       Errors& errors);

std::optional<MacAddr> read_mac(const Node& node, std::string_view key, Errors& errors);

/// "22/tcp".
std::optional<BoxPort> read_box_port(const Node& node, Errors& errors);

/// "127.0.0.1:9812".
std::optional<MetricsEndpoint> read_endpoint(const Node& node, std::string_view key,
                                             Errors& errors);

/// What `address` is if no host can have it ("a multicast address"); empty if a host can.
std::string_view unusable_as_host(IpAddr address);

/// A word of the file and what it stands for.
template <typename T>
struct Word {
    std::string_view text;
    T value;
};

/// "a, b or c", for messages.
template <typename T, size_t N>
std::string choices(const std::array<Word<T>, N>& words) {
    std::string out;
    for (size_t i = 0; i < N; ++i) {
        out += i == 0 ? "" : i + 1 == N ? " or " : ", ";
        out += words[i].text;
    }
    return out;
}

template <typename T, size_t N>
std::optional<T> read_word(const Node& node, std::string_view key,
                           const std::array<Word<T>, N>& words, Errors& errors) {
    const auto text = read_text(node, key, "write " + choices(words), errors);
    if (!text) {
        return std::nullopt;
    }
    for (const auto& word : words) {
        if (word.text == *text) {
            return word.value;
        }
    }
    report(errors, node.mark, std::string{key} + " " + quoted(*text) + " is not known",
           "write " + choices(words));
    return std::nullopt;
}

} // namespace sacip::yaml
