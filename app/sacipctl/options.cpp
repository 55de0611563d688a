// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/options.hpp"

#include "app/sacipctl/genkey.hpp"
#include "app/sacipctl/list_parts.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace sacip::ctl {

namespace {

struct Command {
    std::string_view name;
    std::size_t least; ///< arguments
    std::size_t most;
    std::string_view usage;
    std::string_view meaning;
};

constexpr std::array commands{
    Command{"status", 0, 0, "", "is it well? (the default)"},
    Command{"ports", 0, 0, "", "ports, their Linux side and counters"},
    Command{"peers", 0, 0, "", "who is told of moves, and whether they are there"},
    Command{"flows", 0, 0, "[--host A] [--limit N]", "connections being followed (100)"},
    Command{"paths", 0, 0, "[--limit N]", "address pairs in use and how they are rewritten"},
    Command{"bindings", 0, 0, "[--limit N]", "original and active address of every end"},
    Command{"moves", 0, 1, "[ID]", "address changes, newest last; one in full"},
    Command{"move", 2, 2, "[--force] OLD NEW", "change an active address or prefix now"},
    Command{"events", 0, 0, "[--follow] [--after N]", "what moves and peers did; as it happens"},
    Command{"why", 2, 3, "SRC:PORT DST:PORT [PROTO]", "what becomes of such a packet, and why"},
    Command{"drops", 0, 0, "[--all]", "packets dropped, by reason (--all: zeros, too)"},
    Command{"genkey", 0, 0, "", "print a new private key; asks no gateway"},
    Command{"pubkey", 0, 0, "", "private key on stdin -> its public key"},
};

std::optional<long> whole(const std::string& text, long least) {
    long number = 0;
    const char* const end = text.data() + text.size();
    const auto result = std::from_chars(text.data(), end, number);
    if (result.ec != std::errc{} || result.ptr != end || number < least) {
        return std::nullopt;
    }
    return number;
}

/// Reads the words one after the other; the first complaint stays in `error`.
class Reader {
public:
    explicit Reader(const std::vector<std::string>& words) : words_{words} {}

    ParsedOptions read() {
        for (; error_.empty() && at_ < words_.size(); ++at_) {
            const std::string& word = words_[at_];
            if (word.size() > 1 && word.front() == '-') {
                option(word);
            } else {
                plain_.push_back(word);
            }
        }
        if (error_.empty() && !options_.help && !options_.version) {
            command();
        }
        return {options_, error_};
    }

private:
    void option(const std::string& word) {
        const auto equals = word.starts_with("--") ? word.find('=') : std::string::npos;
        const std::string name = word.substr(0, equals);
        if (name == "-s" || name == "--socket") {
            options_.socket = value(word, equals);
        } else if (name == "--host") {
            options_.args["host"] = value(word, equals);
        } else if (name == "--limit") {
            number("limit", 1, value(word, equals));
        } else if (name == "--after") {
            number("after", 0, value(word, equals));
        } else if (equals != std::string::npos) {
            error_ = "option " + name + " is unknown or takes no value";
        } else if (name == "-j" || name == "--json") {
            options_.json = true;
        } else if (name == "-h" || name == "--help") {
            options_.help = true;
        } else if (name == "--version") {
            options_.version = true;
        } else if (name == "--force") {
            options_.args["force"] = true;
        } else if (name == "--all") {
            options_.all = true;
        } else if (name == "-f" || name == "--follow") {
            options_.follow = true;
        } else {
            error_ = "unknown option " + name;
        }
    }

    void number(const std::string& key, long least, const std::string& text) {
        if (const auto found = whole(text, least)) {
            options_.args[key] = static_cast<unsigned long>(*found);
        } else if (error_.empty()) {
            error_ = "--" + key + " takes a whole number from " + std::to_string(least) +
                     ", not \"" + text + "\"";
        }
    }

    std::string value(const std::string& word, std::size_t equals) {
        const bool inside = equals != std::string::npos;
        if (!inside && at_ + 1 == words_.size()) {
            error_ = "option " + word + " needs a value";
            return {};
        }
        std::string text = inside ? word.substr(equals + 1) : words_[++at_];
        if (text.empty()) {
            error_ = "option " + word.substr(0, equals) + " needs a value";
        }
        return text;
    }

    void command() {
        if (!plain_.empty()) {
            options_.command = plain_.front();
            plain_.erase(plain_.begin());
        }
        const auto* const found =
            std::find_if(commands.begin(), commands.end(),
                         [this](const Command& c) { return c.name == options_.command; });
        if (found == commands.end()) {
            error_ = "unknown command \"" + options_.command + "\"";
        } else if (plain_.size() < found->least || plain_.size() > found->most) {
            error_ = "usage: sacipctl " + options_.command +
                     (found->usage.empty() ? "" : " " + std::string{found->usage});
        } else if (is_key_command(options_.command) &&
                   (options_.json || !options_.socket.empty())) {
            error_ = options_.command + " asks no gateway: -s and -j do not belong to it";
        } else if (options_.command != "flows" && options_.args.contains("host")) {
            error_ = "--host belongs to flows";
        } else if (!comes_in_parts(options_.command) && options_.args.contains("limit")) {
            error_ = "--limit belongs to flows, paths and bindings";
        } else if (options_.command != "events" &&
                   (options_.args.contains("after") || options_.follow)) {
            error_ = "--follow and --after belong to events";
        } else if (options_.command != "drops" && options_.all) {
            error_ = "--all belongs to drops";
        } else if (options_.command != "move" && options_.args.contains("force")) {
            error_ = "--force belongs to move";
        } else if (options_.command == "move") {
            options_.args["old"] = plain_[0];
            options_.args["new"] = plain_[1];
        } else if (options_.command == "moves" && !plain_.empty()) {
            options_.id = whole(plain_[0], 1);
            if (options_.id) {
                options_.args["id"] = *options_.id;
            } else {
                error_ = "a move's id is a whole number, not \"" + plain_[0] + "\"";
            }
        } else if (options_.command == "why") {
            options_.args = {{"source", plain_[0]},
                             {"destination", plain_[1]},
                             {"proto", plain_.size() > 2 ? plain_[2] : "tcp"}};
        }
    }

    const std::vector<std::string>& words_;
    std::size_t at_{0};
    std::vector<std::string> plain_;
    Options options_;
    std::string error_;
};

} // namespace

ParsedOptions parse_options(const std::vector<std::string>& words) { return Reader{words}.read(); }

std::string help_text() {
    std::string text = "usage: sacipctl [-s SOCKET] [-j] [COMMAND]\n\n";
    for (const Command& command : commands) {
        std::string left = "  " + std::string{command.name} + " " + std::string{command.usage};
        left.resize(std::max<std::size_t>(left.size() + 1, 34), ' ');
        text += left + std::string{command.meaning} + "\n";
    }
    text += R"(
  -s, --socket SOCKET             the gateway's control socket; without it $SACIP_SOCKET,
                                  else the only gateway in /run/sacip
  -j, --json                      print the gateway's reply as JSON
  -h, --help                      print this
      --version                   print the version

exit: 0 done, 1 refused, 2 usage, 3 no gateway
)";
    return text;
}

} // namespace sacip::ctl
