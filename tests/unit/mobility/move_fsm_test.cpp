// SPDX-License-Identifier: BSD-3-Clause
//
// The table of a move, cell by cell: every pair of state and event stands here.
#include "sacip_core/mobility/move_fsm.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace sacip {
namespace {

using S = MoveState;
using E = MoveEvent;

struct Cell {
    S state;
    E event;
    S expected;
};

constexpr Cell table[] = {
    {S::fresh, E::begin, S::announcing},
    {S::fresh, E::begin_unacknowledged, S::draining},
    {S::fresh, E::begin_no_address, S::holding},
    {S::fresh, E::new_address, S::fresh},
    {S::fresh, E::acknowledged, S::fresh},
    {S::fresh, E::switch_timeout, S::fresh},
    {S::fresh, E::old_address_gone, S::fresh},
    {S::fresh, E::drained, S::fresh},
    {S::fresh, E::superseded, S::superseded},

    {S::announcing, E::begin, S::announcing},
    {S::announcing, E::begin_unacknowledged, S::announcing},
    {S::announcing, E::begin_no_address, S::announcing},
    {S::announcing, E::new_address, S::announcing},
    {S::announcing, E::acknowledged, S::draining},
    {S::announcing, E::switch_timeout, S::draining},
    {S::announcing, E::old_address_gone, S::draining},
    {S::announcing, E::drained, S::announcing},
    {S::announcing, E::superseded, S::superseded},

    {S::holding, E::begin, S::holding},
    {S::holding, E::begin_unacknowledged, S::holding},
    {S::holding, E::begin_no_address, S::holding},
    {S::holding, E::new_address, S::draining},
    {S::holding, E::acknowledged, S::holding},
    {S::holding, E::switch_timeout, S::holding},
    {S::holding, E::old_address_gone, S::holding},
    {S::holding, E::drained, S::holding},
    {S::holding, E::superseded, S::superseded},

    {S::draining, E::begin, S::draining},
    {S::draining, E::begin_unacknowledged, S::draining},
    {S::draining, E::begin_no_address, S::draining},
    {S::draining, E::new_address, S::draining},
    {S::draining, E::acknowledged, S::draining},
    {S::draining, E::switch_timeout, S::draining},
    {S::draining, E::old_address_gone, S::draining},
    {S::draining, E::drained, S::settled},
    {S::draining, E::superseded, S::superseded},

    {S::settled, E::begin, S::settled},
    {S::settled, E::begin_unacknowledged, S::settled},
    {S::settled, E::begin_no_address, S::settled},
    {S::settled, E::new_address, S::settled},
    {S::settled, E::acknowledged, S::settled},
    {S::settled, E::switch_timeout, S::settled},
    {S::settled, E::old_address_gone, S::settled},
    {S::settled, E::drained, S::settled},
    {S::settled, E::superseded, S::settled},

    {S::superseded, E::begin, S::superseded},
    {S::superseded, E::begin_unacknowledged, S::superseded},
    {S::superseded, E::begin_no_address, S::superseded},
    {S::superseded, E::new_address, S::superseded},
    {S::superseded, E::acknowledged, S::superseded},
    {S::superseded, E::switch_timeout, S::superseded},
    {S::superseded, E::old_address_gone, S::superseded},
    {S::superseded, E::drained, S::superseded},
    {S::superseded, E::superseded, S::superseded},
};

TEST(MoveState, EveryCellOfTheTable) {
    std::set<std::pair<S, E>> seen;
    for (const Cell& cell : table) {
        EXPECT_EQ(next_state(cell.state, cell.event), cell.expected)
            << to_text(cell.state) << ", " << to_text(cell.event);
        seen.emplace(cell.state, cell.event);
    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(move_state_count * move_event_count));
}

TEST(MoveState, EveryNameOnce) {
    std::set<std::string> names;
    for (int i = 0; i < move_state_count; i++) {
        names.emplace(to_text(static_cast<S>(i)));
    }
    EXPECT_EQ(names.size(), static_cast<size_t>(move_state_count));
    names.clear();
    for (int i = 0; i < move_event_count; i++) {
        names.emplace(to_text(static_cast<E>(i)));
    }
    EXPECT_EQ(names.size(), static_cast<size_t>(move_event_count));
}

} // namespace
} // namespace sacip
