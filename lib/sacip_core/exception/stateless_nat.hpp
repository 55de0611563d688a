// SPDX-License-Identifier: BSD-3-Clause
//
// StatelessNat: what is translated by its addresses alone, having no ports or no flow.
//
// ICMP that is neither echo nor error, and fragments whose first one went this way: some path
// between the two ends knows the addresses, or else the mapping of our end does. What belongs to no
// mapping is Linux's business, and Linux's own leaves as it is.
#pragma once

#include "sacip_core/exception/flow_decider.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class StatelessNat {
public:
    struct Deps {
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const FlowDecider& decider;
        const PathTable& paths;
        const BindingCache& cache;
        SlowOutput& output;
        SlowForwarder& forwarder;
    };
    explicit StatelessNat(const Deps& deps) : r_{deps} {}

    // Each takes the packet.

    void decide(PuntedPacket& punted);
    /// Untranslated: to Linux, or on the wire what comes from there.
    void as_it_is(PuntedPacket& punted);

    /// From the wire; all else is from a host, or from Linux toward the wire.
    bool is_inbound(const PuntedPacket& punted) const {
        return r_.ports[punted.origin.port.value].outside && !punted.origin.from_linux;
    }
    /// Some path that takes packets from the wire with these addresses.
    std::optional<PathId> path_of_pair(WirePair pair) const;

private:
    void inbound(PuntedPacket& punted);
    void outbound(PuntedPacket& punted);

    Deps r_;
};

} // namespace sacip
