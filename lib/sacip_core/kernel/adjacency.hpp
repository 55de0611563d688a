// SPDX-License-Identifier: BSD-3-Clause
//
// Adjacency: through which port, and to which Ethernet address, packets for an address go.
//
// Linux decides (its rules, routes and neighbours, mirrored in KernelState); a port without a Linux
// side has one fixed next hop. Outbound there are two questions. What would Linux do with the
// packet as it came in? If that leads to an inside port, or to an interface that is no port of ours
// (a VPN, a management card, a bridge), by a longer prefix than an uplink has, it is Linux's. Else:
// which way has a packet with the address on the wire for source, out of the port that this address
// belongs to
// (`oif`)? A packet never leaves by another uplink than its source's.
// Paths keep the answer, so no packet asks; when routes or neighbours change, the paths ask again.
#pragma once

#include "sacip_core/kernel/kernel_state.hpp"
#include "sacip_core/packet/frame.hpp"
#include "sacip_core/packet/link_header.hpp"

#include <optional>
#include <vector>

namespace sacip {

/// The Ethernet address of the fallback gateway: a next hop that nobody has. Linux is given a last
/// default route to it so that the box's sockets can send while there is no other route; what goes
/// there and belongs to no path ends here.
inline constexpr MacAddr fallback_mac{{0x02, 0, 0, 0, 0, 0xFE}};

/// A port as the slow path knows it. The index in the list is its PortId.
struct GatewayPort {
    std::string name;
    bool outside{false};
    MacAddr mac{};
    IfIndex host_interface{};              ///< 0: none
    std::optional<MacAddr> next_hop_mac{}; ///< for a port without a Linux side
    IpAddr fallback_gateway{};             ///< at fallback_mac; unspecified where there is none
    uint16_t mtu{UINT16_MAX};              ///< bytes of an IP packet that the port can send
    TxChecksums fills{TxChecksums::none};  ///< checksums that the device fills in
    MacAddr former_mac{};                  ///< still accepted; zero: none
};

struct Adjacency {
    enum class State : uint8_t {
        ready,      ///< port and link header are right
        unresolved, ///< port and neighbour are right, Linux has to ask for the mac
        absent,     ///< nothing leads there now: its uplink has no route, nor has another
        no_route,   ///< nothing leads there by the port that it has to leave by, but by another
        refused,    ///< Linux's route says no, or it has none for routed hosts: it tells the sender
        linux_only, ///< Linux's to forward: by an interface that is no outside port
    };
    State state{State::absent};
    PortId port{no_port};
    NeighbourKey neighbour{}; ///< interface 0 for a fixed next hop
    EtherAddresses ether{};   ///< of frames to there, where it was ready when this was asked
    IfIndex interface {};     ///< of the route; 0: none
    bool operator==(const Adjacency&) const = default;
};

/// The first outside port whose host interface has an address of this prefix; a shadow on lo does
/// not count.
std::optional<PortId> outside_port_within(const IpPrefix& prefix, const KernelState& host,
                                          const std::vector<GatewayPort>& ports);

/// Slow path only. References outlive it.
class AdjacencyResolver {
public:
    AdjacencyResolver(const KernelState& host, const std::vector<GatewayPort>& ports)
        : host_{host}, ports_{ports} {}

    /// A packet of ours on its way out.
    struct Departure {
        IpAddr destination;
        IpAddr host;            ///< its source as it came in
        IpAddr wire;            ///< its source on the wire
        PortId pinned{no_port}; ///< the port that `wire` belongs to; no_port: Linux's choice
        IfIndex in{};           ///< where it came in; 0: unknown
        bool of_box{false};     ///< of a socket of the box: Linux has chosen `pinned`
        bool operator==(const Departure&) const = default;
    };
    Adjacency outward(const Departure& packet) const;
    /// To `host`, one of ours, for a packet from `remote` that came in by `in` (0: unknown).
    Adjacency inward(IpAddr host, IpAddr remote, IfIndex in) const;
    /// To the box itself, by the port's host interface.
    Adjacency to_box(PortId port) const;
    /// Nothing while no frames can be sent to the neighbour.
    std::optional<MacAddr> mac_of(NeighbourKey neighbour) const { return host_.mac_of(neighbour); }
    std::optional<PortId> port_of_source(IpAddr address) const {
        return port_within(IpPrefix::host(address));
    }
    std::optional<PortId> port_within(const IpPrefix& prefix) const {
        return outside_port_within(prefix, host_, ports_);
    }
    std::optional<PortId> port_of(IfIndex interface) const;

private:
    std::optional<RouteAnswer> ask(const RouteQuery& query) const;
    Adjacency by(const RouteAnswer& answer) const;
    Adjacency fixed(PortId port) const;
    Adjacency fixed_or(Adjacency::State otherwise, bool outside) const;
    Adjacency through(PortId port, const RouteAnswer& answer) const;

    const KernelState& host_;
    const std::vector<GatewayPort>& ports_;
};

} // namespace sacip
