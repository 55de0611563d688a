// SPDX-License-Identifier: BSD-3-Clause
//
// BigArray: a vector whose elements lie on huge pages where the system gives them.
//
// A table of many flows is read at random: on pages of 4 KiB nearly every packet would miss the
// TLB, too. Asking is all we do (the seam is linked like hash_index.hpp's): without huge pages the
// array is as good, and slower.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace sacip {

inline constexpr size_t huge_page_bytes = size_t{2} << 20;

/// Any thread. Asks that whole huge pages of memory, aligned to them, be such.
void prefer_huge_pages(void* memory, size_t bytes);

template <typename T>
struct BigAllocator {
    using value_type = T;
    BigAllocator() = default;
    template <typename U>
    explicit BigAllocator(const BigAllocator<U>&) {}

    static constexpr bool is_big(size_t count) { return count * sizeof(T) > huge_page_bytes / 2; }
    T* allocate(size_t count) {
        if (!is_big(count)) {
            return static_cast<T*>(
                ::operator new (count * sizeof(T), std::align_val_t{alignof(T)}));
        }
        // Whole pages, so that the last one may be huge, too.
        const size_t bytes =
            (count * sizeof(T) + huge_page_bytes - 1) / huge_page_bytes * huge_page_bytes;
        void* memory = ::operator new (bytes, std::align_val_t{huge_page_bytes});
        prefer_huge_pages(memory, bytes);
        return static_cast<T*>(memory);
    }
    void deallocate(T* memory, size_t count) {
        ::operator delete (memory, std::align_val_t{is_big(count) ? huge_page_bytes : alignof(T)});
    }
    bool operator==(const BigAllocator&) const = default;
};

template <typename T>
using BigArray = std::vector<T, BigAllocator<T>>;

} // namespace sacip
