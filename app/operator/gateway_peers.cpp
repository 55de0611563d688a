// SPDX-License-Identifier: BSD-3-Clause
//
// What `sacipctl -j peers` is told: where each peer is, whether it is there, and whether it knows
// where we are.
#include "app/operator/gateway_text.hpp"
#include "app/operator/gateway_view.hpp"
#include "app/operator/peer_state.hpp"

#include <algorithm>

namespace sacip {
namespace {

using nlohmann::json;

json claims_json(const Peer& peer, const BindingCache& cache) {
    json out = json::array();
    for (const Claim& c : cache.claims().of(peer.id)) {
        const bool in_doubt = std::ranges::any_of(peer.trials, [&](const Trial& t) {
            return t.in_use && t.claim.original == c.original && t.claim.active == c.active;
        });
        out.push_back({{"original", c.original.to_text()},
                       {"active", c.active.to_text()},
                       {"proven", !in_doubt}});
    }
    return out;
}

json trials_json(const Peer& peer) {
    json out = json::array();
    for (const Trial& t : peer.trials) {
        out.push_back({{"original", t.claim.original.to_text()},
                       {"active", t.claim.active.to_text()},
                       {"in_use", t.in_use}});
    }
    return out;
}

json secure_json(const Peer& peer, const Policy& policy, const BindingCache& cache, Nanos now) {
    uint64_t flows = 0;
    for (const RemoteId remote : cache.remotes_of_peer(peer.id)) {
        for (const PathId path : cache.at(remote).paths) {
            flows += cache.at(path).flows;
        }
    }
    const auto epoch = peer.association.epoch();
    const auto rtt = peer.association.smoothed_rtt();
    const char* carrier = !peer.carrier ? "both" : *peer.carrier == Carrier::icmp ? "icmp" : "udp";
    return {
        {"kind", "secure"},
        {"name", policy.peer(peer.id).name},
        {"state", peer_state_names[static_cast<size_t>(state_of(peer, now))]},
        {"epoch", epoch ? json(epoch->value) : json(nullptr)},
        {"carrier", carrier},
        {"rtt_us", rtt ? json(microseconds(*rtt)) : json(nullptr)},
        {"last_heard_s", peer.heard ? json(static_cast<double>((now - peer.last_heard).value) / 1e9)
                                    : json(nullptr)},
        {"at", peer.heard ? json(peer.heard->source.to_text()) : json(nullptr)},
        {"claims", claims_json(peer, cache)},
        {"trials", trials_json(peer)},
        {"told", !peer.bind_sender.pending()},
        {"tries", peer.bind_sender.tries()},
        {"bindings", cache.remotes_of_peer(peer.id).size()},
        {"flows", flows},
    };
}

} // namespace

json GatewayView::peer_list(Nanos now) const {
    json out = json::array();
    if (const PeerSession* peer_session = slow_path.peer_session()) {
        for (const Peer& peer : peer_session->peers()) {
            out.push_back(secure_json(peer, *policy, slow_path.cache(), now));
        }
    }
    for (const auto& [id, peer] : policy->basic_peers) {
        json roam_to = json::array();
        for (const IpPrefix& prefix : peer.roam_to) {
            roam_to.push_back(prefix.to_text());
        }
        out.push_back({{"kind", "basic"}, {"prefix", peer.prefix.to_text()}, {"roam_to", roam_to}});
    }
    return {{"peers", out}};
}

} // namespace sacip
