// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/receipt.hpp"

#include "app/crypto/bytes_of.hpp"
#include "app/crypto/sha256.hpp"

#include <algorithm>

namespace sacip {

std::optional<ReceiptKey> ReceiptKey::of(const PrivateKey& own) {
    MacKey key;
    if (!own.is_set() || !crypto::hmac_sha256(own.bytes(), crypto::bytes_of("SACIP3 receipt"), {},
                                              key.overwrite())) {
        return std::nullopt;
    }
    return ReceiptKey{std::move(key)};
}

std::optional<Tag> ReceiptKey::write(const PublicKey& peer, IpAddr address, Hour hour) const {
    const auto where = crypto::bytes_of(address);
    const auto when = crypto::bytes_of(hour.value);
    std::array<std::byte, where.size() + when.size()> what;
    std::copy(when.begin(), when.end(), std::copy(where.begin(), where.end(), what.begin()));
    return hmac_sha256_128(key_, peer.bytes, what);
}

bool ReceiptKey::is_ours(const Tag& receipt, const PublicKey& peer, IpAddr address,
                         Hour hour) const {
    const auto written = write(peer, address, hour);
    return written && equal(*written, receipt);
}

} // namespace sacip
