// SPDX-License-Identifier: BSD-3-Clause
//
// ProxyArp: speaks ARP for the addresses that stand for hosts and are on-link, but not Linux's own.
//
// It answers those who ask, and announces the addresses (RFC 5227 §2.3): at the start, when they
// begin to be ours, and when the port's Ethernet address changes; then Linux's own as well. For
// until it hears of us, a neighbour sends to whoever had the address before. Twice each, since
// nobody confirms it, and not more than 100 a second; of a mapping larger than a /22 none. What is
// no longer ours when its time has come is not announced.
#pragma once

#include "sacip_core/exception/slow_output.hpp"
#include "sacip_core/kernel/kernel_state.hpp"
#include "sacip_core/mobility/binding_cache.hpp"

#include <map>
#include <set>

namespace sacip {

/// Slow path only. References outlive it.
class ProxyArp {
public:
    struct Deps {
        const CurrentPolicy& policy;
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const BindingCache& cache;
        PacketIo& io;
        SlowOutput& output;
    };
    explicit ProxyArp(const Deps& deps) : r_{deps} {}

    /// A frame for everybody, or one that is no IPv4: answered if it asks for one of our addresses,
    /// else Linux's.
    void decide(PuntedPacket& punted);
    /// The port has another Ethernet address.
    void mac_changed(PortId port, Nanos now);
    /// Announces what is due.
    void tick(Nanos now);

private:
    struct Claim {
        PortId port;
        IpAddr address;
        auto operator<=>(const Claim&) const = default;
    };
    struct Due {
        Claim claim;
        bool again; ///< once more after this
    };
    bool is_on_link(IpAddr address, const GatewayPort& port) const;
    bool answers_for(const Claim& claim) const;
    bool is_linuxs(const Claim& claim) const;
    bool have_changed();
    std::set<Claim> claims() const;
    bool announce(const Claim& claim) const;

    Deps r_;
    std::set<Claim> claimed_;
    std::multimap<Nanos, Due> due_;
    TokenBucket rate_{100, 20};
    uint64_t seen_wires_{UINT64_MAX}, seen_addresses_{UINT64_MAX}; ///< generations
};

} // namespace sacip
