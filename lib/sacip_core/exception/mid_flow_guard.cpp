// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/mid_flow_guard.hpp"

namespace sacip {
namespace {

/// A flow older than our start has shown itself by then, or does not matter.
constexpr Nanos forgetful_for = from_s(10);

} // namespace

/// TCP says so itself; all else may be, shortly after our start, if the peer knew us before it.
bool MidFlowGuard::may_be_middle(const PuntedPacket& punted, PeerId peer,
                                 const SecureAddresses& between) const {
    if (punted.view.is(IpProto::tcp)) {
        return is_midst_of_tcp(punted.view);
    }
    return punted.now - *began_ < forgetful_for &&
           peer_session_->may_know_more(peer, between, punted.now);
}

/// Is there a live flow with these ports whose far end may have roamed here?
std::optional<Speaker> MidFlowGuard::roamed_here(const PacketView& v, IpAddr host) const {
    if (v.is(IpProto::tcp) && (v.tcp_flags & tcp_syn) != 0) {
        return std::nullopt;
    }
    std::optional<Speaker> out;
    const auto is_it = [&](const FlowInfo& flow) {
        const RemoteBinding& remote = cache_.at(cache_.at(flow.path).remote);
        if (FlowTable::is_closed(flow.seen) || remote.active == v.source ||
            !cache_.may_roam_to(remote.speaker, v.source)) {
            return false;
        }
        out = remote.speaker;
        return true;
    };
    flows_.with_ports(host.v4(), v.destination_port, v.source_port, v.proto, is_it);
    return out;
}

Admission MidFlowGuard::inbound(const PuntedPacket& punted, IpAddr host) {
    began_ = began_.value_or(punted.now);
    const PacketView& v = punted.view;
    const auto roamed = roamed_here(v, host);
    if (roamed && roamed->is_basic()) {
        return {punted.last_try ? Admission::What::welcome : Admission::What::wait};
    }
    if (peer_session_ == nullptr || flows_.size() >= flows_.capacity()) {
        return {};
    }
    const SecureAddresses between{v.destination, v.source};
    const auto peer = roamed ? std::optional{roamed->peer()} : peer_session_->peer_near(v.source);
    if (!peer || (!roamed && !may_be_middle(punted, *peer, between))) {
        return {};
    }
    Admission out =
        ask(punted, *peer, {v.proto, v.source_port, v.destination_port, v.source, v.destination},
            between);
    // An explanation of our own live flow comes as a BIND, never as new originals.
    const bool ours = out.what == Admission::What::known && roamed;
    return ours && !punted.last_try ? Admission{Admission::What::wait} : out;
}

Admission MidFlowGuard::outbound(const PuntedPacket& punted, IpAddr wire) {
    began_ = began_.value_or(punted.now);
    const PacketView& v = punted.view;
    if (peer_session_ == nullptr || flows_.size() >= flows_.capacity()) {
        return {};
    }
    const SecureAddresses between{wire, v.destination};
    const auto peer = peer_session_->peer_near(v.destination);
    if (!peer || !may_be_middle(punted, *peer, between)) {
        return {};
    }
    return ask(punted, *peer, {v.proto, v.destination_port, v.source_port, v.destination, wire},
               between);
}

Admission MidFlowGuard::ask(const PuntedPacket& punted, PeerId peer, const WireTuple& tuple,
                            const SecureAddresses& between) {
    const auto origin = peer_session_->origin_of(peer, tuple, between, punted.now);
    if (origin && origin->state == FlowOrigin::State::known) {
        return {Admission::What::known, peer, origin->original_source,
                origin->original_destination};
    }
    if (origin || peer_session_->is_silent(peer, punted.now)) {
        return {};
    }
    if (!punted.last_try) {
        return {Admission::What::wait};
    }
    return {punted.view.is(IpProto::tcp) ? Admission::What::refuse : Admission::What::welcome};
}

} // namespace sacip
