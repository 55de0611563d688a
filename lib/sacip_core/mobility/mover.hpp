// SPDX-License-Identifier: BSD-3-Clause
//
// Mover: moves addresses; the states of a move are those of move_fsm.
//
// A local move gives our bindings another active address, tells every peer once, and publishes the
// paths; a remote move does the same to a far end's bindings because it told us. Both edit bindings
// and paths only: the flow table is not even known here.
//
// What a move does for one peer with keys is a leg: while the old address still serves, the leg's
// paths go on speaking from it until the peer has acknowledged the new one, or move.switch_timeout
// is over. Paths to all others, and all paths once the old address is gone, switch at once.
//
// The last thousand moves are remembered for the operator, each with its trace (move_history).
#pragma once

#include "sacip_core/mobility/basic_sender.hpp"
#include "sacip_core/mobility/move_history.hpp"
#include "sacip_core/mobility/path_manager.hpp"

#include <deque>
#include <vector>

namespace sacip {

struct MoveStatistics {
    std::array<Counter, trigger_count> moves; ///< by trigger
    Counter failures;                         ///< refused by a peer
    Counter flips;                            ///< moves that switched, for the mean of:
    Counter flip_us_total;                    ///< event to flip, microseconds
    /// Event to flip: moves at or below each bound, cumulative, the last one unbounded.
    std::array<Counter, 8> flip_buckets;
};
inline constexpr std::array<int64_t, 7> flip_bounds_us = {100,    300,     1'000,    3'000,
                                                          10'000, 100'000, 1'000'000};

/// What a move asks for, in this order: first its peers with keys are told, then its paths are
/// switched (Mover::switch_announced). A packet from the new address finds a peer that knows it.
struct Announcement {
    MoveId move;
    std::vector<PeerId> peers;
    bool old_address_lost;
    std::vector<PathId> paths; ///< that wait for nobody's answer
    bool switches{true};       ///< else that has been done before
};

/// Slow path only. References outlive it.
class Mover {
public:
    /// `counters` are the slow path's; `secret` is random and told to nobody.
    Mover(const CurrentPolicy& policy, BindingCache& cache, PathManager& manager,
          BasicSender& basic_sender, EventLog& events, const CoreCounters& counters,
          uint64_t secret)
        : policy_{policy}, cache_{cache}, manager_{manager},
          basic_sender_{basic_sender}, events_{events}, counters_{counters}, history_{secret} {}

    /// What was held and dropped from a move's beginning to its switch, or up to now; nothing if it
    /// never will switch.
    std::optional<HoldCounts> hold_of(const MoveRecord& move) const;

    /// What moves ask for since the last call. To be taken, and carried out, after move_local() and
    /// check_old_addresses().
    std::vector<Announcement> take_announcements() { return std::exchange(announced_, {}); }
    void switch_announced(const Announcement& announcement, Nanos now);

    /// Our addresses in `from` are at the same place in `to` from now on (equal lengths).
    /// `old_gone`: nothing can be sent from there any more, so nobody is waited for.
    MoveId move_local(IpPrefix from, IpPrefix to, Trigger trigger, bool old_gone, Nanos now);
    /// The old addresses of moves that still speak from them may have gone meanwhile.
    template <typename IsPresent>
    void check_old_addresses(IsPresent&& is_present);

    // What a peer with keys let us know of our moves.

    /// A BIND left for it.
    void told(PeerId peer, Nanos now);
    /// It knows, and takes packets from the new address; `applied`: and sends there.
    void acknowledged(PeerId peer, bool applied, Nanos now);
    void refused(PeerId peer, Nanos now);

    /// One of our addresses is gone and nothing stands for it: its paths hold.
    void lose_local(IpAddr address, Trigger trigger, Nanos now);
    /// It is back itself.
    void return_local(IpAddr address, Nanos now);
    /// It is there again after its flows that can't move had been given up: they need not end.
    void serve_again(IpAddr address);
    /// These bindings of a far end are at `to` from now on. `proven`: nobody need doubt it.
    MoveId move_remote(const std::vector<RemoteId>& bindings, IpPrefix from, IpPrefix to,
                       bool proven, Nanos now);
    /// A peer has proved that it is at `at`: packets of these bindings go there from now on.
    void prove_remote(const std::vector<RemoteId>& bindings, const IpPrefix& at, PeerId peer,
                      Nanos now);
    /// True if a peer has left this address not long ago: what still comes from there about it is
    /// said again.
    bool has_just_left(IpAddr from) const { return history_.has_left(from); }

    /// Call at the end of the turn in which moves were made, with the time of now: it dates their
    /// flips.
    void finish_turn(Nanos now);
    void tick(Nanos now);

    const MoveHistory& history() const { return history_; }
    const MoveStatistics& statistics() const { return statistics_; }

private:
    HoldCounts hold_counts() const;
    HoldCounts since_begun(const MoveRecord& move) const;
    void look_for_first_packets(Nanos now);
    MoveRecord& begin(Side side, Trigger trigger, IpPrefix from, std::optional<IpPrefix> to,
                      Nanos now);
    void supersede(Side side, const IpPrefix& left, Nanos now);
    struct BasicMessage {
        BasicNotification message;
        PathId path; ///< by which it goes
    };
    void tell_basic_peers(std::vector<BasicMessage>& messages, MoveRecord& move, Nanos now);
    std::vector<PathId> rebind(const std::vector<LocalId>& locals, const IpPrefix& to,
                               MoveRecord& move, Nanos now);
    void announce(MoveRecord& move, std::vector<PathId> paths, bool switches = true);
    void switch_leg(MoveLeg& leg, MoveRecord& move, Nanos now);
    void time_out(MoveRecord& move, Nanos now);
    template <typename IsPresent>
    bool speaks_as_absent(const MoveRecord& move, IsPresent&& is_present) const;
    void switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now);
    void note(MoveRecord& move, EventKind kind, Nanos now, std::optional<PeerId> peer = {});
    static Nanos nanos(Milliseconds time) { return from_ms(time.count()); }

    const CurrentPolicy& policy_;
    BindingCache& cache_;
    PathManager& manager_;
    BasicSender& basic_sender_;
    EventLog& events_;
    const CoreCounters& counters_;
    MoveHistory history_;
    std::vector<Announcement> announced_;
    std::deque<MoveId> unsent_;    ///< whose first packet is waited for
    std::vector<MoveId> switched_; ///< some of their paths have been, since the last finish_turn()
    MoveStatistics statistics_;
};

/// It may go on from an address that an earlier move left.
template <typename IsPresent>
bool Mover::speaks_as_absent(const MoveRecord& move, IsPresent&& is_present) const {
    return std::ranges::any_of(move.legs, [&](const MoveLeg& leg) {
        return std::ranges::any_of(leg.paths, [&](const PathRef& path) {
            const auto as = cache_.at(path.id).speaks_as;
            return cache_.is_there(path) && as && !is_present(*as);
        });
    });
}

template <typename IsPresent>
void Mover::check_old_addresses(IsPresent&& is_present) {
    for (MoveRecord* each : history_.local()) {
        MoveRecord& move = *each;
        if (move.state == MoveState::announcing && move.from.is_host() &&
            (!is_present(move.from.address()) || speaks_as_absent(move, is_present))) {
            move.old_gone = true;
            history_.advance(move, MoveEvent::old_address_gone);
            announce(move, {});
        } else if (move.state == MoveState::draining && move.side == Side::local &&
                   !move.old_gone && move.from.is_host() && !is_present(move.from.address())) {
            move.old_gone = true; // its next owner's packets are not ours: peers stop taking them
            announce(move, {}, false);
        }
    }
}

} // namespace sacip
