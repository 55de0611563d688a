// SPDX-License-Identifier: BSD-3-Clause
//
// BindingCache: bindings and paths, as the slow path knows them.
//
// A binding says for one address which active address stands for the original one: local bindings
// are ours, remote bindings a far end's. A path is a local and a remote binding. A move looks
// bindings up by their active address, gives them another, and thereby knows the paths to switch;
// nothing here is ever proportional to the number of flows.
//
// Pure bookkeeping: no packet, no clock, no worker sees it. Slow path only.
#pragma once

#include "sacip_core/base/keyed_hash.hpp"
#include "sacip_core/forward/path_table.hpp"
#include "sacip_core/kernel/adjacency.hpp"
#include "sacip_core/mobility/claim_table.hpp"
#include "sacip_core/mobility/host_mapping.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include <map>
#include <optional>
#include <ranges>
#include <unordered_map>
#include <vector>

namespace sacip {

using LocalId = Id<struct LocalTag, uint32_t>;
using RemoteId = Id<struct RemoteTag, uint32_t>;

/// host and original never change; active does.
struct LocalBinding {
    IpAddr host;
    IpAddr original;
    IpAddr active;
    MappingId mapping{};
    bool usable{true}; ///< false while the active address is lost and no successor is known
    /// False: it stays with its address, and no peer is told of it: there is none for its far ends,
    /// or it is another address of the box than its port's.
    bool follows{true};
    /// Of flows between two hosts of ours: `active` is what the other one sees, and is never on the
    /// wire, so no move finds it.
    bool inside{false};
    std::vector<PathId> paths;
};

/// Who may say where a far end is.
class Speaker {
public:
    enum class Kind : uint32_t { none, basic, secure };
    constexpr Speaker() = default;
    static constexpr Speaker of(PeerId peer) { return {Kind::secure, peer.value}; }
    static constexpr Speaker of(BasicPeerId peer) { return {Kind::basic, peer.value}; }

    Kind kind() const { return kind_; }
    /// Else the far end is a stranger: nobody can be told of a move.
    bool is_known() const { return kind_ != Kind::none; }
    bool is_basic() const { return kind_ == Kind::basic; }
    bool is_secure() const { return kind_ == Kind::secure; }
    PeerId peer() const { return {number_}; }            ///< is_secure() only
    BasicPeerId basic_peer() const { return {number_}; } ///< is_basic() only
    bool operator==(const Speaker&) const = default;

private:
    constexpr Speaker(Kind kind, uint32_t number) : kind_{kind}, number_{number & 0x3FFF'FFFF} {}
    Kind kind_ : 2 {Kind::none};
    uint32_t number_ : 30 {0};
};

/// A cache line: a move goes through one for each path.
struct alignas(64) RemoteBinding {
    IpAddr original;
    IpAddr active;
    Speaker speaker;
    /// False while nobody knows that the peer is reached at `active`: the slow path lets packets go
    /// there only within the allowance (PROTOCOL §3, Validation and amplification).
    bool proven : 1 {true};
    uint32_t in_peer : 31 {0}; ///< its place in the peer's list
    std::vector<PathId> paths;
};
static_assert(sizeof(RemoteBinding) == 64);

/// A wire pair that is still accepted after a move, until `until`.
struct DrainingPair {
    WirePair pair;
    Nanos until;
};

/// The slow path's side of a path.
struct PathEntry {
    LocalId local;
    RemoteId remote;
    L4ChecksumMode mode{L4ChecksumMode::wire};
    WirePair pair;     ///< in force
    Adjacency out, in; ///< toward the remote end, toward the host
    RewriteSlot slot;
    uint32_t flows{0};
    Nanos unused_since{};
    std::vector<DrainingPair> draining;
    uint32_t in_local{0}, in_remote{0}; ///< its places in the two bindings' lists
    uint32_t generation{0};             ///< which path with this id
    bool in_use{false};
    bool flip_waits{false}; ///< `slot` is ahead of what workers see (PathManager::flip_waiting)
    bool in_turn{false};    ///< workers forward only behind what they punted before
    /// Outbound packets still leave from this address: the peer has not acknowledged the new one.
    std::optional<Ipv4Addr> speaks_as;
};
static_assert(sizeof(PathEntry) == 256); // as few cache lines as it can be: a move goes through all

class BindingCache {
public:
    /// `secret` is random and told to nobody: strangers choose the addresses that are kept here.
    /// References outlive it.
    BindingCache(const BootConfig& boot, const CurrentPolicy& policy, uint64_t secret);

    HostMappings& mappings() { return mappings_; }
    const HostMappings& mappings() const { return mappings_; }

    /// Finds or makes the binding. For a new flow of a mapped host original and active are its
    /// wire address now.
    LocalId local(IpAddr host, IpAddr original, IpAddr active, MappingId mapping,
                  bool follows = true);
    LocalId inside_local(IpAddr host, IpAddr seen_as, MappingId mapping);
    RemoteId remote(IpAddr original, IpAddr active) {
        return remote(original, active, speaker_of(original, active));
    }
    RemoteId remote(IpAddr original, IpAddr active, const Speaker& speaker);
    /// Forgets them again where no path came of it.
    void forget_unused(LocalId local, RemoteId remote) {
        forget_if_unused(local);
        forget_if_unused(remote);
    }
    LocalBinding& at(LocalId id) { return locals_[id.value]; }
    const LocalBinding& at(LocalId id) const { return locals_[id.value]; }
    RemoteBinding& at(RemoteId id) { return remotes_[id.value]; }
    const RemoteBinding& at(RemoteId id) const { return remotes_[id.value]; }
    /// Bindings whose active address lies in `prefix`.
    std::vector<LocalId> locals_active_in(const IpPrefix& prefix) const;
    /// Paths whose packets go to a far end, or to a host, in `prefix`; some maybe twice.
    std::vector<PathId> paths_toward(const IpPrefix& prefix) const;
    /// True if it stands for hosts on the wire, or (one address) for a binding.
    bool has_at(const IpPrefix& wire) const;
    std::vector<RemoteId> remotes_active_at(IpAddr address) const;
    void set_active(LocalId id, IpAddr active);
    void set_active(RemoteId id, IpAddr active);
    /// All ids in use. O(bindings).
    std::vector<LocalId> locals() const;
    std::vector<RemoteId> remotes() const;
    /// Ids are below these; one is in use if it has a path. For lists that are made in parts.
    uint32_t local_positions() const { return static_cast<uint32_t>(locals_.size()); }
    uint32_t remote_positions() const { return static_cast<uint32_t>(remotes_.size()); }
    size_t local_count() const { return locals_by_host_.size(); }
    size_t remote_count() const { return remotes_by_original_.size(); }

    /// The basic peer that may speak for `address`: its prefix holds it, or it is where a peer that
    /// already roamed is now.
    std::optional<BasicPeerId> basic_peer_of(IpAddr address) const;
    /// Who speaks for a far end set up as `original` and now at `active`. A peer with keys does for
    /// its addresses and for where it says it is; not for an address that it says it has left,
    /// whose new owner is somebody else, unless `active` says where it went.
    Speaker speaker_of(IpAddr original, IpAddr active) const;
    /// True if this basic peer, or peer with keys, may have roamed to this address.
    bool may_roam_to(Speaker speaker, IpAddr address) const;

    // Peers with keys.

    ClaimTable& claims() { return claims_; }
    const ClaimTable& claims() const { return claims_; }
    /// Of those whose `addresses` hold it, the one with the longest prefix.
    std::optional<PeerId> peer_of(IpAddr address) const;
    /// It has spoken since our start: it is there.
    void set_heard(const Speaker& speaker);
    bool is_heard(const Speaker& speaker) const {
        return speaker.is_basic() ? heard_basic_[speaker.basic_peer()] : heard_[speaker.peer()];
    }
    /// In no order.
    const std::vector<RemoteId>& remotes_of_peer(PeerId peer) const { return of_peer_[peer]; }
    /// Those of them that were set up as an address in `original`. O(far ends there), as the next
    /// three, of which those that ask end at the first one.
    std::vector<RemoteId> remotes_of_peer_from(PeerId peer, const IpPrefix& original) const;
    bool has_remote_from(PeerId peer, const IpPrefix& original) const;
    /// Those that are in `active` now.
    std::vector<RemoteId> remotes_of_peer_at(PeerId peer, const IpPrefix& active) const;
    bool has_remote_at(PeerId peer, const IpPrefix& active) const;
    /// The peer leaves TCP and UDP checksums in terms of the originals (HELLO). True if that is
    /// new.
    bool set_peer_checksum(PeerId peer, L4ChecksumMode mode);
    /// Bytes that may still go to an unproven address.
    void allow(IpAddr unproven, uint64_t bytes) { allowance_[unproven].left += bytes; }
    /// Takes `bytes` of the allowance. False, and then for good until forget_allowance(), if there
    /// are not so many left: what comes later must not overtake what waits.
    bool spend(IpAddr unproven, uint64_t bytes);
    void forget_allowance(IpAddr address) { allowance_.erase(address); }
    /// Local bindings of this host, in no order.
    std::vector<LocalId> locals_of_host(IpAddr host) const;

    /// Some path between a host and an original far end: as a rule all carry the same active ones.
    /// What packets without ports (fragments, ICMP errors) are translated by.
    std::optional<PathId> any_path(IpAddr host, IpAddr remote_original) const;
    /// The path of two bindings, if it exists.
    std::optional<PathId> find_path(LocalId local, RemoteId remote) const;
    /// Enters a path under an id of the path table.
    PathEntry& add_path(PathId id, LocalId local, RemoteId remote);
    void remove_path(PathId id);
    PathEntry& at(PathId id) { return paths_[id.value]; }
    const PathEntry& at(PathId id) const { return paths_[id.value]; }
    PathRef ref(PathId id) const { return {id, at(id).generation}; }
    /// Not gone since, with the id maybe another path's.
    bool is_there(const PathRef& ref) const {
        return at(ref.id).in_use && at(ref.id).generation == ref.generation;
    }
    /// As the data path has them.
    PathAddresses addresses(LocalId local, RemoteId remote) const;
    /// On the wire, as things stand.
    WirePair pair_of(LocalId local, RemoteId remote) const {
        return {at(remote).active.v4(), at(local).active.v4()};
    }
    WireView view_of(LocalId local, RemoteId remote) const {
        return {at(local).host.v4(), at(remote).original.v4()};
    }
    L4ChecksumMode checksum_mode(RemoteId remote) const;
    uint32_t path_positions() const { return static_cast<uint32_t>(paths_.size()); }

private:
    /// Ordered, so that those in a prefix lie together, and nobody can choose a bad one.
    template <typename IdType>
    using ByAddress = std::multimap<IpAddr, IdType>;
    template <typename IdType>
    static auto all_in(const ByAddress<IdType>& index, const IpPrefix& prefix) {
        return std::ranges::subrange{index.lower_bound(prefix.address()),
                                     index.upper_bound(prefix.last())} |
               std::views::values;
    }
    bool is_of_peer(RemoteId id, PeerId peer) const { return at(id).speaker == Speaker::of(peer); }
    std::vector<RemoteId> of_peer(PeerId peer, const ByAddress<RemoteId>& index,
                                  const IpPrefix& prefix) const;

    void take_policy();
    LocalId find_or_add(const LocalBinding& binding);
    void unlist_path(std::vector<PathId>& paths, uint32_t place, uint32_t PathEntry::*backward);
    template <typename IdType>
    static void unlist(ByAddress<IdType>& index, IpAddr key, IdType id);
    void forget_if_unused(LocalId id);
    void forget_if_unused(RemoteId id);

    const CurrentPolicy& policy_;
    HostMappings mappings_;
    PrefixMap<PeerId> peer_of_; ///< by the addresses that are a peer's own, as the next
    PrefixMap<BasicPeerId> basic_peer_of_;
    std::vector<LocalBinding> locals_;
    std::vector<RemoteBinding> remotes_;
    std::vector<LocalId> free_locals_;
    std::vector<RemoteId> free_remotes_;
    ByAddress<LocalId> locals_by_host_, locals_by_active_;
    ByAddress<RemoteId> remotes_by_original_, remotes_by_active_;
    std::unordered_map<uint64_t, PathId> path_of_;
    std::vector<PathEntry> paths_;
    IdMap<PeerId, std::vector<RemoteId>> of_peer_;
    ClaimTable claims_;
    IdMap<PeerId, L4ChecksumMode> peer_checksums_;
    IdMap<PeerId, bool> heard_;
    IdMap<BasicPeerId, bool> heard_basic_;
    struct Allowance {
        uint64_t left{0};
        bool exhausted{false};
    };
    std::unordered_map<IpAddr, Allowance, KeyedHash> allowance_;
};

} // namespace sacip
