// SPDX-License-Identifier: BSD-3-Clause
//
// Symmetric state: the hash and the keys that both ends of a handshake bring forward alike.
//
// Operations and names of Noise, rev. 34 §5.2. In our pattern each key seals one text, so the nonce
// is always 0. Each is false if the cryptography failed; of what it was to write then nothing
// holds.
#pragma once

#include "sacip_core/wire/noise.hpp"

#include <span>
#include <string_view>

namespace sacip::noise {

[[nodiscard]] bool initialize(SymmetricState& state, std::string_view protocol_name);
[[nodiscard]] bool mix_hash(SymmetricState& state, std::span<const std::byte> data);
[[nodiscard]] bool mix_key(SymmetricState& state, std::span<const std::byte> input);
[[nodiscard]] bool mix_key_and_hash(SymmetricState& state, std::span<const std::byte> input);
/// `out` begins with the text sealed, 16 bytes longer.
[[nodiscard]] bool encrypt_and_hash(SymmetricState& state, std::span<const std::byte> plain,
                                    std::span<std::byte> out);
/// False also if the tag does not fit.
[[nodiscard]] bool decrypt_and_hash(SymmetricState& state, std::span<const std::byte> sealed,
                                    std::span<std::byte> out);
/// The key of the initiator's messages, and that of the responder's.
[[nodiscard]] bool split(const SymmetricState& state, TransportKey& first, TransportKey& second);

} // namespace sacip::noise
