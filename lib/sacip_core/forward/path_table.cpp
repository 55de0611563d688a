// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/forward/path_table.hpp"

#include <algorithm>

namespace sacip {

std::variant<std::unique_ptr<PathTable>, std::string> PathTable::create(uint32_t capacity,
                                                                        GracePeriod& grace) {
    // A path holds the pair in force, one draining or being prepared, and sometimes a few more
    // that drain from earlier moves.
    auto index = HashIndex::create({"wire_pairs", capacity * 4, sizeof(WirePair), &grace});
    if (auto* error = std::get_if<std::string>(&index)) {
        return "path table: " + *error;
    }
    return std::make_unique<PathTable>(std::move(std::get<0>(index)), capacity, grace);
}

PathTable::PathTable(std::unique_ptr<HashIndex> index, uint32_t capacity, GracePeriod& grace)
    : grace_{grace}, index_{std::move(index)}, entries_(index_->positions()),
      accounts_(index_->positions()), paths_(capacity), flipped_(capacity, 0) {
    free_.reserve(capacity);
    for (uint32_t i = capacity; i > 0; i--) {
        free_.push_back({i - 1});
    }
}

PathTable::~PathTable() {
    for (auto& entry : entries_) {
        delete entry.list.load(std::memory_order_relaxed);
    }
    for (const auto& retired : retired_) {
        delete retired.list;
    }
}

std::optional<PathId> PathTable::add(const RewriteSlot& slot, WirePair pair, WireView view) {
    if (free_.empty()) {
        return std::nullopt;
    }
    const PathId id = free_.back();
    free_.pop_back();
    used_++;
    Path& path = paths_[id.value];
    path.slots[0] = slot;
    path.slots[1] = slot;
    path.accept[0].store(pair.packed(), std::memory_order_relaxed);
    path.accept[1].store(pair.packed(), std::memory_order_relaxed);
    path.active.store(0, std::memory_order_release);
    flipped_[id.value] = 0;
    reference(pair, view);
    return id;
}

void PathTable::prepare(PathId id, WirePair pair, WireView view) {
    Path& path = paths_[id.value];
    const uint32_t active = path.active.load(std::memory_order_relaxed);
    path.accept[1 - active].store(pair.packed(), std::memory_order_release);
    reference(pair, view);
}

void PathTable::publish(PathId id, const RewriteSlot& next, WirePair pair) {
    Path& path = paths_[id.value];
    if (flipped_[id.value] != 0 && !grace_.passed(flipped_[id.value])) {
        grace_.wait();
    }
    const uint32_t idle = 1 - path.active.load(std::memory_order_relaxed);
    path.slots[idle] = next;
    path.used.store(false, std::memory_order_relaxed);
    // accept[] goes with the slots: the idle side is the pair before or after this one.
    const uint64_t other = path.accept[idle].exchange(pair.packed(), std::memory_order_relaxed);
    path.active.store(idle, std::memory_order_release);
    if (other != pair.packed()) {
        path.accept[1 - idle].store(other, std::memory_order_relaxed);
    }
    flipped_[id.value] = grace_.start();
}

void PathTable::retire(PathId id, WirePair pair, WireView view) {
    Path& path = paths_[id.value];
    const uint32_t active = path.active.load(std::memory_order_relaxed);
    auto& other = path.accept[1 - active];
    if (other.load(std::memory_order_relaxed) == pair.packed()) {
        other.store(path.accept[active].load(std::memory_order_relaxed), std::memory_order_release);
    }
    unreference(pair, view);
}

void PathTable::remove(PathId id) {
    retired_.push_back({grace_.start(), nullptr, id});
    used_--;
}

void PathTable::reclaim() {
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

void PathTable::reference(WirePair pair, WireView view) {
    const int32_t position = index_->insert(&pair);
    if (position < 0) {
        return; // no place: packets of this pair are found by the slow path, from the bindings
    }
    auto& views = accounts_[static_cast<uint32_t>(position)].views;
    const auto known = std::ranges::find(views, view, &std::pair<WireView, uint32_t>::first);
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

void PathTable::unreference(WirePair pair, WireView view) {
    const int32_t position = index_->find(&pair);
    if (position < 0) {
        return;
    }
    auto& views = accounts_[static_cast<uint32_t>(position)].views;
    const auto known = std::ranges::find(views, view, &std::pair<WireView, uint32_t>::first);
    if (known == views.end() || --known->second > 0) {
        return;
    }
    views.erase(known);
    publish_views(position, pair);
}

void PathTable::publish_views(int32_t position, WirePair pair) {
    const auto& views = accounts_[static_cast<uint32_t>(position)].views;
    Entry& entry = entries_[static_cast<uint32_t>(position)];
    std::unique_ptr<ViewList> list;
    if (views.size() > 1) {
        list = std::make_unique<ViewList>();
        for (const auto& [view, count] : views) {
            list->views.push_back(view);
        }
    } else {
        const WireView only = views.empty() ? WireView{} : views[0].first;
        entry.only.store(std::bit_cast<uint64_t>(only), std::memory_order_relaxed);
    }
    const ViewList* old = entry.list.exchange(list.release(), std::memory_order_acq_rel);
    if (views.empty()) {
        index_->erase(&pair);
    }
    if (old != nullptr) {
        retired_.push_back({grace_.start(), old, no_path});
    }
}

} // namespace sacip
