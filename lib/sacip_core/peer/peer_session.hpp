// SPDX-License-Identifier: BSD-3-Clause
//
// PeerSession: speaks the secure notification with all peers that have keys (PROTOCOL §3).
//
// It hears; what is to be said goes through the PeerOutput. A peer's BIND goes to the BindReceiver
// and BIND_ACK says what came of it; an unknown flow is asked for through the FlowRecovery.
//
// Checks are made in the protocol's order, each failure under its own drop reason: envelope ->
// known sender -> rate -> tag -> epoch and sequence -> body -> authorisation. Nothing is sent in
// answer to a message whose tag was not verified. What the literal protocol gets wrong is done as
// the model says (tests/model/README.md).
#pragma once

#include "sacip_core/base/deadline_heap.hpp"
#include "sacip_core/peer/bind_receiver.hpp"
#include "sacip_core/peer/flow_recovery.hpp"
#include "sacip_core/peer/peer_output.hpp"

namespace sacip {

struct PeerStatistics {
    std::array<Counter, secure_kind_count> received; ///< genuine and fresh, by kind
};

/// Slow path only. References outlive it.
class PeerSession {
public:
    struct Deps {
        const CurrentPolicy& policy;
        const Identity& identity;
        BindingCache& cache;
        PathManager& manager;
        Mover& mover;
        FlowTable& flows;
        SecureSender& secure_sender;
        BindReceiver& claims;
        EventLog& events;
        uint64_t secret; ///< random, told to nobody
    };
    explicit PeerSession(const Deps& deps);

    struct Outcome {
        DropReason why{DropReason::none}; ///< none: it was for us
        bool retry_held{false};           ///< packets that wait may have an answer now
    };
    /// A packet that parse() punted as a notification and whose code or port says secure.
    Outcome receive(const Frame& frame, const PacketView& view, Nanos now);

    /// Our addresses have changed for this peer.
    void announce(PeerId peer, bool old_address_lost, Nanos now) {
        peer_output_.announce(at(peer), old_address_lost, now);
        due_.set(peer, now);
    }
    /// A flow with this peer begins, between these addresses of ours (source) and the peer's.
    void flow_begins(PeerId peer, const SecureAddresses& between, Nanos now) {
        if (!at(peer).association.epoch()) [[unlikely]] {
            peer_output_.request_epoch(at(peer), between, now);
            due_.set(peer, now);
        }
    }
    /// The peer is to be told our state, soon: what is learnt of many flows goes into one message.
    void bind_soon(PeerId peer, Nanos now) {
        peer_output_.bind_soon(at(peer), now);
        due_.set(peer, now);
    }
    /// What could not leave may do so now.
    void resume(Nanos now) {
        for (Peer& peer : peers_) {
            peer_output_.resume(peer, now);
        }
    }
    /// What the peer says of a flow whose middle came (WireTuple); asks it where need be. Nothing:
    /// no answer yet.
    std::optional<FlowOrigin> origin_of(PeerId peer, const WireTuple& tuple,
                                        const SecureAddresses& between, Nanos now);
    /// True if the peer says that it has flows with us that we may not know, or has not said yet.
    bool may_know_more(PeerId peer, const SecureAddresses& between, Nanos now);
    /// The peer that may be at this address: its own, where it says it is, or, as long as it has
    /// said nothing, where it may roam.
    std::optional<PeerId> peer_near(IpAddr address) const;
    bool is_silent(PeerId peer, Nanos now) const { return at(peer).is_silent(now); }
    /// The peer is spoken to at this address without having proved it.
    bool is_on_trial(PeerId peer, IpAddr address) const;

    /// True if packets that wait should be looked at again.
    bool tick(Nanos now);

    const IdMap<PeerId, Peer>& peers() const { return peers_; }
    const PeerStatistics& statistics() const { return statistics_; }

private:
    struct Message { // genuine
        Peer& peer;
        CarrierRoute route;
        SecureHeader header;
        Nanos now;
    };
    void take_policy();
    bool look_at(Peer& peer, Nanos now);
    void tidy(Nanos now);
    Outcome on_unproven(const Message& m, const SecureBody& body);
    Outcome on_fresh(const Message& m, const SecureBody& body, size_t bytes);
    void on_new_epoch(Peer& peer, const SecureHeader& header, Nanos now);
    void on_hello(const Message& m, const Hello& hello);
    Outcome on_hello_ack(const Message& m, const HelloAck& ack);
    Outcome on_bind(const Message& m, const Bind& bind);
    void on_bind_ack(const Message& m, const BindAck& ack);
    Outcome on_solicit_ack(const Message& m, const SolicitAck& ack);

    Outcome answer_bind(const Message& m, const BindReceiver::Decision& decision);
    void note(const Peer& peer, EventKind kind, Nanos now, std::string text = {});
    void learn_checksum(Peer& peer, WireChecksum checksum);

    Peer& at(PeerId id) { return peers_[id]; }
    const Peer& at(PeerId id) const { return peers_[id]; }

    Deps r_;
    IdMap<PeerId, Peer> peers_;
    PrefixMap<std::vector<PeerId>> roaming_; ///< peers by their `roam_to`
    PeerOutput peer_output_;
    FlowRecovery flow_recovery_;
    PeerStatistics statistics_;
    /// When each peer is to be looked at, at the latest. Whatever may bring that forward makes it
    /// due, and the look finds out when the next one is.
    DeadlineHeap<PeerId> due_;
    Nanos next_tidying_{};
    PeerId tidied_{}; ///< the last one; they take turns
};

} // namespace sacip
