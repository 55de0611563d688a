// SPDX-License-Identifier: BSD-3-Clause
//
// KeyedHash: of tables whose keys strangers choose.
//
// With a hash that everybody can compute a stranger finds addresses that share a bucket, and then
// every look-up of one goes through all of them: 20,000 made a new flow cost 140 times as much. So
// the hash is keyed with what is random and told to nobody.
#pragma once

#include "sacip_core/base/ip_addr.hpp"

namespace sacip {

class KeyedHash {
public:
    /// `secret` is random and told to nobody.
    explicit constexpr KeyedHash(uint64_t secret) : secret_{secret} {}

    constexpr uint64_t of(uint64_t key) const { return mix(key ^ secret_); }
    constexpr uint64_t of(uint64_t key, uint64_t rest) const {
        return mix(of(key) + rest + secret_);
    }
    /// For the standard library's tables.
    constexpr size_t operator()(IpAddr a) const {
        return a.is_v4() ? of(a.low()) : of(a.high(), a.low());
    }

private:
    /// SplitMix64's finaliser: every bit of the input reaches every bit of the output.
    static constexpr uint64_t mix(uint64_t z) {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
        return z ^ (z >> 31);
    }

    uint64_t secret_;
};

} // namespace sacip
