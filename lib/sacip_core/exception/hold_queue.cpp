// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/exception/hold_queue.hpp"

#include <algorithm>

namespace sacip {

/// Which one makes room; `none`: the new one itself.
std::optional<HoldQueue::Index> HoldQueue::to_leave(const HeldPacket& packet) const {
    const auto sisters = by_key_.find(packet.key);
    const size_t bound =
        packet.share == HoldShare::neighbours ? max_per_neighbour : size_t{max_per_key};
    if (sisters != by_key_.end() && sisters->second.count >= bound) {
        return sisters->second.first;
    }
    if (packet.share == HoldShare::neighbours && share_of(packet).count >= max_for_neighbours) {
        return share_of(packet).first;
    }
    if (size_ < max_packets) {
        return std::nullopt;
    }
    const Index other = first_of_others();
    return other == none && packet.share == HoldShare::moves ? all_.first : other;
}

/// The oldest of the greatest share that is not the moves'.
HoldQueue::Index HoldQueue::first_of_others() const {
    const auto greatest =
        std::max_element(shares_.begin() + 1, shares_.end(),
                         [](const List& a, const List& b) { return a.count < b.count; });
    static_assert(static_cast<size_t>(HoldShare::moves) == 0);
    return greatest->first;
}

std::optional<HeldPacket> HoldQueue::push(HeldPacket packet) {
    std::optional<HeldPacket> leaving;
    if (const auto at = to_leave(packet)) {
        if (*at == none) {
            return packet;
        }
        leaving = remove(*at);
    }
    const Index at = take_place();
    places_[at] = {packet, {}, {}, {}, next_order_++, none};
    append(all_, &Place::all, at);
    append(by_key_[packet.key], &Place::sister, at);
    append(share_of(packet), &Place::share, at);
    heap_.push_back(at);
    rise(heap_.size() - 1);
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
    heap_.clear();
    free_ = none;
    all_ = {};
    shares_ = {};
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
    if (heap_.empty() || places_[heap_.front()].held.deadline > now) {
        return std::nullopt;
    }
    return remove(heap_.front());
}

// ---- the heap

bool HoldQueue::is_due_before(Index a, Index b) const {
    const Place& first = places_[a];
    const Place& second = places_[b];
    return first.held.deadline != second.held.deadline ? first.held.deadline < second.held.deadline
                                                       : first.order < second.order;
}

void HoldQueue::put(size_t slot, Index at) {
    heap_[slot] = at;
    places_[at].in_heap = static_cast<Index>(slot);
}

void HoldQueue::rise(size_t slot) {
    const Index at = heap_[slot];
    for (; slot > 0 && is_due_before(at, heap_[(slot - 1) / 2]); slot = (slot - 1) / 2) {
        put(slot, heap_[(slot - 1) / 2]);
    }
    put(slot, at);
}

void HoldQueue::sink(size_t slot) {
    const Index at = heap_[slot];
    for (size_t child = 2 * slot + 1; child < heap_.size(); child = 2 * slot + 1) {
        if (child + 1 < heap_.size() && is_due_before(heap_[child + 1], heap_[child])) {
            child++;
        }
        if (!is_due_before(heap_[child], at)) {
            break;
        }
        put(slot, heap_[child]);
        slot = child;
    }
    put(slot, at);
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
    unlink(share_of(out), &Place::share, at);
    const size_t slot = places_[at].in_heap;
    const Index last = heap_.back();
    heap_.pop_back();
    if (slot < heap_.size()) {
        put(slot, last);
        rise(slot);
        sink(places_[last].in_heap);
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
