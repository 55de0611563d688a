// SPDX-License-Identifier: BSD-3-Clause
//
// ErrorDesk: ICMP errors and redirects, which speak of another packet.
//
// An error is let through only if it quotes a live flow, and its quote is translated with it
// (icmp_error.hpp has the story). Whatever it says of a flow, it does not keep the flow alive.
//
// Linux speaks for the gateway itself: a packet whose TTL or size ends its way here is given to it
// in the host's terms, and the error comes back on the host interface of its port. From the outside
// ports it comes here like an error of the host's own, except that its source stays.
//
// During a move a far end or a router may say "unreachable" of packets it can't place any more;
// a host might believe that and give up. They end here.
#pragma once

#include "sacip_core/exception/address_desk.hpp"
#include "sacip_core/exception/new_flows.hpp"

namespace sacip {

/// Slow path only. References outlive it.
class ErrorDesk {
public:
    struct Rooms {
        const Config& config;
        const HostState& host;
        const FlowTable& flows;
        const PathTable& paths;
        const Ledger& ledger;
        const NewFlows& new_flows;
        Doors& doors;
        Dispatch& dispatch;
        AddressDesk& addresses;
    };
    explicit ErrorDesk(const Rooms& rooms) : r_{rooms} {}

    /// An ICMP error or redirect. Takes the guest's packet.
    void decide(Guest& guest);

    /// True if Linux's own "unreachable", for a host inside, is about a packet of a live flow and
    /// must not get there. What a firewall of the box says does, but for a path that has no way
    /// out.
    bool is_to_be_swallowed(const Guest& from_linux) const;

private:
    void from_wire(Guest& guest);
    void from_inside(Guest& guest);
    void of_no_flow(Guest& guest, DropReason why);
    bool is_linuxs(const Guest& guest) const;
    bool is_notification(const PacketView& quoted) const;
    bool is_of_move(const Guest& guest, PathId path) const;
    bool tables_are_full() const;
    std::optional<Ipv4Addr> speaker(const Guest& guest, uint32_t site, Ipv4Addr active) const;

    Rooms r_;
};

} // namespace sacip
