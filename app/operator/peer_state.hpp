// SPDX-License-Identifier: BSD-3-Clause
//
// PeerState: how it stands with a peer that has keys, in one word for an operator.
#pragma once

#include "sacip_core/peer/peer_state.hpp"

namespace sacip {

enum class PeerState : uint8_t {
    up,      ///< its epoch is proved
    asking,  ///< HELLO is on its way
    silent,  ///< asked, and no answer
    unknown, ///< nobody needed it yet
};
inline constexpr std::array<std::string_view, 4> peer_state_names = {"up", "asking", "silent",
                                                                     "unknown"};

inline PeerState state_of(const Peer& peer, Nanos now) {
    return peer.silent_noted || peer.is_silent(now) ? PeerState::silent
           : peer.association.epoch()               ? PeerState::up
           : peer.greeting                          ? PeerState::asking
                                                    : PeerState::unknown;
}

} // namespace sacip
