// SPDX-License-Identifier: BSD-3-Clause
//
// IdMap: a value for each id of one kind.
//
// Such ids are given out one after another and never again (config/id_book.hpp), so the values lie
// in a row, at the places of their ids, and a place stays when its id is gone.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sacip {

template <typename IdType, typename T>
class IdMap {
    using Values = std::vector<T>;

public:
    typename Values::reference operator[](IdType id) { return values_[id.value]; }
    typename Values::const_reference operator[](IdType id) const { return values_[id.value]; }
    bool has(IdType id) const { return id.value < values_.size(); }
    /// The id that a value added now would have.
    IdType next() const { return {static_cast<uint32_t>(values_.size())}; }
    template <typename... Args>
    T& add(Args&&... args) {
        return values_.emplace_back(std::forward<Args>(args)...);
    }
    /// There is a value for each of the first `ids`; those that are new are T's default, or this
    /// one.
    void cover(size_t ids) { values_.resize(std::max(ids, size())); }
    void cover(size_t ids, const T& value) { values_.resize(std::max(ids, size()), value); }

    // In the order of the ids.
    size_t size() const { return values_.size(); }
    auto begin() { return values_.begin(); }
    auto end() { return values_.end(); }
    auto begin() const { return values_.begin(); }
    auto end() const { return values_.end(); }
    /// Of the value that an iterator is at.
    IdType id_at(typename Values::const_iterator at) const {
        return {static_cast<uint32_t>(at - values_.begin())};
    }

private:
    Values values_;
};

} // namespace sacip
