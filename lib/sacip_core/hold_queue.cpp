// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/hold_queue.hpp"

#include <algorithm>

namespace sacip {

std::optional<HeldPacket> HoldQueue::push(HeldPacket packet) {
    std::optional<HeldPacket> leaving;
    const auto sisters = by_key_.find(packet.key);
    if (sisters != by_key_.end() && sisters->second.count >= max_per_key) {
        leaving = remove(sisters->second.first);
    } else if (size_ >= max_packets) {
        leaving = remove(all_.first);
    }
    earliest_ = size_ == 0 ? packet.deadline : std::min(earliest_, packet.deadline);
    const Index at = take_place();
    places_[at] = {packet, {}, {}};
    append(all_, &Place::all, at);
    append(by_key_[packet.key], &Place::sister, at);
    size_++;
    return leaving;
}

std::vector<HeldPacket> HoldQueue::take_all() {
    std::vector<HeldPacket> out;
    out.reserve(size_);
    for (Index at = all_.first; at != none; at = places_[at].all.after) {
        out.push_back(places_[at].held);
    }
    places_.clear();
    by_key_.clear();
    free_ = none;
    all_ = {};
    size_ = 0;
    return out;
}

std::vector<HeldPacket> HoldQueue::take_by_key(uint64_t key) {
    std::vector<HeldPacket> out;
    for (auto found = by_key_.find(key); found != by_key_.end(); found = by_key_.find(key)) {
        out.push_back(remove(found->second.first));
    }
    return out;
}

std::optional<HeldPacket> HoldQueue::pop_expired(Nanos now) {
    if (size_ == 0 || now < earliest_) {
        return std::nullopt;
    }
    Nanos earliest = places_[all_.first].held.deadline;
    for (Index at = all_.first; at != none; at = places_[at].all.after) {
        const Nanos deadline = places_[at].held.deadline;
        if (deadline <= now) {
            return remove(at);
        }
        earliest = std::min(earliest, deadline);
    }
    earliest_ = earliest;
    return std::nullopt;
}

// ---- places and lists

HoldQueue::Index HoldQueue::take_place() {
    if (free_ == none) {
        places_.emplace_back();
        return static_cast<Index>(places_.size() - 1);
    }
    const Index at = free_;
    free_ = places_[at].all.after;
    return at;
}

HeldPacket HoldQueue::remove(Index at) {
    const HeldPacket out = places_[at].held;
    unlink(all_, &Place::all, at);
    const auto sisters = by_key_.find(out.key);
    unlink(sisters->second, &Place::sister, at);
    if (sisters->second.count == 0) {
        by_key_.erase(sisters);
    }
    places_[at].all.after = free_;
    free_ = at;
    size_--;
    return out;
}

void HoldQueue::append(List& list, Links Place::*links, Index at) {
    places_[at].*links = {list.last, none};
    (list.last == none ? list.first : (places_[list.last].*links).after) = at;
    list.last = at;
    list.count++;
}

void HoldQueue::unlink(List& list, Links Place::*links, Index at) {
    const Links gone = places_[at].*links;
    (gone.before == none ? list.first : (places_[gone.before].*links).after) = gone.after;
    (gone.after == none ? list.last : (places_[gone.after].*links).before) = gone.before;
    list.count--;
}

} // namespace sacip
