// SPDX-License-Identifier: BSD-3-Clause
//
// SpscRing: a queue of bounded length from one thread to another, without a lock.
//
// One thread pushes, one pops, and neither ever waits for the other: a full ring says so, and so
// does an empty one. Each side writes its own position only, with a release store after the slot is
// as the other may see it; the other reads it with acquire, and only when the position that it
// remembers does not do.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <utility>
#include <vector>

namespace sacip {

template <typename T>
class SpscRing {
public:
    /// Room for `capacity` values, or up to twice as many.
    explicit SpscRing(size_t capacity) : slots_(std::bit_ceil(capacity)) {}

    /// The pushing thread. False, and `value` is as it was, if there is no room.
    bool push(T&& value) {
        const size_t at = pushed_.load(std::memory_order_relaxed);
        if (at - popped_seen_ == slots_.size()) {
            popped_seen_ = popped_.load(std::memory_order_acquire);
            if (at - popped_seen_ == slots_.size()) {
                return false;
            }
        }
        slots_[at & (slots_.size() - 1)] = std::move(value);
        pushed_.store(at + 1, std::memory_order_release);
        return true;
    }
    /// The popping thread. False, and `out` is as it was, if there is nothing.
    bool pop(T& out) {
        const size_t at = popped_.load(std::memory_order_relaxed);
        if (at == pushed_seen_) {
            pushed_seen_ = pushed_.load(std::memory_order_acquire);
            if (at == pushed_seen_) {
                return false;
            }
        }
        out = std::move(slots_[at & (slots_.size() - 1)]);
        popped_.store(at + 1, std::memory_order_release);
        return true;
    }
    size_t capacity() const { return slots_.size(); }

private:
    static constexpr size_t cache_line = 64;

    std::vector<T> slots_;
    alignas(cache_line) std::atomic<size_t> pushed_{0};
    size_t popped_seen_{0}; ///< the pushing thread's
    alignas(cache_line) std::atomic<size_t> popped_{0};
    size_t pushed_seen_{0}; ///< the popping thread's
};

} // namespace sacip
