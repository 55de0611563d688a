// SPDX-License-Identifier: BSD-3-Clause
#include "app/crypto/symmetric_state.hpp"

#include "app/crypto/sha256.hpp"

#include <algorithm>

namespace sacip::noise {
namespace {

using HkdfKey = Secret<struct HkdfKeyPurpose>;

constexpr std::byte one{1};
constexpr std::byte two{2};
constexpr std::byte three{3};

/// HKDF of §4.3: first output. The others follow from the key that it makes, and the one before.
template <typename Out>
bool first_output(std::span<const std::byte, secret_bytes> chaining_key,
                  std::span<const std::byte> input, HkdfKey& key, Out& out) {
    return crypto::hmac_sha256(chaining_key, input, {}, key.overwrite()) &&
           crypto::hmac_sha256(key.bytes(), {&one, 1}, {}, out.overwrite());
}

template <typename Before, typename Out>
bool next_output(const HkdfKey& key, const Before& before, const std::byte& number, Out& out) {
    return crypto::hmac_sha256(key.bytes(), before.bytes(), {&number, 1}, out.overwrite());
}

} // namespace

bool initialize(SymmetricState& state, std::string_view protocol_name) {
    const bool done = crypto::sha256(
        std::as_bytes(std::span{protocol_name.data(), protocol_name.size()}), {}, state.hash);
    std::copy(state.hash.begin(), state.hash.end(), state.chaining_key.overwrite().begin());
    return done;
}

bool mix_hash(SymmetricState& state, std::span<const std::byte> data) {
    return crypto::sha256(state.hash, data, state.hash);
}

bool mix_key(SymmetricState& state, std::span<const std::byte> input) {
    HkdfKey key;
    return first_output(state.chaining_key.bytes(), input, key, state.chaining_key) &&
           next_output(key, state.chaining_key, two, state.cipher_key);
}

bool mix_key_and_hash(SymmetricState& state, std::span<const std::byte> input) {
    HkdfKey key;
    Secret<struct HashInputPurpose> hash_input;
    return first_output(state.chaining_key.bytes(), input, key, state.chaining_key) &&
           next_output(key, state.chaining_key, two, hash_input) &&
           mix_hash(state, hash_input.bytes()) &&
           next_output(key, hash_input, three, state.cipher_key);
}

bool encrypt_and_hash(SymmetricState& state, std::span<const std::byte> plain,
                      std::span<std::byte> out) {
    return aead_seal(state.cipher_key.bytes(), 0, state.hash, plain, out) &&
           mix_hash(state, out.first(plain.size() + aead_tag_bytes));
}

bool decrypt_and_hash(SymmetricState& state, std::span<const std::byte> sealed,
                      std::span<std::byte> out) {
    return aead_open(state.cipher_key.bytes(), 0, state.hash, sealed, out) &&
           mix_hash(state, sealed);
}

bool split(const SymmetricState& state, TransportKey& first, TransportKey& second) {
    HkdfKey key;
    return first_output(state.chaining_key.bytes(), {}, key, first) &&
           next_output(key, first, two, second);
}

} // namespace sacip::noise
