// SPDX-License-Identifier: BSD-3-Clause
//
// TokenBucket: at most `rate` a second, and `burst` at once.
#pragma once

#include "sacip_core/base/units.hpp"

#include <algorithm>

namespace sacip {

class TokenBucket {
public:
    constexpr TokenBucket(uint32_t rate, uint32_t burst) : rate_{rate}, burst_{burst} {}
    /// True if one more is within bounds; it is counted then. Starts full.
    constexpr bool take(Nanos now) {
        const int64_t full = burst_ * billion;
        // Of more than a second there is nothing to learn, and nothing overflows.
        const int64_t passed = std::min((now - filled_).value, billion);
        tokens_ = tokens_ < 0 ? full : std::min(full, tokens_ + passed * rate_);
        filled_ = now;
        if (tokens_ < billion) {
            return false;
        }
        tokens_ -= billion;
        return true;
    }
    /// One that was taken does not count after all.
    constexpr void give_back() { tokens_ = std::min(burst_ * billion, tokens_ + billion); }

private:
    static constexpr int64_t billion = 1'000'000'000;
    uint32_t rate_, burst_;
    Nanos filled_{};
    int64_t tokens_{-1}; ///< in billionths; below 0 before the first call
};

} // namespace sacip
