// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/big_array.hpp"

#include <sys/mman.h>

namespace sacip {

// Transparent ones: EAL's own are counted out by the operator for packets, and may run short.
void prefer_huge_pages(void* memory, size_t bytes) {
    static_cast<void>(madvise(memory, bytes, MADV_HUGEPAGE)); // refused: then small ones
}

} // namespace sacip
