// SPDX-License-Identifier: BSD-3-Clause
//
// The metrics, every series from the start.
#include "app/operator/gateway_view.hpp"

#include "app/dpdk/clock.hpp"

namespace sacip {
namespace {

using metrics::Kind;
using metrics::Sample;
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Collects samples; one line per metric where they are made.
class Samples {
public:
    void counter(const char* name, const char* help, uint64_t value, Labels labels = {}) {
        add(name, help, Kind::counter, static_cast<double>(value), std::move(labels));
    }
    void gauge(const char* name, const char* help, uint64_t value, Labels labels = {}) {
        add(name, help, Kind::gauge, static_cast<double>(value), std::move(labels));
    }
    void seconds(const char* name, const char* help, const Counter& nanos) {
        add(name, help, Kind::gauge, static_cast<double>(nanos.get()) / 1e9, {});
    }
    std::vector<Sample> all;

private:
    void add(const char* name, const char* help, Kind kind, double value, Labels labels) {
        Sample s;
        s.name = std::string{"sacip_"} + name;
        s.help = help;
        s.kind = kind;
        s.labels = std::move(labels);
        s.value = value;
        all.push_back(std::move(s));
    }
};

Sample move_duration(const MoveStatistics& moves) {
    Sample s;
    s.name = "sacip_move_duration_seconds";
    s.help = "Time from the arrival of a move's cause to the switch of its last path";
    s.kind = Kind::histogram;
    uint64_t cumulative = 0;
    for (size_t i = 0; i < flip_bounds_us.size(); i++) {
        cumulative += moves.flip_buckets[i].get();
        s.buckets.push_back({static_cast<double>(flip_bounds_us[i]) / 1e6, cumulative});
    }
    s.count = cumulative + moves.flip_buckets.back().get();
    s.sum = static_cast<double>(moves.flip_us_total.get()) / 1e6;
    return s;
}

void add_notifications(Samples& s, const Gateway& slow_path) {
    constexpr std::array secure_kinds = {"hello",   "hello_ack",   "bind",  "bind_ack",
                                         "solicit", "solicit_ack", "probe", "probe_ack"};
    static_assert(secure_kinds.size() + 1 == secure_kind_count);
    const char* sent = "Notifications sent, repetitions included";
    const char* received = "Notifications received; of those with keys the genuine and fresh ones";
    const auto label = [](const char* kind) { return Labels{{"kind", kind}}; };
    s.counter("notifications_sent_total", sent, slow_path.basic_sender().sent(), label("basic"));
    s.counter("notifications_received_total", received,
              slow_path.exception_path().statistics().notifications_received.get(), label("basic"));
    // Both are there from the start or never, and all they count with are atomics.
    const SecureSender* secure_sender = slow_path.secure_sender();
    const PeerSession* peer_session = slow_path.peer_session();
    for (size_t k = 1; k < secure_kind_count; k++) {
        s.counter("notifications_sent_total", sent,
                  secure_sender == nullptr ? 0 : secure_sender->sent(static_cast<SecureKind>(k)),
                  label(secure_kinds[k - 1]));
        s.counter("notifications_received_total", received,
                  peer_session == nullptr ? 0 : peer_session->statistics().received[k].get(),
                  label(secure_kinds[k - 1]));
    }
}

void add_kernel(Samples& s, const Gauges& gauges) {
    s.counter("kernel_dumps_total", "Tables of Linux that were read as a whole",
              gauges.kernel_dumps.get());
    s.counter("kernel_failed_dumps_total", "Of these, given up; tried again a second later",
              gauges.kernel_failed_dumps.get());
    s.counter("kernel_overruns_total", "Times that Linux had more to tell than there was room for",
              gauges.kernel_overruns.get());
    s.counter("kernel_resolves_dropped_total",
              "Neighbours that Linux was not asked for, as too much was waiting to be asked",
              gauges.kernel_resolves_dropped.get());
    s.seconds("kernel_lag_seconds",
              "The longest time of late from reading Linux's news to going by it",
              gauges.kernel_lag_ns);
    s.seconds("kernel_wait_seconds", "How long Linux has not answered what it was asked last",
              gauges.kernel_wait_ns);
}

bool is_notification(DropReason reason) {
    return text_of(reason).name.starts_with("notification_");
}

} // namespace

uint64_t GatewayView::total(Counter CoreCounters::*counter) const {
    uint64_t out = 0;
    for (const auto& core : cores) {
        out += ((*core).*counter).get();
    }
    return out;
}

std::vector<Sample> GatewayView::samples() const {
    Samples s;
    const CoreCounters& slow = *cores.back();
    const ExceptionStatistics& exception_path = slow_path.exception_path().statistics();
    const FlowSetupStatistics& flow_setup = slow_path.exception_path().flow_setup().statistics();
    const EarlyDrop& early_drop = slow_path.exception_path().flow_setup().early_drop();
    const MoveStatistics& moves = slow_path.mover().statistics();

    s.gauge("build_info", "Constant 1, labelled with the version", 1, {{"version", SACIP_VERSION}});
    for (size_t i = 0; i < ports.size(); i++) {
        const Labels port{{"port", boot.ports[i].name}};
        PortCounters sum;
        for (const auto& core : cores) {
            sum.rx_packets.add(core->ports[i].rx_packets.get());
            sum.rx_bytes.add(core->ports[i].rx_bytes.get());
            sum.tx_packets.add(core->ports[i].tx_packets.get());
            sum.tx_bytes.add(core->ports[i].tx_bytes.get());
        }
        s.counter("port_receive_packets_total", "Packets received", sum.rx_packets.get(), port);
        s.counter("port_receive_bytes_total", "Bytes received", sum.rx_bytes.get(), port);
        s.counter("port_receive_missed_total", "Packets the device dropped for want of room",
                  gauges.port_missed[i].get(), port);
        s.counter("port_receive_errors_total", "Packets the device could not receive",
                  gauges.port_errors[i].get(), port);
        s.counter("port_transmit_packets_total", "Packets sent", sum.tx_packets.get(), port);
        s.counter("port_transmit_bytes_total", "Bytes sent", sum.tx_bytes.get(), port);
    }
    const uint64_t forwarded = total(&CoreCounters::forwarded);
    const uint64_t rewritten = total(&CoreCounters::rewritten);
    s.counter("packets_rewritten_total", "Packets forwarded by a path", rewritten);
    s.counter("packets_passed_total", "Packets forwarded as they came",
              forwarded > rewritten ? forwarded - rewritten : 0);
    for (size_t reason = 1; reason < drop_reason_count; reason++) {
        uint64_t packets = 0;
        for (const auto& core : cores) {
            packets += core->dropped[reason].get();
        }
        const Labels label{{"reason", std::string{drop_reasons[reason].name}}};
        s.counter("packets_dropped_total", "Packets dropped", packets, label);
        if (is_notification(static_cast<DropReason>(reason))) {
            s.counter("notifications_rejected_total", "Notifications not believed", packets, label);
        }
    }
    for (size_t reason = 1; reason < punt_reason_count; reason++) {
        uint64_t packets = 0;
        for (const auto& core : cores) {
            packets += core->punted[reason].get();
        }
        s.counter("packets_punted_total", "Packets given to the slow path", packets,
                  {{"reason", std::string{punt_reasons[reason].name}}});
    }
    s.counter("packets_held_total", "Packets that had to wait", slow.held_total.get());
    s.gauge("packets_held", "Packets waiting for a path, a neighbour or a notification",
            slow.held.get());
    s.gauge("flows", "Flows in the table", gauges.flows.get());
    s.gauge("flow_table_capacity_flows", "Flows the table can hold", flows.capacity());
    s.counter("flows_created_total", "Flows made", flow_setup.created.get());
    s.counter("flows_ended_total", "Flows whose address went, and whose far end has no peer",
              slow_path.exception_path().flows_ended());
    s.counter("flows_expired_total", "Flows forgotten after silence",
              exception_path.flows_expired.get() + early_drop.expired().get());
    s.counter("flows_early_dropped_total", "Flows seen one way that made room for another",
              early_drop.dropped().get());
    const char* untracked = "Packets of flows that could not be recorded";
    s.counter("flows_untracked_total", untracked, flow_setup.untracked_flow_table_full.get(),
              {{"reason", "flow_table_full"}});
    s.counter("flows_untracked_total", untracked, flow_setup.untracked_path_table_full.get(),
              {{"reason", "path_table_full"}});
    s.gauge("paths", "Paths in the table", gauges.paths.get());
    const char* bindings = "Address bindings";
    s.gauge("bindings", bindings, gauges.local_bindings.get(), {{"side", "local"}});
    s.gauge("bindings", bindings, gauges.remote_bindings.get(), {{"side", "remote"}});
    for (int t = 0; t < trigger_count; t++) {
        s.counter("moves_total", "Address changes begun", moves.moves[static_cast<size_t>(t)].get(),
                  {{"trigger", std::string{to_text(static_cast<Trigger>(t))}}});
    }
    const char* failures = "Address changes that were not carried out";
    s.counter("move_failures_total", failures, slow_path.moves_refused(), {{"reason", "refused"}});
    s.counter("move_failures_total", failures, moves.failures.get(),
              {{"reason", "refused_by_peer"}});
    s.gauge("moves_in_progress", "Moves not settled yet", gauges.moves_in_progress.get());
    s.all.push_back(move_duration(moves));
    add_notifications(s, slow_path);
    add_kernel(s, gauges);
    for (size_t i = 0; i < peer_state_names.size(); i++) {
        s.gauge("peers", "Peers with keys", gauges.peers[i].get(),
                {{"state", std::string{peer_state_names[i]}}});
    }
    for (size_t i = 0; i < cores.size(); i++) {
        const Labels core{{"lcore", i + 1 < cores.size() ? "worker" + std::to_string(i) : "main"}};
        s.counter("lcore_busy_cycles_total", "TSC cycles in turns that found work",
                  cores[i]->busy_cycles.get(), core);
        s.counter("lcore_idle_cycles_total", "TSC cycles in turns that found none",
                  cores[i]->idle_cycles.get(), core);
        s.counter("lcore_loops_total", "Turns of the loop", cores[i]->loops.get(), core);
    }
    const char* mbufs = "Packet buffers in use, give or take the cores' caches";
    for (const PacketPool* pool : pools) {
        const PoolUse use = pool->use();
        s.gauge("mbufs_in_use", mbufs, use.in_use, {{"pool", use.name}});
    }
    return std::move(s.all);
}

} // namespace sacip
