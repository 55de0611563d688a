// SPDX-License-Identifier: BSD-3-Clause
//
// Options: the command line as a value. All that is wrong with it is found here, before any
// gateway is asked; what an address means is for the gateway to judge.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <vector>

namespace sacip::ctl {

struct Options {
    std::string socket;            ///< -s; empty: look for it
    bool json{false};              ///< -j
    bool help{false};              ///< --help; nothing else counts
    bool version{false};           ///< --version; nothing else counts
    bool all{false};               ///< drops --all: zeros, too
    bool follow{false};            ///< events --follow
    std::optional<long> id{};      ///< moves ID
    std::string command{"status"}; ///< as the gateway knows it
    /// As the gateway knows them. (Braces would make it an array that holds an object.)
    nlohmann::json args = nlohmann::json::object();
};

/// Options, or what is wrong with the command line.
struct ParsedOptions {
    Options options;
    std::string error;
};

/// From the words after the program's name. Options may stand before or after the command, values
/// may follow as a word of their own or after '='.
ParsedOptions parse_options(const std::vector<std::string>& words);

/// Text of --help.
std::string help_text();

} // namespace sacip::ctl
