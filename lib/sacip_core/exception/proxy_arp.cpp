// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/proxy_arp.hpp"

#include "sacip_core/packet/arp.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr uint8_t largest_announced = 22;   ///< prefix length: at 100 a second that takes 10 s
constexpr Nanos announce_again = from_s(2); // RFC 5227 §1.1, ANNOUNCE_INTERVAL
/// Workers take the frames that an announcement brings a moment after the slow path has said so.
constexpr Nanos workers_know = from_ms(2);

} // namespace

bool ProxyArp::is_on_link(IpAddr address, const GatewayPort& port) const {
    const auto on_link = r_.host.addresses(port.host_interface);
    return port.next_hop_mac || std::ranges::any_of(on_link, [&](const AddressInfo& a) {
               return a.prefix_length < 32 &&
                      IpPrefix{a.address, a.prefix_length}.contains(address);
           });
}

bool ProxyArp::answers_for(const Claim& claim) const {
    const GatewayPort& port = r_.ports[claim.port.value];
    return port.outside && r_.cache.mappings().of_wire(claim.address) &&
           !r_.host.is_local(claim.address) && is_on_link(claim.address, port);
}

void ProxyArp::decide(PuntedPacket& punted) {
    const PortId port = punted.origin.port;
    const auto request = read_arp_request(punted.frame());
    if (!request || request->sender == request->target || !answers_for({port, request->target})) {
        r_.output.to_linux(punted);
        return;
    }
    const OwnedPacket reply = r_.io.allocate(arp_frame_bytes);
    if (reply.owner == nullptr) {
        r_.output.drop(punted, DropReason::no_memory);
        return;
    }
    write_arp_reply(reply.frame, *request, r_.ports[port.value].mac);
    r_.io.transmit(port, reply);
    r_.output.consume(punted);
}

// ---- announcements

bool ProxyArp::is_linuxs(const Claim& claim) const {
    const auto own = r_.host.addresses(r_.ports[claim.port.value].host_interface);
    return std::ranges::find(own, claim.address, &AddressInfo::address) != own.end();
}

/// Whether claims() may say something else than last time.
bool ProxyArp::have_changed() {
    const uint64_t addresses = r_.host.generation(KernelState::Table::addresses);
    const uint64_t wires = r_.cache.mappings().generation();
    const bool other_addresses = std::exchange(seen_addresses_, addresses) != addresses;
    return std::exchange(seen_wires_, wires) != wires || other_addresses;
}

std::set<ProxyArp::Claim> ProxyArp::claims() const {
    std::set<Claim> out;
    for (const HostMapping& mapping : r_.cache.mappings().all()) {
        if (mapping.way == Way::box || !mapping.wire ||
            mapping.wire->length() < largest_announced) {
            continue;
        }
        const uint32_t first = mapping.wire->address().v4().value();
        const uint32_t last = mapping.wire->last().v4().value();
        for (uint32_t address = first; address <= last; address++) {
            for (uint8_t port = 0; port < r_.ports.size(); port++) {
                const Claim claim{{port}, Ipv4Addr{Be32{address}}};
                if (answers_for(claim)) {
                    out.insert(claim);
                }
            }
        }
    }
    return out;
}

bool ProxyArp::announce(const Claim& claim) const {
    const OwnedPacket packet = r_.io.allocate(arp_frame_bytes);
    if (packet.owner == nullptr) {
        return false;
    }
    write_arp_announcement(packet.frame, claim.address.v4(), r_.ports[claim.port.value].mac);
    return r_.io.transmit(claim.port, packet);
}

void ProxyArp::mac_changed(PortId port, Nanos now) {
    const auto soon = [&](IpAddr address) {
        due_.emplace(now + workers_know, Due{{port, address}, true});
    };
    for (const Claim& claim : claimed_) {
        if (claim.port == port) {
            soon(claim.address);
        }
    }
    for (const AddressInfo& own : r_.host.addresses(r_.ports[port.value].host_interface)) {
        if (own.scope == AddressScope::global) {
            soon(own.address);
        }
    }
}

void ProxyArp::tick(Nanos now) {
    if (have_changed()) {
        std::set<Claim> now_ours = claims();
        // What Linux has just lost is ours for a moment, until the uplink has moved.
        const Nanos settled = now + from_ms(2 * r_.policy->move.settle.count());
        for (const Claim& claim : now_ours) {
            if (!claimed_.contains(claim)) {
                due_.emplace(settled, Due{claim, true});
            }
        }
        claimed_ = std::move(now_ours);
    }
    while (!due_.empty() && due_.begin()->first <= now) {
        const Due due = due_.begin()->second;
        const bool ours = claimed_.contains(due.claim) || is_linuxs(due.claim);
        if (ours && !rate_.take(now)) {
            return;
        }
        due_.erase(due_.begin());
        if (ours && announce(due.claim) && due.again) {
            due_.emplace(now + announce_again, Due{due.claim, false});
        }
    }
}

} // namespace sacip
