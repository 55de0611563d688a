// SPDX-License-Identifier: BSD-3-Clause
//
// One mapping of the file, read key by key.
//
// The reader is made with all keys that may stand in the mapping and reports every other one,
// with the nearest known key as a guess; its find() and require() then give the values.
#pragma once

#include "app/yaml/yaml_tree.hpp"

#include <initializer_list>
#include <string>
#include <string_view>

namespace sacip::yaml {

class FieldReader {
public:
    /// `where` completes "in ..." in messages ("move", "an entry of ports"); `keys` in the order
    /// in which messages shall list them. `node` and `errors` must outlive the reader.
    FieldReader(const Node& node, std::string_view where,
                std::initializer_list<std::string_view> keys, Errors& errors);

    /// The value of a key that may be left out; nullptr if it is.
    const Node* find(std::string_view key) const;

    /// The value of a key that must be there; if it is not, an error with `remedy` and nullptr.
    const Node* require(std::string_view key, std::string_view remedy);

    /// Where the key itself stands; line 0 if it does not.
    Mark key_mark(std::string_view key) const;

    /// False if the node was no mapping (reported already): nothing will be found.
    bool is_map() const { return node_.kind == Node::Kind::map; }

private:
    const Node& node_;
    std::string_view where_;
    Errors& errors_;
};

/// The node's items; empty with an error if it is no list. `example` shows one in the remedy.
const std::vector<Node>& read_list(const Node& node, std::string_view key, std::string_view example,
                                   Errors& errors);

} // namespace sacip::yaml
