// SPDX-License-Identifier: BSD-3-Clause
//
// Secure body: what stands between header and tag, kind by kind. For secure_message.cpp, which
// is what others include.
#pragma once

#include "sacip_core/wire/secure_message.hpp"

namespace sacip {

/// How long the body is on the wire; may be more than fits in a message.
size_t bytes_of_body(const SecureBody& body);

/// Writes exactly that many bytes.
void write_body(const SecureBody& body, std::byte* at);

/// decode_body() of secure_message.hpp, with the kind as it came.
std::variant<SecureBody, DropReason> read_body(uint8_t kind, std::span<const std::byte> bytes);

} // namespace sacip
