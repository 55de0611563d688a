// SPDX-License-Identifier: BSD-3-Clause
//
// Key file: a gateway's private key on disk, one line as `sacipctl genkey` prints it.
//
// A key that others can read is no secret any more, and the gateway says so at the start rather
// than to pretend. Whoever runs the gateway, or root, owns the file; group and others have no right
// to it at all.
#pragma once

#include "app/crypto/keys.hpp"

#include <string>
#include <variant>

namespace sacip::crypto {

/// The key, or "FILE: what is wrong: remedy" for an operator; no text ever has a part of the
/// content. The file holds exactly the key's text, and a newline or none.
std::variant<PrivateKey, std::string> read_private_key_file(const std::string& path);

} // namespace sacip::crypto
