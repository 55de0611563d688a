// SPDX-License-Identifier: BSD-3-Clause
#include "app/yaml/field_reader.hpp"

#include <algorithm>

namespace sacip::yaml {

namespace {

constexpr size_t max_guessed_length = 32;
constexpr size_t max_guess_distance = 2;

/// Case and hyphens are what people mistake most; they cost nothing in a guess.
std::string simplified(std::string_view key) {
    std::string out;
    for (const char c : key) {
        out += c == '-' || c == ' '   ? '_'
               : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a')
                                      : c;
    }
    return out;
}

/// Edits (insert, delete, replace, swap neighbours) between the two: optimal string alignment.
size_t edit_distance(std::string_view a, std::string_view b) {
    std::vector<std::vector<size_t>> cost(a.size() + 1, std::vector<size_t>(b.size() + 1));
    for (size_t i = 0; i <= a.size(); ++i) {
        for (size_t j = 0; j <= b.size(); ++j) {
            if (i == 0 || j == 0) {
                cost[i][j] = i + j;
                continue;
            }
            const size_t replace = cost[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
            cost[i][j] = std::min({replace, cost[i - 1][j] + 1, cost[i][j - 1] + 1});
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                cost[i][j] = std::min(cost[i][j], cost[i - 2][j - 2] + 1);
            }
        }
    }
    return cost[a.size()][b.size()];
}

std::string_view nearest(std::string_view key, std::initializer_list<std::string_view> keys) {
    if (key.size() > max_guessed_length) {
        return {};
    }
    std::string_view best;
    size_t best_distance = max_guess_distance + 1;
    for (const auto candidate : keys) {
        const size_t distance = edit_distance(simplified(key), candidate);
        if (distance < best_distance && distance < candidate.size() - 1) {
            best_distance = distance;
            best = candidate;
        }
    }
    return best;
}

std::string joined(std::initializer_list<std::string_view> keys) {
    std::string out;
    for (const auto key : keys) {
        out += (out.empty() ? "" : ", ") + std::string{key};
    }
    return out;
}

} // namespace

FieldReader::FieldReader(const Node& node, std::string_view where,
                         std::initializer_list<std::string_view> keys, Errors& errors)
    : node_{node}, where_{where}, errors_{errors} {
    if (node.kind == Node::Kind::refused) {
        return;
    }
    if (node.kind != Node::Kind::map) {
        const std::string what = node.kind == Node::Kind::null   ? " has no value"
                                 : node.kind == Node::Kind::list ? " is a list, not a mapping"
                                                                 : " is one value, not a mapping";
        report(errors, node.mark, std::string{where} + what,
               "write \"key: value\"; keys are " + joined(keys) +
                   (node.kind == Node::Kind::null ? ", or delete the line" : ""));
        return;
    }
    for (const auto& entry : node.entries) {
        if (std::find(keys.begin(), keys.end(), entry.key) != keys.end()) {
            continue;
        }
        const std::string_view guess = nearest(entry.key, keys);
        report(errors, entry.mark, "unknown key " + quoted(entry.key) + " in " + std::string{where},
               entry.key.find(':') != std::string::npos ? "write a space after the colon"
               : guess.empty() ? "use one of " + joined(keys) + ", or delete it"
                               : "did you mean \"" + std::string{guess} + "\"?");
    }
}

const Node* FieldReader::find(std::string_view key) const {
    for (const auto& entry : node_.entries) {
        if (entry.key == key) {
            return &entry.value;
        }
    }
    return nullptr;
}

const Node* FieldReader::require(std::string_view key, std::string_view remedy) {
    const Node* const found = find(key);
    if (found == nullptr && is_map()) {
        report(errors_, node_.mark,
               "\"" + std::string{key} + "\" is missing in " + std::string{where_},
               std::string{remedy});
    }
    return found;
}

Mark FieldReader::key_mark(std::string_view key) const {
    for (const auto& entry : node_.entries) {
        if (entry.key == key) {
            return entry.mark;
        }
    }
    return {};
}

const std::vector<Node>& read_list(const Node& node, std::string_view key, std::string_view example,
                                   Errors& errors) {
    if (node.kind == Node::Kind::list) {
        return node.items;
    }
    if (node.kind != Node::Kind::refused) {
        const std::string value = node.kind == Node::Kind::text && node.text.size() <= 40
                                      ? node.text
                                      : std::string{example};
        report(errors, node.mark, std::string{key} + " is not a list",
               example.starts_with("{")
                   ? "begin each entry with \"- \", for example - " + std::string{example}
                   : "write [" + value + "]");
    }
    static const std::vector<Node> nothing;
    return nothing;
}

} // namespace sacip::yaml
