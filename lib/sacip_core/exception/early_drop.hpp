// SPDX-License-Identifier: BSD-3-Clause
//
// EarlyDrop: keeps room in the flow and the path table for those we know, whatever strangers send.
//
// Anybody may begin a flow, from as many addresses as he can invent. So strangers, the far ends for
// whom nobody speaks, have three quarters of each table. Where that is used up, the oldest of their
// flows that was seen one way only makes room for the next, as in Linux's conntrack; where a whole
// table is, a stranger's does first, and then one of a far end that we know. An eighth of the
// places for paths they find occupied whoever has them. A stranger's flow that was seen one way
// only and is silent is forgotten after seconds, as is one that has ended by then.
//
// Flows wait in the order they began, until they have been seen both ways or are gone: nothing is
// scanned. Workers leave the marks that tell: TCP's in the record; of all else, that the path has
// been used outbound, or that a packet from the wire was found to be the flow's.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/mobility/path_manager.hpp"

#include <deque>

namespace sacip {

/// Slow path only. References outlive it.
class EarlyDrop {
public:
    /// What there is too little of for another flow.
    enum class Lack : uint8_t { nothing, flows, paths };

    EarlyDrop(FlowTable& flows, const PathTable& paths, PathManager& manager)
        : flows_{flows}, paths_{paths}, manager_{manager} {}

    /// Makes room for one more flow, and for a path of its own, of a stranger or of somebody known.
    /// Paths go later: bindings that are in hand stay.
    Lack make_room(bool stranger, bool path, Nanos now);
    /// A flow of a far end outside has begun with a packet in this direction.
    void began(FlowId flow, Direction direction, bool stranger, Nanos now);
    /// Looks at some of those whose seconds are over.
    void tick(Nanos now);

    const Counter& dropped() const { return dropped_; } ///< for want of room
    const Counter& expired() const { return expired_; } ///< strangers', one way only or over

    /// What strangers may have of a table of so many places.
    static constexpr uint32_t share_of_strangers(uint32_t places) { return places - places / 4; }

private:
    struct Waiting {
        FlowId id;
        FlowKey key; ///< another flow may have the id by now
        Direction direction;
        Nanos since; ///< it began, or was looked at last
    };
    using Line = std::deque<Waiting>;

    Lack lack(bool stranger, bool path) const;
    bool drop_oldest(Line& line, Nanos now);
    bool was_answered(const FlowInfo& flow, Direction direction) const;
    std::optional<FlowInfo> flow_of(const Waiting& waiting) const;
    void forget(const FlowInfo& flow, Nanos now);
    void look_after(Line& line, bool strangers, Nanos now);

    FlowTable& flows_;
    const PathTable& paths_;
    PathManager& manager_;
    Line strangers_, known_;
    Counter dropped_, expired_;
};

} // namespace sacip
