// SPDX-License-Identifier: BSD-3-Clause
//
// HashIndex on rte_hash: lock-free readers, one writer, buckets chained so that every key fits.
//
// An erased key leaves at once for readers to come, but its slot goes to rte_hash's defer queue and
// is given out again only after a grace period (rte_hash_rcu_qsbr_add). Two consequences:
// - rte_hash_count() counts the deferred slots too, so we count keys ourselves;
// - in a table that is full and churns, all free slots may be waiting in the queue, and rte_hash
//   says "full". The writer then waits for the workers' present bursts to end and tries again,
//   which reclaims slots. (Spare slots would only make it rarer, and one above a power of two
//   doubles the buckets.)
//
// The hash is AesHash where the processor can, which takes a burst's keys at once, else SipHash;
// rte_hash itself knows it as a function of one key.
#include "sacip_core/forward/hash_index.hpp"

#include "app/dpdk/aes_hash.hpp"
#include "app/dpdk/keyed_hash.hpp"
#include "app/dpdk/random.hpp"

#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_rcu_qsbr.h>

#include <algorithm>
#include <span>
#include <vector>

namespace sacip {
namespace {

// rte_hash names its defer queue "HASH_RCU_" + name, and a ring's name has 28 characters.
constexpr size_t max_name = 19;
// rte_hash refuses fewer keys than a bucket holds.
constexpr uint32_t min_entries = 8;

struct Secrets {
    HashSecret sip;
    AesSecret aes;
};

/// rte_hash hands its hash function no context but 32 bits, so the secret belongs to the process;
/// it is drawn before the first index is made.
Secrets process_secret;

bool draw_secret_once() {
    static const bool drawn = fill_random(std::as_writable_bytes(std::span{&process_secret, 1}));
    return drawn;
}

/// One hash function for a key, as rte_hash wants it, and for a burst.
struct KeyedHash {
    rte_hash_function one;
    void (*burst)(const void* const* keys, unsigned count, uint32_t key_bytes, uint32_t* hashes);
};

uint32_t sip_one(const void* key, uint32_t length, uint32_t) {
    const uint64_t hash = siphash<1, 3>(process_secret.sip, key, length);
    return static_cast<uint32_t>(hash ^ hash >> 32);
}

void sip_burst(const void* const* keys, unsigned count, uint32_t key_bytes, uint32_t* hashes) {
    for (unsigned i = 0; i < count; i++) {
        hashes[i] = sip_one(keys[i], key_bytes, 0);
    }
}

#if SACIP_HAS_AES_HASH
template <size_t Bytes>
void aes_burst(const void* const* keys, unsigned count, uint32_t, uint32_t* hashes) {
    aes_hash<Bytes>(process_secret.aes, keys, count, hashes);
}

template <size_t Bytes>
uint32_t aes_one(const void* key, uint32_t, uint32_t) {
    uint32_t hash;
    aes_hash<Bytes>(process_secret.aes, &key, 1, &hash);
    return hash;
}
#endif

KeyedHash hash_for(uint32_t key_bytes) {
#if SACIP_HAS_AES_HASH
    if (processor_has_aes() && key_bytes == 16) {
        return {aes_one<16>, aes_burst<16>};
    }
    if (processor_has_aes() && key_bytes == 8) {
        return {aes_one<8>, aes_burst<8>};
    }
#endif
    static_cast<void>(key_bytes);
    return {sip_one, sip_burst};
}

struct FreeHash {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
};

std::string refusal(const HashIndex::Params& params, const char* why) {
    return "hash table '" + params.name + "' for " + std::to_string(params.capacity) +
           " keys: " + why;
}

} // namespace

struct HashIndex::Impl {
    std::unique_ptr<rte_hash, FreeHash> hash;
    KeyedHash keyed;
    GracePeriod* grace{nullptr};
    uint32_t capacity{0};
    uint32_t key_bytes{0};
    uint32_t positions{0};
    uint32_t size{0};
    std::vector<bool> taken; ///< by position
};

std::variant<std::unique_ptr<HashIndex>, std::string> HashIndex::create(const Params& params) {
    if (params.name.empty() || params.name.size() > max_name) {
        return refusal(params, "the name must have 1 to 19 characters");
    }
    if (params.capacity == 0 || params.key_bytes == 0 || params.grace == nullptr) {
        return refusal(params, "capacity, key size and grace period must be given");
    }
    if (!draw_secret_once()) {
        return refusal(params, "the kernel gave no random bytes");
    }
    rte_hash_parameters wanted{};
    wanted.name = params.name.c_str();
    wanted.entries = std::max(params.capacity, min_entries);
    wanted.key_len = params.key_bytes;
    const KeyedHash keyed = hash_for(params.key_bytes);
    wanted.hash_func = keyed.one;
    wanted.socket_id = -1; // SOCKET_ID_ANY
    wanted.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF | RTE_HASH_EXTRA_FLAGS_EXT_TABLE;

    auto impl = std::make_unique<Impl>();
    impl->keyed = keyed;
    impl->hash.reset(rte_hash_create(&wanted));
    if (!impl->hash) {
        return refusal(params, rte_strerror(rte_errno));
    }
    rte_hash_rcu_config deferred{};
    deferred.v = static_cast<rte_rcu_qsbr*>(params.grace->native());
    deferred.mode = RTE_HASH_QSBR_MODE_DQ;
    if (rte_hash_rcu_qsbr_add(impl->hash.get(), &deferred) != 0) {
        return refusal(params, rte_strerror(rte_errno));
    }
    impl->grace = params.grace;
    impl->capacity = params.capacity;
    impl->key_bytes = params.key_bytes;
    impl->positions = static_cast<uint32_t>(rte_hash_max_key_id(impl->hash.get())) + 1;
    impl->taken.resize(impl->positions);
    return std::make_unique<HashIndex>(std::move(impl));
}

HashIndex::HashIndex(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

HashIndex::~HashIndex() {
    // rte_hash_free() reclaims what is deferred; the last readers' bursts must have ended.
    impl_->grace->wait();
}

int32_t HashIndex::insert(const void* key) {
    rte_hash* const hash = impl_->hash.get();
    const hash_sig_t signature = rte_hash_hash(hash, key);
    if (impl_->size >= impl_->capacity) {
        return std::max(rte_hash_lookup_with_hash(hash, key, signature), not_found);
    }
    int32_t position = rte_hash_add_key_with_hash(hash, key, signature);
    if (position < 0) {
        impl_->grace->wait();
        position = rte_hash_add_key_with_hash(hash, key, signature);
    }
    if (position < 0) {
        return not_found;
    }
    const auto taken = impl_->taken.begin() + position;
    impl_->size += *taken ? 0 : 1; // rte_hash does not say whether the key was there
    *taken = true;
    return position;
}

int32_t HashIndex::erase(const void* key) {
    const int32_t position = rte_hash_del_key(impl_->hash.get(), key);
    if (position < 0) {
        return not_found;
    }
    impl_->taken[static_cast<uint32_t>(position)] = false;
    impl_->size--;
    return position;
}

int32_t HashIndex::find(const void* key) const {
    return std::max(rte_hash_lookup(impl_->hash.get(), key), not_found);
}

void HashIndex::find_burst(const void* const* keys, unsigned count, int32_t* positions) const {
    static_assert(max_burst <= RTE_HASH_LOOKUP_BULK_MAX);
    if (count == 0) {
        return;
    }
    hash_sig_t hashes[max_burst];
    impl_->keyed.burst(keys, count, impl_->key_bytes, hashes);
    // rte_hash only reads the array of pointers; its signature forgot the inner const.
    rte_hash_lookup_with_hash_bulk(impl_->hash.get(), const_cast<const void**>(keys), hashes, count,
                                   positions);
}

void HashIndex::hash_burst(const void* const* keys, unsigned count, uint32_t* hashes) const {
    impl_->keyed.burst(keys, count, impl_->key_bytes, hashes);
}

uint32_t HashIndex::size() const { return impl_->size; }

uint32_t HashIndex::positions() const { return impl_->positions; }

} // namespace sacip
