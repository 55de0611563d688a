// SPDX-License-Identifier: BSD-3-Clause
#include "app/sacipctl/move_text.hpp"

#include "app/sacipctl/cell.hpp"
#include "app/sacipctl/columns.hpp"

#include <utility>

namespace sacip::ctl {

using nlohmann::json;

namespace {

std::string padded(std::string text, std::size_t width) {
    text.resize(std::max(text.size(), width), ' ');
    return text;
}

/// A line for each point of the move: when after its event, what, and for which peer.
std::string trace_text(const json& move) {
    Table table;
    table.column("AFTER", Align::right);
    table.column("EVENT");
    table.column("PEER");
    const std::vector<json> trace = rows(move, "trace");
    for (const json& point : trace) {
        table.row(
            {milliseconds(member(point, "after_us")), cell(point, "event"), cell(point, "peer")});
    }
    return trace.empty() ? "" : table.text("  ");
}

std::string legs_text(const json& move) {
    const std::vector<json> legs = rows(move, "legs");
    Table table;
    for (const char* heading : {"PEER", "SWITCHED", "APPLIED", "REFUSED"}) {
        table.column(heading);
    }
    for (const json& leg : legs) {
        add_row(table, {{"", "peer"}, {"", "switched"}, {"", "applied"}, {"", "refused"}}, leg);
    }
    return legs.empty() ? "" : table.text("  ");
}

std::string one_move_text(const json& move) {
    std::string text =
        "move " + cell(move, "id") + "  " + cell(move, "old") + " -> " + cell(move, "new") + "\n";
    const std::initializer_list<std::pair<const char*, const char*>> lines{
        {"side", "side"},
        {"trigger", "trigger"},
        {"started", "started"},
        {"state", "state"},
        {"result", "result"},
        {"paths", "paths"},
        {"flows", "flows"},
        {"notifications", "notifications"},
        {"tries", "tries"},
        {"packets held", "held"},
        {"packets dropped", "dropped"}};
    for (const auto& [label, key] : lines) {
        text += padded("  " + std::string{label}, 19) + cell(move, key) + "\n";
    }
    text += padded("  event to flip", 19) + milliseconds(member(move, "event_to_flip_us")) + "\n";
    return text + trace_text(move) + legs_text(move);
}

} // namespace

std::string moves_text(const Options& options, const json& reply) {
    const std::vector<json> moves = rows(reply, "moves");
    if (options.id && moves.size() == 1) {
        return one_move_text(moves.front());
    }
    return plain_table({{"ID", "id", Align::right},
                        {"STARTED", "started"},
                        {"SIDE", "side"},
                        {"TRIGGER", "trigger"},
                        {"OLD", "old"},
                        {"NEW", "new"},
                        {"STATE", "state"},
                        {"RESULT", "result"},
                        {"PATHS", "paths", Align::right},
                        {"FLOWS", "flows", Align::right},
                        {"FLIP-US", "event_to_flip_us", Align::right},
                        {"SENT", "notifications", Align::right},
                        {"TRIES", "tries", Align::right},
                        {"HELD", "held", Align::right},
                        {"DROPPED", "dropped", Align::right}},
                       moves);
}

std::string move_text(const Options& options, const json& reply) {
    return "move " + cell(reply, "move") + "  " + cell(options.args, "old") + " -> " +
           cell(options.args, "new") + "  paths " + cell(reply, "paths") + "  event to flip " +
           cell(reply, "event_to_flip_us") + " us\n";
}

std::string event_line(const json& event) {
    const bool of_move = member(event, "move").is_number();
    std::string line = padded(cell(event, "time"), 24) + "  " +
                       padded('#' + cell(event, "number"), 6) + "  " +
                       padded(cell(event, "event"), 14) + "  " +
                       padded(of_move ? "move " + cell(event, "move") : "-", 9) + "  " +
                       padded(cell(event, "peer"), 8) + "  " + cell(event, "text");
    return line + "\n";
}

std::string events_text(const json& reply) {
    std::string text;
    for (const json& event : rows(reply, "events")) {
        text += event_line(event);
    }
    return text.empty() ? "no events yet\n" : text;
}

} // namespace sacip::ctl
