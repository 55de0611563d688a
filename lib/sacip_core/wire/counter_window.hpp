// SPDX-License-Identifier: BSD-3-Clause
//
// Counter window: which of the last 8,192 counters have come, so that each message counts once.
//
// The idea of RFC 6479: a ring of words, one bit a counter, that slides by whole words, hence one
// word more than the window is wide; nothing is ever shifted. What is older than the window is
// taken for seen. Only counters whose message was authentic may be shown to it.
#pragma once

#include "sacip_core/base/units.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

namespace sacip {

using MessageCounter = Id<struct MessageCounterTag, uint64_t>;

class CounterWindow {
public:
    static constexpr uint64_t width = 8192;

    bool is_fresh(MessageCounter counter) const {
        if (!has_any_ || counter > highest_) {
            return true;
        }
        return highest_.value - counter.value < width && (word(counter) & bit(counter)) == 0;
    }
    /// Takes it down; false if it is not fresh.
    bool accept(MessageCounter counter) {
        if (!is_fresh(counter)) {
            return false;
        }
        if (!has_any_ || counter > highest_) {
            advance_to(counter);
        }
        words_[place(counter)] |= bit(counter);
        return true;
    }

private:
    static constexpr uint64_t bits = 64;
    static constexpr uint64_t words = width / bits + 1;

    static constexpr size_t place(MessageCounter counter) { return counter.value / bits % words; }
    static constexpr uint64_t bit(MessageCounter counter) {
        return uint64_t{1} << (counter.value % bits);
    }
    uint64_t word(MessageCounter counter) const { return words_[place(counter)]; }

    /// Words between the old highest and the new one were those of counters now too old.
    void advance_to(MessageCounter counter) {
        const uint64_t steps = std::min(counter.value / bits - highest_.value / bits, words);
        for (uint64_t i = 0; i < steps; i++) {
            words_[(counter.value / bits - i) % words] = 0;
        }
        highest_ = counter;
        has_any_ = true;
    }

    std::array<uint64_t, words> words_{};
    MessageCounter highest_{};
    bool has_any_{false};
};

} // namespace sacip
