// SPDX-License-Identifier: BSD-3-Clause
//
// Published: two addresses that one thread replaces while others read both of them, never a mix.
//
// Those of IPv4 are one word, which a load or a store has at once. Wider ones are no word: whoever
// brings them says here, as a specialisation, how they are read whole.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <type_traits>

namespace sacip {

/// Orders nothing else, unless told to.
template <typename T>
class Published {
    static_assert(sizeof(T) == sizeof(uint64_t) && std::has_unique_object_representations_v<T>,
                  "wider than a word: it needs a specialisation");

public:
    // Any thread.

    T load() const { return std::bit_cast<T>(word_.load(std::memory_order_relaxed)); }
    bool is(const T& value) const {
        return word_.load(std::memory_order_relaxed) == std::bit_cast<uint64_t>(value);
    }

    // The one writer.

    void store(const T& value, std::memory_order order = std::memory_order_relaxed) {
        word_.store(std::bit_cast<uint64_t>(value), order);
    }
    /// Returns what was there.
    T exchange(const T& value) {
        return std::bit_cast<T>(
            word_.exchange(std::bit_cast<uint64_t>(value), std::memory_order_relaxed));
    }

private:
    std::atomic<uint64_t> word_{0};
};

} // namespace sacip
