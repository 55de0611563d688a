// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/random.hpp"

#include <cerrno>
#include <sys/random.h>

namespace sacip {

bool fill_random(std::span<std::byte> out) {
    while (!out.empty()) {
        const ssize_t got = getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno != EINTR) {
            return false;
        }
        out = out.subspan(got > 0 ? static_cast<size_t>(got) : 0);
    }
    return true;
}

} // namespace sacip
