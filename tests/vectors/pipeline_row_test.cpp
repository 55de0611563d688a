// SPDX-License-Identifier: BSD-3-Clause
//
// Every row of pipeline.yaml through the pipeline, twice: each packet alone, and together in bursts
// as large as the row lets them be. Verdicts, bytes, counters and the flows' marks must be as
// written both times. `--gtest_filter=*/udp_moved_wire` runs just that row.
#include "sacip_core/forward/pipeline.hpp"
#include "tests/support/hex.hpp"
#include "tests/vectors/row_tables.hpp"

#include <gtest/gtest.h>

#ifndef SACIP_PIPELINE_ROWS
#error "SACIP_PIPELINE_ROWS names pipeline.yaml"
#endif

namespace sacip::test {

void PrintTo(const PipelineRow& row, std::ostream* out) { *out << row.name; }

namespace {

const PipelineRows& rows() {
    static const PipelineRows out = read_pipeline_rows(SACIP_PIPELINE_ROWS);
    return out;
}

/// The slow path, which answers only when the row says so.
class SlowPath : public PuntsUnderWay {
public:
    bool any(Direction to) const override { return to == Direction::outbound ? out_ : back_; }
    void take(Direction from) { (from == Direction::outbound ? out_ : back_) = true; }
    void answer() { out_ = back_ = false; }

private:
    bool out_{false}, back_{false};
};

/// Those that are not 0, by name.
std::map<std::string, uint64_t> names_of(const CoreCounters& counters) {
    std::map<std::string, uint64_t> out{
        {"received", counters.received.get()},     {"forwarded", counters.forwarded.get()},
        {"rewritten", counters.rewritten.get()},   {"held", counters.held.get()},
        {"held_total", counters.held_total.get()}, {"delivered", counters.delivered.get()},
        {"consumed", counters.consumed.get()}};
    for (size_t i = 0; i < punt_reason_count; i++) {
        out["punted " + std::string{punt_reasons[i].name}] = counters.punted[i].get();
    }
    for (size_t i = 0; i < drop_reason_count; i++) {
        out["dropped " + std::string{drop_reasons[i].name}] = counters.dropped[i].get();
    }
    std::erase_if(out, [](const auto& each) { return each.second == 0; });
    return out;
}

class PipelineVector : public testing::TestWithParam<PipelineRow> {
protected:
    static constexpr Tick now{7};

    void SetUp() override { tables_.online(); }
    void TearDown() override { tables_.offline(); }
    void run(size_t burst);
    void process(std::span<const RowPacket* const> burst);
    void count(Verdict verdict, Direction from);
    void compare_marks();

    RowTables tables_{rows().ports, GetParam()};
    CoreCounters counters_;
    SlowPath slow_path_;
    Pipeline pipeline_{tables_.flows(), tables_.paths(), counters_, &slow_path_};
};

/// As a worker does.
void PipelineVector::count(Verdict verdict, Direction from) {
    counters_.received.add();
    switch (verdict.action) {
    case Action::proceed:
        break; // the sums show it
    case Action::forward:
        counters_.forwarded.add();
        break;
    case Action::punt:
        counters_.punt(verdict.punt_reason());
        slow_path_.take(from);
        break;
    case Action::drop:
        counters_.drop(verdict.drop_reason());
        break;
    }
}

/// Packets of one port.
void PipelineVector::process(std::span<const RowPacket* const> burst) {
    // Heap memory of exactly each frame's size, for the address sanitizer to guard.
    std::vector<std::unique_ptr<std::byte[]>> memory;
    std::vector<Frame> frames;
    for (const RowPacket* packet : burst) {
        memory.push_back(std::make_unique<std::byte[]>(packet->in.size()));
        std::copy(packet->in.begin(), packet->in.end(), memory.back().get());
        frames.push_back(
            {memory.back().get(), static_cast<uint32_t>(packet->in.size()), packet->facts});
    }
    const ParseContext port = tables_.context(burst[0]->port);
    std::vector<Verdict> verdicts(burst.size());
    pipeline_.process(frames, port, now, verdicts);
    for (size_t i = 0; i < burst.size(); i++) {
        SCOPED_TRACE("packet " + std::to_string(counters_.received.get() + 1));
        EXPECT_EQ(text_of(verdicts[i]), burst[i]->verdict);
        EXPECT_EQ(to_hex({frames[i].data, frames[i].data + frames[i].length}),
                  to_hex(burst[i]->out));
        EXPECT_EQ(frames[i].unfinished, TxChecksums::none) << "no port of ours fills checksums in";
        count(verdicts[i], port.outside ? Direction::inbound : Direction::outbound);
    }
}

void PipelineVector::compare_marks() {
    for (const RowMark& mark : GetParam().marks) {
        const FlowRecord& record = tables_.record(mark.flow);
        EXPECT_EQ(record.seen.load(), mark.seen) << "flow " << mark.flow;
        EXPECT_EQ(Tick{record.last_seen.load()}, mark.touched ? now : RowTables::set_up)
            << "flow " << mark.flow;
    }
}

void PipelineVector::run(size_t burst) {
    std::vector<const RowPacket*> waiting;
    const auto flush = [&] {
        if (!waiting.empty()) {
            process(waiting);
            waiting.clear();
        }
    };
    for (const auto& step : GetParam().steps) {
        const auto* packet = std::get_if<RowPacket>(&step);
        if (packet == nullptr || waiting.size() == burst ||
            (!waiting.empty() && waiting[0]->port != packet->port)) {
            flush();
        }
        if (packet != nullptr) {
            waiting.push_back(packet);
        } else if (std::holds_alternative<Answered>(std::get<Change>(step))) {
            slow_path_.answer();
        } else {
            tables_.carry_out(std::get<Change>(step));
        }
    }
    flush();
    EXPECT_EQ(names_of(counters_), GetParam().counters);
    EXPECT_TRUE(counters_.balanced());
    compare_marks();
}

TEST_P(PipelineVector, APacketAtATime) { run(1); }

TEST_P(PipelineVector, AllInOneBurst) { run(Pipeline::max_burst); }

INSTANTIATE_TEST_SUITE_P(Rows, PipelineVector, testing::ValuesIn(rows().rows),
                         [](const auto& row) { return row.param.name; });

} // namespace
} // namespace sacip::test
