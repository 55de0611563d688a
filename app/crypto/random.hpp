// SPDX-License-Identifier: BSD-3-Clause
//
// Random bytes for secrets, from OpenSSL's private generator, which the kernel's seeds.
#pragma once

#include <openssl/rand.h>

#include <cstddef>
#include <span>

namespace sacip::crypto {

/// False if there were none: then `out` must not be used.
[[nodiscard]] inline bool fill_random(std::span<std::byte> out) {
    return RAND_priv_bytes(reinterpret_cast<unsigned char*>(out.data()),
                           static_cast<int>(out.size())) == 1;
}

} // namespace sacip::crypto
