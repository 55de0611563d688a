// SPDX-License-Identifier: BSD-3-Clause
//
// Secret memory: the core's seam for keys (sacip_core/mac.hpp).
//
// Pages of their own, cut into slots of 32 bytes: left out of core dumps, not handed to children,
// locked against swapping where the limit on locked memory allows. Pages are never given back, so
// that a slot's place costs nothing to find; a gateway has a few keys per peer.
#include "sacip_core/wire/mac.hpp"

#include <sys/mman.h>

#include <cstring>
#include <mutex>
#include <new>
#include <vector>

namespace sacip {
namespace {

constexpr size_t page_bytes = 4096;

class Store {
public:
    std::byte* take() {
        const std::lock_guard guard{mutex_};
        if (free_.empty()) {
            grow();
        }
        std::byte* const slot = free_.back();
        free_.pop_back();
        return slot;
    }
    void give_back(std::byte* slot) noexcept {
        explicit_bzero(slot, secret_bytes);
        const std::lock_guard guard{mutex_};
        free_.push_back(slot); // within the capacity that grow() reserved
    }

private:
    void grow() {
        constexpr size_t slots = page_bytes / secret_bytes;
        void* const page =
            mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) {
            throw std::bad_alloc{};
        }
        if (madvise(page, page_bytes, MADV_DONTDUMP) != 0 ||
            madvise(page, page_bytes, MADV_WIPEONFORK) != 0) {
            munmap(page, page_bytes);
            throw std::bad_alloc{}; // no memory of the kind that was asked for
        }
        // Without the right to lock memory a key may be swapped out; that is no reason not to run.
        static_cast<void>(mlock(page, page_bytes));
        made_ += slots;
        free_.reserve(made_);
        for (size_t i = slots; i-- > 0;) {
            free_.push_back(static_cast<std::byte*>(page) + i * secret_bytes);
        }
    }

    std::mutex mutex_;
    std::vector<std::byte*> free_;
    size_t made_{0};
};

/// Never destroyed: secrets may outlive main().
Store& store() {
    static auto* const instance = new Store;
    return *instance;
}

} // namespace

std::byte* take_secret_memory() { return store().take(); }
void return_secret_memory(std::byte* at) noexcept { store().give_back(at); }

} // namespace sacip
