// SPDX-License-Identifier: BSD-3-Clause
//
// Noise: the handshake Noise_IKpsk2_25519_ChaChaPoly_SHA256 (Noise Protocol Framework, rev. 34).
//
//   <- s                          the initiator knows the responder's static key
//   ...
//   -> e, es, s, ss               message 1: 96 bytes and a payload
//   <- e, ee, se, psk             message 2: 48 bytes and a payload
//
// An Initiator exists once message 1 is written, and ends with message 2. A Responder exists once
// message 1 has been read: it says whose static key that was, so that the caller can look up the
// preshared key, and ends with writing message 2. Who holds two private keys tries to read with
// each. Message 1 may be a replay, and made by who stole the responder's key: nothing in it counts
// before a transport message has come.
//
// What is refused changes nothing but the room for what was to be written: an Initiator goes on
// waiting for the right message 2. The end is once only; afterwards everything is Error::over.
// Message and payload lie apart. Declared here, linked in from app/crypto.
#pragma once

#include "sacip_core/wire/secure_message.hpp"
#include "sacip_core/wire/transport.hpp"

#include <variant>

namespace sacip {

using PrivateKey = Secret<struct PrivateKeyPurpose>;

struct KeyPair {
    PrivateKey private_key;
    PublicKey public_key{};
    KeyPair copy() const { return {private_key.copy(), public_key}; }
};

namespace noise {

inline constexpr size_t message_1_overhead =
    sizeof(PublicKey) + sizeof(PublicKey) + aead_tag_bytes + aead_tag_bytes;
inline constexpr size_t message_2_overhead = sizeof(PublicKey) + aead_tag_bytes;

enum class Error : uint8_t {
    length,     ///< the message is too short, or there is no room
    low_order,  ///< a public key that makes a shared secret of zeros (or X25519 failed)
    not_for_us, ///< message 1: sealed for another static key, or changed, or another prologue
    bad_tag,    ///< changed, or (message 2) another preshared key or responder
    over,       ///< this handshake has ended
    library,    ///< the cryptography failed
};

/// One that is not set stands for 32 zero bytes, as with WireGuard.
using PresharedKey = Secret<struct PresharedKeyPurpose>;

/// What both ends have in common so far (rev. 34 §5.2). For app/crypto.
struct SymmetricState {
    std::array<std::byte, 32> hash{};
    Secret<struct ChainingKeyPurpose> chaining_key;
    Secret<struct CipherKeyPurpose> cipher_key;
    SymmetricState copy() const { return {hash, chaining_key.copy(), cipher_key.copy()}; }
};

class Initiator {
public:
    /// Writes message 1, message_1_overhead more than `payload`, into the start of `message`. An
    /// ephemeral key that is not set is made at random. Three X25519.
    static std::variant<Initiator, Error> write(const KeyPair& own, const PublicKey& responder,
                                                std::span<const std::byte> prologue,
                                                std::span<const std::byte> payload,
                                                std::span<std::byte> message,
                                                PrivateKey ephemeral = {});

    /// Reads message 2, exactly; its payload goes into the start of `payload`. Two X25519.
    std::variant<Transport, Error> read(std::span<const std::byte> message, const PresharedKey& psk,
                                        std::span<std::byte> payload);

private:
    Initiator() = default;

    SymmetricState state_;
    KeyPair own_;
    KeyPair ephemeral_; ///< not set: over
};

class Responder {
public:
    /// Reads message 1, exactly; its payload goes into the start of `payload`. Two X25519.
    static std::variant<Responder, Error> read(const KeyPair& own,
                                               std::span<const std::byte> prologue,
                                               std::span<const std::byte> message,
                                               std::span<std::byte> payload);

    /// Whose message 1 it was; who has that private key, or ours, has written it.
    const PublicKey& initiator() const { return initiator_; }
    /// The initiator's for this handshake: equal ones are one message 1.
    const PublicKey& initiator_ephemeral() const { return initiator_ephemeral_; }

    /// Writes message 2, message_2_overhead more than `payload`, into the start of `message`.
    /// Three X25519.
    std::variant<Transport, Error> write(const PresharedKey& psk,
                                         std::span<const std::byte> payload,
                                         std::span<std::byte> message, PrivateKey ephemeral = {});

private:
    Responder() = default;

    SymmetricState state_; ///< chaining key not set: over
    PublicKey initiator_{};
    PublicKey initiator_ephemeral_{};
};

} // namespace noise
} // namespace sacip
