// SPDX-License-Identifier: BSD-3-Clause
//
// Tags on packets, and trunks: ports that share a ring in place of a network card. What a ring
// device is sent it receives.
// Built with eal_main.cpp and EAL_TEST_OPTIONS "--vdev net_ring0 --vdev net_ring1 --vdev
// net_ring2".
#include "app/dpdk/mbuf_frame.hpp"
#include "app/dpdk/vlan_tags.hpp"
#include "app/dpdk/worker.hpp"
#include "sacip_core/forward/pipeline.hpp"

#include "tests/support/packet_builder.hpp"
#include "tests/support/take.hpp"

#include <gtest/gtest.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

namespace sacip {
namespace {

using namespace std::chrono_literals;
using test::Bytes;
using test::take;

constexpr PortId plain{0}, ten{1}, twenty{2};
constexpr uint16_t dot1q = 0x8100, dot1ad = 0x88A8;
constexpr uint16_t dei = 0x1000;

constexpr uint16_t pcp(unsigned priority) { return static_cast<uint16_t>(priority << 13); }

/// A frame that says which one it is in its last byte.
Bytes frame(uint8_t number = 0, size_t length = 80) {
    Bytes out(length, std::byte{0x5A});
    test::write16(out, 12, ether_type_ipv4);
    out.back() = std::byte{number};
    return out;
}

Bytes tagged(Bytes bytes, uint16_t tci, uint16_t type = dot1q) {
    std::array<std::byte, 4> tag;
    test::write16(tag, 0, type);
    test::write16(tag, 2, tci);
    bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
    return bytes;
}

class Vlan : public testing::Test {
protected:
    static void SetUpTestSuite() { pool_ = take(PacketPool::create("ports", 12'000)); }
    static void TearDownTestSuite() { pool_.reset(); }
    void TearDown() override { EXPECT_EQ(pool_->use().in_use, 0U) << "every packet went back"; }

    static rte_mbuf* packet(const Bytes& bytes) {
        const OwnedPacket made = pool_->allocate(static_cast<uint32_t>(bytes.size()));
        std::copy(bytes.begin(), bytes.end(), made.frame.data);
        return static_cast<rte_mbuf*>(made.owner);
    }
    /// As a device delivers it that takes tags off.
    static rte_mbuf* stripped(const Bytes& bytes, uint16_t tci) {
        rte_mbuf* out = packet(bytes);
        out->vlan_tci = tci;
        out->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
        return out;
    }
    static Bytes bytes_of(const rte_mbuf& mbuf) {
        const auto* data = rte_pktmbuf_mtod(&mbuf, const std::byte*);
        return {data, data + mbuf.data_len};
    }
    /// Sorts the packets and frees them: what each port got, the homeless last.
    static std::array<std::vector<Bytes>, 4> sort(const VlanPorts& vlans,
                                                  const std::vector<rte_mbuf*>& packets) {
        VlanPorts::Sorted sorted;
        vlans.sort(packets, sorted);
        std::array<std::vector<Bytes>, 4> out;
        size_t all = 0;
        for (const PortId port : {plain, ten, twenty, VlanPorts::homeless}) {
            for (rte_mbuf* mbuf : sorted.of(port)) {
                out[port == VlanPorts::homeless ? 3 : port.value].push_back(bytes_of(*mbuf));
                rte_pktmbuf_free(mbuf);
                all++;
            }
        }
        EXPECT_EQ(all, packets.size());
        return out;
    }
    static VlanPorts ports(bool with_plain) {
        VlanPorts out;
        out.add(10, ten);
        out.add(20, twenty);
        if (with_plain) {
            out.add(0, plain);
        }
        return out;
    }
    static std::unique_ptr<PacketPool> pool_;
};
std::unique_ptr<PacketPool> Vlan::pool_;

TEST_F(Vlan, EachPortGetsItsOwnInOrderAndWithoutTag) {
    std::vector<rte_mbuf*> burst;
    std::array<std::vector<Bytes>, 4> want;
    for (uint8_t i = 0; i < VlanPorts::max_burst; i++) {
        const Bytes bytes = frame(i);
        want[i % 3].push_back(bytes);
        // Half of them as a device delivers them that takes tags off.
        const auto tci = static_cast<uint16_t>(pcp(i % 8) | i % 3 * 10);
        burst.push_back(i % 3 == 0 && i % 2 == 0 ? packet(bytes)
                        : i % 2 == 0             ? packet(tagged(bytes, tci))
                                                 : stripped(bytes, tci));
    }
    EXPECT_EQ(sort(ports(true), burst), want);
}

TEST_F(Vlan, ThePriorityRestsInTheMbuf) {
    rte_mbuf* mbuf = packet(tagged(frame(), pcp(5) | dei | 20));
    VlanPorts::Sorted sorted;
    ports(true).sort({&mbuf, 1}, sorted);
    EXPECT_EQ(mbuf->vlan_tci, pcp(5) | dei | 20);
    for (const bool by_device : {true, false}) {
        ASSERT_EQ(tag({&mbuf, 1}, 10, by_device), 1U);
        EXPECT_EQ(mbuf->vlan_tci, pcp(5) | dei | 10);
        EXPECT_EQ(by_device, (mbuf->ol_flags & RTE_MBUF_F_TX_VLAN) != 0);
        EXPECT_EQ(bytes_of(*mbuf), by_device ? frame() : tagged(frame(), pcp(5) | dei | 10));
        untag({&mbuf, 1});
        EXPECT_EQ(bytes_of(*mbuf), frame()) << "as it was";
        EXPECT_EQ(mbuf->ol_flags & RTE_MBUF_F_TX_VLAN, 0U);
    }
    rte_pktmbuf_free(mbuf);
}

TEST_F(Vlan, ATagThatSaysOnlyThePriorityIsNone) {
    const auto out =
        sort(ports(true), {packet(tagged(frame(1), pcp(6))), stripped(frame(2), pcp(6))});
    EXPECT_EQ(out[0], (std::vector{frame(1), frame(2)}));
    EXPECT_EQ(sort(ports(false), {packet(tagged(frame(1), pcp(6)))})[3].size(), 1U);
}

TEST_F(Vlan, WhatNobodyKnowsGoesToTheUntaggedPortAsItWas) {
    const std::vector<Bytes> strange{
        tagged(frame(1), 30),
        tagged(frame(2), pcp(3) | dei | 4095),
        tagged(frame(3), 10, dot1ad),
        tagged(tagged(frame(4), 10), 20, dot1ad),
        tagged(Bytes(12), 10), // ends behind the tag
        Bytes(13),             // ends within the type
    };
    Bytes cut = tagged(Bytes(12), 10);
    cut.resize(15); // ends within the tag
    for (const bool with_plain : {true, false}) {
        std::vector<Bytes> want = strange;
        std::vector<rte_mbuf*> burst;
        for (const Bytes& bytes : strange) {
            burst.push_back(packet(bytes));
        }
        burst.push_back(packet(cut));
        want.push_back(cut);
        burst.push_back(stripped(frame(5), pcp(7) | 30));
        want.push_back(with_plain ? tagged(frame(5), pcp(7) | 30) : frame(5));
        EXPECT_EQ(sort(ports(with_plain), burst)[with_plain ? 0 : 3], want);
    }
}

TEST_F(Vlan, UntaggedFramesNeedAPortToo) {
    EXPECT_EQ(sort(ports(true), {packet(frame())})[0].size(), 1U);
    EXPECT_EQ(sort(ports(false), {packet(frame())})[3].size(), 1U);
}

TEST_F(Vlan, OnlyTheOuterTagIsOurs) {
    const auto out = sort(ports(true), {packet(tagged(tagged(frame(1), 20), 10)),
                                        stripped(tagged(frame(2), 20), 10)});
    EXPECT_EQ(out[1], (std::vector{tagged(frame(1), 20), tagged(frame(2), 20)}));
}

TEST_F(Vlan, AShortFrameIsPaddedAgain) {
    Bytes want = frame(7, 56);
    want.resize(60);
    const auto out =
        sort(ports(true), {packet(tagged(frame(7, 56), 10)), stripped(frame(7, 56), 10)});
    EXPECT_EQ(out[1], (std::vector{want, want}));
}

/// Where a frame belongs and what is left of it, by the bytes on the wire.
std::pair<size_t, Bytes> oracle(Bytes bytes, bool with_plain) {
    const size_t other = with_plain ? 0 : 3;
    if (bytes.size() < 18 || test::read16(bytes, 12) != dot1q) {
        return {other, bytes};
    }
    const unsigned vid = test::read16(bytes, 14) & 0xFFFU;
    const size_t port = vid == 10 ? 1 : vid == 20 ? 2 : other;
    if (port != other || (vid == 0 && with_plain)) {
        bytes.erase(bytes.begin() + 12, bytes.begin() + 16);
        bytes.resize(std::max<size_t>(bytes.size(), 60));
    }
    return {port, bytes};
}

TEST_F(Vlan, AnyFrameIsSortedByItsBytes) {
    std::mt19937 dice{20};
    const auto one_of = [&](auto... values) {
        const std::array<uint16_t, sizeof...(values)> all{static_cast<uint16_t>(values)...};
        return all[dice() % all.size()];
    };
    for (int round = 0; round < 3000; round++) {
        const bool with_plain = dice() % 2 == 0;
        std::vector<rte_mbuf*> burst;
        std::array<std::vector<Bytes>, 4> want;
        for (size_t i = dice() % (VlanPorts::max_burst + 1); i > 0; i--) {
            Bytes bytes(dice() % 4 == 0 ? dice() % 20 : 18 + dice() % 100);
            for (std::byte& byte : bytes) {
                byte = static_cast<std::byte>(dice());
            }
            if (bytes.size() >= 16) {
                test::write16(bytes, 12, one_of(dot1q, dot1q, dot1q, dot1ad, ether_type_ipv4));
                test::write16(
                    bytes, 14,
                    static_cast<uint16_t>(pcp(dice() % 8) | one_of(0, 10, 20, 30, 4095, dei | 10)));
            }
            const auto [port, rest] = oracle(bytes, with_plain);
            want[port].push_back(rest);
            burst.push_back(packet(bytes));
        }
        ASSERT_EQ(sort(ports(with_plain), burst), want) << "round " << round;
    }
}

TEST_F(Vlan, AWrittenTagIsPartOfTheHeaderThatDevicesSkip) {
    rte_mbuf* mbuf = packet(frame());
    mbuf->l2_len = ether_header_bytes;
    ASSERT_EQ(tag({&mbuf, 1}, 10, true), 1U);
    EXPECT_EQ(mbuf->l2_len, 14U) << "the device inserts it, and knows";
    untag({&mbuf, 1});
    ASSERT_EQ(tag({&mbuf, 1}, 10, false), 1U);
    EXPECT_EQ(mbuf->l2_len, 18U);
    EXPECT_EQ(bytes_of(*mbuf), tagged(frame(), 10)) << "no priority from anywhere";
    rte_pktmbuf_free(mbuf);
}

TEST_F(Vlan, TaggingEndsAtAPacketWithoutRoom) {
    std::array<rte_mbuf*, 3> packets{packet(frame(1)), packet(frame(2)), packet(frame(3))};
    rte_pktmbuf_prepend(packets[1], packets[1]->data_off);
    EXPECT_EQ(tag(packets, 10, false), 1U);
    EXPECT_EQ(bytes_of(*packets[0]), tagged(frame(1), 10));
    EXPECT_EQ(bytes_of(*packets[2]), frame(3));
    rte_pktmbuf_free_bulk(packets.data(), 3);
}

/// Three ports on one ring, and two on another, which has no untagged one.
class Trunk : public Vlan {
protected:
    static PortParams params(PortId id, const char* device, uint16_t vlan) {
        PortParams out;
        out.id = id;
        out.name = "port" + std::to_string(vlan);
        out.device = device;
        out.vlan = vlan;
        out.trunk = true;
        return out;
    }
    static void SetUpTestSuite() {
        Vlan::SetUpTestSuite();
        ports_.push_back(take(Port::open(params(plain, "net_ring0", 0))));
        ports_.push_back(take(Port::open(params(ten, "net_ring0", 10), ports_[0].get())));
        ports_.push_back(take(Port::open(params(twenty, "net_ring0", 20), ports_[0].get())));
        ports_.push_back(take(Port::open(params({3}, "net_ring1", 10))));
        ports_.push_back(take(Port::open(params({4}, "net_ring1", 20), ports_[3].get())));
        for (const auto& port : ports_) {
            ASSERT_EQ(port->start(*pool_), std::nullopt);
        }
    }
    static void TearDownTestSuite() {
        ports_.clear();
        Vlan::TearDownTestSuite();
    }
    static rte_mbuf* received_by(Port& port) {
        rte_mbuf* out = nullptr;
        EXPECT_EQ(port.receive(0, &out, 1), 1U);
        return out;
    }
    static std::vector<std::unique_ptr<Port>> ports_;
};
std::vector<std::unique_ptr<Port>> Trunk::ports_;

TEST_F(Trunk, EachPortHasItsMtuAndTheBuffersHoldTheLargest) {
    PortParams small = params({5}, "net_ring2", 10);
    small.mtu = 1400;
    small.trunk_mtu = 9000;
    PortParams large = params({6}, "net_ring2", 20);
    large.mtu = large.trunk_mtu = 9000;
    const auto first = take(Port::open(small));
    const auto second = take(Port::open(large, first.get()));
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->mtu(), 1400);
    EXPECT_EQ(second->mtu(), 9000);
    EXPECT_GE(first->buffer_bytes(), 9000U + 14 + 8);
    EXPECT_EQ(first->buffer_bytes(), second->buffer_bytes());
}

TEST_F(Trunk, PortsShareTheDeviceAndKeepTheirNames) {
    EXPECT_TRUE(ports_[0]->shares_device(*ports_[2]));
    EXPECT_FALSE(ports_[0]->shares_device(*ports_[3]));
    EXPECT_EQ(ports_[2]->id(), twenty);
    EXPECT_EQ(ports_[2]->name(), "port20");
    EXPECT_EQ(ports_[2]->mac(), ports_[0]->mac());
    EXPECT_TRUE(ports_[2]->link_up());
}

TEST_F(Trunk, EachPortSendsItsOwnTag) {
    for (size_t i = 0; i < 3; i++) {
        rte_mbuf* mbuf = packet(frame(1));
        ASSERT_EQ(ports_[i]->transmit(0, &mbuf, 1), 1U);
        mbuf = received_by(*ports_[0]);
        ASSERT_NE(mbuf, nullptr);
        EXPECT_EQ(bytes_of(*mbuf),
                  i == 0 ? frame(1) : tagged(frame(1), static_cast<uint16_t>(10 * i)));
        rte_pktmbuf_free(mbuf);
    }
}

TEST_F(Trunk, WhatTheDeviceDoesNotTakeStaysAsItWas) {
    std::vector<rte_mbuf*> all;
    unsigned sent = 0;
    rte_mbuf* refused = nullptr;
    while (refused == nullptr && sent < 10'000) {
        std::array<rte_mbuf*, 2> pair{packet(frame(1)), packet(frame(2))};
        const unsigned taken = ports_[1]->transmit(0, pair.data(), 2);
        sent += taken;
        if (taken < 2) {
            refused = pair[1];
            EXPECT_EQ(bytes_of(*refused), frame(2));
            rte_pktmbuf_free_bulk(pair.data() + taken, 2 - taken);
        }
    }
    EXPECT_NE(refused, nullptr);
    for (unsigned i = 0; i < sent; i++) {
        rte_pktmbuf_free(received_by(*ports_[1]));
    }
}

TEST_F(Trunk, AWorkerCountsEachPacketAtItsPort) {
    const auto grace = take(GracePeriod::create(1));
    const auto flows = take(FlowTable::create(16, *grace));
    const auto paths = take(PathTable::create(4, *grace));
    const auto punts = take(PuntRings::create());
    CoreCounters counters;
    Pipeline pipeline{*flows, *paths, counters};
    Worker::Params params;
    params.lcore = 1;
    for (const auto& port : ports_) {
        params.ports.push_back(port.get());
    }
    const std::vector<ParseContext> contexts(ports_.size());
    params.queues = share_queues(params.ports, contexts, 1)[0];
    ASSERT_EQ(params.queues.size(), ports_[0]->rx_queues() + ports_[3]->rx_queues())
        << "each queue is polled once";
    params.pipeline = &pipeline;
    params.punts = punts.get();
    params.grace = grace.get();
    params.counters = &counters;

    const std::vector<Bytes> arriving{tagged(frame(), 10), tagged(frame(), 20), frame(),
                                      tagged(frame(), 30), tagged(frame(), 10)};
    for (const char* device : {"net_ring0", "net_ring1"}) {
        uint16_t number = 0;
        ASSERT_EQ(rte_eth_dev_get_port_by_name(device, &number), 0);
        for (const Bytes& bytes : arriving) {
            rte_mbuf* mbuf = packet(bytes);
            ASSERT_EQ(rte_eth_tx_burst(number, 0, &mbuf, 1), 1);
        }
    }
    Worker worker{std::move(params)};
    ASSERT_EQ(worker.launch(), std::nullopt);
    for (int turn = 0; turn < 2000 && counters.received.get() < 2 * arriving.size(); turn++) {
        std::this_thread::sleep_for(1ms);
    }
    worker.stop();
    EXPECT_EQ(counters.received.get(), 10U);
    EXPECT_TRUE(counters.balanced());
    const std::array<uint64_t, 5> want{2, 2, 1, 2, 1};
    for (size_t i = 0; i < want.size(); i++) {
        EXPECT_EQ(counters.ports[i].rx_packets.get(), want[i]) << i;
    }
    EXPECT_EQ(counters.ports[1].rx_bytes.get(), 2 * frame().size()) << "without tags";
    const auto unknown = static_cast<size_t>(DropReason::vlan_unknown);
    EXPECT_EQ(counters.dropped[unknown].get(), 2U) << "the untagged and VLAN 30 of the second ring";
    const auto not_ours = static_cast<size_t>(DropReason::frame_not_ours);
    EXPECT_EQ(counters.dropped[not_ours].get(), 8U);
}

} // namespace
} // namespace sacip
