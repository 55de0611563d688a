// SPDX-License-Identifier: BSD-3-Clause
//
// A configuration's key file and peers -> the keys that the core speaks with.
//
// The private key lives only as long as the reading takes: what is kept are the keys of pairs.
#pragma once

#include "sacip_core/config/boot_config.hpp"
#include "sacip_core/config/policy.hpp"
#include "sacip_core/wire/identity.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace sacip::crypto {

using KnownPeers = IdBook<PeerId, PeerConfig>;

/// The identity of this start, its epoch written down already; or "what is wrong: remedy" for an
/// operator, naming the key of the configuration. `wall_clock_us` are microseconds since 1970.
/// Takes about 0.1 ms per peer.
std::variant<Identity, std::string> load_identity(const IdentityConfig& own,
                                                  const KnownPeers& peers, uint64_t wall_clock_us);

/// What load_identity() would complain about; nothing for who has no identity. Writes nothing.
std::optional<std::string> check_identity(const std::optional<IdentityConfig>& own,
                                          const KnownPeers& peers);

} // namespace sacip::crypto
