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
//
// Once started, nothing here waits for Linux: two threads do (linux_asker.hpp, linux_listener.hpp).
// What must not be lost when their ring is full is kept as a state: which shadows there should be,
// and of which of them Linux has not been told.
#pragma once

#include "app/linux/linux_listener.hpp"
#include "app/linux/neighbour_probe.hpp"
#include "sacip_core/config/boot_config.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/kernel/kernel_requests.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sacip {

/// Slow path only, but for what it says itself.
class LinuxSide final : public KernelRequests {
public:
    /// Room for requests and news on their way.
    explicit LinuxSide(size_t requests = 1024, size_t news = 8192)
        : asker_{requests}, listener_{asker_, news} {}
    ~LinuxSide() override {
        stop([] {});
    }

    // Before start these wait for Linux.

    /// Why Linux can't be asked anything, or nothing.
    std::optional<std::string> open();
    /// Sets one port's interface up; fills port.fallback_gateway where `box` uses the port.
    /// An error names the interface and what was tried; warnings are appended.
    std::optional<std::string> set_up(GatewayPort& port, uint8_t number, const PortConfig& config,
                                      bool box, std::vector<std::string>& warnings);
    /// Takes away what a gateway has left on lo that had our interfaces' names, or has no interface
    /// any more. Call before set_up.
    std::optional<std::string> sweep(const BootConfig& boot);
    /// Fills `host` and begins to follow Linux, on these CPUs if there are any. `chores`: what else
    /// may wait for Linux, done ten times a second by a thread that does, until stop().
    std::optional<std::string> start(KernelState& host, const std::optional<cpu_set_t>& cpus,
                                     std::function<void()> chores);

    /// Applies what is new; whether `host` changed.
    bool follow(KernelState& host);
    /// Readable when there is something to follow, until clear_fd().
    int fd() const { return listener_.fd(); }
    void clear_fd() const { listener_.clear_fd(); }
    /// Whether the thread that asks has been told; ask again if not.
    bool set_carrier(IfIndex interface, bool carrier);
    /// At once, and not only by and by.
    void do_chores() { asker_.ask(DoChores{}); }
    /// Has what others took away put back. Call when `host` has changed, and now and then. Returns
    /// what to tell the operator.
    std::vector<std::string> look_after(const KernelState& host, Nanos now);
    /// Ends the threads when all that was asked is done. That takes as long as Linux makes them
    /// wait: if it takes long, `say_why` is called once.
    void stop(const std::function<void()>& say_why);

    void resolve(NeighbourKey neighbour) override;
    void keep_shadow(IpAddr address) override;
    void drop_shadow(IpAddr address) override;

    /// How long Linux has not answered what it was asked last; zero: it has.
    Nanos waiting() const { return std::max(asker_.waiting(), listener_.waiting()); }
    /// Any thread: what its counters say.
    const LinuxListener& listener() const { return listener_; }
    /// Neighbours that Linux was not asked for, for want of room.
    uint64_t resolves_dropped() const { return resolves_dropped_; }

private:
    netlink::AddressRequest shadow(IpAddr address) const;
    void ask_for_shadows();
    void probe_neighbours();
    void put_back(const KernelState& host);
    void look_at_masters(const KernelState& host, std::vector<std::string>& out);

    LinuxAsker asker_;
    LinuxListener listener_;
    NeighbourProbe probe_;
    IfIndex loopback_{1};
    std::vector<std::string> interfaces_;    ///< ours
    std::map<std::string, IfIndex> masters_; ///< of those, as the operator was told
    std::vector<Fallback> fallbacks_;
    std::set<IpAddr> shadows_;            ///< wanted
    std::map<IpAddr, bool> untold_;       ///< of these Linux is still to be told: wanted or not
    std::string label_;                   ///< of shadows
    bool putting_back_{false};            ///< asked for, and its changes are not in the mirror
    std::vector<NeighbourKey> resolving_; ///< asked for, and maybe stuck; a few
    uint64_t resolves_dropped_{0};
    Nanos refilled_{};
    unsigned may_put_back_{0};
};

} // namespace sacip
