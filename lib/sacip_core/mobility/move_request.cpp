// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/move_request.hpp"

#include <algorithm>

namespace sacip {
namespace {

/// True if it is routed hosts that move; `home`: to their own prefix.
bool are_routed(const MoveRequest& r, const HostMappings& mappings, bool home) {
    return std::ranges::any_of(mappings.at_wire(r.from), [&](MappingId id) {
        const HostMapping& m = mappings[id];
        return m.wire == r.from && m.way == Way::routed && (!home || m.inside == r.to);
    });
}

std::optional<Refusal> refuse_old(IpPrefix from, const BindingCache& cache) {
    if (cache.has_at(from)) {
        return std::nullopt;
    }
    std::string known;
    for (const HostMapping& s : cache.mappings().all()) {
        known += s.last_wire() ? (known.empty() ? "" : ", ") + s.last_wire()->to_text() : "";
    }
    return Refusal{from.to_text() + " stands for none of our hosts on the wire",
                   "name one of: " + (known.empty() ? "(no address at the moment)" : known)};
}

/// The mappings are gone through only to name the one that is in the way.
std::optional<Refusal> refuse_overlap(const MoveRequest& r, const HostMappings& mappings) {
    if (!mappings.overlaps(r.to)) {
        return std::nullopt;
    }
    for (const HostMapping& s : mappings.all()) {
        if (s.wire && s.wire != r.from && s.wire->overlaps(r.to)) {
            return Refusal{r.to.to_text() + " overlaps " + s.wire->to_text() +
                               ", which stands for other hosts on the wire",
                           "move those first, or name another address"};
        }
    }
    return std::nullopt;
}

/// A mapping of routed hosts has an inside port in its own prefix, and may move back there.
std::optional<Refusal> refuse_inside(const MoveRequest& r, const HostMappings& mappings,
                                     const KernelState& host,
                                     const std::vector<GatewayPort>& ports) {
    const bool home = are_routed(r, mappings, true);
    for (const GatewayPort& port : ports) {
        for (const AddressInfo& a : host.addresses(port.host_interface)) {
            if (!port.outside && !home && r.to.contains(a.address)) {
                return Refusal{r.to.to_text() + " holds " + a.address.to_text() +
                                   ", an address of the inside port " + port.name,
                               "name an address of the outside network"};
            }
        }
    }
    return std::nullopt;
}

std::optional<Refusal> refuse_absent(const MoveRequest& r, const HostMappings& mappings,
                                     const KernelState& host,
                                     const std::vector<GatewayPort>& ports) {
    const bool knows = std::ranges::any_of(ports, [](const GatewayPort& port) {
        return port.outside && port.host_interface.value != 0;
    });
    if (r.force || are_routed(r, mappings, false) || !knows ||
        outside_port_within(IpPrefix::host(r.to.address()), host, ports)) {
        return std::nullopt;
    }
    return Refusal{r.to.to_text() + " is on none of the outside ports' interfaces",
                   "add it first (ip address add), or say --force if packets to it come here "
                   "nevertheless"};
}

} // namespace

std::optional<Refusal> refuse(const MoveRequest& request, const BindingCache& cache,
                              const KernelState& host, const std::vector<GatewayPort>& ports) {
    const auto& [from, to, force] = request;
    if (from.length() != to.length()) {
        return Refusal{"move " + from.to_text() + " " + to.to_text() + ": lengths differ",
                       "give two addresses, or two prefixes of the same length"};
    }
    if (auto refusal = refuse_old(from, cache)) {
        return refusal;
    }
    if (from == to) {
        return Refusal{from.to_text() + " is where it is already", "name another address"};
    }
    if (!to.address().is_host_unicast()) {
        return Refusal{to.to_text() + " is not an address that a host can have",
                       "name a unicast address outside 0/8, 127/8, 169.254/16 and 224/3"};
    }
    if (auto refusal = refuse_overlap(request, cache.mappings())) {
        return refusal;
    }
    if (auto refusal = refuse_inside(request, cache.mappings(), host, ports)) {
        return refusal;
    }
    return refuse_absent(request, cache.mappings(), host, ports);
}

} // namespace sacip
