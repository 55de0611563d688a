// SPDX-License-Identifier: BSD-3-Clause
//
// Pipeline: what one worker does with a burst of frames, on one page.
//
// Stages over the whole burst, so that each one's cache misses overlap: parse every frame; guess
// each one's flow by a hint; fetch the records, which prove the guesses, their paths and slots;
// rewrite every hit. Those whose hint did not lead to their flow are looked up in between: outbound
// the 5-tuple; inbound the wire pair first, which tells the 5-tuples that the hosts would see. What
// can't be decided here is punted under its reason.
// Run to completion: no lock, no allocation, no system call, no shared write but a flow's own
// "last seen" when it changes.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/forward/flow_hints.hpp"
#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/forward/path_table.hpp"
#include "sacip_core/packet/parse.hpp"

#include <array>
#include <span>

namespace sacip {

/// Whether packets that workers punted are still on their way through the slow path, of this
/// direction or of one that is not told yet. Any worker; a worker's own punts of earlier bursts
/// count at the latest when its next burst begins.
class PuntsUnderWay {
public:
    virtual ~PuntsUnderWay() = default;
    virtual bool any(Direction to) const = 0;
};

/// For the packets of one family; all others are punted as parse() says.
template <AddressFamily F>
class PipelineOf {
public:
    using Flows = FlowTableOf<F>;
    using Paths = PathTableOf<F>;
    static constexpr unsigned max_burst = HashIndex::max_burst;
    static_assert(max_burst <= UINT8_MAX);

    PipelineOf(Flows& flows, Paths& paths, CoreCounters& counters,
               const PuntsUnderWay* punts = nullptr)
        : flows_{flows}, paths_{paths}, counters_{counters}, punts_{punts}, hints_{
                                                                                flows.positions()} {
        for (size_t i = 0; i < max_burst; i++) {
            burst_.views[i] = &burst_.items[i].view;
        }
    }
    PipelineOf(const PipelineOf&) = delete;
    PipelineOf& operator=(const PipelineOf&) = delete;

    /// Does what Pipeline::process() promises, for frames that come from that side.
    template <Direction D>
    void process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                          std::span<Verdict> verdicts);

private:
    using View = PacketViewOf<F>;
    using Key = FlowKeyOf<F>;
    using Record = FlowRecordOf<F>;
    using Pair = WirePairOf<F>;
    using Path = PathOf<F>;
    using Slot = RewriteSlotOf<F>;
    using Rewrite = DirectionRewriteOf<F>;

    /// A frame on its way through the stages.
    struct Item {
        View view;
        Record* record;
        const Path* path; ///< of the packet's flow; nullptr: none is known
        const Slot* slot; ///< of the path, where there is one
        int32_t wire;     ///< inbound, not found by hint: the pair's position, or negative
        uint8_t frame;    ///< index in the burst
    };
    /// Keys to be looked up.
    struct Wanted {
        std::array<Key, max_burst> keys;
        unsigned count{0};
    };
    struct Burst {
        std::array<Item, max_burst> items;
        std::array<const void*, max_burst> views; ///< of the items, at all times
        std::array<uint32_t, max_burst> hashes;
        unsigned count{0};
        bool punted{false}; ///< something of the burst, by the parser
        std::span<Item> all() { return {items.data(), count}; }
    };

    template <Direction D>
    void parse_all(std::span<Frame> frames, const ParseContext& port, std::span<Verdict> verdicts);
    unsigned seek(unsigned from, const Item* end);
    template <Direction D>
    bool take_slot(Item& item);
    template <Direction D>
    void find_by_hints();
    void look_up(unsigned count);
    void look_up_views(unsigned count);
    template <Direction D>
    unsigned look_up_keys(const Wanted& wanted, uint32_t order);
    template <Direction D>
    const Path* path_of(const Record& record, const Item& item) const;
    template <Direction D>
    Verdict judge(const Item& item, Frame& frame, Tick now, bool behind, unsigned& rewritten);

    Flows& flows_;
    Paths& paths_;
    CoreCounters& counters_;
    const PuntsUnderWay* punts_; ///< nullptr: the slow path is as fast as we are
    FlowHints hints_;
    Burst burst_; ///< made once: filling it with zeros takes longer than a packet
    std::array<Item*, max_burst> unknown_{}; ///< of the burst: whose flow no hint has found
};

/// Of one worker: for frames of all kinds. The one family that is forwarded now is IPv4.
class Pipeline {
public:
    static constexpr unsigned max_burst = PipelineOf<Ipv4>::max_burst;

    /// All references outlive the pipeline. `counters` belong to the worker that calls process().
    Pipeline(FlowTable& flows, PathTable& paths, CoreCounters& counters,
             const PuntsUnderWay* punts = nullptr)
        : ipv4_{flows, paths, counters, punts} {}

    /// One verdict per frame, never `proceed`. A frame judged `forward` has been rewritten, its
    /// Ethernet header included; one judged `punt` with reason to_box has its addresses rewritten
    /// and waits to be given to Linux; all others are untouched, but that the slow path gets no
    /// checksum that its device has not filled in. At most max_burst frames.
    /// The calling worker is online in the grace period, and quiescent only between bursts.
    void process(std::span<Frame> frames, const ParseContext& port, Tick now,
                 std::span<Verdict> verdicts);

private:
    PipelineOf<Ipv4> ipv4_;
};

} // namespace sacip
