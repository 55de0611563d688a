// SPDX-License-Identifier: BSD-3-Clause
//
// Genkey: the two commands that ask no gateway.
//
//   sacipctl genkey | tee private.key | sacipctl pubkey
//
// as with wg(8). How keys are made is not this folder's business: key_tool() is linked in from
// app/key_tool.cpp, which knows both sides.
#pragma once

#include <functional>
#include <istream>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

namespace sacip::ctl {

struct KeyTool {
    /// Writes a new private key's text to the stream; false if none could be made.
    std::function<bool(std::ostream&)> write_new_private_key;
    /// The public key's text for a private key's text; nothing if that is no key.
    std::function<std::optional<std::string>(std::string_view)> public_key_of;
    std::istream* in{nullptr};       ///< where pubkey reads; not owned
    bool output_is_open_file{false}; ///< standard output is a file that others may read
};

/// On OpenSSL, standard input and standard output. Keeps this process out of core dumps from now
/// on.
KeyTool key_tool();

/// True for "genkey" and "pubkey".
bool is_key_command(const std::string& command);

/// Runs such a command to its exit code (run.hpp).
int run_key_command(const std::string& command, const KeyTool& tool, std::ostream& out,
                    std::ostream& err);

} // namespace sacip::ctl
