// SPDX-License-Identifier: BSD-3-Clause
//
// Every row of packets.yaml: parse the frame, compare the verdict, rewrite, compare every byte.
// One test per row, so `--gtest_filter=*/udp_computed_zero_on_wire` runs just that one.
#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/rewrite.hpp"
#include "tests/support/hex.hpp"
#include "tests/vectors/pipeline_row.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <memory>
#include <set>
#include <stdexcept>
#include <string>

#ifndef SACIP_VECTORS_FILE
#error "SACIP_VECTORS_FILE names packets.yaml"
#endif

namespace sacip {
namespace {

using test::Bytes;
using test::from_hex;
using test::text_of;
using test::to_hex;

struct Row {
    std::string name;
    std::string comment;
    bool outside{false};
    Direction direction{Direction::outbound};
    L4ChecksumMode mode{L4ChecksumMode::wire};
    PathAddresses path;
    std::string verdict;
    Bytes in;
    std::optional<Bytes> out;
};

struct Vectors {
    MacAddr port_mac;
    uint16_t port_mtu{0};
    MacAddr next_hop;
    MacAddr egress_mac;
    std::vector<Row> rows;
};

bool is_second(const YAML::Node& node, const std::string& first, const std::string& second) {
    const auto text = node.as<std::string>();
    if (text != first && text != second) {
        throw std::runtime_error{"neither " + first + " nor " + second + ": " + text};
    }
    return text == second;
}

Row read_row(const YAML::Node& node) {
    Row row;
    row.name = node["name"].as<std::string>();
    row.comment = node["comment"].as<std::string>("");
    row.outside = is_second(node["port"], "inside", "outside");
    row.verdict = node["verdict"].as<std::string>();
    row.in = from_hex(node["in"].as<std::string>());
    if (!node["out"]) {
        return row;
    }
    row.out = from_hex(node["out"].as<std::string>());
    row.direction = is_second(node["direction"], "outbound", "inbound") ? Direction::inbound
                                                                        : Direction::outbound;
    row.mode = is_second(node["mode"], "wire", "original") ? L4ChecksumMode::original
                                                           : L4ChecksumMode::wire;
    const auto address = [&](const char* key) {
        return test::addr(node["path"][key].as<std::string>());
    };
    row.path = {.host = address("host"),
                .local_original = address("local_original"),
                .local_active = address("local_active"),
                .remote_original = address("remote_original"),
                .remote_active = address("remote_active")};
    return row;
}

const Vectors& vectors() {
    static const Vectors out = [] {
        const YAML::Node file = YAML::LoadFile(SACIP_VECTORS_FILE);
        Vectors read;
        read.port_mac = test::mac(file["port_mac"].as<std::string>());
        read.port_mtu = file["port_mtu"].as<uint16_t>();
        read.next_hop = test::mac(file["next_hop"].as<std::string>());
        read.egress_mac = test::mac(file["egress_mac"].as<std::string>());
        for (const YAML::Node& node : file["rows"]) {
            read.rows.push_back(read_row(node));
        }
        return read;
    }();
    return out;
}

class Vector : public testing::TestWithParam<Row> {};

TEST_P(Vector, ComesOutAsWritten) {
    const Row& row = GetParam();
    SCOPED_TRACE(row.comment);
    // Heap memory of exactly the frame's size, for the address sanitizer to guard.
    const auto memory = std::make_unique<std::byte[]>(row.in.size());
    std::copy(row.in.begin(), row.in.end(), memory.get());
    const Frame frame{memory.get(), static_cast<uint32_t>(row.in.size()), RxFacts::none};
    const auto bytes = [&] { return Bytes{frame.data, frame.data + frame.length}; };

    PacketView view;
    const ParseContext context{
        .port_mac = vectors().port_mac, .outside = row.outside, .mtu = vectors().port_mtu};
    EXPECT_EQ(text_of(parse(frame, context, view)), row.verdict);
    EXPECT_EQ(to_hex(bytes()), to_hex(row.in)) << "parse() has changed the frame";
    if (!row.out) {
        return;
    }
    RewriteSlot slot;
    prepare_rewrite(row.path, row.mode, slot);
    DirectionRewrite& to = row.direction == Direction::outbound ? slot.outbound : slot.inbound;
    const LinkHeader link{vectors().next_hop, vectors().egress_mac};
    to.link = &link;
    rewrite_addresses(frame, view, to);
    rewrite_next_hop(frame, view, to);
    EXPECT_EQ(to_hex(bytes()), to_hex(*row.out));
}

INSTANTIATE_TEST_SUITE_P(Packets, Vector, testing::ValuesIn(vectors().rows),
                         [](const auto& row) { return row.param.name; });

TEST(Vectors, ShowEveryVerdictOfParse) {
    std::set<std::string> shown;
    for (const Row& row : vectors().rows) {
        shown.insert(row.verdict);
    }
    EXPECT_EQ(shown, (std::set<std::string>{
                         "proceed", "punt not_ip", "punt link_group", "punt ip_group", "punt dhcp",
                         "punt notification", "punt icmp", "punt fragment", "drop frame_runt",
                         "drop frame_not_ours", "drop ip_truncated", "drop ip_version",
                         "drop ip_header_length", "drop ip_checksum", "drop ip_source",
                         "drop l4_truncated", "drop ip_options", "drop frame_too_long"}));
}

} // namespace
} // namespace sacip
