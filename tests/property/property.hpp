// SPDX-License-Identifier: BSD-3-Clause
//
// Property: one claim, many random cases, and a way back to the one that failed.
//
// The seed is fresh in every run and printed; SACIP_SEED=N repeats a run. Each case has a generator
// of its own, made from seed and case number, so a failure does not depend on the cases before it.
// SACIP_CASES=N changes how many cases each property tries.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <random>

namespace sacip::test {

/// SplitMix64: small, fast, and good enough to find bugs.
class Random {
public:
    explicit Random(uint64_t seed) : state_{seed} {}
    uint64_t next() {
        state_ += 0x9E3779B97F4A7C15ULL;
        uint64_t z = state_;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }
    /// 0 to limit - 1.
    uint32_t below(uint32_t limit) { return static_cast<uint32_t>((next() >> 32) * limit >> 32); }
    bool one_in(uint32_t n) { return below(n) == 0; }
    template <typename T>
    T any() {
        return static_cast<T>(next());
    }

private:
    uint64_t state_;
};

inline uint64_t seed() {
    static const uint64_t value = [] {
        const char* wish = std::getenv("SACIP_SEED");
        const uint64_t out =
            wish != nullptr ? std::strtoull(wish, nullptr, 0) : uint64_t{std::random_device{}()};
        std::cout << "SACIP_SEED=" << out << " repeats this run\n";
        return out;
    }();
    return value;
}

/// Runs `claim(Random&)` for each case; stops at the first that fails.
template <typename Claim>
void for_all(uint64_t cases, Claim&& claim) {
    if (const char* wish = std::getenv("SACIP_CASES")) {
        cases = std::strtoull(wish, nullptr, 0);
    }
    const uint64_t first = seed();
    for (uint64_t i = 0; i < cases; i++) {
        Random random{Random{first + i * 0xD1342543DE82EF95ULL}.next()};
        claim(random);
        if (testing::Test::HasFailure()) {
            std::cout << "case " << i << " of SACIP_SEED=" << first << '\n';
            return;
        }
    }
}

} // namespace sacip::test
