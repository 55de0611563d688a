// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/path_table.hpp"

#include <algorithm>

namespace sacip {

template <AddressFamily F>
std::variant<std::unique_ptr<PathTableOf<F>>, std::string>
PathTableOf<F>::create(uint32_t capacity, GracePeriod& grace) {
    // A path holds the pair in force, one draining or being prepared, and sometimes a few more
    // that drain from earlier moves.
    auto index =
        HashIndex::create({std::string{F::name} + "_pairs", capacity * 4, sizeof(Pair), &grace});
    if (auto* error = std::get_if<std::string>(&index)) {
        return "path table: " + *error;
    }
    return std::make_unique<PathTableOf>(std::move(std::get<0>(index)), capacity, grace);
}

template <AddressFamily F>
PathTableOf<F>::PathTableOf(std::unique_ptr<HashIndex> index, uint32_t capacity, GracePeriod& grace)
    : grace_{grace}, index_{std::move(index)}, entries_(index_->positions()),
      accounts_(index_->positions()), paths_(capacity), flipped_(capacity, 0) {
    free_.reserve(capacity);
    for (uint32_t i = capacity; i > 0; i--) {
        free_.push_back({i - 1});
    }
}

template <AddressFamily F>
PathTableOf<F>::~PathTableOf() {
    for (auto& entry : entries_) {
        delete entry.list.load(std::memory_order_relaxed);
    }
    for (const auto& retired : retired_) {
        delete retired.list;
    }
}

template <AddressFamily F>
std::optional<PathId> PathTableOf<F>::add(const Slot& slot, Pair pair, View view) {
    if (free_.empty()) {
        return std::nullopt;
    }
    const PathId id = free_.back();
    free_.pop_back();
    used_++;
    Path& path = paths_[id.value];
    path.slots[0] = slot;
    path.slots[1] = slot;
    path.accept[0].store(pair);
    path.accept[1].store(pair);
    path.active.store(0, std::memory_order_release);
    flipped_[id.value] = 0;
    reference(pair, view);
    return id;
}

template <AddressFamily F>
void PathTableOf<F>::prepare(PathId id, Pair pair, View view) {
    Path& path = paths_[id.value];
    const uint32_t active = path.active.load(std::memory_order_relaxed);
    path.accept[1 - active].store(pair, std::memory_order_release);
    reference(pair, view);
}

template <AddressFamily F>
void PathTableOf<F>::publish(PathId id, const Slot& next, Pair pair) {
    Path& path = paths_[id.value];
    if (flipped_[id.value] != 0 && !grace_.passed(flipped_[id.value])) {
        grace_.wait();
    }
    const uint32_t idle = 1 - path.active.load(std::memory_order_relaxed);
    path.slots[idle] = next;
    path.used.store(false, std::memory_order_relaxed);
    // accept[] goes with the slots: the idle side is the pair before or after this one.
    const Pair other = path.accept[idle].exchange(pair);
    path.active.store(idle, std::memory_order_release);
    if (other != pair) {
        path.accept[1 - idle].store(other);
    }
    flipped_[id.value] = grace_.start();
}

template <AddressFamily F>
void PathTableOf<F>::retire(PathId id, Pair pair, View view) {
    Path& path = paths_[id.value];
    const uint32_t active = path.active.load(std::memory_order_relaxed);
    auto& other = path.accept[1 - active];
    if (other.is(pair)) {
        other.store(path.accept[active].load(), std::memory_order_release);
    }
    unreference(pair, view);
}

template <AddressFamily F>
void PathTableOf<F>::remove(PathId id) {
    retired_.push_back({grace_.start(), nullptr, id});
    used_--;
}

template <AddressFamily F>
void PathTableOf<F>::reclaim() {
    std::erase_if(retired_, [this](const Retired& r) {
        if (!grace_.passed(r.token)) {
            return false;
        }
        if (r.list != nullptr) {
            delete r.list;
        } else {
            free_.push_back(r.path);
        }
        return true;
    });
}

template <AddressFamily F>
void PathTableOf<F>::reference(Pair pair, View view) {
    const int32_t position = index_->insert(&pair);
    if (position < 0) {
        return; // no place: packets of this pair are found by the slow path, from the bindings
    }
    auto& views = accounts_[static_cast<uint32_t>(position)].views;
    const auto known = std::ranges::find(views, view, &std::pair<View, uint32_t>::first);
    if (known != views.end()) {
        known->second++;
        return;
    }
    const bool moved = view.remote != pair.remote || view.host != pair.local;
    views.insert(moved ? views.begin() : views.end(), {view, 1});
    publish_views(position, pair);
    if (moved && views.size() > 1) {
        orders_.fetch_add(1, std::memory_order_release);
    }
}

template <AddressFamily F>
void PathTableOf<F>::unreference(Pair pair, View view) {
    const int32_t position = index_->find(&pair);
    if (position < 0) {
        return;
    }
    auto& views = accounts_[static_cast<uint32_t>(position)].views;
    const auto known = std::ranges::find(views, view, &std::pair<View, uint32_t>::first);
    if (known == views.end() || --known->second > 0) {
        return;
    }
    views.erase(known);
    publish_views(position, pair);
}

template <AddressFamily F>
void PathTableOf<F>::publish_views(int32_t position, Pair pair) {
    const auto& views = accounts_[static_cast<uint32_t>(position)].views;
    Entry& entry = entries_[static_cast<uint32_t>(position)];
    std::unique_ptr<ViewList> list;
    if (views.size() > 1) {
        list = std::make_unique<ViewList>();
        for (const auto& [view, count] : views) {
            list->views.push_back(view);
        }
    } else {
        entry.only.store(views.empty() ? View{} : views[0].first);
    }
    const ViewList* old = entry.list.exchange(list.release(), std::memory_order_acq_rel);
    if (views.empty()) {
        index_->erase(&pair);
    }
    if (old != nullptr) {
        retired_.push_back({grace_.start(), old, no_path});
    }
}

template class PathTableOf<Ipv4>;

} // namespace sacip
