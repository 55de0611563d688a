// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/address_desk.hpp"

namespace sacip {

std::optional<PathId> AddressDesk::path_of_pair(WirePair pair) const {
    const int32_t wire = r_.paths.find(pair);
    if (wire < 0) {
        return std::nullopt;
    }
    const PathTable::Views views = r_.paths.views(wire);
    for (size_t i = 0; i < views.size(); i++) {
        const WireView seen = views[i];
        if (const auto path = r_.ledger.any_path(seen.host, seen.remote)) {
            return path;
        }
    }
    return std::nullopt;
}

void AddressDesk::decide(Guest& guest) { is_inbound(guest) ? inbound(guest) : outbound(guest); }

void AddressDesk::as_it_is(Guest& guest) {
    guest.origin.from_linux ? r_.doors.transmit(guest, guest.origin.port)
                            : r_.doors.to_linux(guest);
}

void AddressDesk::inbound(Guest& guest) {
    const PacketView& v = guest.view;
    if (const auto path = path_of_pair({v.source, v.destination})) {
        r_.dispatch.by_path(guest, Direction::inbound, *path);
        return;
    }
    const auto site = r_.ledger.site_of_wire(v.destination);
    if (site && !r_.host.is_local(v.destination)) {
        const Ipv4Addr host = r_.ledger.host_of(*site, v.destination);
        r_.dispatch.by_addresses(guest, Direction::inbound, *site,
                                 {host, v.destination, v.destination, v.source, v.source},
                                 L4ChecksumMode::wire);
    } else {
        as_it_is(guest);
    }
}

void AddressDesk::outbound(Guest& guest) {
    const PacketView& v = guest.view;
    if (const auto path = r_.ledger.any_path(v.source, v.destination)) {
        r_.dispatch.by_path(guest, Direction::outbound, *path);
        return;
    }
    const bool of_linux = guest.origin.from_linux && r_.host.is_local(v.source);
    const auto site = of_linux ? std::nullopt : r_.ledger.site_of_host(v.source);
    const auto wire = site ? r_.ledger.wire_of(*site, v.source) : std::nullopt;
    const auto is_for_linux = [&] {
        return r_.new_flows.is_for_linux(v, wire,
                                         r_.new_flows.way_out(v, *site, wire, guest.origin));
    };
    if (site && wire && !is_for_linux()) {
        r_.dispatch.by_addresses(guest, Direction::outbound, *site,
                                 {v.source, *wire, *wire, v.destination, v.destination},
                                 L4ChecksumMode::wire);
    } else {
        as_it_is(guest);
    }
}

} // namespace sacip
