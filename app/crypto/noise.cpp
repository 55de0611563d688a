// SPDX-License-Identifier: BSD-3-Clause
//
// The core's seam for handshakes (sacip_core/wire/noise.hpp). Each function is the tokens of one
// message, in Noise's order and by its names; in a pattern with psk, `e` is mixed into the key too.
#include "sacip_core/wire/noise.hpp"

#include "app/crypto/symmetric_state.hpp"
#include "app/crypto/x25519.hpp"

#include <algorithm>
#include <array>

namespace sacip::noise {
namespace {

constexpr std::string_view protocol_name = "Noise_IKpsk2_25519_ChaChaPoly_SHA256";
constexpr size_t key_bytes = sizeof(PublicKey);
constexpr size_t sealed_key_bytes = key_bytes + aead_tag_bytes;

/// What is known before message 1.
bool begin(SymmetricState& state, std::span<const std::byte> prologue, const PublicKey& responder) {
    return initialize(state, protocol_name) && mix_hash(state, prologue) &&
           mix_hash(state, responder.bytes);
}

/// Token `e`.
bool mix_ephemeral(SymmetricState& state, const PublicKey& ephemeral) {
    return mix_hash(state, ephemeral.bytes) && mix_key(state, ephemeral.bytes);
}

/// Tokens `es`, `ss`, `ee` and `se`.
std::optional<Error> mix_shared(SymmetricState& state, const KeyPair& own, const PublicKey& other) {
    const auto shared = crypto::shared_secret(own, other);
    if (!shared) {
        return Error::low_order;
    }
    return mix_key(state, shared->bytes()) ? std::nullopt : std::optional{Error::library};
}

/// Token `psk`.
bool mix_psk(SymmetricState& state, const PresharedKey& psk) {
    constexpr std::array<std::byte, secret_bytes> none{};
    return mix_key_and_hash(state, psk.is_set() ? psk.bytes() : std::span{none});
}

PublicKey key_at(std::span<const std::byte> message) {
    PublicKey key;
    std::copy_n(message.begin(), key_bytes, key.bytes.begin());
    return key;
}

} // namespace

std::variant<Initiator, Error> Initiator::write(const KeyPair& own, const PublicKey& responder,
                                                std::span<const std::byte> prologue,
                                                std::span<const std::byte> payload,
                                                std::span<std::byte> message,
                                                PrivateKey ephemeral) {
    if (message.size() < message_1_overhead + payload.size()) {
        return Error::length;
    }
    Initiator self;
    self.own_ = own.copy();
    auto e = crypto::key_pair(std::move(ephemeral));
    if (!e || !begin(self.state_, prologue, responder) ||
        !mix_ephemeral(self.state_, e->public_key)) {
        return Error::library;
    }
    self.ephemeral_ = std::move(*e);
    const PublicKey& sent = self.ephemeral_.public_key;
    std::copy(sent.bytes.begin(), sent.bytes.end(), message.begin());
    message = message.subspan(key_bytes);
    if (const auto es = mix_shared(self.state_, self.ephemeral_, responder)) {
        return *es;
    }
    if (!encrypt_and_hash(self.state_, own.public_key.bytes, message)) {
        return Error::library;
    }
    message = message.subspan(sealed_key_bytes);
    if (const auto ss = mix_shared(self.state_, own, responder)) {
        return *ss;
    }
    if (!encrypt_and_hash(self.state_, payload, message)) {
        return Error::library;
    }
    return self;
}

std::variant<Responder, Error> Responder::read(const KeyPair& own,
                                               std::span<const std::byte> prologue,
                                               std::span<const std::byte> message,
                                               std::span<std::byte> payload) {
    if (message.size() < message_1_overhead ||
        payload.size() < message.size() - message_1_overhead) {
        return Error::length;
    }
    Responder self;
    self.initiator_ephemeral_ = key_at(message);
    message = message.subspan(key_bytes);
    if (!begin(self.state_, prologue, own.public_key) ||
        !mix_ephemeral(self.state_, self.initiator_ephemeral_)) {
        return Error::library;
    }
    if (const auto es = mix_shared(self.state_, own, self.initiator_ephemeral_)) {
        return *es;
    }
    if (!decrypt_and_hash(self.state_, message.first(sealed_key_bytes), self.initiator_.bytes)) {
        return Error::not_for_us;
    }
    message = message.subspan(sealed_key_bytes);
    if (const auto ss = mix_shared(self.state_, own, self.initiator_)) {
        return *ss;
    }
    if (!decrypt_and_hash(self.state_, message, payload)) {
        return Error::bad_tag;
    }
    return self;
}

std::variant<Transport, Error> Responder::write(const PresharedKey& psk,
                                                std::span<const std::byte> payload,
                                                std::span<std::byte> message,
                                                PrivateKey ephemeral) {
    if (!state_.chaining_key.is_set()) {
        return Error::over;
    }
    if (message.size() < message_2_overhead + payload.size()) {
        return Error::length;
    }
    SymmetricState state = state_.copy();
    const auto e = crypto::key_pair(std::move(ephemeral));
    if (!e || !mix_ephemeral(state, e->public_key)) {
        return Error::library;
    }
    const PublicKey& sent = e->public_key;
    std::copy(sent.bytes.begin(), sent.bytes.end(), message.begin());
    for (const PublicKey& other : {initiator_ephemeral_, initiator_}) { // ee, se
        if (const auto error = mix_shared(state, *e, other)) {
            return *error;
        }
    }
    TransportKey receive;
    TransportKey send;
    if (!mix_psk(state, psk) || !encrypt_and_hash(state, payload, message.subspan(key_bytes)) ||
        !split(state, receive, send)) {
        return Error::library;
    }
    state_ = {};
    return Transport{Sealer{std::move(send)}, Opener{std::move(receive)}};
}

std::variant<Transport, Error> Initiator::read(std::span<const std::byte> message,
                                               const PresharedKey& psk,
                                               std::span<std::byte> payload) {
    if (!ephemeral_.private_key.is_set()) {
        return Error::over;
    }
    if (message.size() < message_2_overhead ||
        payload.size() < message.size() - message_2_overhead) {
        return Error::length;
    }
    SymmetricState state = state_.copy();
    const PublicKey e = key_at(message);
    if (!mix_ephemeral(state, e)) {
        return Error::library;
    }
    for (const KeyPair* own : {&ephemeral_, &own_}) { // ee, se
        if (const auto error = mix_shared(state, *own, e)) {
            return *error;
        }
    }
    if (!mix_psk(state, psk)) {
        return Error::library;
    }
    if (!decrypt_and_hash(state, message.subspan(key_bytes), payload)) {
        return Error::bad_tag;
    }
    TransportKey send;
    TransportKey receive;
    if (!split(state, send, receive)) {
        return Error::library;
    }
    state_ = {};
    own_ = {};
    ephemeral_ = {};
    return Transport{Sealer{std::move(send)}, Opener{std::move(receive)}};
}

} // namespace sacip::noise
