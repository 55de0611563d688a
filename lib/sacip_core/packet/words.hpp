// SPDX-License-Identifier: BSD-3-Clause
//
// Words: addresses that lie together, compared at once.
//
// A struct's own == goes member by member, a branch for each; two IPv4 addresses are one word.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace sacip {

/// 0 if both are the same: bits that can be joined with those of another comparison.
template <typename T>
requires(std::has_unique_object_representations_v<T> &&
         sizeof(T) % sizeof(uint64_t) == 0) constexpr uint64_t differences(const T& a, const T& b) {
    using Words = std::array<uint64_t, sizeof(T) / sizeof(uint64_t)>;
    const auto left = std::bit_cast<Words>(a), right = std::bit_cast<Words>(b);
    uint64_t out = 0;
    for (size_t i = 0; i < left.size(); i++) {
        out |= left[i] ^ right[i];
    }
    return out;
}

} // namespace sacip
