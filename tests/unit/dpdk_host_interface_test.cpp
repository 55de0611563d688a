// SPDX-License-Identifier: BSD-3-Clause
//
// HostInterface on a real tap, in a network namespace of its own; skipped where that is not
// allowed (it takes CAP_NET_ADMIN). Built with eal_main.cpp.
#include "app/dpdk/host_interface.hpp"

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstring>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
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
    std::array<OwnedPacket, 8> burst;
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
            const Frame& frame = burst[i].frame;
            // Linux itself may speak here too (IPv6).
            if (frame.length == sizeof(Bytes) && frame.data[12] == std::byte{0x88}) {
                EXPECT_EQ(frame.data[14], std::byte(received));
                EXPECT_EQ(frame.facts, RxFacts::none);
                received++;
            }
            ASSERT_TRUE(tap->send(burst[i])); // any call that takes the packet
        }
        if (got == 0) {
            std::this_thread::sleep_for(1ms);
        }
    }
    EXPECT_EQ(received, count);

    OwnedPacket packet = pool_->allocate(sizeof(Bytes));
    const Bytes sent = frame_to(mac, 200);
    std::memcpy(packet.frame.data, sent.data(), sent.size());
    ASSERT_TRUE(tap->send(packet));
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
    std::array<OwnedPacket, 1> got;
    for (int turn = 0; turn < 1000; turn++) {
        if (tap->receive(got, counters) == 0) {
            std::this_thread::sleep_for(1ms);
        } else if (got[0].frame.length == length) {
            break;
        } else { // Linux itself may speak here too
            ASSERT_TRUE(tap->send(got[0]));
        }
    }
    ASSERT_EQ(got[0].frame.length, length);
    EXPECT_EQ(std::memcmp(got[0].frame.data, frame.data(), length), 0);
    ASSERT_TRUE(tap->send(got[0]));
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
