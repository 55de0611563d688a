// SPDX-License-Identifier: BSD-3-Clause
//
// LinuxSide: sets our host interfaces up in Linux, and does what the slow path asks of it.
//
// At start, per interface: the per-interface settings a gateway needs, the configured addresses and
// routes, and for a port that the box's own sockets use a way out that never vanishes: an address
// of host scope, so that Linux does not flush the interface's routes when its last address goes,
// and a last-resort default route to a neighbour that nobody is. What Linux sends there comes to
// us. Of host scope, for Linux asks by ARP with an address of link scope where no other is in the
// asked one's subnet, and many do not answer that (RFC 3927 §2.6).
//
// All of that, and the shadows on lo, is watched and put back: DHCP clients' scripts, networkd and
// people flush addresses, `sysctl --system` writes all settings. Configured addresses and routes
// are the operator's to change, and are not. A shadow's label tells which gateway's it is, so that
// one that was killed leaves nothing behind for good: the next start here takes them away.
#pragma once

#include "app/netlink/request.hpp"
#include "sacip_core/config/config.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/kernel/kernel_requests.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sacip {

/// Slow path only.
class LinuxSide final : public KernelRequests {
public:
    /// Why Linux can't be asked anything, or nothing.
    std::optional<std::string> open();
    /// Sets one port's interface up; fills port.fallback_gateway where `box` uses the port.
    /// An error names the interface and what was tried; warnings are appended.
    std::optional<std::string> set_up(GatewayPort& port, uint8_t number, const PortConfig& config,
                                      bool box, std::vector<std::string>& warnings);
    /// Takes away what a gateway has left on lo that had our interfaces' names, or has no interface
    /// any more. Call before set_up.
    std::optional<std::string> sweep(const Config& config);
    void set_carrier(IfIndex interface, bool carrier);
    /// Puts back what others took away. Call when `host` has changed, and now and then. Returns
    /// what to tell the operator.
    std::vector<std::string> look_after(const KernelState& host, Nanos now);

    void resolve(NeighbourKey neighbour) override;
    void keep_shadow(Ipv4Addr address) override;
    void drop_shadow(Ipv4Addr address) override;

private:
    /// The way out that never vanishes, of one port.
    struct Fallback {
        IfIndex interface {};
        uint8_t number{0}; ///< of the port
        Ipv4Addr own() const { return {169, 254, static_cast<uint8_t>(number + 1), 2}; }
        Ipv4Addr gateway() const { return {169, 254, static_cast<uint8_t>(number + 1), 1}; }
    };

    std::optional<std::string> add(const Fallback& fallback);
    static bool is_whole(const Fallback& fallback, const KernelState& host);
    bool put_shadows_back(const KernelState& host);
    void look_at_masters(const KernelState& host, std::vector<std::string>& out);
    void look_after_settings(std::vector<std::string>& out);

    netlink::Requests requests_;
    IfIndex loopback_{1};
    std::vector<std::string> interfaces_;    ///< ours
    std::map<std::string, IfIndex> masters_; ///< of those, as the operator was told
    std::vector<Fallback> fallbacks_;
    std::set<Ipv4Addr> shadows_;
    std::string label_;  ///< of shadows
    bool strict_{false}; ///< net.ipv4.conf.all.rp_filter, when it was looked at last
    Nanos next_settings_{};
    Nanos refilled_{};
    unsigned may_put_back_{0};
};

} // namespace sacip
