// SPDX-License-Identifier: BSD-3-Clause
//
// ClaimTable: what peers with keys said of where they are, and where they were until a moment ago.
//
// A claim outlives the flows for a while. Claims are kept by peer; beside these stand two indexes
// of who claims to be at a place, and to have left one for it, so that what a stranger's packet
// asks costs the same however many peers and claims there are.
//
// Pure bookkeeping: no packet, no clock. Slow path only.
#pragma once

#include "sacip_core/base/id_map.hpp"
#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/base/prefix_map.hpp"

#include <map>
#include <optional>
#include <set>
#include <vector>

namespace sacip {

/// "What was set up as `original` is now reached at `active`", said by a peer with keys. Equal
/// lengths.
struct Claim {
    IpPrefix original;
    IpPrefix active;
    std::vector<IpPrefix> fallbacks; ///< in falling preference
    Nanos heard;
    Nanos expires;
    IpAddr active_for(IpAddr o) const { return active.with_host_part_of(o); }
};

/// A peer with keys was reached at `from` until a moment ago. What still comes from there is its
/// own until `until`; later, whoever has the address next. Equal lengths.
struct Departure {
    PeerId peer;
    IpPrefix from, to;
    Nanos until;
};

class ClaimTable {
public:
    /// `secret` is random and told to nobody: peers choose the prefixes.
    explicit ClaimTable(uint64_t secret);
    /// So many peers have been given ids.
    void cover(size_t peers);

    /// The longest prefixes first, those of a length by their address.
    const std::vector<Claim>& of(PeerId peer) const { return claims_[peer]; }
    /// In the place of the one for the same original, if there is one.
    void set(PeerId peer, const Claim& claim);
    void erase(PeerId peer, const IpPrefix& original);
    /// Takes away what has expired. Gives its originals. O(claims of the peer).
    std::vector<IpPrefix> expire(PeerId peer, Nanos now);

    /// The claim with the longest prefix around `original`; nullptr if there is none. O(lengths of
    /// claims x log claims of the peer).
    const Claim* around(PeerId peer, const IpPrefix& original) const;
    const Claim* around(PeerId peer, IpAddr original) const {
        return around(peer, IpPrefix::host(original));
    }
    /// That of each peer which has one. O(lengths of claims, and those found).
    std::vector<const Claim*> all_around(IpAddr original) const;
    /// True if the peer says that it is at this address now. O(lengths of claims).
    bool is_at(PeerId peer, IpAddr address) const;
    /// Who says so, of several with the longest prefix the first. O(lengths of claims).
    std::optional<PeerId> peer_at(IpAddr address) const;

    /// Records that the peer went from one place to another, which it has not left any more. Not
    /// recorded if it has just left 1,024 others. O(departures of the peer).
    void depart(const Departure& departure);
    /// What the peer has lost serves no longer than until `until`. Gives where it went.
    std::vector<IpPrefix> hasten_departures(PeerId peer, Nanos until);
    void forget_departures(PeerId peer, Nanos now);
    /// Who has just left this address, and where it went; nullptr if nobody has. O(lengths of
    /// departures, and peers that have left the same place).
    const Departure* departed_from(IpAddr address, Nanos now) const;
    /// The same of one peer.
    const Departure* departed_from(PeerId peer, IpAddr address, Nanos now) const;

private:
    /// By peer, how many of its claims.
    using Claimants = std::map<PeerId, uint32_t>;

    static void add(PrefixMap<Claimants>& index, const IpPrefix& prefix, PeerId peer);
    static void take_away(PrefixMap<Claimants>& index, const IpPrefix& prefix, PeerId peer);
    Departure* departure(PeerId peer, const IpPrefix& from);
    /// The one with the longest prefix around the address for which `is_meant(departure)` is true.
    template <typename IsMeant>
    const Departure* departure_around(IpAddr address, IsMeant&& is_meant) const;
    /// Calls `visit(departure)` for each of the peer; those for which it returns true go.
    template <typename IsToGo>
    void erase_departures_if(PeerId peer, IsToGo&& is_to_go);

    IdMap<PeerId, std::vector<Claim>> claims_;
    PrefixMap<Claimants> by_active_, by_original_;
    PrefixMap<std::vector<Departure>> departures_; ///< by `from`; as a rule empty
    IdMap<PeerId, std::set<IpPrefix>> left_by_;    ///< `from` of a peer's departures
};

} // namespace sacip
