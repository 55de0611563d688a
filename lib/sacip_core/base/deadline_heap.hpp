// SPDX-License-Identifier: BSD-3-Clause
//
// DeadlineHeap: who is to be looked at next, and when.
//
// Of many that each wait for a time of their own, few are due at once: so nobody goes through all
// of them. A binary heap by deadline (Knuth, TAOCP 5.2.3), and each one's place in it, so that a
// deadline can be changed. Ids are small numbers (id_map.hpp).
//
// Pure bookkeeping: no clock.
#pragma once

#include "sacip_core/base/units.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace sacip {

template <typename IdType>
class DeadlineHeap {
public:
    /// It is due then, and no longer when it was before. O(log n).
    void set(IdType id, Nanos when) {
        if (id.value >= places_.size()) {
            places_.resize(id.value + size_t{1}, nowhere);
        }
        size_t place = places_[id.value];
        if (place == nowhere) {
            place = heap_.size();
            heap_.push_back({when, id});
            places_[id.value] = place;
        }
        heap_[place].when = when;
        sink(rise(place));
    }
    /// It is never due. O(log n).
    void clear(IdType id) {
        if (id.value >= places_.size() || places_[id.value] == nowhere) {
            return;
        }
        const size_t place = std::exchange(places_[id.value], nowhere);
        const Entry last = heap_.back();
        heap_.pop_back();
        if (place < heap_.size()) {
            put(place, last);
            sink(rise(place));
        }
    }
    /// One that is due, as long as its deadline is not set anew; nothing: none is. O(1).
    std::optional<IdType> due(Nanos now) const {
        return heap_.empty() || heap_.front().when > now ? std::nullopt
                                                         : std::optional{heap_.front().id};
    }
    size_t size() const { return heap_.size(); }

private:
    struct Entry {
        Nanos when;
        IdType id;
    };
    static constexpr size_t nowhere = SIZE_MAX;

    void put(size_t place, const Entry& entry) {
        heap_[place] = entry;
        places_[entry.id.value] = place;
    }
    void swap(size_t a, size_t b) {
        const Entry before = heap_[a];
        put(a, heap_[b]);
        put(b, before);
    }
    size_t rise(size_t place) {
        while (place > 0 && heap_[place].when < heap_[(place - 1) / 2].when) {
            swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        return place;
    }
    void sink(size_t place) {
        for (;;) {
            size_t least = place;
            for (size_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size();
                 child++) {
                least = heap_[child].when < heap_[least].when ? child : least;
            }
            if (least == place) {
                return;
            }
            swap(place, least);
            place = least;
        }
    }

    std::vector<Entry> heap_;
    std::vector<size_t> places_; ///< by id
};

} // namespace sacip
