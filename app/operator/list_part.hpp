// SPDX-License-Identifier: BSD-3-Clause
//
// ListPart: one reply's part of a list by positions.
//
// Lists are made on the slow path, where packets wait meanwhile: all 65,536 paths took a second of
// it, and came to more bytes than a reply may have. So a part is short: in entries, and in
// positions that are looked at for them. The request's `after` is the `next` of the part before.
#pragma once

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>

namespace sacip {

class ListPart {
public:
    enum class Position { empty, passed, shown };

    /// `args`: `limit`, at most so many entries; `after`, the `next` of the part before.
    explicit ListPart(const nlohmann::json& args)
        : at_{args.value("after", uint64_t{0})}, left_{std::min(args.value("limit", uint64_t{100}),
                                                                most_entries)} {}

    /// Calls show(position), which says what it was, until the part is full. `in_use`: positions
    /// that are not empty, in all.
    template <typename Show>
    void fill(uint64_t positions, uint64_t in_use, Show&& show) {
        const uint64_t end = std::min(positions, std::min(at_, positions) + most_positions);
        // From the beginning it is known when the last one has come.
        uint64_t to_come = at_ == 0 ? in_use : UINT64_MAX;
        while (at_ < end && left_ > 0 && to_come > 0) {
            const Position found = show(static_cast<uint32_t>(at_++));
            to_come -= found == Position::empty ? 0 : 1;
            left_ -= found == Position::shown ? 1 : 0;
        }
        more_ = at_ < positions && to_come > 0;
    }
    /// Where the next part begins; nothing after the last one.
    std::optional<uint64_t> next() const { return more_ ? std::optional{at_} : std::nullopt; }

private:
    static constexpr uint64_t most_entries = 1000, most_positions = 65'536;
    uint64_t at_, left_;
    bool more_{false};
};

} // namespace sacip
