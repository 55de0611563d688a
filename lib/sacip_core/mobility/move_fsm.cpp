// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/move_fsm.hpp"

namespace sacip {

MoveStep step(MoveState state, MoveEvent event) {
    using S = MoveState;
    using E = MoveEvent;
    const MoveStep nothing{state, {}};
    switch (state) {
    case S::fresh:
        switch (event) {
        case E::begin: // make before break: the old address serves until the peers have switched
            return {S::announcing, {.prepare = true, .announce = true}};
        case E::begin_unacknowledged: // the paper's way: tell, then switch at once
            return {S::draining,
                    {.prepare = true, .announce = true, .switch_over = true, .start_drain = true}};
        case E::begin_no_address: // break before make
            return {S::holding, {.hold = true}};
        case E::superseded:
            return {S::superseded, {}};
        default:
            return nothing;
        }
    case S::announcing:
        switch (event) {
        case E::acknowledged:
        case E::switch_timeout:   // they will hear it from a repetition, or ask
        case E::old_address_gone: // waiting would only lose packets
            return {S::draining, {.switch_over = true, .start_drain = true}};
        case E::superseded:
            return {S::superseded, {}};
        default:
            return nothing;
        }
    case S::holding:
        switch (event) {
        case E::new_address:
            return {S::draining,
                    {.prepare = true, .announce = true, .switch_over = true, .start_drain = true}};
        case E::superseded:
            return {S::superseded, {}};
        default:
            return nothing;
        }
    case S::draining:
        switch (event) {
        case E::drained:
            return {S::settled, {.retire = true}};
        case E::superseded: // the newer move inherits the pair in force; the older ones drain on
            return {S::superseded, {}};
        default:
            return nothing;
        }
    case S::settled:
    case S::superseded:
        break;
    }
    return nothing;
}

std::string_view to_text(MoveState state) {
    constexpr std::string_view names[move_state_count] = {"fresh",    "announcing", "holding",
                                                          "draining", "settled",    "superseded"};
    return names[static_cast<int>(state)];
}

std::string_view to_text(MoveEvent event) {
    constexpr std::string_view names[move_event_count] = {
        "begin",          "begin_unacknowledged", "begin_no_address", "new_address", "acknowledged",
        "switch_timeout", "old_address_gone",     "drained",          "superseded"};
    return names[static_cast<int>(event)];
}

} // namespace sacip
