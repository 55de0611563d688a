// SPDX-License-Identifier: BSD-3-Clause
//
// MoveHistory: the last thousand moves, and the look-ups among them.
//
// Those that may still change are few, or are found by what changes them: by where they end, by
// when they will have drained, by that they wait for an address. Nothing goes through all of them;
// a flood of far ends' moves pushes out no move of ours that somebody waits for.
//
// Pure bookkeeping: it tells nobody. Slow path only.
#pragma once

#include "sacip_core/base/event_log.hpp"
#include "sacip_core/base/keyed_hash.hpp"
#include "sacip_core/mobility/move_fsm.hpp"

#include <deque>
#include <map>
#include <optional>
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
    std::optional<PeerId> peer;
};

/// What a move does for one peer with keys.
struct MoveLeg {
    PeerId peer{};
    std::vector<PathRef> paths; ///< until the switch
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
    IpPrefix from;
    std::optional<IpPrefix> to; ///< nothing while there is no address
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
    std::vector<PathRef> sample{}; ///< whose first packet is waited for
    std::vector<TracePoint> trace{};
};

/// Nothing changes it any more but what a peer says of it.
inline bool is_over(const MoveRecord& move) {
    return move.state == MoveState::settled || move.state == MoveState::superseded;
}

class MoveHistory {
public:
    /// `secret` is random and told to nobody.
    explicit MoveHistory(uint64_t secret) : left_{0, KeyedHash{secret}} {}

    /// The newest one. References to the others stay.
    MoveRecord& add(Side side, Trigger trigger, const IpPrefix& from,
                    const std::optional<IpPrefix>& to);
    /// The oldest that nobody waits for, if no more are kept beside a new one; else nullptr.
    MoveRecord* to_go();
    /// References to others are void, unless it was the oldest of all.
    void forget(const MoveRecord& move);

    void advance(MoveRecord& move, MoveEvent event);
    /// It ends there.
    void set_to(MoveRecord& move, const IpPrefix& to);
    /// Its old pairs are taken until then.
    void set_drain(MoveRecord& move, Nanos until);

    /// The newest that has ended there and is not over; nullptr: none has.
    MoveRecord* ending_at(Side side, const IpPrefix& end);
    /// The local one that waits for an address in the place of `from`.
    MoveRecord* holding(const IpPrefix& from);
    /// One that has drained by now, until it is advanced.
    MoveRecord* drained(Nanos now);
    /// True if a move of a far end from this address is not settled.
    bool has_left(IpAddr from) const { return left_.contains(from); }
    /// Local ones that may still change, oldest first; valid until the next change.
    const std::deque<MoveRecord*>& local() const { return local_; }
    /// Takes those out of local() that can't change any more.
    void tidy();

    MoveRecord* find(MoveId id);
    const MoveRecord* find(MoveId id) const;
    /// Oldest first, in the order of their ids.
    const std::deque<MoveRecord>& records() const { return records_; }
    uint64_t total() const { return next_id_ - 1; }
    /// Not over yet.
    uint64_t in_progress() const { return in_progress_; }

private:
    void list(MoveRecord& move);
    void unlist(const MoveRecord& move);
    void forget_left(const MoveRecord& move);

    std::deque<MoveRecord> records_;
    std::deque<MoveRecord*> local_;
    std::multimap<std::pair<Side, IpPrefix>, MoveRecord*> by_end_; ///< not over
    std::vector<MoveRecord*> holding_;                             ///< as a rule none
    std::set<std::pair<Nanos, MoveId>> drains_;                    ///< when each has drained
    /// Addresses that a far end has left, and by how many moves that are not settled.
    std::unordered_map<IpAddr, uint32_t, KeyedHash> left_;
    uint64_t in_progress_{0};
    uint32_t next_id_{1};
};

} // namespace sacip
