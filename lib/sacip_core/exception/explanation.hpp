// SPDX-License-Identifier: BSD-3-Clause
//
// Explanation: what would become of a packet with these addresses now, and why.
//
// Known flows are looked for in the order in which ExceptionPath looks; what a packet of none would
// begin is the FlowDecider's word, the same one that FlowSetup carries out. Nothing is counted,
// sent, held or made. What a packet's TCP flags would change is said in the text: who asks
// at night why a connection is refused knows addresses and ports, not flags.
#pragma once

#include "sacip_core/exception/flow_setup.hpp"
#include "sacip_core/exception/hairpin.hpp"

#include <string>

namespace sacip {

struct Explanation {
    enum class Fate : uint8_t {
        forward,  ///< of a known flow, goes on its way
        hold,     ///< of a known flow or a known host, waits for an address or a next hop
        refuse,   ///< dropped under `reason`, and its sender is told
        wait,     ///< may be of a flow whose far end moved: waits for its peer's word
        to_linux, ///< none of our business: Linux decides
        new_flow, ///< begins a flow
        drop,     ///< dropped under `reason`
    };
    Fate fate{Fate::to_linux};
    std::string_view reason{}; ///< a name of verdict.hpp's lists; empty: none
    std::string text;          ///< a sentence or two for an operator
    Direction direction{Direction::outbound};
    std::optional<FlowInfo> flow; ///< that takes the packet, or stands in its way
    std::optional<PathId> path;   ///< of that flow
    /// The addresses the packet leaves with; ports never change.
    struct Addresses {
        IpAddr source;
        IpAddr destination;
    };
    std::optional<Addresses> becomes;
};
std::string_view to_text(Explanation::Fate fate);

/// Slow path only. Reads, and changes nothing. References outlive it.
class Explainer {
public:
    struct Deps {
        const CurrentPolicy& policy;
        const std::vector<GatewayPort>& ports;
        const KernelState& host;
        const FlowTable& flows;
        const BindingCache& cache;
        const Mover& mover;
        const FlowDecider& decider;
        const MidFlowGuard& guard;
        const Hairpin& hairpin;
        const PeerSession* peer_session; ///< nullptr without peers that have keys
    };
    explicit Explainer(const Deps& deps) : r_{deps} {}

    /// Of `packet` count addresses, ports and protocol. It comes from inside if its source is one
    /// of our hosts', of an inside network, or our own; else from the wire.
    Explanation explain(const PacketView& packet, Nanos now) const;

private:
    bool is_inside(IpAddr address) const;
    PortId port_of_interface(IfIndex interface) const;
    PortId arrival_port(const PacketView& packet) const;
    Origin arrival_of(const PacketView& packet) const;
    std::string why_of_linux(IpAddr destination, const Adjacency& way) const;
    Explanation outbound(const PacketView& packet, Nanos now) const;
    Explanation begin_outbound(const PacketView& packet, Nanos now) const;
    Explanation inbound(const PacketView& packet, Nanos now) const;
    Explanation of_known(const PacketView& packet, Direction direction, int32_t flow,
                         PathId path) const;
    Explanation of_draining(Explanation known, WirePair pair, Nanos now) const;
    Explanation conflict(const PacketView& packet, Direction direction, const FlowInfo& flow) const;
    Explanation begin(const PacketView& packet, Direction direction,
                      Explanation::Addresses becomes) const;
    std::optional<FlowInfo> live(int32_t flow) const;
    std::string why_held(const PathEntry& entry, Direction direction) const;
    std::string far_end(const Speaker& speaker) const;
    std::string move_of(Side side, IpAddr left) const;

    Deps r_;
};

} // namespace sacip
