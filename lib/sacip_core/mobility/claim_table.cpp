// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/claim_table.hpp"

#include <algorithm>

namespace sacip {
namespace {

constexpr size_t most_departures = 1024; // of one peer

/// The order of a peer's claims.
auto place_of_claim(const IpPrefix& original) {
    return std::pair{-static_cast<int>(original.length()), original.address()};
}
constexpr auto by_place = [](const Claim& c) { return place_of_claim(c.original); };

} // namespace

ClaimTable::ClaimTable(uint64_t secret)
    : by_active_{secret}, by_original_{secret}, departures_{secret} {}

void ClaimTable::cover(size_t peers) {
    claims_.cover(peers);
    left_by_.cover(peers);
}

// ---- claims

void ClaimTable::add(PrefixMap<Claimants>& index, const IpPrefix& prefix, PeerId peer) {
    index[prefix][peer]++;
}

void ClaimTable::take_away(PrefixMap<Claimants>& index, const IpPrefix& prefix, PeerId peer) {
    Claimants& claimants = index[prefix];
    const auto own = claimants.find(peer);
    if (--own->second == 0) {
        claimants.erase(own);
    }
    if (claimants.empty()) {
        index.erase(prefix);
    }
}

void ClaimTable::set(PeerId peer, const Claim& claim) {
    auto& claims = claims_[peer];
    const auto at = std::ranges::lower_bound(claims, place_of_claim(claim.original), {}, by_place);
    if (at == claims.end() || at->original != claim.original) {
        add(by_active_, claim.active, peer);
        add(by_original_, claim.original, peer);
        claims.insert(at, claim);
        return;
    }
    if (at->active != claim.active) {
        take_away(by_active_, at->active, peer);
        add(by_active_, claim.active, peer);
    }
    *at = claim;
}

void ClaimTable::erase(PeerId peer, const IpPrefix& original) {
    auto& claims = claims_[peer];
    const auto at = std::ranges::lower_bound(claims, place_of_claim(original), {}, by_place);
    if (at != claims.end() && at->original == original) {
        take_away(by_active_, at->active, peer);
        take_away(by_original_, original, peer);
        claims.erase(at);
    }
}

std::vector<IpPrefix> ClaimTable::expire(PeerId peer, Nanos now) {
    std::vector<IpPrefix> out;
    for (const Claim& claim : claims_[peer]) {
        if (claim.expires <= now) {
            out.push_back(claim.original);
        }
    }
    for (const IpPrefix& original : out) {
        erase(peer, original);
    }
    return out;
}

const Claim* ClaimTable::around(PeerId peer, const IpPrefix& original) const {
    const auto& claims = claims_[peer];
    const std::pair first{-static_cast<int>(original.length()), IpAddr{}};
    for (auto at = std::ranges::lower_bound(claims, first, {}, by_place); at != claims.end();) {
        const uint8_t length = at->original.length();
        const IpPrefix wanted{original.address(), length};
        const auto found =
            std::ranges::lower_bound(at, claims.end(), place_of_claim(wanted), {}, by_place);
        if (found != claims.end() && found->original == wanted) {
            return &*found;
        }
        const std::pair shorter{1 - static_cast<int>(length), IpAddr{}};
        at = std::ranges::lower_bound(found, claims.end(), shorter, {}, by_place);
    }
    return nullptr;
}

std::vector<const Claim*> ClaimTable::all_around(IpAddr original) const {
    std::vector<const Claim*> out;
    by_original_.visit_around(original, [&](const IpPrefix& prefix, const Claimants& claimants) {
        for (const auto& [peer, number] : claimants) {
            const Claim* claim = around(peer, original);
            if (claim->original == prefix) { // else it was there before, with a longer one
                out.push_back(claim);
            }
        }
        return false;
    });
    return out;
}

bool ClaimTable::is_at(PeerId peer, IpAddr address) const {
    return by_active_.visit_around(address, [&](const IpPrefix&, const Claimants& claimants) {
        return claimants.contains(peer);
    });
}

std::optional<PeerId> ClaimTable::peer_at(IpAddr address) const {
    const Claimants* claimants = by_active_.longest(address);
    return claimants == nullptr ? std::nullopt : std::optional{claimants->begin()->first};
}

// ---- departures

Departure* ClaimTable::departure(PeerId peer, const IpPrefix& from) {
    auto* all = departures_.find(from);
    if (all == nullptr) {
        return nullptr;
    }
    const auto own = std::ranges::find(*all, peer, &Departure::peer);
    return own == all->end() ? nullptr : &*own;
}

template <typename IsToGo>
void ClaimTable::erase_departures_if(PeerId peer, IsToGo&& is_to_go) {
    std::erase_if(left_by_[peer], [&](const IpPrefix& from) {
        if (!is_to_go(*departure(peer, from))) {
            return false;
        }
        auto& all = departures_[from];
        std::erase_if(all, [&](const Departure& d) { return d.peer == peer; });
        if (all.empty()) {
            departures_.erase(from);
        }
        return true;
    });
}

void ClaimTable::depart(const Departure& departure) {
    erase_departures_if(departure.peer, [&](Departure& d) {
        if (d.to == departure.from) {
            d.to = departure.to;
        }
        return d.from == departure.from || d.from.overlaps(departure.to);
    });
    if (left_by_[departure.peer].size() < most_departures) {
        departures_[departure.from].push_back(departure);
        left_by_[departure.peer].insert(departure.from);
    }
}

std::vector<IpPrefix> ClaimTable::hasten_departures(PeerId peer, Nanos until) {
    std::vector<IpPrefix> out;
    for (const IpPrefix& from : left_by_[peer]) {
        Departure* d = departure(peer, from);
        d->until = std::min(d->until, until);
        out.push_back(d->to);
    }
    return out;
}

void ClaimTable::forget_departures(PeerId peer, Nanos now) {
    erase_departures_if(peer, [&](const Departure& d) { return d.until <= now; });
}

template <typename IsMeant>
const Departure* ClaimTable::departure_around(IpAddr address, IsMeant&& is_meant) const {
    const Departure* out = nullptr;
    departures_.visit_around(address, [&](const IpPrefix&, const std::vector<Departure>& all) {
        const auto found = std::ranges::find_if(all, is_meant);
        out = found == all.end() ? nullptr : &*found;
        return out != nullptr;
    });
    return out;
}

const Departure* ClaimTable::departed_from(IpAddr address, Nanos now) const {
    return departure_around(address, [&](const Departure& d) { return d.until > now; });
}

const Departure* ClaimTable::departed_from(PeerId peer, IpAddr address, Nanos now) const {
    return departure_around(address,
                            [&](const Departure& d) { return d.peer == peer && d.until > now; });
}

} // namespace sacip
