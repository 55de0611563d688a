// SPDX-License-Identifier: BSD-3-Clause
//
// Pipeline: what one worker does with a burst of frames, on one page.
//
// Stages over the whole burst, so that each one's cache misses overlap: parse every frame; inbound,
// find all wire pairs, by hint as a rule, which tell the 5-tuples that the hosts would see; look up
// all 5-tuples; fetch their records, paths and slots; rewrite every hit. What can't be decided here
// is punted under its reason.
// Run to completion: no lock, no allocation, no system call, no shared write but a flow's own
// "last seen" when it changes.
#pragma once

#include "sacip_core/counters.hpp"
#include "sacip_core/flow_table.hpp"
#include "sacip_core/packet.hpp"
#include "sacip_core/path_table.hpp"
#include "sacip_core/wire_hints.hpp"

#include <array>
#include <span>

namespace sacip {

/// Whether packets that workers punted are still on their way through the slow path. Any worker; a
/// worker's own punts of earlier bursts count at the latest when its next burst begins.
class PuntsUnderWay {
public:
    virtual ~PuntsUnderWay() = default;
    virtual bool any() const = 0;
};

class Pipeline {
public:
    static constexpr unsigned max_burst = HashIndex::max_burst;
    static_assert(max_burst <= UINT8_MAX);

    /// All references outlive the pipeline. `counters` belong to the worker that calls process().
    Pipeline(FlowTable& flows, PathTable& paths, CoreCounters& counters,
             const PuntsUnderWay* punts = nullptr)
        : flows_{flows}, paths_{paths}, counters_{counters}, punts_{punts} {
        for (size_t i = 0; i < max_burst; i++) {
            burst_.keys[i] = &burst_.items[i].key;
        }
    }
    Pipeline(const Pipeline&) = delete;
    Pipeline& operator=(const Pipeline&) = delete;

    /// One verdict per frame, never `proceed`. A frame judged `forward` has been rewritten, its
    /// Ethernet header included; one judged `punt` with reason to_box has its addresses rewritten
    /// and waits to be given to Linux; all others are untouched, but that the slow path gets no
    /// checksum that its device has not filled in. At most max_burst frames.
    /// The calling worker is online in the grace period, and quiescent only between bursts.
    void process(std::span<Frame> frames, const ParseContext& port, Tick now,
                 std::span<Verdict> verdicts);

private:
    /// A frame on its way through the stages.
    struct Item {
        PacketView view;
        FlowKey key;
        WirePair pair;               ///< inbound only
        int32_t wire;                ///< inbound only: the pair's position in the wire index
        uint8_t frame;               ///< index in the burst
        uint8_t seen_as;             ///< inbound only: the view that the key is made of
        FlowRecord* record{nullptr}; ///< nullptr: no flow
        const Path* path{nullptr};   ///< of the record; nullptr where it has none
        const RewriteSlot* slot;     ///< of the path, where there is one
    };
    struct Burst {
        std::array<Item, max_burst> items;
        std::array<const FlowKey*, max_burst> keys; ///< of the items, at all times
        unsigned count{0};
        std::span<Item> all() { return {items.data(), count}; }
    };

    template <Direction D>
    void process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                          std::span<Verdict> verdicts);
    template <Direction D>
    void parse_all(std::span<Frame> frames, const ParseContext& port, std::span<Verdict> verdicts);
    void find_views();
    void find_wires(unsigned count);
    void take_view(Item& item) const;
    void find_flows();
    const Path* path_of(const FlowRecord* record) const;
    template <Direction D>
    Verdict judge(const Item& item, Frame& frame, Tick now, bool behind, unsigned& rewritten);
    Verdict judge_by_other_views(Item& item, Frame& frame, Tick now, bool behind,
                                 unsigned& rewritten);

    FlowTable& flows_;
    PathTable& paths_;
    CoreCounters& counters_;
    const PuntsUnderWay* punts_; ///< nullptr: the slow path is as fast as we are
    WireHints hints_;
    Burst burst_; ///< made once: filling it with zeros takes longer than a packet
    std::array<Item*, max_burst> unknown_{}; ///< of the burst: whose pair no hint has found
};

} // namespace sacip
