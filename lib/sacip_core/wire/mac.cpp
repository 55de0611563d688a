// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/mac.hpp"

namespace sacip {

/// In a file of its own and through a volatile, so that no compiler learns to leave early.
bool equal(const Tag& a, const Tag& b) {
    volatile unsigned difference = 0;
    for (size_t i = 0; i < tag_bytes; i++) {
        difference = difference | std::to_integer<unsigned>(a.bytes[i] ^ b.bytes[i]);
    }
    return difference == 0;
}

} // namespace sacip
