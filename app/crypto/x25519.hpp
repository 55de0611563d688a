// SPDX-License-Identifier: BSD-3-Clause
//
// X25519: private keys, public keys, and what two ends share (RFC 7748).
//
// OpenSSL computes a private key's public one whenever it is not told, which takes as long as the
// shared secret itself: with a whole KeyPair that takes 38 us instead of 64.
#pragma once

#include "sacip_core/wire/noise.hpp"

#include <optional>

namespace sacip::crypto {

using sacip::KeyPair;
using sacip::PrivateKey;
using SharedSecret = Secret<struct SharedSecretPurpose>;

/// From the kernel's random generator, clamped as RFC 7748 §5 says. Nothing if there was none.
std::optional<PrivateKey> generate_private_key();

/// The public key of a private key that is set. Nothing if OpenSSL failed.
std::optional<PublicKey> public_key_of(const PrivateKey& key);

/// Both. A key that is not set is made at random. Nothing if OpenSSL failed.
std::optional<KeyPair> key_pair(PrivateKey key = {});

/// Nothing if the peer's key is of low order, or OpenSSL failed.
std::optional<SharedSecret> shared_secret(const KeyPair& own, const PublicKey& peer);
std::optional<SharedSecret> shared_secret(const PrivateKey& own, const PublicKey& peer);

} // namespace sacip::crypto
