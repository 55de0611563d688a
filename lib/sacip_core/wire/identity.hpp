// SPDX-License-Identifier: BSD-3-Clause
//
// Identity: the keys that this gateway speaks with, ready for use.
//
// Made once at the start from the private key and the peers' public keys (app/crypto/identity); the
// private key itself is not here: nothing needs it any more.
#pragma once

#include "sacip_core/base/id_map.hpp"
#include "sacip_core/base/units.hpp"
#include "sacip_core/wire/secure_message.hpp"

namespace sacip {

/// What is shared with one peer.
struct PeerKeys {
    SenderId sender{}; ///< whom the peer says it is
    MacKey send;       ///< for what goes to the peer
    MacKey receive;    ///< for what comes from it
};

struct Identity {
    PublicKey public_key{}; ///< ours
    SenderId sender{};      ///< ours
    Epoch epoch{};          ///< ours, of this start
    MacKey challenge_key;   ///< random, of this start: challenges are made with it
    IdMap<PeerId, PeerKeys> peers;
};

} // namespace sacip
