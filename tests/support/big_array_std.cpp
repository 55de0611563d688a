// SPDX-License-Identifier: BSD-3-Clause
//
// For unit tests and fuzzers any page will do.
#include "sacip_core/forward/big_array.hpp"

namespace sacip {

void prefer_huge_pages(void*, size_t) {}

} // namespace sacip
