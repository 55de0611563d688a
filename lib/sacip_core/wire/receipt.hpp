// SPDX-License-Identifier: BSD-3-Clause
//
// Receipt: "at that hour flows at this address were yours", which only we can write.
//
// Given to a peer when it comes to own flows; shown to us after our restart, when we know of
// nothing. There is no table behind it, and no file: whoever has our private key can check it, a
// standby too.
//
//   key     = HMAC-SHA-256(own private key, "SACIP3 receipt")
//   receipt = HMAC-SHA-256-128(key, peer's public key | address, 16 bytes | hour, 32 bits)
//
// The hour is counted from 1970 and travels with the receipt; what is too old, the caller judges.
#pragma once

#include "sacip_core/wire/noise.hpp"

#include <optional>

namespace sacip {

using Hour = Id<struct HourTag, uint32_t>;

class ReceiptKey {
public:
    /// Nothing if the library failed.
    static std::optional<ReceiptKey> of(const PrivateKey& own);
    /// Nothing if the library failed.
    std::optional<Tag> write(const PublicKey& peer, IpAddr address, Hour hour) const;
    bool is_ours(const Tag& receipt, const PublicKey& peer, IpAddr address, Hour hour) const;

private:
    explicit ReceiptKey(MacKey key) : key_{std::move(key)} {}

    MacKey key_;
};

} // namespace sacip
