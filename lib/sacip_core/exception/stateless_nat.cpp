// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/stateless_nat.hpp"

namespace sacip {

std::optional<PathId> StatelessNat::path_of_pair(WirePair pair) const {
    const int32_t wire = r_.paths.find(pair);
    if (wire < 0) {
        return std::nullopt;
    }
    const PathTable::Views views = r_.paths.views(wire);
    for (size_t i = 0; i < views.size(); i++) {
        const WireView seen = views[i];
        if (const auto path = r_.cache.any_path(seen.host, seen.remote)) {
            return path;
        }
    }
    return std::nullopt;
}

void StatelessNat::decide(PuntedPacket& punted) {
    is_inbound(punted) ? inbound(punted) : outbound(punted);
}

void StatelessNat::as_it_is(PuntedPacket& punted) {
    punted.origin.from_linux ? r_.output.transmit(punted, punted.origin.port)
                             : r_.output.to_linux(punted);
}

void StatelessNat::inbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    if (const auto path = path_of_pair({v.source, v.destination})) {
        r_.forwarder.by_path(punted, Direction::inbound, *path);
        return;
    }
    const auto mapping = r_.cache.mappings().of_wire(v.destination);
    if (mapping && !r_.host.is_local(v.destination)) {
        const Ipv4Addr host = r_.cache.mappings().host_of(*mapping, v.destination).v4();
        r_.forwarder.by_addresses(punted, Direction::inbound, *mapping,
                                  {host, v.destination, v.destination, v.source, v.source},
                                  L4ChecksumMode::wire);
    } else {
        as_it_is(punted);
    }
}

void StatelessNat::outbound(PuntedPacket& punted) {
    const PacketView& v = punted.view;
    if (const auto path = r_.cache.any_path(v.source, v.destination)) {
        r_.forwarder.by_path(punted, Direction::outbound, *path);
        return;
    }
    const FlowDecision d = r_.decider.outbound(v, punted.origin, punted.now);
    if (!d.of_box &&
        (d.what == FlowDecision::What::begin || d.what == FlowDecision::What::no_route)) {
        r_.forwarder.by_addresses(
            punted, Direction::outbound, d.mapping,
            {v.source, d.original.v4(), d.active.v4(), v.destination, v.destination},
            L4ChecksumMode::wire);
    } else {
        as_it_is(punted);
    }
}

} // namespace sacip
