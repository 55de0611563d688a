// SPDX-License-Identifier: BSD-3-Clause
//
// RowWorkload: a row of tests/vectors/pipeline.yaml. Its packets of one port behind its last
// change, again and again; all that comes before is played once. For tests only: what can't be read
// throws.
#pragma once

#include "sacip_core/forward/pipeline.hpp"
#include "tests/vectors/row_tables.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <vector>

namespace sacip::test {

class RowWorkload {
public:
    using Room = std::array<std::byte, 256>; ///< for a packet

    RowWorkload(const std::string& file, const std::string& row, PortId port)
        : RowWorkload{read_pipeline_rows(file, row), port} {}

    FlowTable& flows() { return tables_.flows(); }
    PathTable& paths() { return tables_.paths(); }
    ParseContext port() const { return tables_.context(port_); }
    size_t packets() const { return packets_.size(); }
    Frame write(size_t packet, Room& room) const {
        const RowPacket& from = packets_[packet];
        std::ranges::copy(from.in, room.begin());
        return {room.data(), static_cast<uint32_t>(from.in.size()), from.facts};
    }
    bool is_right(size_t packet, Verdict verdict) const {
        return text_of(verdict) == packets_[packet].verdict;
    }
    void online() { tables_.online(); }
    void offline() { tables_.offline(); }
    void play(Pipeline& pipeline);

private:
    RowWorkload(const PipelineRows& rows, PortId port);

    PipelineRow row_;
    PortId port_;
    RowTables tables_;
    std::vector<RowPacket> packets_;
};

inline RowWorkload::RowWorkload(const PipelineRows& rows, PortId port)
    : row_{rows.rows.at(0)}, port_{port}, tables_{rows.ports, row_} {
    for (const auto& step : row_.steps) {
        const auto* packet = std::get_if<RowPacket>(&step);
        if (packet == nullptr) {
            packets_.clear();
        } else if (packet->port == port) {
            packets_.push_back(*packet);
        }
    }
    if (packets_.empty()) {
        throw std::runtime_error{row_.name + " ends without packets of that port"};
    }
    if (std::ranges::any_of(packets_, [](auto& each) { return each.in.size() > Room{}.size(); })) {
        throw std::runtime_error{row_.name + " has packets that are too long"};
    }
}

inline void RowWorkload::play(Pipeline& pipeline) {
    for (const auto& step : row_.steps) {
        if (const auto* change = std::get_if<Change>(&step)) {
            tables_.carry_out(*change);
            continue;
        }
        const auto& packet = std::get<RowPacket>(step);
        Bytes bytes = packet.in;
        Frame frame = frame_of(bytes, packet.facts);
        Verdict verdict;
        pipeline.process({&frame, 1}, tables_.context(packet.port), {1}, {&verdict, 1});
    }
}

} // namespace sacip::test
