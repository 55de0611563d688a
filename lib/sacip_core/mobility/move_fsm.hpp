// SPDX-License-Identifier: BSD-3-Clause
//
// The life of one move as a table of (state, event) -> state.
//
//   fresh --begin--------------> announcing   the peers are told, the old address still serves
//     |                             | acknowledged, switch_timeout, old_address_gone
//     +--begin_unacknowledged---+   |
//     |                         v   v
//     |                        draining --drained--> settled
//     |                            ^
//     +--begin_no_address--> holding --new_address--+
//
// Pure: no clock, no I/O. The mover reports what it has done or seen. Every pair has an answer; an
// event that means nothing in a state changes nothing.
#pragma once

#include <cstdint>
#include <string_view>

namespace sacip {

enum class MoveState : uint8_t {
    fresh,      ///< nothing done yet
    announcing, ///< peers told, waiting for their word before the switch
    holding,    ///< no address to switch to; outbound packets wait
    draining,   ///< switched; the old address is still accepted inbound
    settled,    ///< over
    superseded, ///< a newer move of the same address took over
};
inline constexpr int move_state_count = 6;

enum class MoveEvent : uint8_t {
    begin,                ///< a successor is known and the peers acknowledge
    begin_unacknowledged, ///< a successor is known; peers are basic, or the old address is gone
    begin_no_address,     ///< the address is lost and there is no successor
    new_address,          ///< an address has come
    acknowledged,         ///< the peers use the new address
    switch_timeout,       ///< they did not say so in time
    old_address_gone,     ///< there is nothing left to wait with
    drained,              ///< the drain time is over
    superseded,           ///< a newer move begins for the same address
};
inline constexpr int move_event_count = 9;

/// The state that follows.
MoveState next_state(MoveState state, MoveEvent event);

std::string_view to_text(MoveState state);
std::string_view to_text(MoveEvent event);

} // namespace sacip
