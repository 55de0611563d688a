// SPDX-License-Identifier: BSD-3-Clause
#include "app/operator/list_part.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace sacip {
namespace {

using nlohmann::json;
using Position = ListPart::Position;

/// A table: which positions are in use, and which of these are of the host that is asked for.
struct Table {
    std::vector<Position> positions;
    uint64_t looked_at{0};

    uint64_t in_use() const {
        return positions.size() -
               static_cast<uint64_t>(std::ranges::count(positions, Position::empty));
    }
    std::vector<uint32_t> part(ListPart& part) {
        std::vector<uint32_t> shown;
        part.fill(positions.size(), in_use(), [&](uint32_t at) {
            looked_at++;
            if (positions[at] == Position::shown) {
                shown.push_back(at);
            }
            return positions[at];
        });
        return shown;
    }
};

TEST(ListPart, WhatFitsComesInOne) {
    Table table{{Position::empty, Position::shown, Position::passed, Position::shown}};
    ListPart part{json::object()};
    EXPECT_EQ(table.part(part), (std::vector<uint32_t>{1, 3}));
    EXPECT_EQ(part.next(), std::nullopt);
}

TEST(ListPart, EndsWithTheLastThatIsInUse) {
    Table table{std::vector<Position>(50'000, Position::empty)};
    table.positions[2] = Position::shown;
    ListPart part{json::object()};
    EXPECT_EQ(table.part(part), std::vector<uint32_t>{2});
    EXPECT_EQ(part.next(), std::nullopt);
    EXPECT_EQ(table.looked_at, 3U);
}

TEST(ListPart, PartsTogetherAreTheWhole) {
    Table table{std::vector<Position>(200'000, Position::empty)};
    std::vector<uint32_t> wanted;
    for (uint32_t at = 7; at < table.positions.size(); at += 61) {
        table.positions[at] = at % 3 == 0 ? Position::passed : Position::shown;
        if (at % 3 != 0) {
            wanted.push_back(at);
        }
    }
    std::vector<uint32_t> got;
    json args{{"limit", 5'000'000}};
    for (int parts = 0; parts < 100; parts++) {
        ListPart part{args};
        table.looked_at = 0;
        const auto shown = table.part(part);
        EXPECT_LE(shown.size(), 1000U);
        EXPECT_LE(table.looked_at, 65'536U);
        got.insert(got.end(), shown.begin(), shown.end());
        if (!part.next()) {
            break;
        }
        args["after"] = *part.next();
    }
    EXPECT_EQ(got, wanted);
}

TEST(ListPart, AnyNumberWillDo) {
    Table table{{Position::shown, Position::shown}};
    ListPart beyond{json{{"after", UINT64_MAX}, {"limit", UINT64_MAX}}};
    EXPECT_EQ(table.part(beyond), std::vector<uint32_t>{});
    EXPECT_EQ(beyond.next(), std::nullopt);
    ListPart none{json{{"limit", 0}}};
    EXPECT_EQ(table.part(none), std::vector<uint32_t>{});
    EXPECT_EQ(none.next(), 0U);
}

} // namespace
} // namespace sacip
