// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/move_fsm.hpp"

namespace sacip {

MoveState next_state(MoveState state, MoveEvent event) {
    using S = MoveState;
    using E = MoveEvent;
    switch (state) {
    case S::fresh:
        switch (event) {
        case E::begin: // make before break: the old address serves until the peers have switched
            return S::announcing;
        case E::begin_unacknowledged: // the paper's way: tell, then switch at once
            return S::draining;
        case E::begin_no_address: // break before make
            return S::holding;
        case E::superseded:
            return S::superseded;
        default:
            return state;
        }
    case S::announcing:
        switch (event) {
        case E::acknowledged:
        case E::switch_timeout:   // they will hear it from a repetition, or ask
        case E::old_address_gone: // waiting would only lose packets
            return S::draining;
        case E::superseded:
            return S::superseded;
        default:
            return state;
        }
    case S::holding:
        return event == E::new_address  ? S::draining
               : event == E::superseded ? S::superseded
                                        : state;
    case S::draining: // if superseded, the newer move inherits the pair in force
        return event == E::drained ? S::settled : event == E::superseded ? S::superseded : state;
    case S::settled:
    case S::superseded:
        break;
    }
    return state;
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
