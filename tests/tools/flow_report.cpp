// SPDX-License-Identifier: BSD-3-Clause
#include "flow_report.hpp"

#include <fstream>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <nlohmann/json.hpp>

namespace sacip::flowcheck {
namespace {

using Json = nlohmann::ordered_json;

double milliseconds(std::uint64_t nanoseconds) {
    constexpr double per_microsecond = 1e3;
    return static_cast<double>(nanoseconds / 1000) / per_microsecond;
}

std::string hexadecimal(std::uint64_t value) {
    std::ostringstream text;
    text << std::hex << std::setw(16) << std::setfill('0') << value;
    return text.str();
}

Json describe(const StreamFlow& flow) {
    Json out = {{"kind", "tcp"},
                {"flow", flow.flow()},
                {"state", flow.state() == StreamFlow::State::finished ? "finished" : "broken"},
                {"local", flow.addresses().local},
                {"remote", flow.addresses().remote},
                {"local_at_end", flow.addresses_at_end().local},
                {"remote_at_end", flow.addresses_at_end().remote},
                {"sent", flow.sent()},
                {"received", flow.received()},
                {"received_hash", hexadecimal(flow.received_hash())},
                {"wrong_bytes", flow.wrong_bytes()},
                {"worst_gap_ms", milliseconds(flow.gaps().worst())}};
    if (!flow.reason().empty()) {
        out["reason"] = flow.reason();
    }
    return out;
}

bool is_good(const TrackedDatagrams& tracked) {
    const DatagramFlow& flow = *tracked.flow;
    return tracked.alive_at_stop && flow.wrong() == 0 && flow.peer().wrong == 0 &&
           flow.address_changes() == 0 && flow.addresses() == flow.addresses_now();
}

const char* name_of(DatagramKind kind) { return kind == DatagramKind::udp ? "udp" : "raw"; }

Json describe(const TrackedDatagrams& tracked) {
    const DatagramFlow& flow = *tracked.flow;
    const SocketAddresses now = flow.addresses_now();
    return {{"kind", name_of(flow.settings().kind)},
            {"flow", flow.settings().flow},
            {"state", is_good(tracked) ? "finished" : "broken"},
            {"local", flow.addresses().local},
            {"remote", flow.addresses().remote},
            {"local_at_end", now.local},
            {"remote_at_end", now.remote},
            {"sent", flow.sent()},
            {"received", flow.sequence().received()},
            {"lost", flow.sequence().lost()},
            {"duplicated", flow.sequence().duplicated()},
            {"reordered", flow.sequence().reordered()},
            {"wrong_payload", flow.wrong()},
            {"worst_gap_ms", milliseconds(flow.gaps().worst())},
            {"address_changes", flow.address_changes()},
            {"errors", flow.errors()},
            {"peer_received", flow.peer().received},
            {"peer_lost", flow.peer().expected - flow.peer().received},
            {"peer_duplicated", flow.peer().duplicated},
            {"peer_reordered", flow.peer().reordered},
            {"peer_wrong_payload", flow.peer().wrong},
            {"peer_worst_gap_ms", milliseconds(flow.peer().worst_gap_ns)}};
}

Json summarise(const Streams& streams) {
    std::uint64_t finished = 0, broken = 0, wrong = 0, sent = 0, received = 0, worst_gap = 0;
    for (const auto& flow : streams) {
        ++(flow->state() == StreamFlow::State::finished ? finished : broken);
        wrong += flow->wrong_bytes();
        sent += flow->sent();
        received += flow->received();
        worst_gap = std::max(worst_gap, flow->gaps().worst());
    }
    return {{"opened", streams.size()},
            {"finished", finished},
            {"broken", broken},
            {"wrong_bytes", wrong},
            {"sent", sent},
            {"received", received},
            {"worst_gap_ms", milliseconds(worst_gap)}};
}

Json summarise(const Datagrams& datagrams, DatagramKind kind) {
    std::uint64_t opened = 0, broken = 0, sent = 0, received = 0, lost = 0, duplicated = 0;
    std::uint64_t reordered = 0, wrong = 0, worst_gap = 0;
    std::uint64_t peer_received = 0, peer_lost = 0, peer_worst_gap = 0;
    ErrorCounts errors;
    for (const TrackedDatagrams& tracked : datagrams) {
        const DatagramFlow& flow = *tracked.flow;
        if (flow.settings().kind != kind) {
            continue;
        }
        ++opened;
        broken += is_good(tracked) ? 0U : 1U;
        sent += flow.sent();
        received += flow.sequence().received();
        lost += flow.sequence().lost();
        duplicated += flow.sequence().duplicated() + flow.peer().duplicated;
        reordered += flow.sequence().reordered() + flow.peer().reordered;
        wrong += flow.wrong() + flow.peer().wrong;
        worst_gap = std::max(worst_gap, flow.gaps().worst());
        peer_received += flow.peer().received;
        peer_lost += flow.peer().expected - flow.peer().received;
        peer_worst_gap = std::max(peer_worst_gap, flow.peer().worst_gap_ns);
        for (const auto& [name, count] : flow.errors()) {
            errors[name] += count;
        }
    }
    return {{"opened", opened},
            {"broken", broken},
            {"sent", sent},
            {"received", received},
            {"lost", lost},
            {"peer_received", peer_received},
            {"peer_lost", peer_lost},
            {"duplicated", duplicated},
            {"reordered", reordered},
            {"wrong_payload", wrong},
            {"worst_gap_ms", milliseconds(worst_gap)},
            {"peer_worst_gap_ms", milliseconds(peer_worst_gap)},
            {"errors", errors}};
}

} // namespace

bool report_end(bool is_server, const Streams& streams, const Datagrams& datagrams,
                const std::string& file) {
    Json out = {{"role", is_server ? "server" : "client"},
                {"ok", true},
                {"tcp", summarise(streams)},
                {"udp", summarise(datagrams, DatagramKind::udp)},
                {"raw", summarise(datagrams, DatagramKind::raw)},
                {"flows", Json::array()}};
    bool ok = out["tcp"]["broken"] == 0 && out["tcp"]["wrong_bytes"] == 0;
    for (const auto& flow : streams) {
        out["flows"].push_back(describe(*flow));
    }
    for (const TrackedDatagrams& tracked : datagrams) {
        out["flows"].push_back(describe(tracked));
        ok = ok && is_good(tracked);
    }
    out["ok"] = ok;
    if (file.empty()) {
        std::cout << out.dump() << std::endl;
    } else {
        std::ofstream(file) << out.dump() << "\n";
    }
    return ok;
}

void report_window(unsigned number, const Streams& streams, const Datagrams& datagrams,
                   std::uint64_t now) {
    std::uint64_t tcp_gap = 0, datagram_gap = 0, peer_gap = 0, lost = 0, peer_lost = 0;
    for (const auto& flow : streams) {
        if (!flow->is_over()) {
            tcp_gap = std::max(tcp_gap, flow->gaps().window(now));
        }
    }
    for (const TrackedDatagrams& tracked : datagrams) {
        const DatagramFlow& flow = *tracked.flow;
        datagram_gap = std::max(datagram_gap, flow.gaps().window(now));
        peer_gap = std::max(peer_gap, flow.peer_window_gap());
        lost += flow.sequence().expected() - tracked.window.expected;
        lost -= flow.sequence().received() - tracked.window.received;
        peer_lost += flow.peer().expected - tracked.window.peer_expected;
        peer_lost -= flow.peer().received - tracked.window.peer_received;
    }
    // A datagram that was late at the mark and came after it makes a window's loss negative.
    const Json out = {{"mark", number},
                      {"tcp_gap_ms", milliseconds(tcp_gap)},
                      {"datagram_gap_ms", milliseconds(datagram_gap)},
                      {"peer_datagram_gap_ms", milliseconds(peer_gap)},
                      {"lost", static_cast<std::int64_t>(lost)},
                      {"peer_lost", static_cast<std::int64_t>(peer_lost)}};
    std::cout << out.dump() << std::endl;
}

void report_status(const Streams& streams, const Datagrams& datagrams, std::uint64_t now) {
    unsigned running = 0, broken = 0, backing_off = 0, alive = 0;
    std::uint64_t received = 0, wrong = 0, disorder = 0;
    for (const auto& flow : streams) {
        running += flow->received() != 0 && !flow->is_over() ? 1U : 0U;
        broken += flow->state() == StreamFlow::State::broken ? 1U : 0U;
        backing_off += !flow->is_over() && is_backing_off(flow->fd()) ? 1U : 0U;
        received += flow->received();
        wrong += flow->wrong_bytes();
    }
    for (const TrackedDatagrams& tracked : datagrams) {
        const DatagramFlow& flow = *tracked.flow;
        alive += flow.is_alive(now) ? 1U : 0U;
        disorder += flow.sequence().duplicated() + flow.sequence().reordered() +
                    flow.peer().duplicated + flow.peer().reordered;
    }
    const Json out = {{"tcp_running", running},
                      {"tcp_broken", broken},
                      {"tcp_backing_off", backing_off},
                      {"tcp_received", received},
                      {"wrong_bytes", wrong},
                      {"datagrams_alive", alive},
                      {"datagrams_twice_or_out_of_order", disorder}};
    std::cout << out.dump() << std::endl;
}

} // namespace sacip::flowcheck
