// SPDX-License-Identifier: BSD-3-Clause
//
// PeerOutput: what is said to a peer with keys, from which address, to where, and when again.
//
//   a flow needs the peer -> HELLO until HELLO_ACK proves its epoch
//   we moved              -> BIND from the new address, until every part of it is applied
//   an unknown flow       -> SOLICIT
//   quiet                 -> PROBE now and then
//
// Unasked messages go to every place where the peer may be, and by both carriers until one of them
// is known to get through; an answer goes back the way the question came. PROTOCOL §3.
#pragma once

#include "sacip_core/mobility/mover.hpp"
#include "sacip_core/peer/peer_state.hpp"
#include "sacip_core/peer/secure_sender.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class PeerOutput {
public:
    struct Deps {
        const CurrentPolicy& policy;
        const Identity& identity;
        const BindingCache& cache;
        Mover& mover;
        SecureSender& secure_sender;
        EventLog& events;
    };
    explicit PeerOutput(const Deps& deps) : r_{deps} {}

    /// Back the way it came.
    bool answer(Peer& peer, const CarrierRoute& came, const SecureBody& body);
    /// Our whole state, from now on until it is acknowledged.
    void send_bind(Peer& peer, bool old_address_lost, Nanos now);
    /// The next try is now.
    void try_bind(Peer& peer, Nanos now);
    /// The peer is there: what it has not acknowledged does not wait for its next try, unless the
    /// last one may still be on its way.
    void repeat(Peer& peer, Nanos now);
    /// Our addresses have changed.
    void announce(Peer& peer, bool old_address_lost, Nanos now);
    /// Our state, in a moment: what is learnt of many flows goes into one message.
    void bind_soon(Peer& peer, Nanos now);
    /// What could not leave may do so now.
    void resume(Peer& peer, Nanos now);
    /// The peer's epoch is needed; `between` is where the need arose (source: ours).
    void request_epoch(Peer& peer, const SecureAddresses& between, Nanos now);
    /// `first`: where the peer was heard last will do, if it was.
    void ask(Peer& peer, const Solicit& question, const SecureAddresses& between, bool first);
    void probe(Peer& peer, Nanos now);
    /// Says what is due.
    void tick(Peer& peer, Nanos now);
    /// When something will be, at the latest, as it stands now.
    static Nanos next_tick(const Peer& peer);

    // For HELLO and HELLO_ACK.
    uint32_t capabilities(const Peer& peer) const;
    WireChecksum own_checksum() const;

private:
    void greet(Peer& peer, Nanos now);
    std::optional<IpAddr> speaking_address(const Peer& peer) const;
    std::vector<IpAddr> places_of(const Peer& peer, const SecureAddresses* also) const;
    std::optional<Sequence> send_everywhere(Peer& peer, const SecureBody& body, uint16_t flags,
                                            IpAddr source, std::optional<Carrier> carrier,
                                            const SecureAddresses* also);

    Deps r_;
};

} // namespace sacip
