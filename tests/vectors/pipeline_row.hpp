// SPDX-License-Identifier: BSD-3-Clause
//
// PipelineRow: a row of pipeline.yaml as data. Tables before; packets, and what the slow path
// switches between them; what counters and flows show after.
//
// Paths and flows are numbered as they come in the row. For tests only: what can't be read throws.
#pragma once

#include "sacip_core/base/verdict.hpp"
#include "sacip_core/forward/flow.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/packet_builder.hpp"

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace sacip::test {

struct RowPort {
    bool outside{false};
    MacAddr mac, next_hop;
    uint16_t mtu{0};
};

/// What becomes of packets of one direction.
struct RowWay {
    PathAction action{PathAction::hold};
    PortId port{no_port};
};

struct RowPath {
    PathAddresses addresses;
    L4ChecksumMode mode{L4ChecksumMode::wire};
    RowWay out, back;
};

struct RowFlow {
    size_t path{0};
    uint8_t proto{0};
    uint16_t host_port{0}, remote_port{0};
};

struct RowPacket {
    PortId port;
    std::string verdict; ///< as text_of(Verdict) says it
    RxFacts facts{RxFacts::none};
    Bytes in, out;
};

// What the slow path does between packets, by PathTable's and FlowTable's own names.
struct Prepare {
    size_t path;
    WirePair pair;
};
struct Publish {
    size_t path;
    RowPath next;
};
struct Retire {
    size_t path;
    WirePair pair;
};
struct Insert {
    RowFlow flow;
};
struct Erase {
    size_t flow;
};
struct Answered {}; ///< it is through with all that was punted
using Change = std::variant<Prepare, Publish, Retire, Insert, Erase, Answered>;

/// What a flow's record shows afterwards.
struct RowMark {
    size_t flow{0};
    uint8_t seen{0};
    bool touched{false};
};

struct PipelineRow {
    std::string name;
    std::vector<RowPath> paths;
    std::vector<RowFlow> flows;
    std::vector<std::variant<RowPacket, Change>> steps;
    std::vector<RowMark> marks;
    std::map<std::string, uint64_t> counters; ///< all that are not 0: field, reason
};

struct PipelineRows {
    std::vector<RowPort> ports;
    std::vector<PipelineRow> rows;
};

/// All of them, or the one with this name.
PipelineRows read_pipeline_rows(const std::string& file, const std::string& only = {});

/// "forward 1", "punt ttl", "drop ip_checksum"; with the port where one is said.
std::string text_of(Verdict verdict);

} // namespace sacip::test
