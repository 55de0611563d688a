// SPDX-License-Identifier: BSD-3-Clause
//
// IdBook: the entries of one list of the configuration, each with the id it is known by.
//
// Whatever is remembered of an entry is remembered under its id, so an id means the same for as
// long as the process lives. An entry keeps it from one configuration to the next, wherever it
// stands in the list and whatever else it says, as long as it is about the same (`identity_of`).
// One that is new gets an id that none had before: what is still said of a peer that is gone can't
// be taken for another's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace sacip {

template <typename IdType, typename Entry>
class IdBook {
public:
    struct Row {
        IdType id;
        Entry entry;
    };

    /// The entry that has this id now; there is one.
    const Entry& operator[](IdType id) const { return rows_[place_of_[id.value]].entry; }
    bool has(IdType id) const {
        return id.value < place_of_.size() && place_of_[id.value] != nowhere;
    }
    /// So many have been given so far: every id is below this, those of entries that are gone too.
    size_t ids_given() const { return place_of_.size(); }

    // In the order of the configuration.
    size_t size() const { return rows_.size(); }
    bool empty() const { return rows_.empty(); }
    auto begin() const { return rows_.begin(); }
    auto end() const { return rows_.end(); }

    /// The book of the configuration after this one's. The new ids are in the order of the entries.
    IdBook next(const std::vector<Entry>& entries) const;

private:
    static constexpr uint32_t nowhere = UINT32_MAX;

    std::vector<Row> rows_;
    std::vector<uint32_t> place_of_; ///< by id, for all ids ever given: among `rows_`, or nowhere
};

template <typename IdType, typename Entry>
IdBook<IdType, Entry> IdBook<IdType, Entry>::next(const std::vector<Entry>& entries) const {
    std::map<decltype(identity_of(std::declval<Entry>())), IdType> known;
    for (const Row& row : rows_) {
        known.emplace(identity_of(row.entry), row.id);
    }
    IdBook out;
    out.place_of_.assign(ids_given(), nowhere);
    for (const Entry& entry : entries) {
        const auto same = known.extract(identity_of(entry)); // each id once, even of two alike
        const IdType id = same ? same.mapped() : IdType{static_cast<uint32_t>(out.ids_given())};
        if (!same) {
            out.place_of_.push_back(nowhere);
        }
        out.place_of_[id.value] = static_cast<uint32_t>(out.rows_.size());
        out.rows_.push_back({id, entry});
    }
    return out;
}

} // namespace sacip
