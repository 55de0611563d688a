// SPDX-License-Identifier: BSD-3-Clause
//
// Mover: carries out what the table in address_change.cpp decides.
//
// A local move gives our bindings another active address, tells every peer once, and publishes the
// paths; a remote move does the same to a far end's bindings because it told us. Both edit bindings
// and paths only: the flow table is not even known here. The last thousand moves are remembered for
// the operator.
#pragma once

#include "sacip_core/address_change.hpp"
#include "sacip_core/announcer.hpp"
#include "sacip_core/path_keeper.hpp"

#include <deque>

namespace sacip {

enum class Side : uint8_t { local, remote };
enum class Trigger : uint8_t { netlink, control, notification };
inline constexpr int trigger_count = 3;
std::string_view to_text(Side side);
std::string_view to_text(Trigger trigger);

/// One move, as `sacipctl moves` shows it.
struct MoveRecord {
    MoveId id;
    Side side;
    Trigger trigger;
    Ipv4Prefix from;
    std::optional<Ipv4Prefix> to; ///< nothing while there is no address
    MoveState state{MoveState::fresh};
    Nanos event;                  ///< when its cause arrived
    std::optional<Nanos> flipped; ///< when the last path was switched
    std::optional<Nanos> drain_until;
    uint32_t paths{0};
    uint64_t flows{0};
    uint32_t notifications{0};
};

struct MoveStatistics {
    std::array<Counter, trigger_count> moves; ///< by trigger
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
    Mover(const Config& config, Ledger& ledger, PathKeeper& keeper, Announcer& announcer)
        : config_{config}, ledger_{ledger}, keeper_{keeper}, announcer_{announcer} {}

    /// Our addresses in `from` are at the same place in `to` from now on (equal lengths).
    MoveId move_local(Ipv4Prefix from, Ipv4Prefix to, Trigger trigger, Nanos now);
    /// One of our addresses is gone and nothing stands for it: its paths hold.
    void lose_local(Ipv4Addr address, Trigger trigger, Nanos now);
    /// It is back itself.
    void return_local(Ipv4Addr address, Nanos now);
    /// These bindings of a far end are at `to` from now on.
    MoveId move_remote(const std::vector<RemoteId>& bindings, Ipv4Addr from, Ipv4Addr to,
                       Nanos now);
    /// True if a peer has left this address not long ago: what still comes from there about it is
    /// said again.
    bool has_just_left(Ipv4Addr from) const;

    /// Call at the end of the turn in which moves were made, with the time of now: it dates their
    /// flips.
    void finish_turn(Nanos now);
    void tick(Nanos now);

    const std::deque<MoveRecord>& records() const { return records_; }
    const MoveRecord* find(MoveId id) const;
    uint64_t total() const { return next_id_ - 1; }
    /// Moves not settled yet.
    uint64_t in_progress() const;
    const MoveStatistics& statistics() const { return statistics_; }

private:
    MoveRecord& begin(Side side, Trigger trigger, Ipv4Prefix from, std::optional<Ipv4Prefix> to,
                      Nanos now);
    MoveEffects advance(MoveRecord& move, MoveEvent event);
    void supersede(Side side, const Ipv4Prefix& left);
    MoveRecord* holding(const Ipv4Prefix& from);
    std::vector<PathId> rebind(const std::vector<LocalId>& locals, const Ipv4Prefix& to,
                               MoveRecord& move, Nanos now);
    void switch_paths(const std::vector<PathId>& paths, MoveRecord& move, Nanos now);
    static Nanos nanos(Milliseconds time) { return from_ms(time.count()); }

    const Config& config_;
    Ledger& ledger_;
    PathKeeper& keeper_;
    Announcer& announcer_;
    std::deque<MoveRecord> records_;
    uint32_t next_id_{1};
    MoveStatistics statistics_;
};

} // namespace sacip
