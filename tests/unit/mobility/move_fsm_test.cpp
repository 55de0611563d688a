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

constexpr MoveEffects none{};
constexpr MoveEffects tell{.prepare = true, .announce = true};
constexpr MoveEffects tell_and_switch{
    .prepare = true, .announce = true, .switch_over = true, .start_drain = true};
constexpr MoveEffects switch_only{.switch_over = true, .start_drain = true};
constexpr MoveEffects wait{.hold = true};
constexpr MoveEffects retire{.retire = true};

struct Cell {
    S state;
    E event;
    MoveStep expected;
};

constexpr Cell table[] = {
    {S::fresh, E::begin, {S::announcing, tell}},
    {S::fresh, E::begin_unacknowledged, {S::draining, tell_and_switch}},
    {S::fresh, E::begin_no_address, {S::holding, wait}},
    {S::fresh, E::new_address, {S::fresh, none}},
    {S::fresh, E::acknowledged, {S::fresh, none}},
    {S::fresh, E::switch_timeout, {S::fresh, none}},
    {S::fresh, E::old_address_gone, {S::fresh, none}},
    {S::fresh, E::drained, {S::fresh, none}},
    {S::fresh, E::superseded, {S::superseded, none}},

    {S::announcing, E::begin, {S::announcing, none}},
    {S::announcing, E::begin_unacknowledged, {S::announcing, none}},
    {S::announcing, E::begin_no_address, {S::announcing, none}},
    {S::announcing, E::new_address, {S::announcing, none}},
    {S::announcing, E::acknowledged, {S::draining, switch_only}},
    {S::announcing, E::switch_timeout, {S::draining, switch_only}},
    {S::announcing, E::old_address_gone, {S::draining, switch_only}},
    {S::announcing, E::drained, {S::announcing, none}},
    {S::announcing, E::superseded, {S::superseded, none}},

    {S::holding, E::begin, {S::holding, none}},
    {S::holding, E::begin_unacknowledged, {S::holding, none}},
    {S::holding, E::begin_no_address, {S::holding, none}},
    {S::holding, E::new_address, {S::draining, tell_and_switch}},
    {S::holding, E::acknowledged, {S::holding, none}},
    {S::holding, E::switch_timeout, {S::holding, none}},
    {S::holding, E::old_address_gone, {S::holding, none}},
    {S::holding, E::drained, {S::holding, none}},
    {S::holding, E::superseded, {S::superseded, none}},

    {S::draining, E::begin, {S::draining, none}},
    {S::draining, E::begin_unacknowledged, {S::draining, none}},
    {S::draining, E::begin_no_address, {S::draining, none}},
    {S::draining, E::new_address, {S::draining, none}},
    {S::draining, E::acknowledged, {S::draining, none}},
    {S::draining, E::switch_timeout, {S::draining, none}},
    {S::draining, E::old_address_gone, {S::draining, none}},
    {S::draining, E::drained, {S::settled, retire}},
    {S::draining, E::superseded, {S::superseded, none}},

    {S::settled, E::begin, {S::settled, none}},
    {S::settled, E::begin_unacknowledged, {S::settled, none}},
    {S::settled, E::begin_no_address, {S::settled, none}},
    {S::settled, E::new_address, {S::settled, none}},
    {S::settled, E::acknowledged, {S::settled, none}},
    {S::settled, E::switch_timeout, {S::settled, none}},
    {S::settled, E::old_address_gone, {S::settled, none}},
    {S::settled, E::drained, {S::settled, none}},
    {S::settled, E::superseded, {S::settled, none}},

    {S::superseded, E::begin, {S::superseded, none}},
    {S::superseded, E::begin_unacknowledged, {S::superseded, none}},
    {S::superseded, E::begin_no_address, {S::superseded, none}},
    {S::superseded, E::new_address, {S::superseded, none}},
    {S::superseded, E::acknowledged, {S::superseded, none}},
    {S::superseded, E::switch_timeout, {S::superseded, none}},
    {S::superseded, E::old_address_gone, {S::superseded, none}},
    {S::superseded, E::drained, {S::superseded, none}},
    {S::superseded, E::superseded, {S::superseded, none}},
};

TEST(AddressChange, EveryCellOfTheTable) {
    std::set<std::pair<S, E>> seen;
    for (const Cell& cell : table) {
        EXPECT_EQ(step(cell.state, cell.event), cell.expected)
            << to_text(cell.state) << ", " << to_text(cell.event);
        seen.emplace(cell.state, cell.event);
    }
    EXPECT_EQ(seen.size(), static_cast<size_t>(move_state_count * move_event_count));
}

TEST(AddressChange, EveryNameOnce) {
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
