// SPDX-License-Identifier: BSD-3-Clause
//
// The core's seam for the tag (sacip_core/wire/mac.hpp).
#include "sacip_core/wire/mac.hpp"

#include "app/crypto/sha256.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace sacip {

std::optional<Tag> hmac_sha256_128(const MacKey& key, std::span<const std::byte> first,
                                   std::span<const std::byte> second) {
    std::array<std::byte, crypto::sha256_bytes> whole;
    std::optional<Tag> tag;
    if (key.is_set() && crypto::hmac_sha256(key.bytes(), first, second, whole)) {
        std::copy_n(whole.begin(), tag_bytes, tag.emplace().bytes.begin());
    }
    OPENSSL_cleanse(whole.data(), whole.size());
    return tag;
}

} // namespace sacip
