// SPDX-License-Identifier: BSD-3-Clause
//
// BindReceiver: what a peer says of where it is - whether it may, whether it has proved it, and
// what then moves.
//
// Authorisation: originals inside the peer's `addresses` (or with a flow that began while the peer
// was proved to be there), actives inside its `addresses` or `roam_to`; never an address that no
// host can have, nor one of ours. A BIND is taken as a whole or not at all.
//
// Validation: a new active address has to be proved by an echo from there. While the old one still
// serves, outbound packets stay with it until then. If it is lost, they go to the new one at once,
// but at most three times the bytes that came from there; the rest waits. If no proof comes, the
// last proved address comes back (PROTOCOL §3, Validation and amplification).
//
// An original that is not named stays as it is (tests/model: a gateway that lost everything can't
// name it); it is withdrawn by lifetime 0, by its lifetime, or when nothing needs it any more.
#pragma once

#include "sacip_core/mobility/mover.hpp"
#include "sacip_core/peer/peer_state.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class BindReceiver {
public:
    struct Deps {
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const CurrentPolicy& policy;
        BindingCache& cache;
        PathManager& manager;
        Mover& mover;
        EventLog& events;
    };
    explicit BindReceiver(const Deps& deps) : r_{deps} {}

    struct Decision {
        BindStatus status{BindStatus::applied};
        BindReason reason{BindReason::none};
        std::optional<IpAddr> ask{}; ///< `validate`: where the challenge has to go
    };
    /// A BIND that is genuine, fresh and newer than the one before. `source`: from where it came.
    Decision receive(Peer& peer, const Bind& bind, bool old_address_lost, IpAddr source, Nanos now);
    /// What the answer to the last BIND would be now.
    static Decision standing(const Peer& peer);
    /// The peer has proved that it receives at this address. True if bindings changed.
    bool proven(Peer& peer, IpAddr address, Nanos now);
    /// Bytes of a genuine message came from there.
    void heard_from(Peer& peer, IpAddr address, size_t bytes);
    /// Ends trials whose time is up. True if bindings changed.
    bool tick(Peer& peer, Nanos now);
    /// When that is to be called next, at the latest.
    static Nanos next_tick(const Peer& peer);
    /// Forgets claims that have expired, and places left long ago. Call now and then.
    void tidy(Peer& peer, Nanos now);

private:
    bool may_bind_original(const Peer& peer, const IpPrefix& original) const;
    bool may_be_at(const Peer& peer, const IpPrefix& active) const;
    bool is_ours(const IpPrefix& active) const;
    size_t originals_added(const Peer& peer, const std::vector<Claim>& claims) const;
    bool enter(Peer& peer, const Claim& claim, bool lost, IpAddr source, Nanos now);
    void go_back(Peer& peer, const Trial& trial, Nanos now);
    void record(Peer& peer, const Claim& claim, bool lost, Nanos now);
    void note_departure(Peer& peer, const Claim& claim, bool lost, Nanos now);
    std::vector<RemoteId> take_affected(Peer& peer) const;
    void take_along(Peer& peer, Nanos heard, Nanos now);
    void follow(Peer& peer, bool proven, bool lost, Nanos now);
    void accept_inbound(Peer& peer, const Claim& claim, Nanos now);
    std::vector<RemoteId> unproven_in(const Peer& peer, const IpPrefix& active) const;

    Deps r_;
};

} // namespace sacip
