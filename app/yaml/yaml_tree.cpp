// SPDX-License-Identifier: BSD-3-Clause
//
// The events come in the order of the file; a stack of open lists and mappings takes them.
#include "app/yaml/yaml_tree.hpp"

#include "app/yaml/text_check.hpp"

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

namespace sacip::yaml {

namespace {

constexpr size_t max_depth = 16; // our deepest legal value is at 6

/// Thrown by the event handler to leave yaml-cpp once the reason has been reported.
struct Abandon {};

Mark to_mark(const YAML::Mark& mark) {
    return mark.is_null() ? Mark{1, 1} : Mark{mark.line + 1, mark.column + 1};
}

Node make_node(Node::Kind kind, Mark at) {
    Node node;
    node.kind = kind;
    node.mark = at;
    return node;
}

class TreeBuilder : public YAML::EventHandler {
public:
    TreeBuilder(std::string_view source, Errors& errors) : source_{source}, errors_{errors} {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (std::exchange(have_document_, true)) {
            report(errors_, to_mark(mark), "a second YAML document begins here",
                   "keep one document: delete the line \"---\" or what follows it");
            throw Abandon{};
        }
    }
    void OnDocumentEnd() override {}
    void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
        report(errors_, to_mark(mark), "anchor " + quoted("&" + name) + " is not allowed",
               "delete it, and write the value out wherever it is needed");
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        refuse(mark, "alias (*name) is not allowed", "write the value out");
    }
    void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
        add(make_node(Node::Kind::null, to_mark(mark)));
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                  const std::string& value) override {
        if (tag != "?" && tag != "!" && !tag.empty()) {
            refuse(mark, "tag on " + quoted(value) + " is not allowed", "delete the tag (!...)");
            return;
        }
        const bool is_quoted = tag == "!";
        if (!is_on_one_line(mark, value, is_quoted)) {
            is_sound_ = false;
            refuse(mark, quoted(value) + " runs over the end of its line", one_line_remedy(mark));
            return;
        }
        Node node = make_node(Node::Kind::text, to_mark(mark));
        node.is_quoted = is_quoted;
        node.text = value;
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                         YAML::EmitterStyle::value style) override {
        open(Node::Kind::list, mark, tag, style);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t,
                    YAML::EmitterStyle::value style) override {
        open(Node::Kind::map, mark, tag, style);
    }
    void OnMapEnd() override { close(); }

    /// What the events made; nothing if the file holds only comments.
    std::optional<Node> take_root() { return std::move(root_); }

    /// The innermost list or mapping still open with a "[" or "{"; nullptr if there is none.
    const Node* open_bracket() const {
        for (auto frame = frames_.rbegin(); frame != frames_.rend(); ++frame) {
            if (frame->is_flow) {
                return &frame->node;
            }
        }
        return nullptr;
    }

    /// False if a value swallowed lines, so that keys seem missing which are there.
    bool is_sound() const { return is_sound_; }

private:
    struct Frame {
        Node node;
        bool is_flow{false};
        std::optional<Entry> pending;         ///< a key whose value has not come yet
        std::map<std::string, int> key_lines; ///< of a map: where each key was first
    };

    /// Values are one word here; one that isn't is a forgotten quote or a wrong indentation, and
    /// yaml-cpp would join the lines, to the end of the file if need be.
    bool is_on_one_line(const YAML::Mark& mark, const std::string& value, bool is_quoted) const {
        const auto start = static_cast<size_t>(mark.pos < 0 ? 0 : mark.pos);
        if (start >= source_.size()) {
            return value.empty();
        }
        const std::string_view rest = source_.substr(start);
        if (!is_quoted) {
            return rest.starts_with(value);
        }
        const std::string_view line = rest.substr(0, rest.find('\n'));
        if (line.front() != '"' && line.front() != '\'') {
            return false; // a block scalar, "|" or ">"
        }
        for (size_t i = 1; i < line.size(); ++i) {
            if (line[i] == '\\' && line.front() == '"') {
                ++i;
            } else if (line[i] == line.front()) {
                return true;
            }
        }
        return false;
    }

    std::string one_line_remedy(const YAML::Mark& mark) const {
        const auto start = static_cast<size_t>(mark.pos < 0 ? 0 : mark.pos);
        const char first = start < source_.size() ? source_[start] : ' ';
        return first == '"' || first == '\'' ? "close the quote on the same line"
               : first == '|' || first == '>'
                   ? "write the value on the line of its key, without | or >"
                   : "check the indentation of the next line, and a missing \":\" here";
    }

    void refuse(const YAML::Mark& mark, std::string what, std::string remedy) {
        report(errors_, to_mark(mark), std::move(what), std::move(remedy));
        add(make_node(Node::Kind::refused, to_mark(mark)));
    }

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag,
              YAML::EmitterStyle::value style) {
        if (tag != "?" && tag != "!" && !tag.empty()) {
            report(errors_, to_mark(mark), "tag is not allowed", "delete the tag (!...)");
        }
        if (frames_.size() >= max_depth) {
            report(errors_, to_mark(mark), "nested too deeply",
                   "compare with conf/sacip.example.yaml");
            throw Abandon{};
        }
        Frame frame;
        frame.node = make_node(kind, to_mark(mark));
        frame.is_flow = style == YAML::EmitterStyle::Flow;
        frames_.push_back(std::move(frame));
    }

    void close() {
        Node node = std::move(frames_.back().node);
        frames_.pop_back();
        add(std::move(node));
    }

    void add(Node node) {
        if (frames_.empty()) {
            root_ = std::move(node);
            return;
        }
        Frame& frame = frames_.back();
        if (frame.node.kind == Node::Kind::list) {
            frame.node.items.push_back(std::move(node));
        } else if (!frame.pending) {
            add_key(frame, std::move(node));
        } else {
            add_value(frame, std::move(node));
        }
    }

    void add_key(Frame& frame, Node key) {
        if (key.kind != Node::Kind::text) {
            if (key.kind != Node::Kind::refused) {
                report(errors_, key.mark, "this is not the name of a key",
                       "write \"key: value\", with a plain word before the colon");
            }
            frame.pending = Entry{.mark = {}, .key = {}, .value = {}}; // its value is dropped
            return;
        }
        frame.pending = Entry{.mark = key.mark, .key = std::move(key.text), .value = {}};
    }

    void add_value(Frame& frame, Node value) {
        Entry entry = std::move(*frame.pending);
        frame.pending.reset();
        if (!entry.mark) {
            return;
        }
        if (value.kind == Node::Kind::null) {
            value.mark = entry.mark; // yaml-cpp's mark is already at the next token
        }
        const auto [first, is_new] = frame.key_lines.emplace(entry.key, entry.mark.line);
        if (!is_new) {
            report(errors_, entry.mark,
                   "the key " + quoted(entry.key) + " is here twice, first in line " +
                       std::to_string(first->second),
                   "delete one of the two");
            return;
        }
        entry.value = std::move(value);
        frame.node.entries.push_back(std::move(entry));
    }

    std::string_view source_;
    Errors& errors_;
    bool have_document_{false};
    bool is_sound_{true};
    std::vector<Frame> frames_;
    std::optional<Node> root_;
};

/// yaml-cpp's words, put so that they say what to do.
void report_syntax(Errors& errors, const YAML::Exception& problem, const TreeBuilder& builder) {
    const Node* const open = builder.open_bracket();
    const Mark at = to_mark(problem.mark);
    const std::string& message = problem.msg;
    if (message == YAML::ErrorMsg::END_OF_MAP_FLOW || message == YAML::ErrorMsg::END_OF_SEQ_FLOW) {
        const bool is_map = message == YAML::ErrorMsg::END_OF_MAP_FLOW;
        report(errors, open != nullptr ? open->mark : at,
               is_map ? "this \"{\" is never closed" : "this \"[\" is never closed",
               is_map ? "add the missing \"}\", or a comma between entries"
                      : "add the missing \"]\", or a comma between entries");
    } else if (!builder.is_sound()) {
        return; // a consequence of what has been reported
    } else if (message == YAML::ErrorMsg::MAP_VALUE) {
        report(errors, at, "a colon is not expected here",
               "check the indentation of this line, the space after the colon of the key before "
               "it, and put text that holds a colon and a space in quotes");
    } else if (message == YAML::ErrorMsg::END_OF_MAP || message == YAML::ErrorMsg::END_OF_SEQ ||
               message == YAML::ErrorMsg::BLOCK_ENTRY || message == YAML::ErrorMsg::MAP_KEY) {
        report(errors, at, "this line does not fit to the one before it",
               "indent entries of one list or mapping equally, with spaces");
    } else if (message == YAML::ErrorMsg::FLOW_END) {
        report(errors, at, "this closing bracket does not match",
               "check the brackets before it: each \"[\" needs a \"]\", each \"{\" a \"}\"");
    } else if (message.find("YAML directive") != std::string::npos ||
               message.find("YAML version") != std::string::npos ||
               message.find("YAML major") != std::string::npos) {
        report(errors, at, "YAML directive is not allowed", "delete the line that begins with %");
    } else if (message == YAML::ErrorMsg::UNKNOWN_ANCHOR) {
        report(errors, at, "alias (*name) is not allowed", "write the value out");
    } else {
        report(errors, at, "not YAML here (" + message + ")",
               "check quotes, brackets and indentation");
    }
}

} // namespace

Node parse_tree(std::string_view text, Errors& errors) {
    Node refused = make_node(Node::Kind::refused, {1, 1});
    if (text.size() > max_config_bytes) {
        report(errors, {1, 1}, "the file is larger than 1 MiB",
               "give --config the gateway's configuration file");
        return refused;
    }
    if (text.starts_with("\xEF\xBB\xBF")) {
        text.remove_prefix(3); // a byte order mark some editors leave
    }
    if (!check_bytes(text, errors)) {
        return refused;
    }
    TreeBuilder builder{text, errors};
    try {
        std::istringstream stream{std::string{text}};
        YAML::Parser parser{stream};
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const Abandon&) {
        return refused;
    } catch (const YAML::Exception& problem) {
        report_syntax(errors, problem, builder);
        return refused;
    } catch (const std::exception& problem) {
        report(errors, {1, 1},
               std::string{"the file can not be read as YAML ("} + problem.what() + ")",
               "compare with conf/sacip.example.yaml");
        return refused;
    }
    if (!builder.is_sound()) {
        return refused;
    }
    std::optional<Node> root = builder.take_root();
    if (!root || root->kind == Node::Kind::null) {
        report(errors, {1, 1}, "the file is empty", "start from conf/sacip.example.yaml");
        return refused;
    }
    if (root->kind == Node::Kind::text || root->kind == Node::Kind::list) {
        report(errors, root->mark, "the file does not begin with a key",
               "begin with \"gateway:\", as in conf/sacip.example.yaml");
        return refused;
    }
    return std::move(*root);
}

} // namespace sacip::yaml
