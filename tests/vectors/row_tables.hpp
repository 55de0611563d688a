// SPDX-License-Identifier: BSD-3-Clause
//
// RowTables: the flow table and the path table as a row of pipeline.yaml has them, and the slow
// path's part in it. One worker, number 0; it is quiescent whenever something is switched.
#pragma once

#include "sacip_core/forward/flow_table.hpp"
#include "sacip_core/forward/path_table.hpp"
#include "tests/vectors/pipeline_row.hpp"

#include <deque>
#include <memory>

namespace sacip::test {

class RowTables {
public:
    static constexpr Tick set_up{1}; ///< when the flows of the row were last seen

    RowTables(const std::vector<RowPort>& ports, const PipelineRow& row);
    RowTables(const RowTables&) = delete;
    RowTables& operator=(const RowTables&) = delete;

    FlowTable& flows() { return *flows_; }
    PathTable& paths() { return *paths_; }
    /// Where a flow of the row lies in the table, or lay.
    FlowRecord& record(size_t flow) { return flows_->record(placed_[flow].value); }
    ParseContext context(PortId port) const;
    /// While the worker may hold something of the tables.
    void online() { grace_->online({0}); }
    void offline() { grace_->offline({0}); }
    void carry_out(const Change& change);

private:
    struct Placed {
        PathId id;
        WireView view;
    };
    RewriteSlot slot_of(const RowPath& path) const;
    void point(DirectionRewrite& side, RowWay way) const;
    void insert(const RowFlow& flow);

    std::vector<RowPort> ports_;
    std::deque<LinkHeader> links_; ///< by port
    std::unique_ptr<GracePeriod> grace_;
    std::unique_ptr<FlowTable> flows_;
    std::unique_ptr<PathTable> paths_;
    std::vector<Placed> path_ids_; ///< by number in the row
    std::vector<FlowId> placed_;   ///< by number in the row
};

} // namespace sacip::test
