// SPDX-License-Identifier: BSD-3-Clause
//
// Transport: the two directions of a session after its handshake.
//
// Each direction has a key of its own and a counter that is the nonce. The counter travels in the
// message's header, which is sealed along as associated data. The sealer gives every counter out
// once, the opener takes each once, in any order within its window: neither can be told to use one
// twice. The tag is looked at first, so nothing that is not the peer's touches the window.
#pragma once

#include "sacip_core/wire/aead.hpp"
#include "sacip_core/wire/counter_window.hpp"

namespace sacip {

using TransportKey = Secret<struct TransportKeyPurpose>;

/// In one direction of a session; far below the 2^64 - 1 that Noise keeps for itself.
inline constexpr uint64_t max_transport_messages = uint64_t{1} << 60;

/// Default-made ones seal nothing.
class Sealer {
public:
    Sealer() = default;
    explicit Sealer(TransportKey key, MessageCounter first = {})
        : key_{std::move(key)}, next_{first} {}
    /// What the next message's header has to say.
    MessageCounter next() const { return next_; }
    /// Seals into the start of `out`, under next(), which goes on; see aead_seal(). False, and
    /// next() stays, without a key, without room, after the last message, or if the library failed.
    [[nodiscard]] bool seal(std::span<const std::byte> header, std::span<const std::byte> plain,
                            std::span<std::byte> out);

private:
    TransportKey key_;
    MessageCounter next_{};
};

enum class Opened : uint8_t {
    fresh,    ///< believe it
    replayed, ///< the peer's, but seen before or older than the window
    forged,   ///< not the peer's, or changed on the way
};

/// To default-made ones everything is forged.
class Opener {
public:
    Opener() = default;
    explicit Opener(TransportKey key) : key_{std::move(key)} {}
    /// Opens into the start of `out`; see aead_open(). `counter` is what `header` says.
    [[nodiscard]] Opened open(MessageCounter counter, std::span<const std::byte> header,
                              std::span<const std::byte> sealed, std::span<std::byte> out);

private:
    TransportKey key_;
    CounterWindow window_;
};

/// What a handshake ends in.
struct Transport {
    Sealer send;
    Opener receive;
};

} // namespace sacip
