// SPDX-License-Identifier: BSD-3-Clause
//
// HashIndex: the seam between the gateway's mind and its hash table.
//
// A key of fixed size -> a position from 0 to capacity - 1 that stays the key's until it is erased.
// Records lie in the caller's dense arrays at that position. The product links the implementation
// on rte_hash (app/dpdk/hash_index.cpp); unit tests and fuzzers link one on a std::unordered_map,
// so the same code runs without EAL. A link-time seam costs the hot path nothing.
//
// Threads: one writer (the slow path); any number of readers, each registered in the grace period.
// A position is given out again only after a grace period has passed since its erasure.
#pragma once

#include "sacip_core/forward/grace_period.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>

namespace sacip {

class HashIndex {
public:
    struct Impl;
    static constexpr unsigned max_burst = 64;
    static constexpr int32_t not_found = -1;

    struct Params {
        std::string name;     ///< unique in the process
        uint32_t capacity{0}; ///< keys; all of them fit
        uint32_t key_bytes{0};
        GracePeriod* grace{nullptr}; ///< not owned; outlives the index
    };
    /// The index, or why there is none. The hash is keyed with a random secret: an attacker can't
    /// choose collisions.
    static std::variant<std::unique_ptr<HashIndex>, std::string> create(const Params& params);

    explicit HashIndex(std::unique_ptr<Impl> impl);
    ~HashIndex();
    HashIndex(const HashIndex&) = delete;
    HashIndex& operator=(const HashIndex&) = delete;

    /// Writer. The key's position (the old one if it is there already), not_found when full.
    int32_t insert(const void* key);
    /// Writer. The position the key had, or not_found.
    int32_t erase(const void* key);
    /// Any registered thread.
    int32_t find(const void* key) const;
    /// Any registered thread. count at most max_burst; positions[i] is negative where missing.
    void find_burst(const void* const* keys, unsigned count, int32_t* positions) const;
    /// Any thread. The keyed hashes of keys. count at most max_burst.
    void hash_burst(const void* const* keys, unsigned count, uint32_t* hashes) const;
    /// Writer. Keys in the index.
    uint32_t size() const;
    /// Positions are below this; at least Params::capacity (the implementation may round up).
    /// Size record arrays by it.
    uint32_t positions() const;

private:
    std::unique_ptr<Impl> impl_;
};

} // namespace sacip
