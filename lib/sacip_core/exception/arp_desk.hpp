// SPDX-License-Identifier: BSD-3-Clause
//
// ArpDesk: speaks ARP for the addresses that stand for hosts and are on-link, but not Linux's own.
//
// It answers those who ask, and announces the addresses (RFC 5227 §2.3): at the start, when they
// begin to be ours, and when the port's Ethernet address changes; then Linux's own as well. For
// until it hears of us, a neighbour sends to whoever had the address before. Twice each, since
// nobody confirms it, and not more than 100 a second; of a mapping larger than a /22 none. What is
// no longer ours when its time has come is not announced.
#pragma once

#include "sacip_core/exception/doors.hpp"
#include "sacip_core/kernel/host_state.hpp"
#include "sacip_core/mobility/ledger.hpp"

#include <map>
#include <set>

namespace sacip {

/// Slow path only. References outlive it.
class ArpDesk {
public:
    struct Rooms {
        const Config& config;
        const std::vector<GatewayPort>& ports;
        const HostState& host;
        const Ledger& ledger;
        PacketIo& io;
        Doors& doors;
    };
    explicit ArpDesk(const Rooms& rooms) : r_{rooms} {}

    /// A frame for everybody, or one that is no IPv4: answered if it asks for one of our addresses,
    /// else Linux's.
    void decide(Guest& guest);
    /// The port has another Ethernet address.
    void mac_changed(PortId port, Nanos now);
    /// Announces what is due.
    void tick(Nanos now);

private:
    struct Claim {
        PortId port;
        Ipv4Addr address;
        auto operator<=>(const Claim&) const = default;
    };
    struct Due {
        Claim claim;
        bool again; ///< once more after this
    };
    bool is_on_link(Ipv4Addr address, const GatewayPort& port) const;
    bool answers_for(const Claim& claim) const;
    bool is_linuxs(const Claim& claim) const;
    bool have_changed();
    std::set<Claim> claims() const;
    bool announce(const Claim& claim) const;

    Rooms r_;
    std::set<Claim> claimed_;
    std::multimap<Nanos, Due> due_;
    TokenBucket rate_{100, 20};
    std::vector<std::optional<Ipv4Prefix>> seen_wires_; ///< by site
    uint64_t seen_addresses_{UINT64_MAX};
};

} // namespace sacip
