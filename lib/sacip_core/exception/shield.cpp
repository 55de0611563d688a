// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/shield.hpp"

namespace sacip {
namespace {

constexpr size_t max_remotes_considered = 256;
/// A flow older than our start has shown itself by then, or does not matter.
constexpr Nanos forgetful_for = from_s(10);

} // namespace

/// TCP says so itself; all else may be, shortly after our start, if the peer knew us before it.
bool Shield::may_be_middle(const Guest& guest, uint32_t peer,
                           const SecureAddresses& between) const {
    if (guest.view.is(IpProto::tcp)) {
        return is_midst_of_tcp(guest.view);
    }
    return guest.now - *began_ < forgetful_for && office_->may_know_more(peer, between, guest.now);
}

/// Is there a live flow with these ports whose far end may have roamed here?
std::optional<Speaker> Shield::roamed_here(const PacketView& v, Ipv4Addr host) const {
    if (v.is(IpProto::tcp) && (v.tcp_flags & tcp_syn) != 0) {
        return std::nullopt;
    }
    for (const RemoteId id : ledger_.remotes_of_host(host, max_remotes_considered)) {
        const RemoteBinding& remote = ledger_.at(id);
        if (remote.active == v.source || !ledger_.may_roam_to(remote.speaker, v.source)) {
            continue;
        }
        const int32_t flow = flows_.find(key_from_wire(v, host, remote.original));
        if (flow >= 0 && !FlowTable::is_closed(flows_.record(flow).seen)) {
            return remote.speaker;
        }
    }
    return std::nullopt;
}

Admission Shield::inbound(const Guest& guest, Ipv4Addr host) {
    began_ = began_.value_or(guest.now);
    const PacketView& v = guest.view;
    const auto roamed = roamed_here(v, host);
    if (roamed && roamed->is_basic()) {
        return {guest.last_try ? Admission::What::welcome : Admission::What::wait};
    }
    if (office_ == nullptr || flows_.size() >= flows_.capacity()) {
        return {};
    }
    const SecureAddresses between{v.destination, v.source};
    const auto peer = roamed ? std::optional{roamed->index} : office_->peer_near(v.source);
    if (!peer || (!roamed && !may_be_middle(guest, *peer, between))) {
        return {};
    }
    Admission out =
        ask(guest, *peer, {v.proto, v.source_port, v.destination_port, v.source, v.destination},
            between);
    // An explanation of our own live flow comes as a BIND, never as new originals.
    const bool ours = out.what == Admission::What::known && roamed;
    return ours && !guest.last_try ? Admission{Admission::What::wait} : out;
}

Admission Shield::outbound(const Guest& guest, Ipv4Addr wire) {
    began_ = began_.value_or(guest.now);
    const PacketView& v = guest.view;
    if (office_ == nullptr || flows_.size() >= flows_.capacity()) {
        return {};
    }
    const SecureAddresses between{wire, v.destination};
    const auto peer = office_->peer_near(v.destination);
    if (!peer || !may_be_middle(guest, *peer, between)) {
        return {};
    }
    return ask(guest, *peer, {v.proto, v.destination_port, v.source_port, v.destination, wire},
               between);
}

Admission Shield::ask(const Guest& guest, uint32_t peer, const WireTuple& tuple,
                      const SecureAddresses& between) {
    const auto origin = office_->origin_of(peer, tuple, between, guest.now);
    if (origin && origin->state == FlowOrigin::State::known) {
        return {Admission::What::known, peer, origin->original_source,
                origin->original_destination};
    }
    if (origin || office_->is_silent(peer, guest.now)) {
        return {};
    }
    if (!guest.last_try) {
        return {Admission::What::wait};
    }
    return {guest.view.is(IpProto::tcp) ? Admission::What::refuse : Admission::What::welcome};
}

} // namespace sacip
