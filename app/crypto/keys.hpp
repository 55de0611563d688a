// SPDX-License-Identifier: BSD-3-Clause
//
// Keys: from a gateway's private key and a peer's public key to the two keys of their messages.
//
//   shared    = X25519(own private, peer public)                          RFC 7748 §6.1
//   PRK       = HKDF-Extract(SHA-256, salt = "SACIP2", shared)            RFC 5869 §2.2
//   key S→R   = HKDF-Expand(PRK, "SACIP2 message key" | public S | public R, 32)     §2.3
//
// Both ends come to the same two keys, each with its own private key; the one for sending here is
// the one for receiving there. A shared secret of zeros, which a peer's public key of low order
// would make, is refused. Everything on the way lies in secret memory or is zeroed.
#pragma once

#include "app/crypto/x25519.hpp"

#include <optional>

namespace sacip::crypto {

using PseudoRandomKey = Secret<struct PseudoRandomKeyPurpose>;

/// First 8 bytes of SHA-256(public key), as the `sender` of a message.
std::optional<SenderId> sender_id_of(const PublicKey& key);

/// The two steps of HKDF-SHA-256 (RFC 5869); `out` at most 255 x 32 bytes. Nothing or false if
/// OpenSSL failed; then `out` must not be used.
std::optional<PseudoRandomKey> hkdf_extract(std::span<const std::byte> salt,
                                            std::span<const std::byte> input);
bool hkdf_expand(const PseudoRandomKey& prk, std::span<const std::byte> info,
                 std::span<std::byte> out);

/// As above, with the protocol's salt and info.
std::optional<PseudoRandomKey> pseudo_random_key(const SharedSecret& shared);
/// The key of messages from `sender` to `receiver`.
std::optional<MacKey> message_key(const PseudoRandomKey& prk, const PublicKey& sender,
                                  const PublicKey& receiver);

/// The two keys shared with one peer.
struct PairKeys {
    MacKey send;    ///< to seal() what goes to the peer
    MacKey receive; ///< for is_genuine() of what comes from it
};
/// All of the above. Nothing if the peer's key is of low order, or OpenSSL failed. Takes about
/// 0.1 ms: once per peer, at the start.
std::optional<PairKeys> pair_keys(const PrivateKey& own, const PublicKey& peer);

/// 16 fresh bytes from the kernel's random generator, never all zero. Nothing if there were none:
/// then no challenge can be sent.
std::optional<Challenge> random_challenge();

/// A fresh key from the kernel's random generator, for what only we check. Nothing if there was
/// none.
std::optional<MacKey> random_mac_key();

} // namespace sacip::crypto
