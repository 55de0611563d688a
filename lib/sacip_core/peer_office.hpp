// SPDX-License-Identifier: BSD-3-Clause
//
// PeerOffice: speaks the secure notification with all peers that have keys (PROTOCOL §3).
//
//   a flow needs a peer   -> HELLO until HELLO_ACK proves the peer's epoch
//   we moved              -> BIND from the new address, until every part of it is applied
//   it moved              -> its BIND goes to the ClaimDesk, BIND_ACK says what came of it
//   an unknown flow       -> SOLICIT through the Solicitor
//   quiet                 -> PROBE now and then
//
// Checks are made in the protocol's order, each failure under its own drop reason: envelope ->
// known sender -> rate -> tag -> epoch and sequence -> body -> authorisation. Nothing is sent in
// answer to a message whose tag was not verified. What the literal protocol gets wrong is done as
// the model says (tests/model/README.md).
#pragma once

#include "sacip_core/claim_desk.hpp"
#include "sacip_core/secure_post.hpp"
#include "sacip_core/solicitor.hpp"

namespace sacip {

struct PeerStatistics {
    std::array<Counter, secure_kind_count> received; ///< genuine and fresh, by kind
};

/// Slow path only. References outlive it.
class PeerOffice {
public:
    struct Rooms {
        const Config& config;
        const Identity& identity;
        Ledger& ledger;
        PathKeeper& keeper;
        Mover& mover;
        FlowTable& flows;
        SecurePost& post;
        ClaimDesk& claims;
        EventLog& events;
    };
    explicit PeerOffice(const Rooms& rooms);

    struct Outcome {
        DropReason why{DropReason::none}; ///< none: it was for us
        bool look_again{false};           ///< packets that wait may have an answer now
    };
    /// A packet that parse() punted as a notification and whose code or port says secure.
    Outcome receive(const Frame& frame, const PacketView& view, Nanos now);

    /// Our addresses have changed for this peer.
    void announce(uint32_t peer, bool old_address_lost, Nanos now);
    /// A flow with this peer begins, between these addresses of ours (source) and the peer's.
    void flow_begins(uint32_t peer, const SecureAddresses& between, Nanos now) {
        if (!peers_[peer].association.epoch()) [[unlikely]] {
            needed(peer, between, now);
        }
    }
    /// The peer is to be told our state, soon: what is learnt of many flows goes into one message.
    void mention(uint32_t peer, Nanos now);
    /// What could not leave may do so now.
    void way_out(Nanos now);
    /// What the peer says of a flow whose middle came (WireTuple); asks it where need be. Nothing:
    /// no answer yet.
    std::optional<FlowOrigin> origin_of(uint32_t peer, const WireTuple& tuple,
                                        const SecureAddresses& between, Nanos now);
    /// True if the peer says that it has flows with us that we may not know, or has not said yet.
    bool may_know_more(uint32_t peer, const SecureAddresses& between, Nanos now);
    /// The peer that may be at this address: its own, where it says it is, or, as long as it has
    /// said nothing, where it may roam.
    std::optional<uint32_t> peer_near(Ipv4Addr address) const;
    bool is_silent(uint32_t peer, Nanos now) const { return peers_[peer].is_silent(now); }

    /// True if packets that wait should be looked at again.
    bool tick(Nanos now);

    const std::vector<Peer>& peers() const { return peers_; }
    const PeerStatistics& statistics() const { return statistics_; }

private:
    struct Message { // genuine
        Peer& peer;
        CarrierRoute route;
        SecureHeader header;
        Nanos now;
    };
    void needed(uint32_t peer, const SecureAddresses& between, Nanos now);
    Outcome on_unproven(const Message& m, const SecureBody& body);
    Outcome on_fresh(const Message& m, const SecureBody& body, size_t bytes);
    void on_new_epoch(Peer& peer, const SecureHeader& header, Nanos now);
    void on_hello(const Message& m, const Hello& hello);
    Outcome on_hello_ack(const Message& m, const HelloAck& ack);
    Outcome on_bind(const Message& m, const Bind& bind);
    void on_bind_ack(const Message& m, const BindAck& ack);
    Outcome on_solicit_ack(const Message& m, const SolicitAck& ack);

    Outcome answer_bind(const Message& m, const ClaimDesk::Decision& decision);
    bool answer(const Message& m, const SecureBody& body);
    void say(Peer& peer, bool old_address_lost, Nanos now);
    void try_statement(Peer& peer, Nanos now);
    void greet(Peer& peer, Nanos now);
    void probe(Peer& peer, Nanos now);
    void note(const Peer& peer, EventKind kind, Nanos now, std::string text = {});
    std::optional<Ipv4Addr> speaking_address(const Peer& peer) const;
    std::vector<Ipv4Addr> places_of(const Peer& peer, const SecureAddresses* also) const;
    std::optional<Sequence> send_everywhere(Peer& peer, const SecureBody& body, uint16_t flags,
                                            Ipv4Addr source, std::optional<Carrier> carrier,
                                            const SecureAddresses* also);
    uint32_t capabilities(const Peer& peer) const;
    WireChecksum own_checksum() const;
    void learn_checksum(Peer& peer, WireChecksum checksum);

    Rooms r_;
    std::vector<Peer> peers_;
    Solicitor solicitor_;
    PeerStatistics statistics_;
    Nanos next_slow_tick_{};
};

} // namespace sacip
