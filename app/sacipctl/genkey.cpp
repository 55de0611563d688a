// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/genkey.hpp"

#include "app/sacipctl/run.hpp"

#include <array>
#include <cstring>

namespace sacip::ctl {

namespace {

constexpr std::size_t key_text_length = 44;

int finish(std::ostream& out, std::ostream& err) {
    if (!out.flush()) {
        err << "sacipctl: cannot write the output\n";
        return refused;
    }
    return done;
}

int genkey(const KeyTool& tool, std::ostream& out, std::ostream& err) {
    if (tool.output_is_open_file) {
        err << "sacipctl: warning: writing a private key to a file that others may read: set umask "
               "077 and make another key, sacip-gw refuses this file\n";
    }
    if (!tool.write_new_private_key || !tool.write_new_private_key(out)) {
        err << "sacipctl: cannot make a key: the system gave no random numbers\n";
        return refused;
    }
    out << "\n";
    return finish(out, err);
}

int pubkey(const KeyTool& tool, std::ostream& out, std::ostream& err) {
    // A key, its newline, and one byte to see that there is too much.
    std::array<char, key_text_length + 2> content{};
    std::size_t length = 0;
    if (tool.in != nullptr) {
        tool.in->read(content.data(), static_cast<std::streamsize>(content.size()));
        length = static_cast<std::size_t>(tool.in->gcount());
    }
    std::string_view text{content.data(), length};
    if (text.ends_with('\n')) {
        text.remove_suffix(1);
    }
    const auto key = tool.public_key_of ? tool.public_key_of(text) : std::nullopt;
    explicit_bzero(content.data(), content.size());
    if (!key) {
        err << "sacipctl: standard input is no private key: give it the line that sacipctl genkey "
               "printed\n";
        return refused;
    }
    out << *key << "\n";
    return finish(out, err);
}

} // namespace

bool is_key_command(const std::string& command) {
    return command == "genkey" || command == "pubkey";
}

int run_key_command(const std::string& command, const KeyTool& tool, std::ostream& out,
                    std::ostream& err) {
    return command == "genkey" ? genkey(tool, out, err) : pubkey(tool, out, err);
}

} // namespace sacip::ctl
