// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/peer_text.hpp"

#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/table.hpp"

namespace sacip::ctl {

using nlohmann::json;

namespace {

/// "10.0.1.2>10.0.2.2", what is not proved with a question mark.
std::string claims_text(const json& peer) {
    std::string out;
    const auto add = [&](const json& claim, bool proven) {
        out += (out.empty() ? "" : ",") + cell(claim, "original") + ">" + cell(claim, "active") +
               (proven ? "" : "?");
    };
    for (const json& claim : rows(peer, "claims")) {
        add(claim, member(claim, "proven") == json(true));
    }
    for (const json& trial : rows(peer, "trials")) {
        if (member(trial, "in_use") != json(true)) { // else it is among the claims
            add(trial, false);
        }
    }
    return out.empty() ? "-" : out;
}

} // namespace

std::string peers_text(const json& reply) {
    const std::vector<json> peers = rows(reply, "peers");
    if (peers.empty()) {
        return "no peers: nobody is told of our moves\n";
    }
    Table table;
    for (const char* heading : {"NAME", "KIND", "STATE", "AT", "HEARD", "RTT", "CARRIER", "TOLD"}) {
        table.column(heading);
    }
    for (const char* heading : {"TRIES", "BINDINGS", "FLOWS"}) {
        table.column(heading, Align::right);
    }
    table.column("CLAIMS");
    for (const json& peer : peers) {
        const bool basic = member(peer, "kind") == json("basic");
        table.row({cell(peer, basic ? "prefix" : "name"), cell(peer, "kind"), cell(peer, "state"),
                   cell(peer, "at"), duration(member(peer, "last_heard_s")),
                   milliseconds(member(peer, "rtt_us")), cell(peer, "carrier"), cell(peer, "told"),
                   cell(peer, "tries"), cell(peer, "bindings"), cell(peer, "flows"),
                   claims_text(peer)});
    }
    return table.text();
}

std::string why_text(const json& reply) {
    const bool named = member(reply, "reason").is_string();
    std::string text = cell(reply, "verdict") +
                       (named ? " (" + cell(reply, "reason") + ")" : std::string{}) + ", " +
                       cell(reply, "direction") + "\n  " + cell(reply, "text") + "\n";
    if (const json& to = member(reply, "rewrites_to"); to.is_string()) {
        text += "  leaves as  " + cell(to) + "\n";
    }
    if (const json& flow = member(reply, "flow"); flow.is_object()) {
        text += "  flow       " + cell(flow, "proto") + " " + cell(flow, "host") + " - " +
                cell(flow, "remote") + ", idle " + duration(member(flow, "idle_s")) + "\n";
    }
    if (const json& path = member(reply, "path"); path.is_object()) {
        text += "  path       " + cell(path, "id") + ", " + cell(path, "state") + ": ours " +
                cell(path, "local_original") + " at " + cell(path, "local_active") + ", theirs " +
                cell(path, "remote_original") + " at " + cell(path, "remote_active") + "\n";
    }
    return text;
}

} // namespace sacip::ctl
