// SPDX-License-Identifier: BSD-3-Clause
//
// What one direction of one flow has shown so far: gaps between arrivals, and for datagrams which
// sequence numbers came, how often and in which order. A *window* is the time since the last mark,
// so that a script can ask after each move what that move cost.
#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>

namespace sacip::flowcheck {

// The longest time between two successive arrivals. All times in nanoseconds, any common clock.
class GapMeter {
public:
    void arrive(std::uint64_t now) {
        if (last_ != 0 && now > last_) {
            worst_ = std::max(worst_, now - last_);
            window_worst_ = std::max(window_worst_, now - last_);
        }
        last_ = std::max(last_, now);
    }
    std::uint64_t worst() const { return worst_; }
    // A gap still open at `now` counts: a flow that fell silent must not look good.
    std::uint64_t window(std::uint64_t now) const { return std::max(window_worst_, silent(now)); }
    std::uint64_t window_closed() const { return window_worst_; }
    std::uint64_t silent(std::uint64_t now) const {
        return last_ != 0 && now > last_ ? now - last_ : 0;
    }
    void start_window() { window_worst_ = 0; }

private:
    std::uint64_t last_ = 0;
    std::uint64_t worst_ = 0;
    std::uint64_t window_worst_ = 0;
};

// Sequence numbers from 0 upward. A number older than the last `memory` ones counts as duplicated.
class SequenceMeter {
public:
    void arrive(std::uint64_t sequence) {
        if (sequence >= expected_) {
            for (std::uint64_t gap = expected_; gap < sequence && gap < expected_ + memory; ++gap) {
                seen_.reset(gap % memory);
            }
            seen_.set(sequence % memory);
            expected_ = sequence + 1;
            ++received_;
        } else if (expected_ - sequence > memory || seen_.test(sequence % memory)) {
            ++duplicated_;
        } else {
            seen_.set(sequence % memory);
            ++received_;
            ++reordered_;
        }
    }
    std::uint64_t received() const { return received_; } // distinct ones
    std::uint64_t expected() const { return expected_; } // highest seen + 1
    std::uint64_t lost() const { return expected_ - received_; }
    std::uint64_t duplicated() const { return duplicated_; }
    std::uint64_t reordered() const { return reordered_; } // came later than a higher number

private:
    static constexpr std::uint64_t memory = 8192;
    std::bitset<memory> seen_;
    std::uint64_t received_ = 0;
    std::uint64_t expected_ = 0;
    std::uint64_t duplicated_ = 0;
    std::uint64_t reordered_ = 0;
};

} // namespace sacip::flowcheck
