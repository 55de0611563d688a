// SPDX-License-Identifier: BSD-3-Clause
//
// Peer: all that the gateway remembers of one speaker of the secure notification.
//
// Plain state; who works on it: PeerSession (what comes and goes), BindReceiver (where the peer
// is), FlowRecovery (its flows that we do not know). Nothing of it is on disk.
#pragma once

#include "sacip_core/peer/association.hpp"
#include "sacip_core/peer/bind_sender.hpp"
#include "sacip_core/wire/secure_carrier.hpp"

#include <set>

namespace sacip {

/// A new address that the peer has not proved yet.
struct Trial {
    Claim claim;
    std::optional<IpPrefix> before; ///< where it was; nothing: at its original
    IpAddr asked;                   ///< where the challenge goes
    bool in_use{
        false}; ///< the old address is lost: packets go to the new one, within the allowance
    Nanos deadline;
};

struct Peer {
    Peer(PeerId its, const MacKey& challenge_key) : id{its}, association{challenge_key, its} {}

    PeerId id; ///< Policy::peer() has what the operator says of it
    Association association;

    // What we say.
    BindSender bind_sender;
    /// A challenge to be echoed, in messages from the address it was sent to.
    struct ToEcho {
        Challenge challenge;
        IpAddr from;
    };
    std::optional<ToEcho> to_echo;
    /// HELLO is being sent until answered.
    struct Greeting {
        SecureAddresses between; ///< where the need arose
        Nanos began, next;
        unsigned tries{0};
    };
    std::optional<Greeting> greeting;
    std::optional<Carrier> carrier;  ///< the one that works; nothing: both are tried
    std::optional<Nanos> mention_at; ///< when to say it all again
    Nanos said{};                    ///< when the last BIND was complete

    // What it says.
    /// In a HELLO whose epoch was not proved yet; counts once that very epoch is.
    struct Announced {
        Epoch epoch;
        WireChecksum checksum;
    };
    std::optional<Announced> announced{};
    Sequence last_bind{}; ///< of its epoch
    std::vector<Trial> trials;
    /// Originals whose claim is another since bindings followed last, and places it has left.
    std::set<IpPrefix> to_follow, left;
    std::set<IpPrefix> vacated; ///< places left since other claims were last taken along
    size_t claim_looked_at{0};  ///< whether it is still needed; place in the peer's claims
    TokenBucket unproven_answers{100, 50};

    bool has_flows{false}; ///< it answered our first HELLO with flows that it knows

    // Whether it is there.
    std::optional<SecureAddresses> heard; ///< of its last fresh message: source is the peer's
    Nanos last_heard{};
    std::optional<Nanos> waiting_since; ///< for any answer
    bool silent_noted{false};
    Nanos next_probe{};
    unsigned probes_unanswered{0};

    /// It has been asked for so long without a word that its packets are not kept waiting for it.
    bool is_silent(Nanos now) const {
        return waiting_since && now - *waiting_since > patience && last_heard < *waiting_since;
    }
    static constexpr Nanos patience = from_s(3);
};

} // namespace sacip
