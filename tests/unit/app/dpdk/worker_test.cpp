// SPDX-License-Identifier: BSD-3-Clause
//
// Worker, ports, rings and PacketIo together, on rings instead of network cards.
//
//   test -> io.transmit(a) -> [net_ring0] -> worker -> verdict -> [net_ring1] -> worker or nobody
//                                                   \-> PuntRings -> test
//
// What a net_ring device is sent it receives. The pipeline is a stub, linked instead of the real
// one: a frame's first byte says what becomes of it, its second the port or the reason.
// Built with eal_main.cpp and EAL_TEST_OPTIONS "--vdev net_ring0 --vdev net_ring1".
#include "app/dpdk/device_packet_io.hpp"
#include "app/dpdk/eal.hpp"
#include "app/dpdk/worker.hpp"
#include "sacip_core/forward/pipeline.hpp"

#include "tests/support/take.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <iostream>
#include <rte_mbuf.h>
#include <thread>

namespace sacip {

constexpr std::byte forward_frame{'f'};
constexpr std::byte punt_frame{'p'};
constexpr std::byte drop_frame{'d'};
std::atomic<uint8_t> station_seen{0}, former_seen{0}; ///< last bytes of the port's addresses

void Pipeline::process(std::span<Frame> frames, const ParseContext& port, Tick,
                       std::span<Verdict> verdicts) {
    station_seen = port.port_mac.bytes[5];
    former_seen = port.former_mac.bytes[5];
    for (size_t i = 0; i < frames.size(); i++) {
        std::byte* const data = frames[i].data;
        if (data[0] == forward_frame) {
            verdicts[i] = Verdict::forward(PortId{static_cast<uint8_t>(data[1])});
            data[0] = drop_frame; // when it comes back from the other ring
            data[1] = static_cast<std::byte>(DropReason::no_route);
        } else if (data[0] == punt_frame) {
            verdicts[i] = Verdict::punt(static_cast<PuntReason>(data[1]));
            verdicts[i].port = PortId{9};
        } else {
            verdicts[i] = Verdict::drop(static_cast<DropReason>(data[1]));
        }
    }
}

namespace {

using namespace std::chrono_literals;
using test::take;

constexpr PortId a{0};
constexpr PortId b{1};
constexpr uint32_t frame_bytes = 100;

/// Devices last for the process: ring devices can't be opened twice.
struct Devices {
    std::unique_ptr<Port> port_a{take(Port::open({a, "lan", "net_ring0", 1, 0}))};
    std::unique_ptr<Port> port_b{take(Port::open({b, "wan", "net_ring1", 1, 0}))};
    std::unique_ptr<PacketPool> pool{take(PacketPool::create("ports", 12'000))};
    Devices() {
        EXPECT_EQ(port_a->start(*pool), std::nullopt);
        EXPECT_EQ(port_b->start(*pool), std::nullopt);
    }
};

class WorkerTest : public testing::Test {
protected:
    static void SetUpTestSuite() { devices_ = std::make_unique<Devices>(); }
    static void TearDownTestSuite() { devices_.reset(); }

    /// `both`: the worker also serves port b.
    void begin(bool both) {
        std::vector<Port*> ports{devices_->port_a.get(), devices_->port_b.get()};
        const std::vector<ParseContext> contexts(2);
        io_ = std::make_unique<DevicePacketIo>(DevicePacketIo::Params{
            ports, {nullptr, nullptr}, devices_->pool.get(), 1, &slow_counters_, punts_.get()});
        Worker::Params params;
        params.lcore = 1;
        params.queues = share_queues(std::span{ports}.first(both ? 2 : 1), contexts, 1)[0];
        params.ports = ports;
        params.pipeline = &pipeline_;
        params.punts = punts_.get();
        params.grace = grace_.get();
        params.counters = &counters_;
        params.stations = stations_;
        worker_ = std::make_unique<Worker>(std::move(params));
        ASSERT_EQ(worker_->launch(), std::nullopt);
    }
    void TearDown() override {
        if (worker_) {
            worker_->stop();
        }
        EXPECT_TRUE(counters_.balanced());
        // Empty what is left in the rings of b.
        begin_draining();
    }
    void begin_draining() {
        CoreCounters counters;
        std::vector<Port*> ports{devices_->port_a.get(), devices_->port_b.get()};
        const std::vector<ParseContext> contexts(2);
        Worker::Params params;
        params.lcore = 1;
        params.queues = share_queues(ports, contexts, 1)[0];
        params.ports = ports;
        params.pipeline = &pipeline_;
        params.punts = punts_.get();
        params.grace = grace_.get();
        params.counters = &counters;
        Worker drain{std::move(params)};
        ASSERT_EQ(drain.launch(), std::nullopt);
        std::this_thread::sleep_for(20ms);
        drain.stop();
        punts_.reset();
        EXPECT_EQ(devices_->pool->use().in_use, 0U) << "every packet went back to its pool";
    }

    void send(std::byte what, uint8_t detail, uint32_t length = frame_bytes) {
        OwnedPacket packet = io_->allocate(length);
        ASSERT_NE(packet.owner, nullptr);
        std::memset(packet.frame.data, 0, length);
        packet.frame.data[0] = what;
        packet.frame.data[1] = std::byte{detail};
        ASSERT_TRUE(io_->transmit(a, packet));
    }
    /// Until so many have come in, and each has left by one of the doors.
    void wait_for(uint64_t received) {
        const auto settled = [&] {
            return counters_.received.get() >= received && counters_.balanced();
        };
        for (int turn = 0; turn < 2000 && !settled(); turn++) {
            std::this_thread::sleep_for(1ms);
        }
        ASSERT_EQ(counters_.received.get(), received);
    }
    uint64_t dropped(DropReason why) const {
        return counters_.dropped[static_cast<size_t>(why)].get();
    }

    static std::unique_ptr<Devices> devices_;
    std::unique_ptr<GracePeriod> grace_{take(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows_{take(FlowTable::create(16, *grace_))};
    std::unique_ptr<PathTable> paths_{take(PathTable::create(16, *grace_))};
    std::unique_ptr<PuntRings> punts_{take(PuntRings::create())};
    CoreCounters counters_;
    CoreCounters slow_counters_;
    Pipeline pipeline_{*flows_, *paths_, counters_};
    std::unique_ptr<DevicePacketIo> io_;
    const StationTable* stations_{nullptr};
    std::unique_ptr<Worker> worker_;
};
std::unique_ptr<Devices> WorkerTest::devices_;

TEST_F(WorkerTest, ForwardedFramesArriveAndAreCounted) {
    begin(true);
    constexpr unsigned count = 500;
    for (unsigned i = 0; i < count; i++) {
        send(forward_frame, b.value);
    }
    wait_for(2 * count); // once on a, once on b
    worker_->stop();
    EXPECT_EQ(counters_.forwarded.get(), count);
    EXPECT_EQ(dropped(DropReason::no_route), count);
    EXPECT_EQ(counters_.ports[0].rx_packets.get(), count);
    EXPECT_EQ(counters_.ports[0].rx_bytes.get(), count * frame_bytes);
    EXPECT_EQ(counters_.ports[1].tx_packets.get(), count);
    EXPECT_EQ(counters_.ports[1].tx_bytes.get(), count * frame_bytes);
    EXPECT_EQ(counters_.ports[1].rx_bytes.get(), count * frame_bytes);
    EXPECT_EQ(slow_counters_.ports[0].tx_packets.get(), count);
    EXPECT_GT(counters_.busy_cycles.get(), 0U);
    EXPECT_GT(counters_.loops.get(), 0U);
}

TEST_F(WorkerTest, PuntedFramesCarryTheirPortsAndReason) {
    begin(false);
    send(punt_frame, static_cast<uint8_t>(PuntReason::first_packet));
    send(punt_frame, static_cast<uint8_t>(PuntReason::to_box));
    send(punt_frame, static_cast<uint8_t>(PuntReason::notification));
    wait_for(3);
    std::array<Punted, 8> got;
    ASSERT_EQ(punts_->receive(got), 3U);
    EXPECT_EQ(got[0].reason, PuntReason::notification) << "has a ring of its own";
    EXPECT_EQ(got[1].reason, PuntReason::first_packet);
    EXPECT_EQ(got[2].reason, PuntReason::to_box);
    EXPECT_EQ(got[2].port, a);
    EXPECT_EQ(got[2].to, PortId{9});
    EXPECT_EQ(got[2].packet.frame.length, frame_bytes);
    EXPECT_EQ(got[2].packet.frame.data[0], punt_frame);
    for (unsigned i = 0; i < 3; i++) {
        io_->release(got[i].packet);
    }
    EXPECT_EQ(punts_->receive(got), 0U);
}

/// Judged once more without it, in their order, and counted once.
/// The slow path, which may find the packet's path, has to know.
TEST_F(WorkerTest, PuntedFramesKeepWhatTheDeviceSaid) {
    begin(false);
    OwnedPacket packet = io_->allocate(frame_bytes);
    ASSERT_NE(packet.owner, nullptr);
    std::memset(packet.frame.data, 0, frame_bytes);
    packet.frame.data[0] = punt_frame;
    packet.frame.data[1] = static_cast<std::byte>(PuntReason::first_packet);
    static_cast<rte_mbuf*>(packet.owner)->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    ASSERT_TRUE(io_->transmit(a, packet));
    wait_for(1);
    std::array<Punted, 8> got;
    ASSERT_EQ(punts_->receive(got), 1U);
    EXPECT_EQ(got[0].packet.frame.facts, RxFacts::l4_checksum_partial);
    io_->release(got[0].packet);
}

TEST_F(WorkerTest, ATagOfPriorityComesOffWhatNobodyKnows) {
    begin(false);
    const std::array tag{std::byte{0x81}, std::byte{0x00}, std::byte{0xA0}, std::byte{0x00}};
    std::array<OwnedPacket, 4> packets;
    for (uint8_t i = 0; i < packets.size(); i++) {
        packets[i] = io_->allocate(frame_bytes);
        std::byte* const data = packets[i].frame.data;
        std::memset(data, 0, frame_bytes);
        data[0] = punt_frame;
        data[1] = std::byte{static_cast<uint8_t>(PuntReason::link_group)};
        std::ranges::copy(tag, data + 12);
        data[15] = std::byte{static_cast<uint8_t>(i == 3 ? 7 : 0)}; // VLAN 7: not ours to take off
        data[20] = std::byte{i};
    }
    packets[2].frame.data[1] = std::byte{static_cast<uint8_t>(PuntReason::first_packet)};
    for (const OwnedPacket& packet : packets) {
        ASSERT_TRUE(io_->transmit(a, packet));
    }
    wait_for(packets.size());
    EXPECT_EQ(counters_.ports[0].rx_packets.get(), packets.size());
    std::array<Punted, 8> got;
    ASSERT_EQ(punts_->receive(got), packets.size());
    std::array<uint32_t, 4> length{};
    uint8_t last_untagged = 0;
    for (const Punted& p : std::span{got}.first(packets.size())) {
        const std::byte* const data = p.packet.frame.data;
        const bool untagged = p.packet.frame.length == frame_bytes - 4;
        const auto number = static_cast<uint8_t>(data[untagged ? 16 : 20]);
        ASSERT_LT(number, length.size());
        length[number] = p.packet.frame.length;
        EXPECT_TRUE(!untagged || number >= last_untagged);
        last_untagged = untagged ? number : last_untagged;
        io_->release(p.packet);
    }
    EXPECT_EQ(length, (std::array<uint32_t, 4>{frame_bytes - 4, frame_bytes - 4, frame_bytes,
                                               frame_bytes}));
}

TEST_F(WorkerTest, APortsAddressOfNowIsWhatFramesAreJudgedBy) {
    StationTable stations;
    stations_ = &stations;
    begin(false);
    const auto sees = [&](uint8_t mac, uint8_t former) {
        send(drop_frame, static_cast<uint8_t>(DropReason::no_route));
        for (int turn = 0; turn < 2000 && (station_seen != mac || former_seen != former); turn++) {
            std::this_thread::sleep_for(1ms);
            send(drop_frame, static_cast<uint8_t>(DropReason::no_route));
        }
        return station_seen == mac && former_seen == former;
    };
    EXPECT_TRUE(sees(0, 0)) << "those it was made with, until there are others";
    stations.set(a, {{2, 0, 0, 0, 0, 7}}, {});
    EXPECT_TRUE(sees(7, 0));
    stations.set(a, {{2, 0, 0, 0, 0, 9}}, {{2, 0, 0, 0, 0, 7}});
    EXPECT_TRUE(sees(9, 7));
    worker_->stop();
}

/// What workers go by when they forward only behind what they have punted.
TEST_F(WorkerTest, PuntsAreUnderWayUntilWhatWasReceivedIsDealtWith) {
    begin(false);
    EXPECT_FALSE(punts_->any(Direction::inbound));
    std::array<Punted, 8> got;
    for (const auto why : {PuntReason::first_packet, PuntReason::notification}) {
        send(punt_frame, static_cast<uint8_t>(why));
        wait_for(why == PuntReason::first_packet ? 1 : 2);
        EXPECT_EQ(punts_->any(Direction::inbound), why == PuntReason::first_packet)
            << "a notification may wait";
        ASSERT_EQ(punts_->receive(got), 1U);
        EXPECT_TRUE(punts_->any(Direction::inbound)) << "in the slow path's hands";
        io_->release(got[0].packet);
        EXPECT_EQ(punts_->receive(got), 0U);
        EXPECT_FALSE(punts_->any(Direction::inbound));
    }
    io_->keep_turns(Direction::inbound, true);
    EXPECT_EQ(punts_->receive(got), 0U);
    EXPECT_TRUE(punts_->any(Direction::inbound)) << "of earlier turns";
    EXPECT_FALSE(punts_->any(Direction::outbound));
    io_->keep_turns(Direction::inbound, false);
    EXPECT_FALSE(punts_->any(Direction::inbound));
}

TEST_F(WorkerTest, FloodOfPuntsIsDroppedByNameAndSparesNotifications) {
    begin(false);
    constexpr unsigned count = 3000;
    for (unsigned i = 0; i < count; i++) {
        send(punt_frame, static_cast<uint8_t>(PuntReason::first_packet));
        if (i % 500 == 499) {
            wait_for(i + 1); // the device's ring is shorter than ours
        }
    }
    send(punt_frame, static_cast<uint8_t>(PuntReason::notification));
    wait_for(count + 1);
    constexpr unsigned taken = 2048 - PuntRings::left_by_inside;
    EXPECT_EQ(dropped(DropReason::first_packet_full), count - taken);
    EXPECT_EQ(counters_.punted_total(), taken + 1);
    for (unsigned i = 0; i < 700; i++) { // of flows that we know
        send(punt_frame, static_cast<uint8_t>(PuntReason::hold));
    }
    wait_for(count + 1 + 700);
    worker_->stop();
    EXPECT_EQ(dropped(DropReason::punt_ring_full), 700 - PuntRings::left_by_inside);
    EXPECT_EQ(counters_.punted_total(), 2048U + 1);
    std::array<Punted, 1> got;
    ASSERT_EQ(punts_->receive(got), 1U);
    EXPECT_EQ(got[0].reason, PuntReason::notification);
    io_->release(got[0].packet);
}

TEST_F(WorkerTest, WhatTheDeviceDoesNotTakeIsDroppedByName) {
    begin(false); // nobody empties b
    constexpr unsigned count = 3000;
    for (unsigned i = 0; i < count; i++) {
        send(forward_frame, b.value);
        if (i % 500 == 499) {
            wait_for(i + 1);
        }
    }
    worker_->stop();
    EXPECT_GT(dropped(DropReason::tx_full), 0U);
    EXPECT_EQ(counters_.forwarded.get() + dropped(DropReason::tx_full), count);
    EXPECT_EQ(counters_.ports[1].tx_packets.get(), counters_.forwarded.get());
    EXPECT_EQ(counters_.ports[1].tx_bytes.get(), counters_.forwarded.get() * frame_bytes);
}

/// Bursts of one kind are handed over as they are, others packet by packet: nobody can tell.
TEST_F(WorkerTest, BurstsComeOutInOrderWhateverIsAmongThem) {
    begin(false); // b is read here
    constexpr unsigned burst = 40;
    std::vector<uint32_t> wanted;
    uint64_t bytes = 0;
    uint64_t drops = 0;
    for (const unsigned each : {1U, 2U, 3U, burst}) { // every each-th packet is dropped; 1: none
        std::array<rte_mbuf*, burst> packets;
        for (unsigned i = 0; i < burst; i++) {
            const uint32_t length = frame_bytes + i;
            packets[i] = rte_pktmbuf_alloc(devices_->pool->native());
            auto* data = reinterpret_cast<std::byte*>(
                rte_pktmbuf_append(packets[i], static_cast<uint16_t>(length)));
            const bool drop = each > 1 && i % each == 0;
            data[0] = drop ? drop_frame : forward_frame;
            data[1] =
                drop ? std::byte{static_cast<uint8_t>(DropReason::frame_runt)} : std::byte{b.value};
            if (drop) {
                drops++;
            } else {
                wanted.push_back(length);
                bytes += length;
            }
        }
        ASSERT_EQ(devices_->port_a->transmit(1, packets.data(), burst), burst);
    }
    wait_for(4 * burst);
    worker_->stop();
    EXPECT_EQ(counters_.forwarded.get(), wanted.size());
    EXPECT_EQ(dropped(DropReason::frame_runt), drops);
    EXPECT_EQ(counters_.ports[1].tx_packets.get(), wanted.size());
    EXPECT_EQ(counters_.ports[1].tx_bytes.get(), bytes);
    std::vector<uint32_t> got;
    std::array<rte_mbuf*, 32> in;
    while (const unsigned n = devices_->port_b->receive(0, in.data(), in.size())) {
        for (unsigned i = 0; i < n; i++) {
            got.push_back(rte_pktmbuf_pkt_len(in[i]));
            rte_pktmbuf_free(in[i]);
        }
    }
    EXPECT_EQ(got, wanted);
}

TEST_F(WorkerTest, ForwardToAPortThatIsNotThereIsADrop) {
    begin(false);
    send(forward_frame, 7);
    wait_for(1);
    worker_->stop();
    EXPECT_EQ(dropped(DropReason::no_route), 1U);
}

TEST_F(WorkerTest, SleepingWorkerWakesSoonAndDelaysNoGracePeriod) {
    begin(false);
    std::this_thread::sleep_for(300ms);
    EXPECT_GT(counters_.idle_cycles.get(), counters_.busy_cycles.get());
    const auto before = std::chrono::steady_clock::now();
    for (int i = 0; i < 20; i++) {
        grace_->wait();
    }
    EXPECT_LT(std::chrono::steady_clock::now() - before, 500ms);
    const auto sent = std::chrono::steady_clock::now();
    send(drop_frame, static_cast<uint8_t>(DropReason::frame_runt));
    while (counters_.received.get() == 0 && std::chrono::steady_clock::now() - sent < 1s) {
        std::this_thread::yield();
    }
    const auto delay = std::chrono::steady_clock::now() - sent;
    // A millisecond, had we the machine for ourselves.
    EXPECT_LT(delay, 100ms);
    RecordProperty("wake_us", static_cast<int>(delay / 1us));
    std::cout << "woke after " << delay / 1us << " us\n";
}

TEST_F(WorkerTest, ShortFramesOfTheSlowPathArePadded) {
    begin(false);
    send(punt_frame, static_cast<uint8_t>(PuntReason::not_ip), 42);
    wait_for(1);
    std::array<Punted, 1> got;
    ASSERT_EQ(punts_->receive(got), 1U);
    EXPECT_EQ(got[0].packet.frame.length, 60U);
    io_->release(got[0].packet);
}

/// A packet in pieces of these lengths; the first byte says what becomes of it.
rte_mbuf* chain(PacketPool& pool, std::initializer_list<uint16_t> pieces) {
    rte_mbuf* head = nullptr;
    for (const uint16_t length : pieces) {
        rte_mbuf* const piece = rte_pktmbuf_alloc(pool.native());
        std::memset(rte_pktmbuf_append(piece, length), head == nullptr ? 0 : 0x5A, length);
        if (head == nullptr) {
            head = piece;
            rte_pktmbuf_mtod(head, std::byte*)[0] = punt_frame;
            rte_pktmbuf_mtod(head, uint8_t*)[1] = static_cast<uint8_t>(PuntReason::not_ip);
        } else {
            EXPECT_EQ(rte_pktmbuf_chain(head, piece), 0);
        }
    }
    return head;
}

TEST_F(WorkerTest, PacketsInPiecesAreMadeOnePieceOrDroppedByName) {
    begin(false);
    const auto room = static_cast<uint16_t>(devices_->pool->frame_bytes());
    const std::initializer_list<uint16_t> chains[] = {
        {14, 1000},                              // headers apart from the rest
        {2, 1, 1, 1, 1, 1, 50},                  // many
        {static_cast<uint16_t>(room - 1), 1},    // up to the last byte
        {room, 1},                               // one byte more
        {room, room, room, room},                // segments for offload
        {static_cast<uint16_t>(room / 2), room}, //
    };
    for (const auto& pieces : chains) {
        rte_mbuf* packet = chain(*devices_->pool, pieces);
        ASSERT_EQ(devices_->port_a->transmit(1, &packet, 1), 1U);
    }
    wait_for(6);
    EXPECT_EQ(dropped(DropReason::frame_too_long), 3U);
    EXPECT_EQ(counters_.punted_total(), 3U);
    EXPECT_EQ(counters_.ports[0].rx_bytes.get(),
              1014U + 57 + room + room + 1 + 4 * room + room / 2 + room);
    std::array<Punted, 8> got;
    ASSERT_EQ(punts_->receive(got), 3U);
    const std::array<uint32_t, 3> lengths{1014, 57, room};
    for (unsigned i = 0; i < 3; i++) {
        const Frame& frame = got[i].packet.frame;
        EXPECT_EQ(frame.length, lengths[i]);
        EXPECT_EQ(frame.data[frame.length - 1], std::byte{0x5A});
        EXPECT_EQ(static_cast<rte_mbuf*>(got[i].packet.owner)->nb_segs, 1);
        io_->release(got[i].packet);
    }
}

TEST_F(WorkerTest, AllocateRefusesWhatNoBufferHolds) {
    begin(false);
    EXPECT_EQ(io_->allocate(devices_->pool->frame_bytes() + 1).owner, nullptr);
    const OwnedPacket packet = io_->allocate(devices_->pool->frame_bytes());
    ASSERT_NE(packet.owner, nullptr);
    io_->release(packet);
    const OwnedPacket lost = io_->allocate(60);
    EXPECT_FALSE(io_->to_linux(a, lost)) << "there is no host interface";
    EXPECT_FALSE(io_->transmit(PortId{5}, io_->allocate(60)));
}

TEST_F(WorkerTest, UnknownDeviceIsRefusedWithTheOnesThereAre) {
    begin(false);
    const auto made = Port::open({a, "lan", "net_nothing", 1, 0});
    const auto* error = std::get_if<std::string>(&made);
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(*error, "port lan: there is no device 'net_nothing'; DPDK has: net_ring0, net_ring1");
}

} // namespace
} // namespace sacip
