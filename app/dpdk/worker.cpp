// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/worker.hpp"

#include "app/dpdk/clock.hpp"
#include "app/dpdk/mbuf_frame.hpp"
#include "app/dpdk/vlan_tags.hpp"
#include "sacip_core/forward/pipeline.hpp"

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_launch.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <ctime>
#include <poll.h>
#include <sys/prctl.h>

namespace sacip {
namespace {

constexpr unsigned rx_burst = 64;
static_assert(rx_burst <= Pipeline::max_burst && rx_burst <= VlanPorts::max_burst);
constexpr unsigned tx_room = 64;

constexpr unsigned first_sleep_after = 16; // empty turns
constexpr unsigned long_sleep_after = first_sleep_after + 200;
constexpr long first_sleep = 20'000; // ns
constexpr long long_sleep = 1'000'000;
constexpr uint64_t reads_a_second = 50'000; ///< of a host interface that has nothing

/// Packets for one port, collected over a burst.
struct TxBuffer {
    std::array<rte_mbuf*, tx_room> packets;
    unsigned count{0};
    uint64_t bytes{0};
};

/// True if all are forwarded to the same port, and none asks its device for anything.
bool are_alike(std::span<const Verdict> verdicts, std::span<const Frame> frames) {
    uint32_t differences = 0;
    for (const Verdict& verdict : verdicts) {
        differences |= std::bit_cast<uint32_t>(verdict) ^ std::bit_cast<uint32_t>(verdicts[0]);
    }
    TxChecksums unfinished = TxChecksums::none;
    for (const Frame& frame : frames) {
        unfinished = unfinished | frame.unfinished;
    }
    return differences == 0 && unfinished == TxChecksums::none &&
           verdicts[0].action == Action::forward;
}

/// Of a frame that is none of IPv4, or for everybody: it may have a tag.
bool is_of_another_type(Verdict verdict) {
    return verdict.action == Action::punt && (verdict.punt_reason() == PuntReason::not_ip ||
                                              verdict.punt_reason() == PuntReason::link_group);
}

/// True if port `i` has its device in common with one before it.
bool is_of_earlier(std::span<Port* const> ports, size_t i) {
    return std::ranges::any_of(ports.first(i),
                               [&](const Port* port) { return port->shares_device(*ports[i]); });
}

} // namespace

struct Worker::Impl {
    Params params;
    std::vector<TxBuffer> tx; ///< by PortId
    // Of the burst in hand; made once, since filling them anew takes longer than a packet.
    std::array<Frame, rx_burst> frames;
    std::array<Verdict, rx_burst> verdicts;
    std::atomic<bool> stopping{false};
    bool launched{false};
    uint64_t read_due{0}; ///< when host interfaces are read again; cycles

    uint32_t stations_seen{0};

    void run();
    void take_stations();
    bool serve_linux(uint64_t cycles);
    unsigned serve(const ServedQueue& queue, Tick now);
    void sort(std::span<rte_mbuf* const> packets, const ServedQueue& queue, Tick now);
    void judge(std::span<rte_mbuf*> packets, PortId from, const ParseContext& context, Tick now);
    unsigned look_at(std::span<rte_mbuf*> packets, uint64_t& bytes);
    unsigned carry_out(std::span<rte_mbuf*> packets, WayIn from, bool tags_off);
    void send(rte_mbuf* packet, PortId to);
    void do_otherwise(Verdict verdict, rte_mbuf* packet, WayIn from);
    void flush(size_t port);
    void hand_over(size_t port, std::span<rte_mbuf*> packets, uint64_t bytes);
    void sleep(unsigned empty_turns);
};

/// Hands packets, of so many bytes, to a port; what the device does not take is dropped by name.
void Worker::Impl::hand_over(size_t port, std::span<rte_mbuf*> packets, uint64_t bytes) {
    CoreCounters& counters = *params.counters;
    const unsigned sent = params.ports[port]->transmit(params.id.value, packets.data(),
                                                       static_cast<unsigned>(packets.size()));
    for (rte_mbuf* left : packets.subspan(sent)) {
        bytes -= left->pkt_len;
        rte_pktmbuf_free(left);
        counters.drop(DropReason::tx_full);
    }
    counters.forwarded.add(sent);
    counters.ports[port].tx_packets.add(sent);
    counters.ports[port].tx_bytes.add(bytes);
}

void Worker::Impl::flush(size_t port) {
    TxBuffer& buffer = tx[port];
    hand_over(port, {buffer.packets.data(), buffer.count}, buffer.bytes);
    buffer.count = 0;
    buffer.bytes = 0;
}

/// The way out for what is forwarded to a port that is there.
inline void Worker::Impl::send(rte_mbuf* packet, PortId to) {
    TxBuffer& buffer = tx[to.value];
    buffer.packets[buffer.count++] = packet;
    buffer.bytes += packet->pkt_len;
    if (buffer.count == tx_room) [[unlikely]] {
        flush(to.value);
    }
}

/// The way out for everything else.
void Worker::Impl::do_otherwise(Verdict verdict, rte_mbuf* packet, WayIn from) {
    CoreCounters& counters = *params.counters;
    DropReason dropped = verdict.drop_reason();
    if (verdict.action == Action::punt) {
        // If it was not filled in, the pipeline has done so. The mbuf goes on saying it: in whose
        // terms it should be may show when the slow path finds the path.
        const PuntReason why = verdict.punt_reason();
        if (params.cross != nullptr && CrossConnect::concerns(*packet, why)) {
            params.cross->to_linux(packet, from.port, why);
            return;
        }
        if (params.punts->punt(packet, from, verdict)) {
            counters.punt(why);
            return;
        }
        dropped = why == PuntReason::first_packet ? DropReason::first_packet_full
                                                  : DropReason::punt_ring_full;
    } else if (verdict.action != Action::drop) {
        dropped = DropReason::no_route; // forward to a port that is not there
    }
    counters.drop(dropped);
    rte_pktmbuf_free(packet);
}

/// One burst from one queue, and out with it. Returns how many packets it had.
unsigned Worker::Impl::serve(const ServedQueue& queue, Tick now) {
    std::array<rte_mbuf*, rx_burst> packets;
    const unsigned received = queue.port->receive(queue.queue, packets.data(), rx_burst);
    if (received == 0) {
        return 0;
    }
    params.counters->received.add(received);
    if (queue.port->vlans() == nullptr) [[likely]] {
        const PortId from = queue.port->id();
        judge({packets.data(), received}, from, queue.contexts[from.value], now);
    } else {
        sort({packets.data(), received}, queue, now);
    }
    for (size_t port = 0; port < tx.size(); port++) {
        if (tx[port].count > 0) {
            flush(port);
        }
    }
    return received;
}

/// By VLAN, and each port's packets in the order in which they came.
void Worker::Impl::sort(std::span<rte_mbuf* const> packets, const ServedQueue& queue, Tick now) {
    VlanPorts::Sorted sorted;
    queue.port->vlans()->sort(packets, sorted);
    for (uint8_t port = 0; port < params.ports.size(); port++) {
        if (const auto its = sorted.of({port}); !its.empty()) {
            judge(its, {port}, queue.contexts[port], now);
        }
    }
    for (rte_mbuf* packet : sorted.of(VlanPorts::homeless)) {
        params.counters->drop(DropReason::vlan_unknown);
        rte_pktmbuf_free(packet);
    }
}

/// Makes frames of the packets, and one piece of each. Returns how many fit, which are the first
/// ones then. `bytes`: of all.
inline unsigned Worker::Impl::look_at(std::span<rte_mbuf*> packets, uint64_t& bytes) {
    unsigned count = 0;
    for (rte_mbuf* const packet : packets) {
        bytes += packet->pkt_len;
        if (make_contiguous(*packet)) [[likely]] {
            packets[count] = packet;
            Frame& frame = frames[count++];
            frame.data = rte_pktmbuf_mtod(packet, std::byte*);
            frame.length = packet->data_len;
            frame.facts = rx_facts(*packet);
            frame.unfinished = TxChecksums::none;
            __builtin_prefetch(frame.data);
        } else {
            params.counters->drop(does_not_fit);
            rte_pktmbuf_free(packet);
        }
    }
    return count;
}

/// Packets that came in on one port, and what becomes of them.
void Worker::Impl::judge(std::span<rte_mbuf*> packets, PortId from, const ParseContext& context,
                         Tick now) {
    CoreCounters& counters = *params.counters;
    const auto process = [&](unsigned count) {
        params.pipeline->process(std::span{frames.data(), count}, context, now,
                                 std::span{verdicts.data(), count});
    };
    const size_t received = packets.size();
    uint64_t bytes = 0;
    const unsigned count = look_at(packets, bytes);
    counters.ports[from.value].rx_packets.add(received);
    counters.ports[from.value].rx_bytes.add(bytes);
    process(count);
    if (count == 0) {
        return;
    }
    const std::span judged = packets.first(count);
    const size_t port = verdicts[0].port.value;
    if (are_alike({verdicts.data(), count}, {frames.data(), count}) && port < tx.size() &&
        tx[port].count == 0 && count == received) [[likely]] {
        hand_over(port, judged, bytes); // nearly every burst
        return;
    }
    if (const unsigned untagged = carry_out(judged, {from, context.outside}, true); untagged > 0)
        [[unlikely]] {
        const unsigned again = look_at(judged.first(untagged), bytes);
        process(again);
        carry_out(judged.first(again), {from, context.outside}, false);
    }
}

/// Each packet's own verdict. Those that would be Linux's business and have a tag of priority
/// (`tags_off`) are to be judged again without it: they are the first ones then, and their number
/// is returned.
unsigned Worker::Impl::carry_out(std::span<rte_mbuf*> packets, WayIn from, bool tags_off) {
    const size_t ports = tx.size();
    unsigned untagged = 0;
    for (size_t i = 0; i < packets.size(); i++) {
        if (frames[i].unfinished != TxChecksums::none) {
            ask_for_checksums(*packets[i], frames[i]);
        }
        if (verdicts[i].action == Action::forward && verdicts[i].port.value < ports) [[likely]] {
            send(packets[i], verdicts[i].port);
        } else if (tags_off && is_of_another_type(verdicts[i]) &&
                   take_priority_tag_off(*packets[i])) {
            packets[untagged++] = packets[i];
        } else {
            do_otherwise(verdicts[i], packets[i], from);
        }
    }
    return untagged;
}

/// What is not ours, both ways. True if there was anything.
bool Worker::Impl::serve_linux(uint64_t cycles) {
    CrossConnect& cross = *params.cross;
    bool any = cross.send_waiting();
    if (cycles < read_due) {
        return any;
    }
    bool read = false;
    for (size_t i = 0; i < cross.reads().size(); i++) {
        const PortId port = cross.reads()[i];
        std::array<rte_mbuf*, CrossConnect::burst> packets;
        const unsigned count = cross.from_linux(i, packets, read);
        uint64_t bytes = 0;
        for (unsigned k = 0; k < count; k++) {
            bytes += packets[k]->pkt_len;
        }
        if (count > 0) {
            hand_over(port.value, {packets.data(), count}, bytes);
        }
    }
    read_due = read ? 0 : cycles + Clock::cycles_per_second() / reads_a_second;
    return any || read;
}

/// The ports' addresses of now.
void Worker::Impl::take_stations() {
    stations_seen = params.stations->version();
    for (ServedQueue& queue : params.queues) {
        for (uint8_t port = 0; port < queue.contexts.size(); port++) {
            queue.contexts[port].port_mac = params.stations->mac({port});
            queue.contexts[port].former_mac = params.stations->former({port});
        }
    }
}

/// Sleeps if there was nothing to do for long enough.
void Worker::Impl::sleep(unsigned empty_turns) {
    if (!params.may_sleep || empty_turns < first_sleep_after) {
        return;
    }
    const timespec nap{.tv_sec = 0,
                       .tv_nsec = empty_turns < long_sleep_after ? first_sleep : long_sleep};
    params.grace->offline(params.id);
    const std::span<pollfd> readable =
        params.cross != nullptr ? params.cross->readable() : std::span<pollfd>{};
    ppoll(readable.data(), readable.size(), &nap, nullptr);
    read_due = 0;
    params.grace->online(params.id);
}

/// The loop.
void Worker::Impl::run() {
    prctl(PR_SET_TIMERSLACK, 1); // else Linux adds 50 us to every short sleep
    CoreCounters& counters = *params.counters;
    const uint64_t tick_cycles = Clock::cycles_per_second() / 1000; // the clock is read each ms
    uint64_t turn_began = rte_rdtsc();
    uint64_t tick_ends = 0;
    Tick now{};
    unsigned empty_turns = 0;

    params.grace->online(params.id);
    while (!stopping.load(std::memory_order_relaxed)) {
        if (turn_began >= tick_ends) {
            now = to_tick(Clock::now());
            tick_ends = turn_began + tick_cycles;
        }
        if (params.stations != nullptr && params.stations->version() != stations_seen)
            [[unlikely]] {
            take_stations();
        }
        unsigned received = 0;
        for (const ServedQueue& queue : params.queues) {
            received += serve(queue, now);
        }
        params.grace->quiescent(params.id);
        const bool busy = (params.cross != nullptr && serve_linux(turn_began)) || received > 0;
        empty_turns = busy ? 0 : empty_turns + 1;
        sleep(empty_turns);

        const uint64_t turn_ended = rte_rdtsc();
        (busy ? counters.busy_cycles : counters.idle_cycles).add(turn_ended - turn_began);
        counters.loops.add();
        turn_began = turn_ended;
    }
    params.grace->offline(params.id);
}

Worker::Worker(Params params) : impl_{std::make_unique<Impl>()} {
    impl_->params = std::move(params);
    impl_->tx.resize(impl_->params.ports.size());
}

Worker::~Worker() { stop(); }

std::optional<std::string> Worker::launch() {
    impl_->stopping.store(false, std::memory_order_relaxed);
    const auto body = [](void* impl) {
        static_cast<Impl*>(impl)->run();
        return 0;
    };
    const int error = rte_eal_remote_launch(body, impl_.get(), impl_->params.lcore);
    if (error != 0) {
        return "worker " + std::to_string(impl_->params.id.value) + " on lcore " +
               std::to_string(impl_->params.lcore) + ": " + rte_strerror(-error);
    }
    impl_->launched = true;
    return std::nullopt;
}

void Worker::stop() {
    impl_->stopping.store(true, std::memory_order_relaxed);
    if (impl_->launched) {
        rte_eal_wait_lcore(impl_->params.lcore);
        impl_->launched = false;
    }
}

std::vector<std::vector<ServedQueue>> share_queues(std::span<Port* const> ports,
                                                   std::span<const ParseContext> contexts,
                                                   unsigned workers) {
    std::vector<std::vector<ServedQueue>> out(workers);
    size_t next = 0;
    for (size_t i = 0; i < ports.size(); i++) {
        if (is_of_earlier(ports, i)) {
            continue;
        }
        for (unsigned queue = 0; queue < ports[i]->rx_queues(); queue++) {
            out[next++ % workers].push_back({ports[i], queue, {contexts.begin(), contexts.end()}});
        }
    }
    return out;
}

} // namespace sacip
