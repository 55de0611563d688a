// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/binding_cache.hpp"

#include <algorithm>
#include <utility>

namespace sacip {
namespace {

uint64_t path_key(LocalId local, RemoteId remote) {
    return uint64_t{local.value} << 32 | remote.value;
}

} // namespace

BindingCache::BindingCache(const BootConfig& boot, const CurrentPolicy& policy, uint64_t secret)
    : policy_{policy}, mappings_{boot, policy, secret},
      paths_(boot.limits.paths), claims_{secret}, allowance_{0, KeyedHash{secret}} {
    take_policy();
}

/// Who speaks for what is the policy's word; what is known of a peer stays.
void BindingCache::take_policy() {
    peer_of_ = PrefixMap<PeerId>{};
    for (const auto& [id, peer] : policy_->peers) {
        for (const IpPrefix& own : peer.addresses) {
            peer_of_[own] = id;
        }
    }
    basic_peer_of_ = PrefixMap<BasicPeerId>{};
    for (const auto& [id, peer] : policy_->basic_peers) {
        basic_peer_of_[peer.prefix] = id;
    }
    const size_t peers = policy_->peers.ids_given();
    of_peer_.cover(peers);
    claims_.cover(peers);
    peer_checksums_.cover(peers, L4ChecksumMode::wire);
    heard_.cover(peers);
    heard_basic_.cover(policy_->basic_peers.ids_given());
}

void BindingCache::set_heard(const Speaker& speaker) {
    if (speaker.is_basic()) {
        heard_basic_[speaker.basic_peer()] = true;
    } else {
        heard_[speaker.peer()] = true;
    }
}

LocalId BindingCache::local(IpAddr host, IpAddr original, IpAddr active, MappingId mapping,
                            bool follows) {
    return find_or_add({host, original, active, mapping, true, follows, false, {}});
}

LocalId BindingCache::inside_local(IpAddr host, IpAddr seen_as, MappingId mapping) {
    return find_or_add({host, seen_as, seen_as, mapping, true, false, true, {}});
}

LocalId BindingCache::find_or_add(const LocalBinding& binding) {
    const auto [first, last] = locals_by_host_.equal_range(binding.host);
    for (auto it = first; it != last; ++it) {
        const LocalBinding& b = at(it->second);
        if (b.original == binding.original && b.active == binding.active &&
            b.mapping == binding.mapping && b.follows == binding.follows &&
            b.inside == binding.inside) {
            return it->second;
        }
    }
    LocalId id{static_cast<uint32_t>(locals_.size())};
    if (free_locals_.empty()) {
        locals_.emplace_back();
    } else {
        id = free_locals_.back();
        free_locals_.pop_back();
    }
    at(id) = binding;
    locals_by_host_.emplace(binding.host, id);
    if (!binding.inside) {
        locals_by_active_.emplace(binding.active, id);
    }
    return id;
}

RemoteId BindingCache::remote(IpAddr original, IpAddr active, const Speaker& speaker) {
    const auto [first, last] = remotes_by_original_.equal_range(original);
    for (auto it = first; it != last; ++it) {
        if (at(it->second).active == active && at(it->second).speaker == speaker) {
            return it->second;
        }
    }
    RemoteId id{static_cast<uint32_t>(remotes_.size())};
    if (free_remotes_.empty()) {
        remotes_.emplace_back();
    } else {
        id = free_remotes_.back();
        free_remotes_.pop_back();
    }
    at(id) = {original, active, speaker, true, 0, {}};
    if (speaker.is_secure()) {
        at(id).in_peer = of_peer_[speaker.peer()].size() & 0x7FFF'FFFF;
        of_peer_[speaker.peer()].push_back(id);
    }
    remotes_by_original_.emplace(original, id);
    remotes_by_active_.emplace(active, id);
    return id;
}

bool BindingCache::has_at(const IpPrefix& wire) const {
    return mappings_.has_at(wire) || (wire.is_host() && locals_by_active_.contains(wire.address()));
}

std::vector<LocalId> BindingCache::locals_active_in(const IpPrefix& prefix) const {
    const auto all = all_in(locals_by_active_, prefix);
    return {all.begin(), all.end()};
}

std::vector<PathId> BindingCache::paths_toward(const IpPrefix& prefix) const {
    std::vector<PathId> out;
    const auto take = [&](auto id) {
        out.insert(out.end(), at(id).paths.begin(), at(id).paths.end());
    };
    std::ranges::for_each(all_in(remotes_by_active_, prefix), take);
    std::ranges::for_each(all_in(locals_by_host_, prefix), take);
    return out;
}

std::vector<RemoteId> BindingCache::remotes_active_at(IpAddr address) const {
    std::vector<RemoteId> out;
    const auto [first, last] = remotes_by_active_.equal_range(address);
    std::transform(first, last, std::back_inserter(out), [](const auto& e) { return e.second; });
    return out;
}

void BindingCache::set_active(LocalId id, IpAddr active) {
    unlist(locals_by_active_, at(id).active, id);
    at(id).active = active;
    locals_by_active_.emplace(active, id);
}

void BindingCache::set_active(RemoteId id, IpAddr active) {
    unlist(remotes_by_active_, at(id).active, id);
    at(id).active = active;
    remotes_by_active_.emplace(active, id);
}

std::vector<LocalId> BindingCache::locals() const {
    std::vector<LocalId> out;
    for (const auto& [host, id] : locals_by_host_) {
        out.push_back(id);
    }
    std::ranges::sort(out);
    return out;
}

std::vector<RemoteId> BindingCache::remotes() const {
    std::vector<RemoteId> out;
    for (const auto& [original, id] : remotes_by_original_) {
        out.push_back(id);
    }
    std::ranges::sort(out);
    return out;
}

std::optional<BasicPeerId> BindingCache::basic_peer_of(IpAddr address) const {
    if (const BasicPeerId* own = basic_peer_of_.longest(address)) {
        return *own;
    }
    const auto [first, last] = remotes_by_active_.equal_range(address);
    for (auto it = first; it != last; ++it) {
        if (at(it->second).speaker.is_basic()) {
            return at(it->second).speaker.basic_peer();
        }
    }
    return std::nullopt;
}

std::optional<PeerId> BindingCache::peer_of(IpAddr address) const {
    const PeerId* peer = peer_of_.longest(address);
    return peer == nullptr ? std::nullopt : std::optional{*peer};
}

Speaker BindingCache::speaker_of(IpAddr original, IpAddr active) const {
    if (const auto own = peer_of(original)) {
        const Claim* claim = claims_.around(*own, original);
        const bool left = claim != nullptr && original == active &&
                          claim->active_for(original) != active && !claims_.is_at(*own, original);
        return left ? Speaker{} : Speaker::of(*own);
    }
    auto there = claims_.peer_at(original);
    if (!there && original != active) {
        there = claims_.peer_at(active);
    }
    if (there) {
        return Speaker::of(*there);
    }
    const auto basic = basic_peer_of(original);
    return basic ? Speaker::of(*basic) : Speaker{};
}

bool BindingCache::may_roam_to(Speaker speaker, IpAddr address) const {
    const auto holds = [&](const IpPrefix& p) { return p.contains(address); };
    if (speaker.is_basic()) {
        return std::ranges::any_of(policy_->basic_peer(speaker.basic_peer()).roam_to, holds);
    }
    return speaker.is_secure() &&
           (std::ranges::any_of(policy_->peer(speaker.peer()).addresses, holds) ||
            std::ranges::any_of(policy_->peer(speaker.peer()).roam_to, holds));
}

std::vector<RemoteId> BindingCache::of_peer(PeerId peer, const ByAddress<RemoteId>& index,
                                            const IpPrefix& prefix) const {
    std::vector<RemoteId> out;
    std::ranges::copy_if(all_in(index, prefix), std::back_inserter(out),
                         [&](RemoteId id) { return is_of_peer(id, peer); });
    return out;
}

std::vector<RemoteId> BindingCache::remotes_of_peer_from(PeerId peer,
                                                         const IpPrefix& original) const {
    return of_peer(peer, remotes_by_original_, original);
}

std::vector<RemoteId> BindingCache::remotes_of_peer_at(PeerId peer, const IpPrefix& active) const {
    return of_peer(peer, remotes_by_active_, active);
}

bool BindingCache::has_remote_from(PeerId peer, const IpPrefix& original) const {
    return std::ranges::any_of(all_in(remotes_by_original_, original),
                               [&](RemoteId id) { return is_of_peer(id, peer); });
}

bool BindingCache::has_remote_at(PeerId peer, const IpPrefix& active) const {
    return std::ranges::any_of(all_in(remotes_by_active_, active),
                               [&](RemoteId id) { return is_of_peer(id, peer); });
}

bool BindingCache::set_peer_checksum(PeerId peer, L4ChecksumMode mode) {
    return std::exchange(peer_checksums_[peer], mode) != mode;
}

bool BindingCache::spend(IpAddr unproven, uint64_t bytes) {
    const auto found = allowance_.find(unproven);
    if (found == allowance_.end()) {
        return false;
    }
    Allowance& allowance = found->second;
    allowance.exhausted = allowance.exhausted || allowance.left < bytes;
    allowance.left -= allowance.exhausted ? 0 : bytes;
    return !allowance.exhausted;
}

std::vector<LocalId> BindingCache::locals_of_host(IpAddr host) const {
    std::vector<LocalId> out;
    const auto [first, last] = locals_by_host_.equal_range(host);
    std::transform(first, last, std::back_inserter(out), [](const auto& e) { return e.second; });
    return out;
}

std::optional<PathId> BindingCache::any_path(IpAddr host, IpAddr remote_original) const {
    std::optional<PathId> out;
    const auto [first, last] = remotes_by_original_.equal_range(remote_original);
    for (auto it = first; it != last; ++it) {
        for (const PathId id : at(it->second).paths) {
            if (at(at(id).local).host == host) {
                out = id;
            }
        }
    }
    return out;
}

std::optional<PathId> BindingCache::find_path(LocalId local, RemoteId remote) const {
    const auto found = path_of_.find(path_key(local, remote));
    return found == path_of_.end() ? std::nullopt : std::optional{found->second};
}

PathEntry& BindingCache::add_path(PathId id, LocalId local, RemoteId remote) {
    path_of_.emplace(path_key(local, remote), id);
    PathEntry& entry = at(id);
    const uint32_t generation = entry.generation + 1;
    entry = {};
    entry.generation = generation;
    entry.in_local = static_cast<uint32_t>(at(local).paths.size());
    entry.in_remote = static_cast<uint32_t>(at(remote).paths.size());
    at(local).paths.push_back(id);
    at(remote).paths.push_back(id);
    entry.local = local;
    entry.remote = remote;
    entry.mode = checksum_mode(remote);
    entry.in_use = true;
    return entry;
}

void BindingCache::remove_path(PathId id) {
    PathEntry& entry = at(id);
    path_of_.erase(path_key(entry.local, entry.remote));
    unlist_path(at(entry.local).paths, entry.in_local, &PathEntry::in_local);
    unlist_path(at(entry.remote).paths, entry.in_remote, &PathEntry::in_remote);
    entry.in_use = false;
    entry.flip_waits = false;
    entry.in_turn = false;
    forget_if_unused(entry.local);
    forget_if_unused(entry.remote);
}

PathAddresses BindingCache::addresses(LocalId local, RemoteId remote) const {
    const LocalBinding& l = at(local);
    const RemoteBinding& r = at(remote);
    return {l.host.v4(), l.original.v4(), l.active.v4(), r.original.v4(), r.active.v4()};
}

L4ChecksumMode BindingCache::checksum_mode(RemoteId remote) const {
    const Speaker& speaker = at(remote).speaker;
    const bool original =
        speaker.is_basic() || policy_->checksum.l4 == L4Checksum::original ||
        (speaker.is_secure() && peer_checksums_[speaker.peer()] == L4ChecksumMode::original);
    return original ? L4ChecksumMode::original : L4ChecksumMode::wire;
}

/// The last one takes the free place: a binding may have tens of thousands of paths.
void BindingCache::unlist_path(std::vector<PathId>& paths, uint32_t place,
                               uint32_t PathEntry::*backward) {
    paths[place] = paths.back();
    at(paths[place]).*backward = place;
    paths.pop_back();
}

template <typename IdType>
void BindingCache::unlist(ByAddress<IdType>& index, IpAddr key, IdType id) {
    const auto [first, last] = index.equal_range(key);
    const auto found = std::find_if(first, last, [&](const auto& e) { return e.second == id; });
    if (found != last) {
        index.erase(found);
    }
}

void BindingCache::forget_if_unused(LocalId id) {
    if (at(id).paths.empty()) {
        unlist(locals_by_host_, at(id).host, id);
        unlist(locals_by_active_, at(id).active, id);
        free_locals_.push_back(id);
    }
}

void BindingCache::forget_if_unused(RemoteId id) {
    if (at(id).paths.empty()) {
        unlist(remotes_by_original_, at(id).original, id);
        unlist(remotes_by_active_, at(id).active, id);
        if (at(id).speaker.is_secure()) {
            auto& list = of_peer_[at(id).speaker.peer()];
            list[at(id).in_peer] = list.back();
            at(list.back()).in_peer = at(id).in_peer;
            list.pop_back();
        }
        free_remotes_.push_back(id);
    }
}

} // namespace sacip
