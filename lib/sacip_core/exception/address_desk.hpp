// SPDX-License-Identifier: BSD-3-Clause
//
// AddressDesk: what is translated by its addresses alone, having no ports or no flow.
//
// ICMP that is neither echo nor error, and fragments whose first one went this way: some path
// between the two ends knows the addresses, or else the site of our end does. What belongs to no
// site is Linux's business, and Linux's own leaves as it is.
#pragma once

#include "sacip_core/exception/new_flows.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class AddressDesk {
public:
    struct Rooms {
        const std::vector<GatewayPort>& ports;
        const HostState& host;
        const NewFlows& new_flows;
        const PathTable& paths;
        const Ledger& ledger;
        Doors& doors;
        Dispatch& dispatch;
    };
    explicit AddressDesk(const Rooms& rooms) : r_{rooms} {}

    // Each takes the guest's packet.

    void decide(Guest& guest);
    /// Untranslated: to Linux, or on the wire what comes from there.
    void as_it_is(Guest& guest);

    /// From the wire; all else is from a host, or from Linux toward the wire.
    bool is_inbound(const Guest& guest) const {
        return r_.ports[guest.origin.port.value].outside && !guest.origin.from_linux;
    }
    /// Some path that takes packets from the wire with these addresses.
    std::optional<PathId> path_of_pair(WirePair pair) const;

private:
    void inbound(Guest& guest);
    void outbound(Guest& guest);

    Rooms r_;
};

} // namespace sacip
