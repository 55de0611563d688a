// SPDX-License-Identifier: BSD-3-Clause
//
// The pseudo-random stream that flowcheck sends and expects.
//
// Every byte is a function of (seed, position) alone, so either end can make or check any part of
// the stream without history: a lost, doubled, swapped or foreign byte differs from what belongs at
// that position. A running hash over all bytes in order is kept beside it as a second witness.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace sacip::flowcheck {

// SplitMix64's finaliser: every input bit changes half of the output bits.
constexpr std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
}

// Writes the stream's bytes [position, position + out.size()) into out.
inline void fill_pattern(std::uint64_t seed, std::uint64_t position, std::span<std::uint8_t> out) {
    std::size_t done = 0;
    while (done < out.size()) {
        const std::uint64_t at = position + done;
        const std::uint64_t word = mix(seed ^ mix(at / 8));
        std::uint8_t bytes[8];
        std::memcpy(bytes, &word, sizeof(bytes));
        const std::size_t skip = static_cast<std::size_t>(at % 8);
        const std::size_t count = std::min(sizeof(bytes) - skip, out.size() - done);
        std::memcpy(out.data() + done, bytes + skip, count);
        done += count;
    }
}

// How many of data's bytes are not what belongs at [position, position + data.size()).
inline std::uint64_t count_wrong_bytes(std::uint64_t seed, std::uint64_t position,
                                       std::span<const std::uint8_t> data) {
    std::uint64_t wrong = 0;
    std::uint8_t expected[4096];
    for (std::size_t done = 0; done < data.size();) {
        const std::size_t count = std::min(sizeof(expected), data.size() - done);
        fill_pattern(seed, position + done, {expected, count});
        if (std::memcmp(expected, data.data() + done, count) != 0) {
            for (std::size_t i = 0; i < count; ++i) {
                wrong += expected[i] != data[done + i] ? 1U : 0U;
            }
        }
        done += count;
    }
    return wrong;
}

// FNV-1a (64 bits) over everything it was given, in order.
class RunningHash {
public:
    void add(std::span<const std::uint8_t> data) {
        for (const std::uint8_t byte : data) {
            value_ = (value_ ^ byte) * 0x100000001b3ULL;
        }
    }
    std::uint64_t value() const { return value_; }

private:
    std::uint64_t value_ = 0xcbf29ce484222325ULL;
};

} // namespace sacip::flowcheck
