// SPDX-License-Identifier: BSD-3-Clause
//
// HashIndex without DPDK, for unit tests and fuzzers: an unordered_map and a list of free
// positions.
//
// An erased position waits in a queue until its grace period has passed, so code that reuses a
// position too early fails here as it would in the product. One lock makes readers safe.
#include "sacip_core/forward/hash_index.hpp"

#include <deque>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace sacip {

struct HashIndex::Impl {
    struct Deferred {
        uint64_t token;
        int32_t position;
    };

    mutable std::mutex mutex;
    GracePeriod* grace{nullptr};
    uint32_t capacity{0};
    uint32_t key_bytes{0};
    std::unordered_map<std::string, int32_t> positions;
    std::vector<int32_t> free;
    std::deque<Deferred> deferred;

    std::string bytes(const void* key) const { return {static_cast<const char*>(key), key_bytes}; }
    void reclaim() {
        while (!deferred.empty() && grace->passed(deferred.front().token)) {
            free.push_back(deferred.front().position);
            deferred.pop_front();
        }
    }
};

std::variant<std::unique_ptr<HashIndex>, std::string> HashIndex::create(const Params& params) {
    if (params.capacity == 0 || params.key_bytes == 0 || params.grace == nullptr) {
        return "hash table '" + params.name +
               "': capacity, key size and grace period must be given";
    }
    auto impl = std::make_unique<Impl>();
    impl->grace = params.grace;
    impl->capacity = params.capacity;
    impl->key_bytes = params.key_bytes;
    for (uint32_t i = params.capacity; i > 0; i--) {
        impl->free.push_back(static_cast<int32_t>(i - 1));
    }
    return std::make_unique<HashIndex>(std::move(impl));
}

HashIndex::HashIndex(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
HashIndex::~HashIndex() = default;

int32_t HashIndex::insert(const void* key) {
    if (const int32_t old = find(key); old != not_found) {
        return old;
    }
    if (size() == impl_->capacity) {
        return not_found;
    }
    impl_->reclaim();
    if (impl_->free.empty()) {
        impl_->grace->wait();
        impl_->reclaim();
    }
    const std::lock_guard lock{impl_->mutex};
    const int32_t position = impl_->free.back();
    impl_->free.pop_back();
    impl_->positions.emplace(impl_->bytes(key), position);
    return position;
}

int32_t HashIndex::erase(const void* key) {
    const std::lock_guard lock{impl_->mutex};
    const auto found = impl_->positions.find(impl_->bytes(key));
    if (found == impl_->positions.end()) {
        return not_found;
    }
    const int32_t position = found->second;
    impl_->positions.erase(found);
    impl_->deferred.push_back({impl_->grace->start(), position});
    return position;
}

int32_t HashIndex::find(const void* key) const {
    const std::lock_guard lock{impl_->mutex};
    const auto found = impl_->positions.find(impl_->bytes(key));
    return found == impl_->positions.end() ? not_found : found->second;
}

void HashIndex::find_burst(const void* const* keys, unsigned count, int32_t* positions) const {
    for (unsigned i = 0; i < count; i++) {
        positions[i] = find(keys[i]);
    }
}

void HashIndex::hash_burst(const void* const* keys, unsigned count, uint32_t* hashes) const {
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = static_cast<uint32_t>(std::hash<std::string>{}(impl_->bytes(keys[i])));
    }
}

uint32_t HashIndex::size() const {
    const std::lock_guard lock{impl_->mutex};
    return static_cast<uint32_t>(impl_->positions.size());
}

uint32_t HashIndex::positions() const { return impl_->capacity; }

} // namespace sacip
