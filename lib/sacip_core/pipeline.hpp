// SPDX-License-Identifier: BSD-3-Clause
//
// Pipeline: what one worker does with a burst of frames, on one page.
//
// Three stages over the whole burst, so that each one's cache misses overlap: parse every frame;
// look all keys up at once (outbound by the 5-tuple; inbound first the wire pair, then the 5-tuple
// the host would see); rewrite every hit. What can't be decided here is punted under its reason.
// Run to completion: no lock, no allocation, no system call, no shared write but a flow's own
// "last seen" when it changes.
#pragma once

#include "sacip_core/counters.hpp"
#include "sacip_core/flow_table.hpp"
#include "sacip_core/packet.hpp"
#include "sacip_core/path_table.hpp"

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

    /// All references outlive the pipeline. `counters` belong to the worker that calls process().
    Pipeline(FlowTable& flows, PathTable& paths, CoreCounters& counters,
             const PuntsUnderWay* punts = nullptr)
        : flows_{flows}, paths_{paths}, counters_{counters}, punts_{punts} {}

    /// One verdict per frame, never `proceed`. A frame judged `forward` has been rewritten, its
    /// Ethernet header included; one judged `punt` with reason to_box has its addresses rewritten
    /// and waits to be given to Linux; all others are untouched, but that the slow path gets no
    /// checksum that its device has not filled in. At most max_burst frames.
    /// The calling worker is online in the grace period, and quiescent only between bursts.
    void process(std::span<Frame> frames, const ParseContext& port, Tick now,
                 std::span<Verdict> verdicts);

private:
    template <Direction D>
    void process_directed(std::span<Frame> frames, const ParseContext& port, Tick now,
                          std::span<Verdict> verdicts);

    FlowTable& flows_;
    PathTable& paths_;
    CoreCounters& counters_;
    const PuntsUnderWay* punts_; ///< nullptr: the slow path is as fast as we are
};

} // namespace sacip
