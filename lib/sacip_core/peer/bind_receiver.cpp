// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/bind_receiver.hpp"

#include "sacip_core/config/policy.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace sacip {
namespace {

constexpr size_t max_claims = 256;
/// Packets that were under way when their sender lost its address: four round trips and a moment.
Nanos drain_of_lost(const Peer& peer) {
    const auto rtt = peer.association.smoothed_rtt();
    return rtt ? Nanos{4 * rtt->value} + from_ms(50) : from_ms(500);
}

/// A claim that no flow needs is kept this long: a gateway that restarted learns its flows later.
constexpr Nanos keep_unneeded = from_s(60);

constexpr std::array never_prefixes{
    IpPrefix{IpAddr{0, 0, 0, 0}, 8},
    IpPrefix{IpAddr{127, 0, 0, 0}, 8},
    IpPrefix{IpAddr{169, 254, 0, 0}, 16},
    IpPrefix{IpAddr{224, 0, 0, 0}, 3},
};

bool inside_any(const std::vector<IpPrefix>& list, const IpPrefix& prefix) {
    return std::ranges::any_of(list, [&](const IpPrefix& p) { return p.contains(prefix); });
}

/// Where a challenge for a whole prefix goes: every address in it leads to the peer's gateway.
IpAddr place_in(const IpPrefix& active, IpAddr source) {
    if (active.is_host() || !active.contains(source)) {
        return active.is_host() ? active.address() : active.address().next();
    }
    return source;
}

} // namespace

// ---- may it?

bool BindReceiver::may_bind_original(const Peer& peer, const IpPrefix& original) const {
    if (inside_any(r_.policy->peer(peer.id).addresses, original)) {
        return !is_ours(original);
    }
    return original.is_host() && r_.cache.has_remote_from(peer.id, original);
}

bool BindReceiver::is_ours(const IpPrefix& active) const {
    if (r_.cache.mappings().overlaps(active) ||
        (active.is_host() && r_.host.is_local(active.address()))) {
        return true;
    }
    return std::ranges::any_of(r_.ports, [&](const GatewayPort& port) {
        return std::ranges::any_of(
            r_.host.addresses(port.host_interface), [&](const AddressInfo& a) {
                return active.contains(a.address) ||
                       (active.is_host() && a.is_broadcast(active.address()));
            });
    });
}

bool BindReceiver::may_be_at(const Peer& peer, const IpPrefix& active) const {
    const PeerConfig& told = r_.policy->peer(peer.id);
    return (inside_any(told.addresses, active) || inside_any(told.roam_to, active)) &&
           std::ranges::none_of(never_prefixes,
                                [&](const IpPrefix& p) { return p.overlaps(active); }) &&
           !is_ours(active);
}

// ---- what it says

/// Those that are claimed now, or on trial, and are no claims yet.
size_t BindReceiver::originals_added(const Peer& peer, const std::vector<Claim>& claims) const {
    std::set<IpPrefix> out;
    const auto add = [&](const Claim& c) {
        const Claim* known = r_.cache.claims().around(peer.id, c.original);
        if (known == nullptr || known->original != c.original) {
            out.insert(c.original);
        }
    };
    std::ranges::for_each(claims, add);
    std::ranges::for_each(peer.trials, add, &Trial::claim);
    return out.size();
}

BindReceiver::Decision BindReceiver::receive(Peer& peer, const Bind& bind, bool old_address_lost,
                                             IpAddr source, Nanos now) {
    std::vector<Claim> claims;
    for (const BindEntry& e : bind.entries()) {
        if (!may_bind_original(peer, e.original) ||
            (e.lifetime_s > 0 && !may_be_at(peer, e.active))) {
            return {BindStatus::refused, BindReason::unauthorised, {}};
        }
        const auto first = std::ranges::find(claims, e.original, &Claim::original);
        if (first != claims.end()) {
            first->fallbacks.push_back(e.active);
        } else {
            claims.push_back({e.original, e.active, {}, now, now + from_s(e.lifetime_s)});
        }
    }
    ClaimTable& table = r_.cache.claims();
    if (table.of(peer.id).size() + originals_added(peer, claims) > max_claims) {
        return {BindStatus::refused, BindReason::capacity, {}};
    }
    std::vector<Claim> unproved; // and the place before is lost
    for (const Claim& claim : claims) {
        if (claim.expires == now) { // lifetime 0: withdrawn
            for (const Trial& t : std::vector<Trial>{peer.trials}) {
                if (t.in_use && t.claim.original == claim.original) {
                    go_back(peer, t, now);
                }
            }
            table.erase(peer.id, claim.original);
            peer.to_follow.insert(claim.original);
            std::erase_if(peer.trials,
                          [&](const Trial& t) { return t.claim.original == claim.original; });
        } else if (!enter(peer, claim, old_address_lost, source, now) && old_address_lost) {
            unproved.push_back(claim);
        }
    }
    if (!unproved.empty()) {
        follow(peer, true, false, now); // what is proved does not wait with these
        for (const Claim& claim : unproved) {
            record(peer, claim, true, now);
        }
        follow(peer, false, true, now);
    }
    take_along(peer, now, now);
    peer.vacated.clear();
    follow(peer, true, old_address_lost, now);
    return standing(peer);
}

BindReceiver::Decision BindReceiver::standing(const Peer& peer) {
    if (peer.trials.empty()) {
        return {};
    }
    return {BindStatus::validate, BindReason::none, peer.trials.front().asked};
}

/// One original: recorded if it is proved or needs no proof, else newly on trial: false.
bool BindReceiver::enter(Peer& peer, const Claim& claim, bool lost, IpAddr source, Nanos now) {
    const Claim* known = r_.cache.claims().around(peer.id, claim.original);
    const bool same_prefix = known != nullptr && known->original == claim.original;
    const auto trial = std::ranges::find_if(
        peer.trials, [&](const Trial& t) { return t.claim.original == claim.original; });
    const bool tried = trial != peer.trials.end() && trial->claim.active == claim.active;
    const bool unchanged = same_prefix && known->active == claim.active && !tried;
    if (unchanged || claim.original == claim.active || peer.association.proven_in(claim.active)) {
        if (trial != peer.trials.end()) {
            r_.cache.forget_allowance(trial->asked);
            peer.trials.erase(trial);
        }
        record(peer, claim, lost, now);
        return true;
    }
    if (tried && (trial->in_use || !lost)) {
        return true;
    }
    std::optional<IpPrefix> before = same_prefix ? std::optional{known->active} : std::nullopt;
    if (trial != peer.trials.end()) {
        before = trial->before;
        r_.cache.forget_allowance(trial->asked);
        peer.trials.erase(trial);
    }
    const Nanos time =
        std::max(validation_min_time, Nanos{validation_rto_factor * peer.association.rto().value});
    peer.trials.push_back({claim, before, place_in(claim.active, source), lost, now + time});
    if (!lost) {
        accept_inbound(peer, claim, now);
    }
    return false;
}

void BindReceiver::record(Peer& peer, const Claim& claim, bool lost, Nanos now) {
    note_departure(peer, claim, lost, now);
    const Claim* known = r_.cache.claims().around(peer.id, claim.original);
    if (known == nullptr || known->original != claim.original || known->active != claim.active) {
        peer.to_follow.insert(claim.original);
    }
    r_.cache.claims().set(peer.id, claim);
}

/// Where it was, as far as we know that it was there until now.
void BindReceiver::note_departure(Peer& peer, const Claim& claim, bool lost, Nanos now) {
    const Claim* known = r_.cache.claims().around(peer.id, claim.original);
    const IpPrefix from = known == nullptr ? claim.original
                                           : IpPrefix{known->active_for(claim.original.address()),
                                                      claim.original.length()};
    const bool was_there = known != nullptr || lost || r_.cache.has_remote_at(peer.id, from);
    if (from == claim.active || !was_there) {
        return;
    }
    const Nanos accepted = lost ? drain_of_lost(peer) : from_ms(r_.policy->move.drain.count());
    r_.cache.claims().depart({peer.id, from, claim.active, now + accepted});
    peer.left.insert(from);
    peer.vacated.insert(from);
}

/// What the peer said before `heard` of a place that it has left, and did not say again, goes
/// along: nobody is reached there any more.
void BindReceiver::take_along(Peer& peer, Nanos heard, Nanos now) {
    if (peer.vacated.empty()) {
        return;
    }
    ClaimTable& table = r_.cache.claims();
    std::vector<Claim> along;
    std::ranges::copy_if(table.of(peer.id), std::back_inserter(along), [&](const Claim& c) {
        return c.heard < heard && peer.vacated.contains(c.active);
    });
    for (Claim& claim : along) {
        const Departure* left = table.departed_from(peer.id, claim.active.address(), now);
        if (left != nullptr && left->from == claim.active) {
            claim.active = left->to;
            table.set(peer.id, claim);
            peer.to_follow.insert(claim.original);
        }
    }
}

/// Those that may not be where the claims say, in order.
std::vector<RemoteId> BindReceiver::take_affected(Peer& peer) const {
    std::vector<RemoteId> out;
    const auto add = [&](const std::vector<RemoteId>& more) {
        out.insert(out.end(), more.begin(), more.end());
    };
    for (const IpPrefix& original : std::exchange(peer.to_follow, {})) {
        add(r_.cache.remotes_of_peer_from(peer.id, original));
    }
    for (const IpPrefix& from : std::exchange(peer.left, {})) {
        add(r_.cache.remotes_of_peer_at(peer.id, from));
    }
    std::ranges::sort(out);
    out.erase(std::ranges::unique(out).begin(), out.end());
    return out;
}

/// Bindings go where the claims say; moves of them that lie behind one claim are one move.
void BindReceiver::follow(Peer& peer, bool proven, bool lost, Nanos now) {
    struct Step {
        IpPrefix from, to;
        std::vector<RemoteId> bindings;
    };
    std::map<std::pair<IpPrefix, IpPrefix>, Step> steps;
    for (const RemoteId id : take_affected(peer)) {
        const RemoteBinding& b = r_.cache.at(id);
        const Claim* claim = r_.cache.claims().around(peer.id, b.original);
        if (claim != nullptr && claim->active_for(b.original) != b.active) {
            const IpPrefix from{b.active, claim->active.length()};
            Step& step = steps[{claim->original, from}];
            step.from = from;
            step.to = claim->active;
            step.bindings.push_back(id);
        } else if (const Departure* left = r_.cache.claims().departed_from(peer.id, b.active, now);
                   claim == nullptr && left != nullptr) {
            Step& step = steps[{left->from, left->from}]; // begun there, and never named
            step.from = left->from;
            step.to = left->to;
            step.bindings.push_back(id);
        }
    }
    for (auto& [key, step] : steps) {
        const bool on_trial = std::ranges::any_of(
            peer.trials, [&](const Trial& t) { return t.in_use && t.claim.active == step.to; });
        r_.mover.move_remote(step.bindings, step.from, step.to, proven && !on_trial, now);
    }
    if (!lost) {
        return;
    }
    for (const IpPrefix& place :
         r_.cache.claims().hasten_departures(peer.id, now + drain_of_lost(peer))) {
        for (const RemoteId id : r_.cache.remotes_of_peer_at(peer.id, place)) {
            for (const PathId path : r_.cache.at(id).paths) {
                r_.manager.hasten_drain(path, now + drain_of_lost(peer));
            }
        }
    }
}

/// Its packets may come from there already.
void BindReceiver::accept_inbound(Peer& peer, const Claim& claim, Nanos now) {
    const Nanos until = now + from_ms(r_.policy->move.drain.count());
    for (const RemoteId id : r_.cache.remotes_of_peer_from(peer.id, claim.original)) {
        const RemoteBinding& b = r_.cache.at(id);
        for (const PathId path : b.paths) {
            const IpAddr local = r_.cache.at(r_.cache.at(path).local).active;
            r_.manager.accept_also(path, {claim.active_for(b.original).v4(), local.v4()}, until);
        }
    }
}

// ---- proof, or none

std::vector<RemoteId> BindReceiver::unproven_in(const Peer& peer, const IpPrefix& active) const {
    std::vector<RemoteId> out = r_.cache.remotes_of_peer_at(peer.id, active);
    std::erase_if(out, [&](RemoteId id) { return r_.cache.at(id).proven; });
    return out;
}

bool BindReceiver::proven(Peer& peer, IpAddr address, Nanos now) {
    std::vector<Trial> passed;
    std::erase_if(peer.trials, [&](const Trial& t) {
        if (t.claim.active.contains(address)) {
            passed.push_back(t);
            return true;
        }
        return false;
    });
    for (const Trial& t : passed) {
        if (t.in_use) {
            const auto bindings = unproven_in(peer, t.claim.active);
            r_.mover.prove_remote(bindings, t.claim.active, peer.id, now);
            r_.cache.forget_allowance(t.asked);
        } else {
            record(peer, t.claim, false, now);
            take_along(peer, t.claim.heard, now);
            follow(peer, true, false, now);
            r_.mover.prove_remote({}, t.claim.active, peer.id, now);
        }
    }
    return !passed.empty();
}

void BindReceiver::heard_from(Peer& peer, IpAddr address, size_t bytes) {
    if (r_.policy->peer(peer.id).path_validation == PathValidation::trust_peer &&
        std::ranges::any_of(peer.trials, [&](const Trial& t) {
            return t.in_use && t.claim.active.contains(address);
        })) {
        r_.cache.allow(address, unvalidated_bytes_factor * bytes);
    }
}

/// To the last proved address.
void BindReceiver::go_back(Peer& peer, const Trial& t, Nanos now) {
    Claim back = t.claim;
    back.active = t.before.value_or(t.claim.original);
    record(peer, back, false, now);
    take_along(peer, back.heard, now);
    follow(peer, true, false, now);
    r_.cache.forget_allowance(t.asked);
}

bool BindReceiver::tick(Peer& peer, Nanos now) {
    std::vector<Trial> failed;
    std::erase_if(peer.trials, [&](const Trial& t) {
        if (t.deadline <= now) {
            failed.push_back(t);
            return true;
        }
        return false;
    });
    for (const Trial& t : failed) {
        r_.events.note(EventKind::reverted, now, {}, r_.policy->peer(peer.id).name,
                       t.claim.original.to_text() + " not proved at " + t.claim.active.to_text());
        if (t.in_use) {
            go_back(peer, t, now);
        }
    }
    return !failed.empty();
}

Nanos BindReceiver::next_tick(const Peer& peer) {
    Nanos out{INT64_MAX};
    for (const Trial& t : peer.trials) {
        out = std::min(out, t.deadline);
    }
    return out;
}

/// Of the claims that have not expired one at a time, if no flow needs it.
void BindReceiver::tidy(Peer& peer, Nanos now) {
    ClaimTable& table = r_.cache.claims();
    table.forget_departures(peer.id, now);
    for (const IpPrefix& original : table.expire(peer.id, now)) {
        peer.to_follow.insert(original); // a shorter one may speak for its bindings
    }
    const auto& claims = table.of(peer.id);
    if (claims.empty()) {
        return;
    }
    peer.claim_looked_at = (peer.claim_looked_at + 1) % claims.size();
    const Claim& claim = claims[peer.claim_looked_at];
    if (now - claim.heard >= keep_unneeded && !r_.cache.has_remote_from(peer.id, claim.original)) {
        table.erase(peer.id, IpPrefix{claim.original});
    }
}

} // namespace sacip
