// SPDX-License-Identifier: BSD-3-Clause
//
// VirtualReassembly: fragments of datagrams that we translate, in whatever order they come.
//
// The first one has the ports and is decided as any packet is; what it was decided to be is noted
// (fragment_map.hpp), and the others follow it, by the same path and, outbound, with the same
// addresses, also if a move came between: the receiver knows by the addresses what belongs
// together. Those that came too early wait in the hold queue.
//
// Fragments that nobody translates pass without a note.
#pragma once

#include "sacip_core/exception/stateless_nat.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class VirtualReassembly {
public:
    struct Deps {
        const KernelState& host;
        const PathTable& paths;
        const BindingCache& cache;
        SlowOutput& output;
        SlowForwarder& forwarder;
        StatelessNat& addresses;
    };
    /// `secret` is random and told to nobody.
    VirtualReassembly(const Deps& deps, uint64_t secret)
        : r_{deps}, inbound_{secret}, outbound_{secret} {}

    /// True if its addresses are ones that we translate.
    bool concerns(const PuntedPacket& punted) const;
    /// What its datagram goes by. Ask before the packet is decided.
    FragmentKey key_of(const PuntedPacket& punted) const;
    /// A first one was decided, or has to wait. Those that waited for it are the caller's now, to
    /// be decided in this order.
    std::vector<HeldPacket> decided(const PuntedPacket& first, const FragmentKey& key);
    /// Any other one. Takes the packet.
    void follow(PuntedPacket& punted);
    /// Forgets what is over, a little at a time.
    void tick(Nanos now);

private:
    FragmentMap& map_of(const PuntedPacket& punted) {
        return r_.addresses.is_inbound(punted) ? inbound_ : outbound_;
    }
    void by_route(PuntedPacket& punted, const FragmentRoute& route);
    void wait(PuntedPacket& punted, const FragmentKey& key);

    Deps r_;
    FragmentMap inbound_, outbound_; ///< apart, so that a storm from outside spares our hosts
};

} // namespace sacip
