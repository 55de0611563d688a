// SPDX-License-Identifier: BSD-3-Clause
//
// YAML text -> Config, or every reason why not.
//
// The file is read in three steps, each in a file of its own: text -> tree with positions
// (yaml_tree), tree -> typed values (sections, with scalars' and field_reader's help), values ->
// what contradicts what (rules). Each step reports all it finds and goes on with the rest, so that
// an operator mends a file once and not error by error. Nothing is guessed: a file that is not
// understood to the last key starts nothing.
//
// May be called from any thread; needs no root, no EAL, no ports. Never throws on bad input.
#pragma once

#include "sacip_core/config/config.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sacip {

/// A configuration is a page or two; more than this is some other file.
inline constexpr size_t max_config_bytes = size_t{1} << 20;

struct ConfigError {
    int line{1};        ///< counts from 1
    int column{1};      ///< in bytes, counts from 1
    std::string what;   ///< what is wrong, naming the value
    std::string remedy; ///< what to write instead
    bool operator==(const ConfigError&) const = default;
};

/// Either a config and no errors, or no config and at least one error, sorted by position.
struct ConfigResult {
    std::optional<Config> config;
    std::vector<ConfigError> errors;
};

ConfigResult load_config(const std::string& path);

/// The same on text already in memory; bytes may be anything.
ConfigResult parse_config(std::string_view text);

/// "FILE:LINE:COLUMN: WHAT: REMEDY", one line without its end; `file` is printed as given.
std::string to_text(const ConfigError& error, std::string_view file);

} // namespace sacip
