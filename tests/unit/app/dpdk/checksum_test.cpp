// SPDX-License-Identifier: BSD-3-Clause
//
// Checksums that devices compute, with two real ones that pass each other packets as a virtual
// machine and its host do, unfinished checksums included:
//
//   guest: virtio_user0  <── vhost-user socket ──>  net_vhost0: the gateway's port
//
// Built with eal_main.cpp and EAL_TEST_OPTIONS "--vdev net_vhost0,iface=SOCKET"; and once more with
// CHECKSUM_TEST_VLAN: then either port is one of a trunk, and the devices do the tags, too.
#include "app/dpdk/mbuf_frame.hpp"
#include "app/dpdk/port.hpp"
#include "sacip_core/forward/pipeline.hpp"
#include "sacip_core/packet/checksum.hpp"
#include "sacip_core/packet/headers.hpp"
#include "sacip_core/packet/rewrite.hpp"

#include "tests/support/packet_builder.hpp"
#include "tests/support/take.hpp"

#include <gtest/gtest.h>
#include <rte_dev.h>

#include <chrono>
#include <filesystem>
#include <thread>

namespace sacip {
namespace {

using namespace std::chrono_literals;
using test::Bytes;
using test::PacketBuilder;
using test::take;

#ifdef CHECKSUM_TEST_VLAN
constexpr uint16_t vlan = CHECKSUM_TEST_VLAN;
#else
constexpr uint16_t vlan = 0;
#endif
constexpr Ipv4Addr host{10, 1, 0, 10}, active{10, 0, 1, 3}, remote{10, 9, 0, 10};

struct Devices {
    std::unique_ptr<PacketPool> pool{take(PacketPool::create("ports", 8'000))};
    std::unique_ptr<Port> gateway{open_gateway()};
    std::unique_ptr<Port> punted{plug_in_guest()}; ///< when there is a socket to connect to

    static std::string socket() {
        const std::string options{EAL_TEST_OPTIONS};
        return options.substr(options.find('=') + 1);
    }
    static std::unique_ptr<Port> open_gateway() {
        std::filesystem::remove(socket()); // of a run that was killed
        return take(Port::open({{0}, "lan", "net_vhost0", 1, 0, true, vlan, vlan != 0}));
    }
    static std::unique_ptr<Port> plug_in_guest() {
        const std::string path = "path=" + socket() + ",queues=1";
        EXPECT_EQ(rte_eal_hotplug_add("vdev", "virtio_user0", path.c_str()), 0);
        return take(Port::open({{1}, "guest", "virtio_user0", 1, 0, true, vlan, vlan != 0}));
    }
};

class DpdkChecksum : public testing::Test {
protected:
    static void SetUpTestSuite() {
        devices_ = std::make_unique<Devices>();
        ASSERT_EQ(devices_->gateway->start(*devices_->pool), std::nullopt);
        ASSERT_EQ(devices_->punted->start(*devices_->pool), std::nullopt);
        for (int turn = 0; turn < 500 && !devices_->gateway->link_up(); turn++) {
            std::this_thread::sleep_for(10ms);
        }
        ASSERT_TRUE(devices_->gateway->link_up()) << "the two did not find each other";
        for (const Port* port : {devices_->gateway.get(), devices_->punted.get()}) {
            EXPECT_EQ(port->offloads().in_use.rx_vlan, vlan != 0);
            EXPECT_EQ(port->offloads().in_use.tx_vlan, vlan != 0);
        }
    }
    static void TearDownTestSuite() { devices_.reset(); }

    static rte_mbuf* packet(const Bytes& bytes) {
        const OwnedPacket made = devices_->pool->allocate(static_cast<uint32_t>(bytes.size()));
        std::copy(bytes.begin(), bytes.end(), made.frame.data);
        return static_cast<rte_mbuf*>(made.owner);
    }
    /// Sends until the other end, whose rings come to life a little later, has one.
    static rte_mbuf* pass(Port& from, Port& to, rte_mbuf* mbuf) {
        EXPECT_EQ(from.transmit(0, &mbuf, 1), 1U);
        rte_mbuf* out = nullptr;
        for (int turn = 0; turn < 2000 && to.receive(0, &out, 1) == 0; turn++) {
            std::this_thread::sleep_for(1ms);
        }
        EXPECT_NE(out, nullptr) << "nothing came";
        if (out != nullptr && to.vlans() != nullptr) {
            VlanPorts::Sorted sorted;
            to.vlans()->sort({&out, 1}, sorted);
            EXPECT_EQ(sorted.of(to.id()).size(), 1U) << "it came without the tag";
        }
        return out;
    }
    static Bytes bytes_of(const rte_mbuf& mbuf) {
        const auto* data = rte_pktmbuf_mtod(&mbuf, const std::byte*);
        return {data, data + mbuf.data_len};
    }
    /// As a guest's stack leaves it: the sum of the pseudo header, the rest to the device.
    static rte_mbuf* unfinished(Bytes bytes, bool tcp) {
        std::byte* l4 = bytes.data() + 34;
        const auto length = static_cast<uint16_t>(bytes.size() - 34);
        const uint16_t seed = sum_of_pseudo_header(host, remote, tcp ? 6 : 17, length);
        tcp ? tcp::set_checksum(l4, seed) : udp::set_checksum(l4, seed);
        rte_mbuf* mbuf = packet(bytes);
        Frame frame = frame_of(*mbuf);
        frame.unfinished = tcp ? TxChecksums::tcp : TxChecksums::udp;
        ask_for_checksums(*mbuf, frame);
        return mbuf;
    }
    static PacketBuilder builder(bool tcp) {
        PacketBuilder out;
        out.ether(devices_->gateway->mac()).from(host).to(remote);
        tcp ? out.tcp(40000, 80) : out.udp(40000, 80);
        return out.payload(Bytes(101, std::byte{0x5A}));
    }
    static std::unique_ptr<Devices> devices_;
};
std::unique_ptr<Devices> DpdkChecksum::devices_;

/// One flow each of TCP and UDP from `host`, whose packets leave as `active`.
struct Gateway {
    explicit Gateway(TxChecksums fills, PathAction outbound = PathAction::forward) {
        RewriteSlot slot;
        prepare_rewrite({host, host, active, remote, remote}, L4ChecksumMode::wire, slot);
        slot.outbound.action = outbound;
        slot.outbound.port = PortId{1};
        slot.outbound.device = fills;
        const PathId path = paths->add(slot, {remote, active}, {host, remote}).value();
        for (const uint8_t proto : {uint8_t{6}, uint8_t{17}}) {
            flows->insert({host, remote, Be16{40000}, Be16{80}, proto, {}}, path, {});
        }
    }
    Verdict process(Frame& frame, MacAddr mac) {
        Verdict verdict;
        pipeline.process({&frame, 1}, {.port_mac = mac}, {1}, {&verdict, 1});
        return verdict;
    }
    std::unique_ptr<GracePeriod> grace{take(GracePeriod::create(1))};
    std::unique_ptr<FlowTable> flows{take(FlowTable::create(16, *grace))};
    std::unique_ptr<PathTable> paths{take(PathTable::create(4, *grace))};
    CoreCounters counters;
    Pipeline pipeline{*flows, *paths, counters};
};

/// The packet as it must be on the wire.
Bytes on_the_wire(const PacketBuilder& sent) {
    PacketBuilder out = sent;
    return out.from(active).ttl(63).ether({}, {}).build();
}

TEST_F(DpdkChecksum, WhatAGuestLeftUnfinishedLeavesFinished) {
    for (const bool tcp : {true, false}) {
        Gateway gateway{TxChecksums::none};
        rte_mbuf* mbuf =
            pass(*devices_->punted, *devices_->gateway, unfinished(builder(tcp).build(), tcp));
        ASSERT_NE(mbuf, nullptr);
        Frame frame = frame_of(*mbuf);
        ASSERT_TRUE(has(frame.facts, RxFacts::l4_checksum_partial)) << "virtio keeps it unfinished";
        ASSERT_EQ(gateway.process(frame, devices_->gateway->mac()), Verdict::forward(PortId{1}));
        EXPECT_EQ(frame.unfinished, TxChecksums::none);
        EXPECT_EQ(bytes_of(*mbuf), on_the_wire(builder(tcp)));
        rte_pktmbuf_free(mbuf);
    }
}

TEST_F(DpdkChecksum, TheSlowPathNeverSeesAnUnfinishedOne) {
    Gateway gateway{TxChecksums::none, PathAction::hold};
    rte_mbuf* mbuf =
        pass(*devices_->punted, *devices_->gateway, unfinished(builder(true).build(), true));
    ASSERT_NE(mbuf, nullptr);
    Frame frame = frame_of(*mbuf);
    ASSERT_TRUE(has(frame.facts, RxFacts::l4_checksum_partial));
    ASSERT_EQ(gateway.process(frame, devices_->gateway->mac()), Verdict::punt(PuntReason::hold));
    EXPECT_EQ(bytes_of(*mbuf), builder(true).build());
    rte_pktmbuf_free(mbuf);
}

/// The gateway leaves both kinds to a device that can: here towards the guest, which gets it
/// finished or is told that it may finish it.
TEST_F(DpdkChecksum, TheSendingDeviceFillsItIn) {
    const TxChecksums fills = devices_->gateway->fills();
    ASSERT_TRUE(has(fills, TxChecksums::tcp) && has(fills, TxChecksums::udp));
    for (const bool tcp : {true, false}) {
        for (const bool whole : {true, false}) {
            Gateway gateway{fills};
            const Bytes sent = builder(tcp).build();
            rte_mbuf* mbuf =
                whole ? packet(sent)
                      : pass(*devices_->punted, *devices_->gateway, unfinished(sent, tcp));
            ASSERT_NE(mbuf, nullptr);
            Frame frame = frame_of(*mbuf);
            if (whole) {
                frame.facts = RxFacts::l4_checksum_good;
            }
            ASSERT_EQ(gateway.process(frame, devices_->gateway->mac()),
                      Verdict::forward(PortId{1}));
            ASSERT_EQ(frame.unfinished, tcp ? TxChecksums::tcp : TxChecksums::udp);
            ask_for_checksums(*mbuf, frame);
            mbuf = pass(*devices_->gateway, *devices_->punted, mbuf);
            ASSERT_NE(mbuf, nullptr);
            Frame arrived = frame_of(*mbuf);
            PacketView view;
            ASSERT_FALSE(parse(arrived, {}, view).decided());
            finish_l4_checksum(arrived, view);
            EXPECT_EQ(bytes_of(*mbuf), on_the_wire(builder(tcp)));
            rte_pktmbuf_free(mbuf);
        }
    }
}

TEST_F(DpdkChecksum, AWrongOneStaysWrong) {
    for (const bool tcp : {true, false}) {
        Gateway gateway{devices_->gateway->fills()};
        rte_mbuf* mbuf = pass(*devices_->punted, *devices_->gateway,
                              packet(builder(tcp).l4_checksum(0x1234).build()));
        ASSERT_NE(mbuf, nullptr);
        Frame frame = frame_of(*mbuf);
        ASSERT_EQ(gateway.process(frame, devices_->gateway->mac()), Verdict::forward(PortId{1}));
        EXPECT_EQ(frame.unfinished, TxChecksums::none);
        PacketBuilder wrong = builder(tcp);
        const auto mended =
            tcp ? mend_checksum(Be16{0x1234}.raw(), address_delta(host, active))
                : mend_udp_checksum(Be16{0x1234}.raw(), address_delta(host, active));
        EXPECT_EQ(load<uint16_t>(bytes_of(*mbuf).data() + (tcp ? 50 : 40)), mended);
        rte_pktmbuf_free(mbuf);
    }
}

} // namespace
} // namespace sacip
