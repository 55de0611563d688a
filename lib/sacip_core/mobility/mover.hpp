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
// The last thousand moves are remembered for the operator, each with its trace.
#pragma once

#include "sacip_core/base/event_log.hpp"
#include "sacip_core/base/keyed_hash.hpp"
#include "sacip_core/mobility/basic_sender.hpp"
#include "sacip_core/mobility/move_fsm.hpp"
#include "sacip_core/mobility/path_manager.hpp"

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sacip {

enum class Side : uint8_t { local, remote };
enum class Trigger : uint8_t { netlink, control, notification };
inline constexpr int trigger_count = 3;
std::string_view to_text(Side side);
std::string_view to_text(Trigger trigger);

/// One line of a move's trace.
struct TracePoint {
    EventKind kind;
    Nanos at;
    std::optional<uint32_t> peer; ///< place in Config::peers
};

/// What a move does for one peer with keys.
struct MoveLeg {
    uint32_t peer{0};
    std::vector<PathId> paths; ///< until the switch
    bool switched{false};
    bool applied{false}; ///< the peer uses the new address
    bool refused{false}; ///< and said that it never will
};

/// Packets that had to wait, and packets that were dropped while waiting.
struct HoldCounts {
    uint64_t held{0};
    uint64_t dropped{0};
};

/// One move, as `sacipctl moves` shows it.
struct MoveRecord {
    MoveId id;
    Side side;
    Trigger trigger;
    Ipv4Prefix from;
    std::optional<Ipv4Prefix> to; ///< nothing while there is no address
    MoveState state{MoveState::fresh};
    Nanos event;                  ///< when its cause arrived
    WallTime date;                ///< the same by the wall clock of then
    std::optional<Nanos> flipped; ///< when the last path was switched
    std::optional<Nanos> drain_until;
    uint32_t paths{0};
    uint64_t flows{0};
    uint32_t notifications{0}; ///< told for the first time: one for each peer
    uint32_t tries{0};         ///< BINDs sent, retries included
    HoldCounts hold_before;    ///< of the gateway, when the move began
    HoldCounts hold;           ///< from then to the switch; packets of other moves as well
    bool old_gone{false};      ///< nothing can be sent from, or received at, the old address
    std::vector<MoveLeg> legs{};
    std::vector<PathId> sample{}; ///< whose first packet is waited for
    std::vector<TracePoint> trace{};
};

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

/// Slow path only. References outlive it.
class Mover {
public:
    /// `secret` is random and told to nobody.
    Mover(const Config& config, BindingCache& cache, PathManager& manager,
          BasicSender& basic_sender, EventLog& events, uint64_t secret)
        : config_{config}, cache_{cache}, manager_{manager},
          basic_sender_{basic_sender}, events_{events}, left_{0, KeyedHash{secret}} {}

    /// Called when a peer with keys is to be told of a move, before the switch.
    std::function<void(uint32_t peer, bool old_address_lost, Nanos now)> on_announce;
    /// What has been held and dropped up to now.
    std::function<HoldCounts()> hold_counts;

    /// Our addresses in `from` are at the same place in `to` from now on (equal lengths).
    /// `old_gone`: nothing can be sent from there any more, so nobody is waited for.
    MoveId move_local(Ipv4Prefix from, Ipv4Prefix to, Trigger trigger, bool old_gone, Nanos now);
    /// The old addresses of moves that still speak from them may have gone meanwhile.
    template <typename IsPresent>
    void check_old_addresses(IsPresent&& is_present, Nanos now);

    // What a peer with keys let us know of our moves.

    /// A BIND left for it.
    void told(uint32_t peer, Nanos now);
    /// It knows, and takes packets from the new address; `applied`: and sends there.
    void acknowledged(uint32_t peer, bool applied, Nanos now);
    void refused(uint32_t peer, Nanos now);

    /// One of our addresses is gone and nothing stands for it: its paths hold.
    void lose_local(Ipv4Addr address, Trigger trigger, Nanos now);
    /// It is back itself.
    void return_local(Ipv4Addr address, Nanos now);
    /// It is there again after its flows that can't move had been given up: they need not end.
    void serve_again(Ipv4Addr address);
    /// These bindings of a far end are at `to` from now on. `proven`: nobody need doubt it.
    MoveId move_remote(const std::vector<RemoteId>& bindings, Ipv4Prefix from, Ipv4Prefix to,
                       bool proven, Nanos now);
    /// A peer has proved that it is at `at`: packets of these bindings go there from now on.
    void prove_remote(const std::vector<RemoteId>& bindings, const Ipv4Prefix& at, uint32_t peer,
                      Nanos now);
    /// True if a peer has left this address not long ago: what still comes from there about it is
    /// said again.
    bool has_just_left(Ipv4Addr from) const;

    /// Call at the end of the turn in which moves were made, with the time of now: it dates their
    /// flips.
    void finish_turn(Nanos now);
    void tick(Nanos now);

    /// Oldest first.
    const std::deque<MoveRecord>& records() const { return records_; }
    const MoveRecord* find(MoveId id) const;
    uint64_t total() const { return next_id_ - 1; }
    /// Moves not settled yet.
    uint64_t in_progress() const { return in_progress_; }
    const MoveStatistics& statistics() const { return statistics_; }

private:
    void set_drain(MoveRecord& move, Nanos until);
    void look_for_first_packets(Nanos now);
    void set_to(MoveRecord& move, const Ipv4Prefix& to);
    void forget_end(const MoveRecord& move);
    MoveRecord& begin(Side side, Trigger trigger, Ipv4Prefix from, std::optional<Ipv4Prefix> to,
                      Nanos now);
    void advance(MoveRecord& move, MoveEvent event);
    void make_room(Nanos now);
    void forget(std::deque<MoveRecord>::iterator move);
    void forget_left(const MoveRecord& move);
    static bool is_awaited(const MoveRecord& move);
    static bool is_live(const MoveRecord& move);
    void supersede(Side side, const Ipv4Prefix& left, Nanos now);
    MoveRecord* holding(const Ipv4Prefix& from);
    struct BasicMessage {
        BasicNotification message;
        PathId path; ///< by which it goes
    };
    void tell_basic_peers(std::vector<BasicMessage>& messages, MoveRecord& move, Nanos now);
    std::vector<PathId> rebind(const std::vector<LocalId>& locals, const Ipv4Prefix& to,
                               MoveRecord& move, Nanos now);
    void announce_legs(MoveRecord& move, Nanos now);
    void switch_leg(MoveLeg& leg, MoveRecord& move, Nanos now);
    void switch_legs(MoveRecord& move, MoveEvent why, Nanos now);
    void time_out(MoveRecord& move, Nanos now);
    template <typename IsPresent>
    bool speaks_as_absent(const MoveRecord& move, IsPresent&& is_present) const;
    void switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now);
    void note(MoveRecord& move, EventKind kind, Nanos now, std::optional<uint32_t> peer = {});
    static bool is_over(const MoveRecord& move) {
        return move.state == MoveState::settled || move.state == MoveState::superseded;
    }
    static Nanos nanos(Milliseconds time) { return from_ms(time.count()); }

    const Config& config_;
    BindingCache& cache_;
    PathManager& manager_;
    BasicSender& basic_sender_;
    EventLog& events_;
    std::deque<MoveRecord> records_;
    /// Local ones that may still change, oldest first: what a tick or an acknowledgement looks at.
    std::deque<MoveRecord*> live_;
    std::set<std::pair<Nanos, MoveId>> drains_; ///< when those that drain will have done so
    std::deque<MoveId> unsent_;                 ///< whose first packet is waited for
    uint64_t in_progress_{0};
    /// Those that ended at this place: whoever leaves it supersedes them.
    std::multimap<std::pair<Side, Ipv4Prefix>, MoveRecord*> by_end_;
    std::vector<MoveRecord*> holding_; ///< local ones without an address; as a rule none
    std::vector<MoveId> switched_; ///< some of their paths have been, since the last finish_turn()
    /// Addresses that a far end has left, and by how many moves that are not settled.
    std::unordered_map<Ipv4Addr, uint32_t, KeyedHash> left_;
    uint32_t next_id_{1};
    MoveStatistics statistics_;
};

/// It may go on from an address that an earlier move left.
template <typename IsPresent>
bool Mover::speaks_as_absent(const MoveRecord& move, IsPresent&& is_present) const {
    return std::ranges::any_of(move.legs, [&](const MoveLeg& leg) {
        return std::ranges::any_of(leg.paths, [&](PathId path) {
            const auto as = cache_.at(path).speaks_as;
            return as && !is_present(*as);
        });
    });
}

template <typename IsPresent>
void Mover::check_old_addresses(IsPresent&& is_present, Nanos now) {
    for (MoveRecord* each : live_) {
        MoveRecord& move = *each;
        if (move.state == MoveState::announcing && move.from.is_host() &&
            (!is_present(move.from.address()) || speaks_as_absent(move, is_present))) {
            move.old_gone = true;
            announce_legs(move, now);
            switch_legs(move, MoveEvent::old_address_gone, now);
        } else if (move.state == MoveState::draining && move.side == Side::local &&
                   !move.old_gone && move.from.is_host() && !is_present(move.from.address())) {
            move.old_gone = true; // its next owner's packets are not ours: peers stop taking them
            announce_legs(move, now);
        }
    }
}

} // namespace sacip
