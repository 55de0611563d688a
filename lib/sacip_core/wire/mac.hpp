// SPDX-License-Identifier: BSD-3-Clause
//
// Mac: the seam between the gateway's mind and its cryptography.
//
// The core says what is authenticated and with which key; how HMAC is computed and in what memory
// keys lie is linked in (app/crypto, on OpenSSL), as a hash table is (hash_index.hpp). A key is 32
// bytes in memory of its own kind: not in core dumps, not in children, zeroed when given back. A
// Secret can be moved but is copied only by name, has no operator== that would stop at the first
// difference, and can't be streamed: none of them ends in a log because somebody was in a hurry.
#pragma once

#include <array>
#include <cstddef>
#include <iosfwd>
#include <optional>
#include <span>
#include <utility>

namespace sacip {

inline constexpr size_t secret_bytes = 32;

/// Seam. Memory for one secret: 32 zero bytes, not in core dumps. Any thread.
std::byte* take_secret_memory();
/// Seam. Zeroes it and takes it back. Any thread.
void return_secret_memory(std::byte* at) noexcept;

/// 32 secret bytes of one purpose only: a private key can't be taken for a message key.
/// Default-made and moved-from ones are not set. One thread at a time.
template <typename Purpose>
class Secret {
public:
    Secret() = default;
    explicit Secret(std::span<const std::byte, secret_bytes> bytes) {
        const std::span<std::byte, secret_bytes> own = overwrite();
        for (size_t i = 0; i < secret_bytes; i++) {
            own[i] = bytes[i];
        }
    }
    Secret(Secret&& other) noexcept : at_{std::exchange(other.at_, nullptr)} {}
    Secret& operator=(Secret&& other) noexcept {
        std::swap(at_, other.at_);
        other.clear();
        return *this;
    }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    ~Secret() { clear(); }

    bool is_set() const { return at_ != nullptr; }
    /// Only of a set one. For the cryptography's eyes.
    std::span<const std::byte, secret_bytes> bytes() const {
        return std::span<const std::byte, secret_bytes>{at_, secret_bytes};
    }
    /// To be filled in place, so that no copy stays on a stack; set from now on.
    std::span<std::byte, secret_bytes> overwrite() {
        if (at_ == nullptr) {
            at_ = take_secret_memory();
        }
        return std::span<std::byte, secret_bytes>{at_, secret_bytes};
    }
    /// A second one, on purpose.
    Secret copy() const { return is_set() ? Secret{bytes()} : Secret{}; }
    /// Zeroed; not set from now on.
    void clear() noexcept {
        if (at_ != nullptr) {
            return_secret_memory(std::exchange(at_, nullptr));
        }
    }
    friend std::ostream& operator<<(std::ostream&, const Secret&) = delete;

private:
    std::byte* at_{nullptr};
};

/// The key for messages from one gateway to another, in that direction (PROTOCOL §3, Keys).
using MacKey = Secret<struct MacKeyPurpose>;

/// HMAC-SHA-256-128: the first 16 bytes of HMAC-SHA-256 (RFC 4868 §2.3).
struct Tag {
    std::array<std::byte, 16> bytes{};
};
inline constexpr size_t tag_bytes = sizeof(Tag);

/// Seam. The tag of `first` followed by `second` under a key that is set. Nothing if the library
/// failed: then nothing may be sent or believed. Any thread; allocates at a thread's first call.
std::optional<Tag> hmac_sha256_128(const MacKey& key, std::span<const std::byte> first,
                                   std::span<const std::byte> second);

/// Takes the same time wherever the tags differ.
bool equal(const Tag& a, const Tag& b);

} // namespace sacip
