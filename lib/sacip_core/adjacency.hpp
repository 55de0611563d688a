// SPDX-License-Identifier: BSD-3-Clause
//
// Adjacency: through which port, and to which Ethernet address, packets for an address go.
//
// Linux decides (its routes and neighbours, mirrored in HostState); a port without a Linux side has
// one fixed next hop. Paths keep the answer, so no packet asks; when routes or neighbours change,
// the paths ask again.
#pragma once

#include "sacip_core/frame.hpp"
#include "sacip_core/host_state.hpp"

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
    Ipv4Addr fallback_gateway{};           ///< at fallback_mac; unspecified where there is none
    uint16_t mtu{UINT16_MAX};              ///< bytes of an IP packet that the port can send
    TxChecksums fills{TxChecksums::none};  ///< checksums that the device fills in
};

struct Adjacency {
    enum class State : uint8_t {
        ready,      ///< port and mac are right
        unresolved, ///< port and neighbour are right, Linux has to ask for the mac
        no_route,   ///< nothing leads there
        linux_only, ///< the route leaves by an interface that is not ours
    };
    State state{State::no_route};
    PortId port{no_port};
    NeighbourKey neighbour{}; ///< interface 0 for a fixed next hop
    MacAddr mac{};
    bool operator==(const Adjacency&) const = default;
};

/// Slow path only. References outlive it.
class AdjacencyResolver {
public:
    AdjacencyResolver(const HostState& host, const std::vector<GatewayPort>& ports)
        : host_{host}, ports_{ports} {}

    /// How to reach `destination`. A `preferred` port wins if it has any route there (a host behind
    /// an uplink leaves by that uplink); else Linux's best route counts. `outside` chooses among
    /// ports without a Linux side.
    Adjacency resolve(Ipv4Addr destination, bool outside, PortId preferred) const;
    std::optional<PortId> port_of(IfIndex interface) const;

private:
    Adjacency through(PortId port, NeighbourKey neighbour) const;

    const HostState& host_;
    const std::vector<GatewayPort>& ports_;
};

} // namespace sacip
