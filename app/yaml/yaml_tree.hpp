// SPDX-License-Identifier: BSD-3-Clause
//
// YAML text -> a small tree in which each key and value knows its line and column.
//
// yaml-cpp's own tree loses what we need: it keeps the first of two equal keys without a word,
// forgets what was quoted, follows aliases (a short file can unfold to gigabytes) and recurses as
// deep as the file likes. So we take its events instead and build our own tree: doubled keys,
// anchors, aliases, tags, complex keys and values over several lines are refused, depth is bounded.
#pragma once

#include "app/yaml/config_yaml.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sacip::yaml {

/// Position in the file, counts from 1; line 0 means "no such place".
struct Mark {
    int line{0};
    int column{0};
    explicit operator bool() const { return line != 0; }
};

using Errors = std::vector<ConfigError>;

inline void report(Errors& errors, Mark at, std::string what, std::string remedy) {
    errors.push_back({at.line, at.column, std::move(what), std::move(remedy)});
}

/// `text` in double quotes, safe to print on a terminal: control bytes escaped, long text cut.
std::string quoted(std::string_view text);

struct Entry;

struct Node {
    /// refused: something already reported stands here; readers keep silent about it.
    enum class Kind { null, text, list, map, refused };
    Kind kind{Kind::null};
    Mark mark;
    bool is_quoted{false};
    std::string text;
    std::vector<Node> items;    ///< of a list
    std::vector<Entry> entries; ///< of a map, keys unique, in the order of the file
};

struct Entry {
    Mark mark;
    std::string key;
    Node value;
};

/// The root is a map, or (after an error that makes the rest unreadable) refused.
/// Adds to `errors`; never throws on bad input.
Node parse_tree(std::string_view text, Errors& errors);

} // namespace sacip::yaml
