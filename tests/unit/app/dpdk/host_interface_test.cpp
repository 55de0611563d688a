// SPDX-License-Identifier: BSD-3-Clause
//
// HostInterface on a real tap, in a network namespace of its own; skipped where that is not
// allowed (it takes CAP_NET_ADMIN). Built with eal_main.cpp.
#include "app/dpdk/cross_connect.hpp"
#include "app/dpdk/host_interface.hpp"
#include "app/dpdk/mbuf_frame.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstring>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <rte_mbuf.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace sacip {
namespace {

using namespace std::chrono_literals;

constexpr MacAddr mac{{0x02, 0, 0, 0, 0, 0x77}};
constexpr uint16_t test_ether_type = 0x88B5; // for experiments (IEEE 802)
constexpr const char* interface_name = "sacipt0";

HostInterfaceParams params_of(const std::string& name, uint16_t mtu = 1500) {
    return {HostInterfaceParams::Kind::tap, name, mac, mtu};
}

std::unique_ptr<HostInterface> make(const HostInterfaceParams& params, PacketPool& pool) {
    auto made = HostInterface::create(params, pool);
    if (const auto* error = std::get_if<std::string>(&made)) {
        ADD_FAILURE() << *error;
        return nullptr;
    }
    return std::move(std::get<0>(made));
}

/// Linux's end: a packet socket on the interface.
class LinuxSide {
public:
    explicit LinuxSide(IfIndex index)
        : fd_{socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(test_ether_type))} {
        sockaddr_ll to{};
        to.sll_family = AF_PACKET;
        to.sll_protocol = htons(test_ether_type);
        to.sll_ifindex = index.value;
        EXPECT_EQ(bind(fd_, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    }
    ~LinuxSide() { close(fd_); }
    LinuxSide(const LinuxSide&) = delete;
    LinuxSide& operator=(const LinuxSide&) = delete;
    int fd() const { return fd_; }

private:
    int fd_;
};

using Bytes = std::array<uint8_t, 100>;

Bytes frame_to(const MacAddr& to, uint8_t tag) {
    Bytes out{};
    std::copy(to.bytes.begin(), to.bytes.end(), out.begin());
    out[6] = 0x02;
    out[12] = test_ether_type >> 8;
    out[13] = test_ether_type & 0xFF;
    out[14] = tag;
    return out;
}

class HostInterfaceTest : public testing::Test {
protected:
    static void SetUpTestSuite() {
        allowed_ = unshare(CLONE_NEWNET) == 0;
        pool_ = std::move(std::get<0>(PacketPool::create("host", HostInterface::packets_needed)));
    }
    static void TearDownTestSuite() { pool_.reset(); }
    void SetUp() override {
        if (!allowed_) {
            GTEST_SKIP() << "needs the right to make network namespaces";
        }
    }
    static bool allowed_;
    static std::unique_ptr<PacketPool> pool_;
};
bool HostInterfaceTest::allowed_ = false;
std::unique_ptr<PacketPool> HostInterfaceTest::pool_;

TEST_F(HostInterfaceTest, ComesWithThePortsAddressAndGoes) {
    for (const uint16_t mtu : {uint16_t{1500}, uint16_t{9000}, uint16_t{1280}}) {
        auto tap = make(params_of(interface_name, mtu), *pool_);
        ASSERT_NE(tap, nullptr);
        EXPECT_EQ(tap->kind(), "tap");
        EXPECT_EQ(tap->name(), interface_name);
        EXPECT_NE(tap->index().value, 0);
        const LinuxSide linux_side{tap->index()};
        ifreq request{};
        std::strncpy(request.ifr_name, interface_name, IFNAMSIZ - 1);
        ASSERT_EQ(ioctl(linux_side.fd(), SIOCGIFHWADDR, &request), 0);
        EXPECT_EQ(std::memcmp(request.ifr_hwaddr.sa_data, mac.bytes.data(), 6), 0);
        ASSERT_EQ(ioctl(linux_side.fd(), SIOCGIFFLAGS, &request), 0);
        EXPECT_NE(request.ifr_flags & IFF_UP, 0);
        ASSERT_EQ(ioctl(linux_side.fd(), SIOCGIFMTU, &request), 0);
        EXPECT_EQ(request.ifr_mtu, mtu);
        tap.reset();
        EXPECT_EQ(if_nametoindex(interface_name), 0U) << "gone";
    }
}

TEST_F(HostInterfaceTest, FramesPassBothWays) {
    auto tap = make(params_of(interface_name), *pool_);
    ASSERT_NE(tap, nullptr);
    const LinuxSide linux_side{tap->index()};

    constexpr unsigned count = 100;
    std::array<rte_mbuf*, 8> burst;
    unsigned received = 0;
    CoreCounters counters;
    for (unsigned i = 0; i < count; i++) {
        const Bytes frame = frame_to({{0x02, 0, 0, 0, 0, 1}}, static_cast<uint8_t>(i));
        ASSERT_EQ(send(linux_side.fd(), frame.data(), frame.size(), 0),
                  static_cast<ssize_t>(frame.size()));
    }
    for (int turn = 0; turn < 1000 && received < count; turn++) {
        const unsigned got = tap->receive(burst, counters);
        for (unsigned i = 0; i < got; i++) {
            const Frame frame = frame_of(*burst[i]);
            // Linux itself may speak here too (IPv6).
            if (frame.length == sizeof(Bytes) && frame.data[12] == std::byte{0x88}) {
                EXPECT_EQ(frame.data[14], std::byte(received));
                EXPECT_EQ(frame.facts, RxFacts::none);
                received++;
            }
            ASSERT_EQ(tap->send({&burst[i], 1}), 1U); // any call that takes the packet
        }
        if (got == 0) {
            std::this_thread::sleep_for(1ms);
        }
    }
    EXPECT_EQ(received, count);

    OwnedPacket packet = pool_->allocate(sizeof(Bytes));
    const Bytes sent = frame_to(mac, 200);
    std::memcpy(packet.frame.data, sent.data(), sent.size());
    rte_mbuf* const mbuf = mbuf_of(packet);
    ASSERT_EQ(tap->send({&mbuf, 1}), 1U);
    Bytes got{};
    bool arrived = false;
    for (int turn = 0; turn < 1000 && !arrived; turn++) {
        arrived = recv(linux_side.fd(), got.data(), got.size(), 0) > 0 && got == sent;
        if (!arrived) {
            std::this_thread::sleep_for(1ms);
        }
    }
    EXPECT_TRUE(arrived);
    EXPECT_GT(pool_->use().in_use, 0U) << "one is ready for the next frame";
    tap.reset();
    EXPECT_EQ(pool_->use().in_use, 0U) << "every packet went back to its pool";
}

TEST_F(HostInterfaceTest, JumboFramesPassBothWays) {
    constexpr uint32_t length = 9014;
    auto made = PacketPool::create("jumbo", 100, length);
    ASSERT_EQ(made.index(), 0U) << std::get<1>(made);
    PacketPool& pool = *std::get<0>(made);
    auto tap = make(params_of(interface_name, 9000), pool);
    ASSERT_NE(tap, nullptr);
    const LinuxSide linux_side{tap->index()};
    CoreCounters counters;

    std::vector<uint8_t> frame(length, 0x5A);
    const Bytes head = frame_to(mac, 7);
    std::copy(head.begin(), head.end(), frame.begin());
    ASSERT_EQ(send(linux_side.fd(), frame.data(), length, 0), static_cast<ssize_t>(length));
    std::array<rte_mbuf*, 1> got{};
    for (int turn = 0; turn < 1000; turn++) {
        if (tap->receive(got, counters) == 0) {
            std::this_thread::sleep_for(1ms);
        } else if (got[0]->data_len == length) {
            break;
        } else { // Linux itself may speak here too
            ASSERT_EQ(tap->send(got), 1U);
        }
    }
    ASSERT_EQ(got[0]->data_len, length);
    EXPECT_EQ(std::memcmp(rte_pktmbuf_mtod(got[0], void*), frame.data(), length), 0);
    ASSERT_EQ(tap->send(got), 1U);
    std::vector<uint8_t> back(length + 1);
    ssize_t arrived = 0;
    for (int turn = 0; turn < 1000 && arrived <= 0; turn++) {
        arrived = recv(linux_side.fd(), back.data(), back.size(), 0);
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(arrived, static_cast<ssize_t>(length));
    tap.reset();
    EXPECT_EQ(pool.use().in_use, 0U);
}

uint64_t punted_as_not_ip(const CoreCounters& counters) {
    return counters.punted[static_cast<size_t>(PuntReason::not_ip)].get();
}

/// A packet of that EtherType, for a worker to judge.
rte_mbuf* packet_of(PacketPool& pool, uint16_t ether_type) {
    const OwnedPacket packet = pool.allocate(sizeof(Bytes));
    const Bytes bytes = frame_to(mac, 1);
    std::memcpy(packet.frame.data, bytes.data(), bytes.size());
    packet.frame.data[12] = std::byte(ether_type >> 8);
    packet.frame.data[13] = std::byte(ether_type & 0xFF);
    return mbuf_of(packet);
}

TEST_F(HostInterfaceTest, WhatIsNotOursWaitsForItsShareAndIsCountedOnce) {
    auto tap = make(params_of(interface_name), *pool_);
    ASSERT_NE(tap, nullptr);
    auto punts = std::move(std::get<0>(PuntRings::create()));
    CoreCounters counters;
    constexpr unsigned too_many = CrossConnect::capacity + 10;
    {
        CrossConnect cross{{tap.get()}, {{0}}, *punts, counters};
        EXPECT_EQ(cross.readable().size(), 1U);
        for (unsigned i = 0; i < too_many; i++) {
            counters.received.add();
            cross.to_linux(packet_of(*pool_, test_ether_type), {0}, PuntReason::not_ip);
            ASSERT_TRUE(counters.balanced());
        }
        EXPECT_EQ(counters.dropped_total(), 10U);
        EXPECT_EQ(counters.held.get(), CrossConnect::capacity);
        EXPECT_TRUE(cross.send_waiting());
        EXPECT_EQ(punted_as_not_ip(counters), CrossConnect::burst) << "a turn's share";
        EXPECT_TRUE(counters.balanced());
        counters.received.add();
        cross.to_linux(packet_of(*pool_, test_ether_type), {1}, PuntReason::not_ip);
        EXPECT_EQ(counters.dropped_total(), 11U) << "no such host interface";
        while (cross.send_waiting()) {
        }
        EXPECT_EQ(punted_as_not_ip(counters), CrossConnect::capacity);
        counters.received.add();
        cross.to_linux(packet_of(*pool_, test_ether_type), {0}, PuntReason::not_ip);
    }
    EXPECT_EQ(counters.held.get(), 0U);
    EXPECT_EQ(counters.dropped_total(), 12U) << "what waited at the end";
    EXPECT_TRUE(counters.balanced());
}

TEST_F(HostInterfaceTest, OfWhatLinuxSendsOnlyIpv4AndArpGoOnToTheSlowPath) {
    auto tap = make(params_of(interface_name), *pool_);
    ASSERT_NE(tap, nullptr);
    const LinuxSide linux_side{tap->index()};
    auto punts = std::move(std::get<0>(PuntRings::create()));
    CoreCounters counters;
    CrossConnect cross{{tap.get()}, {{0}}, *punts, counters};
    constexpr std::array<uint16_t, 4> types{test_ether_type, 0x0800, 0x0806, 0x88CC};
    for (const uint16_t type : types) {
        Bytes frame = frame_to({{0x02, 0, 0, 0, 0, 1}}, 99);
        frame[12] = static_cast<uint8_t>(type >> 8);
        frame[13] = static_cast<uint8_t>(type & 0xFF);
        ASSERT_EQ(send(linux_side.fd(), frame.data(), 20, 0), 20);
    }
    unsigned ours = 0, others = 0;
    const auto is_tests = [](const Frame& frame) { return frame.data[14] == std::byte{99}; };
    for (int turn = 0; turn < 1000 && ours + others < types.size(); turn++) {
        bool any = false;
        std::array<rte_mbuf*, CrossConnect::burst> straight;
        for (unsigned n = cross.from_linux(0, straight, any); n > 0; n--) {
            others += is_tests(frame_of(*straight[n - 1])) ? 1 : 0;
            EXPECT_GE(straight[n - 1]->pkt_len, 60U) << "as long as Ethernet asks";
            counters.forwarded.add();
            rte_pktmbuf_free(straight[n - 1]);
        }
        std::array<Punted, 8> passed;
        for (unsigned n = punts->receive_from_linux(passed); n > 0; n--) {
            const Punted& one = passed[n - 1];
            EXPECT_EQ(one.port, PortId{0});
            EXPECT_EQ(one.reason, PuntReason::none);
            ours += is_tests(one.packet.frame) ? 1 : 0;
            rte_pktmbuf_free(static_cast<rte_mbuf*>(one.packet.owner));
        }
        std::this_thread::sleep_for(1ms);
    }
    EXPECT_EQ(ours, 2U);
    EXPECT_EQ(others, 2U);
    EXPECT_FALSE(punts->any(Direction::inbound)) << "nothing that workers punted";
    EXPECT_TRUE(counters.balanced());
}

/// As virtio leaves it: the field holds the pseudo-header's sum (RFC 8200 §8.1).
TEST_F(HostInterfaceTest, UnfinishedChecksumsOfIpv6AreFilledIn) {
    rte_mbuf* const packet = packet_of(*pool_, 0x86DD);
    auto* const ip = rte_pktmbuf_mtod_offset(packet, uint8_t*, 14);
    constexpr uint16_t payload = 20;
    std::memset(ip, 0, 40);
    ip[0] = 0x60;
    ip[5] = payload;
    ip[6] = 17;
    ip[23] = 1;
    ip[39] = 2;
    uint8_t* const udp = ip + 40;
    std::memset(udp, 0x31, payload);
    udp[4] = 0;
    udp[5] = payload;
    const auto add = [](const uint8_t* from, size_t bytes, uint32_t sum) {
        for (size_t i = 0; i < bytes; i += 2) {
            sum += static_cast<uint32_t>(from[i] << 8 | from[i + 1]);
        }
        return (sum & 0xFFFF) + (sum >> 16);
    };
    const uint32_t pseudo = add(ip + 8, 32, payload + 17);
    udp[6] = static_cast<uint8_t>(pseudo >> 8);
    udp[7] = static_cast<uint8_t>(pseudo & 0xFF);
    packet->ol_flags |= RTE_MBUF_F_RX_L4_CKSUM_NONE;
    finish_ipv6_checksum(*packet);
    EXPECT_EQ(add(udp, payload, pseudo), 0xFFFFU);
    const auto before = add(udp, payload, 0);
    finish_ipv6_checksum(*packet);
    EXPECT_EQ(add(udp, payload, 0), before) << "once";
    rte_pktmbuf_free(packet);
}

TEST_F(HostInterfaceTest, NameInUseIsRefusedWithARemedy) {
    auto tap = make(params_of(interface_name), *pool_);
    ASSERT_NE(tap, nullptr);
    const auto second = HostInterface::create(params_of(interface_name), *pool_);
    const auto* error = std::get_if<std::string>(&second);
    ASSERT_NE(error, nullptr);
    EXPECT_EQ(*error, "host interface sacipt0: an interface of this name exists already; remove it "
                      "or choose another name");
}

TEST_F(HostInterfaceTest, NamesThatLinuxOrDpdkWouldMisreadAreRefused) {
    for (const char* name : {"", "a,b", "sixteen-letters-", "a/b", "a b", "..", "a%d"}) {
        const auto made = HostInterface::create(params_of(name), *pool_);
        EXPECT_NE(std::get_if<std::string>(&made), nullptr) << name;
    }
}

} // namespace
} // namespace sacip
