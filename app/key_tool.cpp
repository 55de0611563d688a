// SPDX-License-Identifier: BSD-3-Clause
//
// Joins sacipctl's key commands to the cryptography.
#include "app/crypto/key_text.hpp"
#include "app/sacipctl/genkey.hpp"

#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <iostream>

namespace sacip::ctl {
namespace {

/// As wg(8) looks, and for the group as well: sacip-gw refuses a key file that either can read.
bool output_is_open_file() {
    struct stat status {};
    return fstat(STDOUT_FILENO, &status) == 0 && S_ISREG(status.st_mode) &&
           (status.st_mode & (S_IRWXG | S_IRWXO)) != 0;
}

bool write_new_private_key(std::ostream& out) {
    const auto key = crypto::generate_private_key();
    if (!key) {
        return false;
    }
    crypto::SecretText text;
    crypto::to_text(*key, text);
    out << text.view();
    return true;
}

std::optional<std::string> public_key_of(std::string_view text) {
    const auto key = crypto::private_key_from_text(text);
    const auto public_key = key ? crypto::public_key_of(*key) : std::nullopt;
    return public_key ? std::optional{to_text(*public_key)} : std::nullopt;
}

} // namespace

KeyTool key_tool() {
    prctl(PR_SET_DUMPABLE, 0);
    return {.write_new_private_key = write_new_private_key,
            .public_key_of = public_key_of,
            .in = &std::cin,
            .output_is_open_file = output_is_open_file()};
}

} // namespace sacip::ctl
