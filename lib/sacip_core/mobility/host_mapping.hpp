// SPDX-License-Identifier: BSD-3-Clause
//
// HostMapping: which inside hosts stand where on the wire.
//
// A mapping is a line of the configuration (`hosts`) with the wire address or prefix it has now.
// "Our address now" is said here and nowhere else: the mover and the gateway say where a mapping
// goes, and the look-ups by host and by wire address follow. None of these grows with the number
// of mappings.
//
// Pure bookkeeping: no packet, no clock. Slow path only.
#pragma once

#include "sacip_core/base/id_map.hpp"
#include "sacip_core/base/prefix_map.hpp"
#include "sacip_core/config/boot_config.hpp"
#include "sacip_core/config/current_policy.hpp"

#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace sacip {

/// How a host stands in the path.
enum class Way : uint8_t { routed, uplink, box };
std::string_view to_text(Way way);

/// One line of `hosts`.
struct HostMapping {
    Way way{Way::routed};
    IpPrefix inside{};               ///< unused for the box
    std::optional<IpPrefix> wire;    ///< what stands for it on the wire now; nothing: no address
    PortId port{no_port};            ///< the outside port it follows; no_port for routed prefixes
    std::optional<IpPrefix> lost;    ///< what stood for it when that was lost, the last time
    std::optional<PortId> left_port; ///< the one it goes back to: its address was lost there
    std::vector<BoxPort> box_ports;
    /// What stands for it, or did until it was lost.
    const std::optional<IpPrefix>& last_wire() const { return wire ? wire : lost; }
};

class HostMappings {
public:
    /// `secret` is random and told to nobody. References outlive it.
    HostMappings(const BootConfig& boot, const CurrentPolicy& policy, uint64_t secret);

    using All = IdMap<MappingId, HostMapping>;
    const All& all() const { return all_; }
    const HostMapping& operator[](MappingId id) const { return all_[id]; }

    /// The mapping of an inside host (its own address); never the box.
    std::optional<MappingId> of_host(IpAddr host) const;
    /// The box's, that follows an outside port.
    std::optional<MappingId> of_box(PortId port) const;
    /// The one whose wire address or prefix holds this address now; never the box.
    std::optional<MappingId> of_wire(IpAddr wire) const;
    /// The one that had this address on the wire until a moment ago.
    std::optional<MappingId> of_left_wire(IpAddr wire, Nanos now) const;
    /// True if packets for `wire` may still be on their way to this one, which has left it.
    bool has_left(MappingId id, IpAddr wire, Nanos now) const;
    /// All that have an address in use which holds this one, the box too.
    std::vector<MappingId> around_wire(IpAddr wire) const;
    /// True if this address stands for one of ours on the wire now.
    bool is_own_wire(IpAddr address) const;
    /// True if the wire address, or the hosts' own, of any of these and `prefix` have an address in
    /// common. O(log mappings).
    bool overlaps(const IpPrefix& prefix) const;
    /// True if exactly this stands for one of them, or did until it was lost.
    bool has_at(const IpPrefix& wire) const { return by_wire_.find(wire) != nullptr; }
    /// Counts up whenever a wire address changes, or hosts come.
    uint64_t generation() const { return generation_; }

    /// The address that stands for `host` of this mapping on the wire now, if there is one.
    std::optional<IpAddr> wire_of(MappingId id, IpAddr host) const;
    /// The host behind a wire address of this mapping; not for the box.
    IpAddr host_of(MappingId id, IpAddr wire) const;
    /// The same for any of them: what a new flow to `wire` is for.
    IpAddr host_behind(MappingId id, IpAddr wire) const {
        return all_[id].way == Way::box ? wire : host_of(id, wire);
    }

    // Who is where. What has no address takes nothing along.

    /// What stands, or stood, at `from` is at `to` now; packets to `from` may come until `until`.
    void move(const IpPrefix& from, const IpPrefix& to, Nanos now, Nanos until);
    /// The address is gone, and nothing stands for the hosts and the box of a port that had it. A
    /// prefix stays: it would be found again only by what it was.
    void lose(const IpPrefix& wire);
    /// The port's hosts without an address have this one. True if there were any.
    bool give(PortId port, IpAddr address);
    /// Hosts at this wire address follow this port from now on.
    void follow(const IpPrefix& wire, PortId port);
    /// It goes back to `home` when it can; nothing: it stays.
    void set_home(MappingId id, std::optional<PortId> home);
    /// Those that go back somewhere when they can.
    const std::vector<MappingId>& away() const { return away_; }

    /// Those at a prefix, in the order of their ids: a host and the box may share one.
    using Sharers = std::vector<MappingId>;
    /// For which exactly this stands, or did until it was lost.
    Sharers at_wire(const IpPrefix& wire) const;

private:
    void take_policy();
    void add(const HostConfig& host);
    HostMapping& at(MappingId id) { return all_[id]; }
    void set_wire(MappingId id, std::optional<IpPrefix> wire);

    const BootConfig& boot_;
    const CurrentPolicy& policy_;
    All all_;
    std::vector<MappingId> boxes_, away_;
    PrefixMap<MappingId> by_inside_;
    PrefixMap<Sharers> by_wire_;   ///< the wire address now, or the one lost
    std::multiset<IpAddr> starts_; ///< first addresses of hosts' prefixes, and on the wire now
    struct Left {
        MappingId id;
        IpPrefix wire;
        Nanos until;
    };
    std::vector<Left> left_; ///< as many as there were moves of late
    uint64_t generation_{0};
};

} // namespace sacip
