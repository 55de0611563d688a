// SPDX-License-Identifier: BSD-3-Clause
#include "tests/vectors/pipeline_row.hpp"

#include "tests/support/hex.hpp"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <span>
#include <sstream>
#include <stdexcept>

namespace sacip::test {
namespace {

std::string text(const YAML::Node& node, const char* key) { return node[key].as<std::string>(); }

size_t number(const YAML::Node& node, const char* key) { return node[key].as<size_t>(); }

Ipv4Addr address(const YAML::Node& node, const char* key) { return addr(text(node, key)); }

template <typename T>
T one_of(const std::map<std::string, T>& known, const std::string& word) {
    const auto found = known.find(word);
    if (found == known.end()) {
        throw std::runtime_error{"not known: " + word};
    }
    return found->second;
}

/// "forward 1", "hold"
RowWay way(const std::string& said) {
    static const std::map<std::string, PathAction> actions{
        {"forward", PathAction::forward}, {"forward_in_turn", PathAction::forward_in_turn},
        {"to_box", PathAction::to_box},   {"to_linux", PathAction::to_linux},
        {"hold", PathAction::hold},       {"unresolved", PathAction::unresolved}};
    std::istringstream words{said};
    std::string action;
    unsigned port = no_port.value;
    words >> action >> port;
    return {one_of(actions, action), words ? PortId{static_cast<uint8_t>(port)} : no_port};
}

RowPath path(const YAML::Node& node) {
    static const std::map<std::string, L4ChecksumMode> modes{
        {"wire", L4ChecksumMode::wire}, {"original", L4ChecksumMode::original}};
    return {.addresses = {.host = address(node, "host"),
                          .local_original = address(node, "local_original"),
                          .local_active = address(node, "local_active"),
                          .remote_original = address(node, "remote_original"),
                          .remote_active = address(node, "remote_active")},
            .mode = one_of(modes, text(node, "mode")),
            .out = way(text(node, "out")),
            .back = way(text(node, "back"))};
}

RowFlow flow(const YAML::Node& node) {
    return {.path = number(node, "path"),
            .proto = static_cast<uint8_t>(number(node, "proto")),
            .host_port = node["host_port"].as<uint16_t>(),
            .remote_port = node["remote_port"].as<uint16_t>()};
}

RowPacket packet(const YAML::Node& node) {
    static const std::map<std::string, RxFacts> facts{{"partial", RxFacts::l4_checksum_partial},
                                                      {"unsaid", RxFacts::none}};
    RowPacket out{.port = {static_cast<uint8_t>(number(node, "port"))},
                  .verdict = text(node, "verdict"),
                  .facts = one_of(facts, node["l4_checksum"].as<std::string>("unsaid")),
                  .in = from_hex(text(node, "in")),
                  .out = {}};
    out.out = node["out"] ? from_hex(text(node, "out")) : out.in;
    return out;
}

Change change(const YAML::Node& node) {
    const auto pair = [&] { return WirePair{address(node, "remote"), address(node, "local")}; };
    if (node["prepare"]) {
        return Prepare{number(node, "prepare"), pair()};
    }
    if (node["publish"]) {
        return Publish{number(node, "publish"), path(node)};
    }
    if (node["retire"]) {
        return Retire{number(node, "retire"), pair()};
    }
    if (node["insert"]) {
        return Insert{flow(node["insert"])};
    }
    if (node["erase"]) {
        return Erase{number(node, "erase")};
    }
    if (node["answered"]) {
        return Answered{};
    }
    throw std::runtime_error{"a step of no known kind"};
}

RowMark mark(const YAML::Node& node) {
    static const std::map<std::string, uint8_t> bits{
        {"syn", flow_seen_syn},  {"fin_out", flow_seen_fin_out}, {"fin_in", flow_seen_fin_in},
        {"rst", flow_seen_rst},  {"out", flow_seen_out},         {"in", flow_seen_in},
        {"both", flow_seen_both}};
    RowMark out{.flow = number(node, "flow"), .touched = node["touched"].as<bool>()};
    for (const auto& each : node["seen"].as<std::vector<std::string>>()) {
        out.seen |= one_of(bits, each);
    }
    return out;
}

PipelineRow row(const YAML::Node& node) {
    PipelineRow out;
    out.name = text(node, "name");
    for (const YAML::Node& each : node["state"]["paths"]) {
        out.paths.push_back(path(each));
    }
    for (const YAML::Node& each : node["state"]["flows"]) {
        out.flows.push_back(flow(each));
    }
    for (const YAML::Node& each : node["steps"]) {
        if (each["in"]) {
            out.steps.emplace_back(packet(each));
        } else {
            out.steps.emplace_back(change(each));
        }
    }
    for (const YAML::Node& each : node["marks"]) {
        out.marks.push_back(mark(each));
    }
    out.counters = node["counters"].as<std::map<std::string, uint64_t>>();
    return out;
}

/// Texts of the file's YAML documents.
std::vector<std::string> documents_of(const std::string& file) {
    std::ifstream from{file};
    if (!from) {
        throw std::runtime_error{"no file " + file};
    }
    std::vector<std::string> out(1);
    for (std::string line; std::getline(from, line);) {
        if (line == "---") {
            out.emplace_back();
        } else {
            out.back() += line + '\n';
        }
    }
    return out;
}

} // namespace

PipelineRows read_pipeline_rows(const std::string& file, const std::string& only) {
    const std::vector<std::string> documents = documents_of(file);
    const YAML::Node head = YAML::Load(documents.at(0));
    PipelineRows out;
    for (const YAML::Node& each : head["ports"]) {
        out.ports.push_back({.outside = text(each, "role") == "outside",
                             .mac = mac(text(each, "mac")),
                             .next_hop = mac(text(each, "next_hop")),
                             .mtu = each["mtu"].as<uint16_t>()});
    }
    for (const std::string& each : std::span{documents}.subspan(1)) {
        if (only.empty() || each.starts_with("name: " + only + '\n')) {
            out.rows.push_back(row(YAML::Load(each)));
        }
    }
    if (out.rows.empty()) {
        throw std::runtime_error{"no row " + only};
    }
    return out;
}

std::string text_of(Verdict verdict) {
    std::string out;
    switch (verdict.action) {
    case Action::proceed:
        return "proceed";
    case Action::forward:
        out = "forward";
        break;
    case Action::punt:
        out = "punt " + std::string{sacip::text_of(verdict.punt_reason()).name};
        break;
    case Action::drop:
        out = "drop " + std::string{sacip::text_of(verdict.drop_reason()).name};
        break;
    }
    return verdict.port == no_port ? out : out + ' ' + std::to_string(verdict.port.value);
}

} // namespace sacip::test
