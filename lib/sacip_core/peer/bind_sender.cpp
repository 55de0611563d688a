// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/peer/bind_sender.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace sacip {

std::vector<BindEntry> entries_for(const BindingCache& cache, PeerId peer) {
    std::set<LocalId> locals;
    for (const RemoteId remote : cache.remotes_of_peer(peer)) {
        for (const PathId path : cache.at(remote).paths) {
            const LocalId local = cache.at(path).local;
            if (cache.at(local).follows) {
                locals.insert(local);
            }
        }
    }
    // A prefix speaks for its hosts if all of them went to the same one.
    std::map<IpPrefix, std::set<IpPrefix>> of_prefix;
    const auto around = [&](const LocalBinding& b, IpAddr address) {
        const HostMapping& mapping = cache.mappings()[b.mapping];
        return IpPrefix{address,
                        mapping.way == Way::routed ? mapping.inside.length() : uint8_t{32}};
    };
    for (const LocalId id : locals) {
        const LocalBinding& b = cache.at(id);
        const IpPrefix original = around(b, b.original);
        const bool in_place = around(b, b.active).with_host_part_of(b.original) == b.active;
        of_prefix[original].insert(in_place ? around(b, b.active) : IpPrefix{});
    }
    std::set<std::pair<IpPrefix, IpPrefix>> entries;
    for (const LocalId id : locals) {
        const LocalBinding& b = cache.at(id);
        const IpPrefix original = around(b, b.original);
        const auto& actives = of_prefix[original];
        if (actives.size() == 1 && *actives.begin() != IpPrefix{}) {
            entries.emplace(original, *actives.begin());
        } else {
            entries.emplace(IpPrefix::host(b.original), IpPrefix::host(b.active));
        }
    }
    std::vector<BindEntry> out;
    for (const auto& [original, active] : entries) {
        out.push_back({original, active, 0, claim_lifetime_s});
    }
    return out;
}

void BindSender::begin(std::vector<BindEntry> entries, bool old_address_lost, Nanos now) {
    parts_.clear();
    parts_.emplace_back(); // also an empty BIND says something: that we are here
    for (const BindEntry& entry : entries) {
        if (!parts_.back().bind.add(entry)) {
            parts_.emplace_back();
            parts_.back().bind.add(entry);
        }
    }
    old_address_lost_ = old_address_lost;
    began_ = next_ = now;
    tries_ = 0;
}

BindSender::Answered BindSender::on_ack(const BindAck& ack, Nanos now) {
    for (auto part = parts_.begin(); part != parts_.end(); ++part) {
        const auto tried = std::ranges::find(part->tries, ack.sequence, &Try::sequence);
        if (tried == part->tries.end()) {
            continue;
        }
        Answered out{true, false, std::nullopt};
        if (tries_ == 1) {
            out.round_trip = now - tried->at;
        }
        if (ack.status == BindStatus::applied || ack.status == BindStatus::refused) {
            parts_.erase(part);
            out.complete = parts_.empty();
        }
        return out;
    }
    return {};
}

} // namespace sacip
