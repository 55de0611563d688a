// SPDX-License-Identifier: BSD-3-Clause
//
// PathManager: makes paths, keeps what workers see of them true, and takes them away.
//
// It joins three: the binding cache says which addresses a path has, the adjacency resolver where
// its packets go, the path table publishes both to the workers. Whatever changes - a move, a route,
// a neighbour - ends in the same act: compose the slot anew and, if it differs, publish it.
#pragma once

#include "sacip_core/forward/path_table.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/kernel/link_headers.hpp"
#include "sacip_core/mobility/binding_cache.hpp"

#include <deque>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace sacip {

/// Slow path only. References outlive it.
class PathManager {
public:
    PathManager(BindingCache& cache, PathTable& table, const AdjacencyResolver& resolver,
                LinkHeaders& links, const std::vector<GatewayPort>& ports)
        : cache_{cache}, table_{table}, resolver_{resolver}, links_{links}, ports_{ports} {}

    /// The path of two bindings, made if need be. Nothing if the path table is full.
    std::optional<PathId> obtain(LocalId local, RemoteId remote, Nanos now);
    /// Slot and next hops, belonging together.
    struct Composed {
        Adjacency out, in;
        RewriteSlot slot;
    };
    /// What a packet between these addresses needs, without a path (tables full, fragments).
    Composed compose(MappingId mapping, const PathAddresses& addresses, L4ChecksumMode mode) const {
        return compose(mapping, addresses, mode, {});
    }

    /// Accepts inbound packets also on the pair the bindings have now; the one in force drains
    /// until `drain_until`. Call after the bindings changed and before publish().
    void prepare(PathId id, Nanos drain_until);
    /// Accepts inbound packets on this pair as well, until `until`.
    void accept_also(PathId id, WirePair pair, Nanos until);
    /// Pairs with another address of the far end than it has now drain no longer than until
    /// `until`: it is gone from there, and whatever comes from there later is somebody else's.
    void hasten_drain(PathId id, Nanos until);
    /// A worker has sent a packet of this path since its last flip.
    bool was_used(PathId id) const { return table_.path(id).used.load(std::memory_order_relaxed); }
    /// Gives the workers what bindings and adjacencies say now. True if something changed. A path
    /// that becomes usable is switched only by flip_waiting(): first what was held leaves.
    bool publish(PathId id);
    /// Switches the paths that became usable. Call when what was held has left. From then on, and
    /// from a far end's move on, workers forward only behind what they have punted ...
    void flip_waiting();
    /// ... until this is called, when all of that has been received.
    void end_turns();
    bool turns_last() const { return !in_turn_.empty(); }

    /// Looks the routes up again of paths that these changes concern.
    void on_routes_changed(const RouteChanges& changes = {true, {}});
    /// Looks at the paths that lead there only where it begins or ends to be resolved: its
    /// address alone is one write.
    void on_neighbour_changed(NeighbourKey neighbour);
    /// Next hops that paths wait for or use; Linux is to be asked to resolve them.
    std::vector<NeighbourKey> neighbours_in_use() const;
    /// Paths whose outbound side became usable since the last call: what has to leave ahead of the
    /// flows' own packets leaves now, ...
    bool any_outbound_usable() const { return !outbound_usable_.empty(); }
    std::vector<PathId> take_outbound_usable() { return std::exchange(outbound_usable_, {}); }
    /// ... and where any side did, what was held can be tried again. Then flip_waiting().
    bool take_usable() { return std::exchange(became_usable_, false); }

    void flow_added(PathId id);
    /// A path without flows goes at a tick: a stranger's at the next one, others' after a minute or
    /// where the table is nearly full.
    void flow_removed(PathId id, Nanos now);
    /// Of far ends for whom nobody speaks; paths that have flows.
    uint32_t flows_of_strangers() const { return flows_of_strangers_; }
    uint32_t paths_of_strangers() const { return paths_of_strangers_; }
    uint32_t paths_with_flows() const { return paths_with_flows_; }
    bool is_of_stranger(const PathEntry& path) const {
        return !cache_.at(path.local).inside && !cache_.at(path.remote).speaker.is_known();
    }
    /// Ends drainings whose time is up and removes paths that nobody needs. Looks at a few paths
    /// per call.
    void tick(Nanos now);

private:
    /// The link headers that a path has.
    struct Links {
        const LinkHeader* out{&no_link_header};
        const LinkHeader* in{&no_link_header};
    };
    Composed compose(MappingId mapping, const PathAddresses& addresses, L4ChecksumMode mode,
                     const Links& has) const;
    Composed compose_inside(const PathAddresses& addresses, const Links& has) const;
    Composed compose_path(LocalId local, RemoteId remote, const Links& has,
                          std::optional<Ipv4Addr> speaks_as = {}) const;
    void point(DirectionRewrite& side, const Adjacency& to, const LinkHeader* has) const;
    void accept_crossing(PathId id, WirePair next);
    void take_turns(PathId id);
    void give_to_workers(PathId id);
    bool is_unused(PathId id) const;
    void forget(PathId id);
    void forget_unused();
    void set_adjacency(PathId id, Adjacency& side, const Adjacency& next);
    void set_slot(PathEntry& entry, const RewriteSlot& next);
    void release_links();

    BindingCache& cache_;
    PathTable& table_;
    const AdjacencyResolver& resolver_;
    LinkHeaders& links_;
    const std::vector<GatewayPort>& ports_;
    struct Users {
        std::unordered_multiset<uint32_t> paths; ///< twice where both sides lead there
        bool ready; ///< what they are made for: frames can be sent there
    };
    std::unordered_map<NeighbourKey, Users> users_;
    std::vector<const LinkHeader*> replaced_; ///< since the last tick
    struct Unseen {
        std::vector<const LinkHeader*> links;
        uint64_t token;
    };
    std::deque<Unseen> unseen_; ///< what no worker can see when the token has passed
    std::vector<PathId> waiting_;
    std::vector<PathId> in_turn_;
    std::vector<PathId> unused_of_strangers_;
    struct Unused {
        PathId id;
        Nanos since;
    };
    std::deque<Unused> unused_; ///< the longest unused first; or used again
    uint32_t paths_with_flows_{0}, flows_of_strangers_{0}, paths_of_strangers_{0};
    std::vector<PathId> outbound_usable_;
    bool became_usable_{false};
    uint32_t cursor_{0};
};

} // namespace sacip
