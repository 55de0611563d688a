// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/render.hpp"

#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/columns.hpp"
#include "app/sacipctl/move_text.hpp"
#include "app/sacipctl/peer_text.hpp"

namespace sacip::ctl {

using nlohmann::json;

namespace {

std::string status_text(const json& reply) {
    const json& balanced = member(reply, "balanced");
    std::string text = "sacip-gw " + cell(reply, "name") + "  version " + cell(reply, "version") +
                       "  up " + duration(member(reply, "uptime_s")) + "  workers " +
                       cell(reply, "workers") + "\n";
    text += "flows    " + part(member(reply, "flows"), member(reply, "flow_capacity")) + "\n";
    text += "paths    " + part(member(reply, "paths"), member(reply, "path_capacity")) + "\n";
    text += "moves    " + cell(reply, "moves_total") + ", " + cell(reply, "moves_in_progress") +
            " in progress\n";
    text += "packets  ";
    if (balanced.is_boolean()) {
        text += balanced.get<bool>() ? "balanced: received = forwarded + punted + held + dropped"
                                     : "NOT BALANCED: packets were lost without a name";
    } else {
        text += "-";
    }
    text += "\n";
    for (const json& warning : rows(reply, "warnings")) {
        text += "warning  " + (warning.is_string() ? warning.get<std::string>() : "-") + "\n";
    }
    Table table;
    table.column("STAGE");
    for (const char* heading : {"RECEIVED", "FORWARDED", "PUNTED", "HELD", "DROPPED"}) {
        table.column(heading, Align::right);
    }
    table.column("BALANCED");
    const Columns columns{{"", "stage"}, {"", "received"}, {"", "forwarded"}, {"", "punted"},
                          {"", "held"},  {"", "dropped"},  {"", "balanced"}};
    for (const json& stage : rows(reply, "stages")) {
        add_row(table, columns, stage);
    }
    return text + table.text("  ");
}

std::string ports_text(const json& reply) {
    Table table;
    for (const char* heading :
         {"NAME", "ROLE", "LINK", "UPLINK", "HOSTS", "HOST-IF", "KIND", "ADDRESSES"}) {
        table.column(heading);
    }
    for (const char* heading : {"RX-PACKETS", "RX-BYTES", "TX-PACKETS", "TX-BYTES"}) {
        table.column(heading, Align::right);
    }
    for (const char* heading : {"IPV4-SUM", "L4-SUM", "MAC", "DEVICE", "VLAN"}) {
        table.column(heading);
    }
    for (const json& port : rows(reply, "ports")) {
        const json& link = member(port, "link");
        const json& host = member(port, "host_interface");
        const json& offload = member(port, "offload");
        const std::string state = link.is_boolean() ? (link.get<bool>() ? "up" : "down") : "-";
        table.row({cell(port, "name"), cell(port, "role"), state, cell(port, "uplink"),
                   cell(port, "hosts"), cell(host, "name"), cell(host, "kind"),
                   cell(host, "addresses"), cell(port, "rx_packets"), cell(port, "rx_bytes"),
                   cell(port, "tx_packets"), cell(port, "tx_bytes"), cell(offload, "ipv4"),
                   cell(offload, "l4"), cell(port, "mac"), cell(port, "device"),
                   cell(port, "vlan")});
    }
    return table.text();
}

std::string flows_text(const json& reply) {
    Table table;
    for (const char* heading : {"PROTO", "HOST", "REMOTE"}) {
        table.column(heading);
    }
    table.column("PATH", Align::right);
    table.column("IDLE", Align::right);
    const std::vector<json> flows = rows(reply, "flows");
    for (const json& flow : flows) {
        table.row({cell(flow, "proto"), cell(flow, "host"), cell(flow, "remote"),
                   cell(flow, "path"), duration(member(flow, "idle_s"))});
    }
    std::string text = table.text();
    if (member(reply, "truncated") == json(true)) {
        text += std::to_string(flows.size()) + " of " + cell(reply, "total") +
                " shown; --limit N shows more\n";
    }
    return text;
}

std::string paths_text(const json& reply) {
    return plain_table({{"ID", "id", Align::right},
                        {"STATE", "state"},
                        {"HOST", "host"},
                        {"LOCAL-ORIGINAL", "local_original"},
                        {"LOCAL-ACTIVE", "local_active"},
                        {"REMOTE-ORIGINAL", "remote_original"},
                        {"REMOTE-ACTIVE", "remote_active"},
                        {"FLOWS", "flows", Align::right},
                        {"L4-SUM", "checksum"},
                        {"PORT", "port"},
                        {"NEXT-HOP", "next_hop_mac"}},
                       rows(reply, "paths"));
}

/// Both sides in one table, so that the columns stay the same for scripts.
std::string bindings_text(const json& reply) {
    std::vector<json> all;
    for (const char* side : {"local", "remote"}) {
        for (json row : rows(reply, side)) {
            if (row.is_object()) {
                row["side"] = side;
                all.push_back(std::move(row));
            }
        }
    }
    return plain_table({{"SIDE", "side"},
                        {"HOST", "host"},
                        {"ORIGINAL", "original"},
                        {"ACTIVE", "active"},
                        {"PATHS", "paths", Align::right},
                        {"WAY", "way"},
                        {"PORT", "port"},
                        {"PEER", "peer"},
                        {"PROVEN", "proven"}},
                       all);
}

std::string drops_text(const Options& options, const json& reply) {
    Table table;
    table.column("REASON");
    table.column("PACKETS", Align::right);
    table.column("MEANING");
    for (const json& drop : rows(reply, "drops")) {
        if (options.all || member(drop, "packets") != json(0)) {
            table.row({cell(drop, "reason"), cell(drop, "packets"), cell(drop, "description")});
        }
    }
    table.row({"total", cell(reply, "total"), ""});
    return table.text();
}

} // namespace

std::string render(const Options& options, const json& reply) {
    const std::string& command = options.command;
    if (command == "ports") {
        return ports_text(reply);
    }
    if (command == "flows") {
        return flows_text(reply);
    }
    if (command == "paths") {
        return paths_text(reply);
    }
    if (command == "bindings") {
        return bindings_text(reply);
    }
    if (command == "moves") {
        return moves_text(options, reply);
    }
    if (command == "move") {
        return move_text(options, reply);
    }
    if (command == "peers") {
        return peers_text(reply);
    }
    if (command == "events") {
        return events_text(reply);
    }
    if (command == "why") {
        return why_text(reply);
    }
    if (command == "drops") {
        return drops_text(options, reply);
    }
    return status_text(reply);
}

} // namespace sacip::ctl
