// SPDX-License-Identifier: BSD-3-Clause
//
// EventLog: what happened to moves and peers, for whoever follows along.
//
// The last thousand, numbered without gaps, so that a follower asks for what came after the number
// it has seen (`sacipctl events --follow`) and knows what it missed. Kinds are a closed list.
#pragma once

#include "sacip_core/base/units.hpp"

#include <deque>
#include <string>

namespace sacip {

// name, description for an operator
// clang-format off
#define SACIP_EVENTS(X)                                                                            \
    X(move_begun, "an address changed, ours or a peer's")                                          \
    X(bind_sent, "a peer with keys was told, or told again")                                       \
    X(acknowledged, "the peer knows")                                                              \
    X(applied, "the peer uses the new address")                                                    \
    X(validated, "the peer proved that it is reached at its new address")                          \
    X(switched, "outbound packets leave from, or to, the new address")                             \
    X(first_packet, "the first packet left by the new addresses")                                  \
    X(drained, "the old address is no longer accepted")                                            \
    X(ended, "flows whose address is gone, and for whose far end no peer speaks")                  \
    X(superseded, "a newer move took over")                                                        \
    X(refused, "the peer refused the change")                                                      \
    X(reverted, "a peer's new address was not proved: the last proved one is back")                \
    X(peer_up, "a peer with keys proved that it is there")                                         \
    X(peer_restarted, "a peer has started anew and is told everything")                            \
    X(peer_silent, "a peer does not answer")                                                       \
    X(peer_recovered, "a peer that was silent is heard again")                                     \
    X(mac_changed, "a port has another Ethernet address, since its host interface has")            \
    X(solicited, "a flow that was unknown here was asked for, and is known now")
// clang-format on

enum class EventKind : uint8_t {
#define X(name, text) name,
    SACIP_EVENTS(X)
#undef X
};
inline constexpr std::string_view event_names[] = {
#define X(name, text) #name,
    SACIP_EVENTS(X)
#undef X
};
constexpr std::string_view to_text(EventKind kind) {
    return event_names[static_cast<size_t>(kind)];
}

/// Milliseconds since 1970, UTC.
using WallTime = Id<struct WallTimeTag, int64_t>;

struct Event {
    uint64_t number{0}; ///< counts up from 1
    Nanos at;
    WallTime date; ///< by the wall clock of then
    EventKind kind{};
    MoveId move{};    ///< 0: of no move
    std::string peer; ///< empty: of no peer with keys
    std::string text; ///< addresses, counts; for reading
};

/// Slow path only.
class EventLog {
public:
    static constexpr size_t kept = 1024;
    void note(EventKind kind, Nanos at, MoveId move, std::string peer, std::string text) {
        if (events_.size() >= kept) {
            events_.pop_front();
        }
        events_.push_back({++last_, at, date_of(at), kind, move, std::move(peer), std::move(text)});
    }
    /// What a wall clock showed at time 0, by its setting of now. What happens from now on is dated
    /// by it; what has happened keeps its date.
    void set_wall_at_zero(Nanos wall) { wall_at_zero_ = wall; }
    /// Of something that happens now.
    WallTime date_of(Nanos at) const { return {(wall_at_zero_ + at).value / 1'000'000}; }
    /// Oldest first.
    const std::deque<Event>& events() const { return events_; }
    uint64_t last() const { return last_; }

private:
    std::deque<Event> events_;
    uint64_t last_{0};
    Nanos wall_at_zero_{};
};

} // namespace sacip
