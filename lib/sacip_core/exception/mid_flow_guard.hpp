// SPDX-License-Identifier: BSD-3-Clause
//
// MidFlowGuard: keeps the middle of a flow that we do not know away from a host, whose RST would
// kill a connection we are about to learn of.
//
//   basic peer   a packet with the ports of a live flow of a peer that may have roamed to its
//                source waits for the notification
//   peer with    the same, and any middle of a TCP flow from, or to, where the peer may be: it is
//   keys         asked (SOLICIT), and its answer says what the flow was set up with. For a while
//                after the start the first packet of anything else may be the middle of a flow, too
//
// Whoever is not told in time: from a peer's address it is dropped, unless the peer is silent; all
// else passes.
#pragma once

#include "sacip_core/exception/slow_output.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/peer/peer_session.hpp"

namespace sacip {

/// Anything but the SYN with which a TCP flow begins.
inline bool is_midst_of_tcp(const PacketView& v) {
    return v.is(IpProto::tcp) && (v.tcp_flags & (tcp_syn | tcp_ack)) != tcp_syn;
}

/// Packets that wait for a peer's word share this key in the hold queue.
inline constexpr uint64_t key_of_guard = ~uint64_t{0};

/// What is to become of a packet of no known flow.
struct Admission {
    enum class What : uint8_t {
        welcome, ///< a new flow
        known,   ///< a flow that a peer explained: with these originals
        wait,
        refuse, ///< its time is up
    };
    What what{What::welcome};
    // Of a known flow:
    PeerId peer{}; ///< who explained it
    IpAddr remote_original{};
    IpAddr local_original{};
};

/// Slow path only. References outlive it.
class MidFlowGuard {
public:
    MidFlowGuard(const CurrentPolicy& policy, const BindingCache& cache, FlowTable& flows,
                 PeerSession* peer_session)
        : policy_{policy}, cache_{cache}, flows_{flows}, peer_session_{peer_session} {}

    /// From the wire, for this host.
    Admission inbound(const PuntedPacket& punted, IpAddr host);
    /// From a host, whose address on the wire is `wire`.
    Admission outbound(const PuntedPacket& punted, IpAddr wire);
    Nanos time() const { return from_ms(policy_->move.shield.count()); }
    /// Who speaks for a live flow of this host that has the packet's ports, and whose far end may
    /// have roamed to its source.
    std::optional<Speaker> roamed_here(const PacketView& view, IpAddr host) const;

private:
    bool may_be_middle(const PuntedPacket& punted, PeerId peer,
                       const SecureAddresses& between) const;
    Admission ask(const PuntedPacket& punted, PeerId peer, const WireTuple& tuple,
                  const SecureAddresses& between);

    const CurrentPolicy& policy_;
    const BindingCache& cache_;
    FlowTable& flows_;
    PeerSession* peer_session_; ///< nullptr without peers that have keys
    std::optional<Nanos> began_;
};

} // namespace sacip
