// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/wire/transport.hpp"

namespace sacip {

bool Sealer::seal(std::span<const std::byte> header, std::span<const std::byte> plain,
                  std::span<std::byte> out) {
    if (!key_.is_set() || next_.value >= max_transport_messages ||
        !aead_seal(key_.bytes(), next_.value, header, plain, out)) {
        return false;
    }
    next_.value++;
    return true;
}

Opened Opener::open(MessageCounter counter, std::span<const std::byte> header,
                    std::span<const std::byte> sealed, std::span<std::byte> out) {
    if (!key_.is_set() || counter.value >= max_transport_messages ||
        !aead_open(key_.bytes(), counter.value, header, sealed, out)) {
        return Opened::forged;
    }
    return window_.accept(counter) ? Opened::fresh : Opened::replayed;
}

} // namespace sacip
