// SPDX-License-Identifier: BSD-3-Clause
//
// A port on shared memory (net_memif), in either role, and a peer of one queue each way, as most
// have: VPP, Pktgen-DPDK and testpmd unless told otherwise.
//
//   test -> peer's tx -> [ring] -> Port::receive(0)
//   test <- peer's rx <- [ring] <- Port::transmit(any sender)
//
// Both ends are in this process. The driver keeps one entry for each name of a socket, so that the
// two ends spell it differently.
// Built with eal_main.cpp; EAL_TEST_OPTIONS "".
#include "app/dpdk/port.hpp"

#include "tests/support/take.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <string>
#include <thread>
#include <unistd.h>

namespace sacip {
namespace {

using namespace std::chrono_literals;
using test::take;

constexpr uint32_t frame_bytes = 100;
constexpr std::byte waiting{'w'}, sent{'s'};

struct Case {
    std::string role; ///< of the port; the peer has the other
    unsigned workers;
    friend void PrintTo(const Case& c, std::ostream* out) { *out << c.role << ", " << c.workers; }
};

class Memif : public testing::TestWithParam<Case> {
protected:
    void SetUp() override {
        const bool server = GetParam().role == "server";
        std::filesystem::create_directory(directory_);
        add(server ? own_ : peer_, "server", "/memif.sock");
        add(server ? peer_ : own_, "client", "/./memif.sock");
        pool_ = take(PacketPool::create("memif", 8'000));
        port_ = take(Port::open({PortId{0}, "wan", own_, GetParam().workers, 0}));
        ASSERT_NE(port_, nullptr);
        ASSERT_EQ(rte_eth_dev_get_port_by_name(peer_, &peer_id_), 0);
        // A client connects when it starts, and a server that has not started turns it away.
        if (!server) {
            start_peer();
        }
        ASSERT_EQ(port_->start(*pool_), std::nullopt);
        if (server) {
            start_peer();
        }
        for (int turn = 0; turn < 500 && !(port_->link_up() && peer_up()); turn++) {
            std::this_thread::sleep_for(10ms);
        }
        ASSERT_TRUE(port_->link_up() && peer_up()) << "the two ends agree on their queues";
        // A client lends the buffers it receives into as it reads.
        rte_mbuf* none = nullptr;
        for (unsigned queue = 0; queue < port_->rx_queues(); queue++) {
            ASSERT_EQ(port_->receive(queue, &none, 1), 0U);
        }
        ASSERT_EQ(rte_eth_rx_burst(peer_id_, 0, &none, 1), 0);
    }
    void TearDown() override {
        port_.reset();
        // DPDK's own thread hears of it for the peer, and must have done with it before we close
        // that.
        for (int turn = 0; turn < 500 && peer_up(); turn++) {
            std::this_thread::sleep_for(10ms);
        }
        EXPECT_FALSE(peer_up());
        std::this_thread::sleep_for(100ms);
        rte_eth_dev_stop(peer_id_);
        rte_eth_dev_close(peer_id_);
        for (const char* device : {own_, peer_}) {
            EXPECT_EQ(rte_eal_hotplug_remove("vdev", device), 0);
        }
        pool_.reset();
        std::filesystem::remove_all(directory_);
    }

    void add(const char* device, const std::string& role, const std::string& socket) const {
        const std::string options =
            "role=" + role + ",socket-abstract=no,socket=" + directory_ + socket;
        ASSERT_EQ(rte_eal_hotplug_add("vdev", device, options.c_str()), 0) << options;
    }
    void start_peer() const {
        rte_eth_conf conf{};
        ASSERT_EQ(rte_eth_dev_configure(peer_id_, 1, 1, &conf), 0);
        ASSERT_EQ(rte_eth_rx_queue_setup(peer_id_, 0, 1024, 0, nullptr, pool_->native()), 0);
        ASSERT_EQ(rte_eth_tx_queue_setup(peer_id_, 0, 1024, 0, nullptr), 0);
        ASSERT_EQ(rte_eth_dev_start(peer_id_), 0);
    }
    bool peer_up() const {
        rte_eth_link link{};
        return rte_eth_link_get_nowait(peer_id_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
    }

    rte_mbuf* packet(std::byte what, uint8_t number) const {
        rte_mbuf* const made = rte_pktmbuf_alloc(pool_->native());
        made->pkt_len = made->data_len = frame_bytes;
        auto* const data = rte_pktmbuf_mtod(made, std::byte*);
        std::fill_n(data, frame_bytes, what);
        data[0] = std::byte{number};
        return made;
    }
    /// Receives until nothing comes any more: so many, in order, each whole.
    template <typename Receive>
    void expect_whole(std::byte what, unsigned count, Receive receive) const {
        unsigned got = 0;
        for (int turn = 0; turn < 20; turn++) {
            std::array<rte_mbuf*, 32> in{};
            const unsigned n = receive(in.data(), in.size());
            for (unsigned i = 0; i < n; i++) {
                ASSERT_EQ(rte_pktmbuf_pkt_len(in[i]), frame_bytes);
                const auto* data = rte_pktmbuf_mtod(in[i], const std::byte*);
                EXPECT_EQ(data[0], static_cast<std::byte>(got)) << "packet " << got;
                EXPECT_EQ(data[1], what) << "packet " << got;
                EXPECT_EQ(data[frame_bytes - 1], what) << "packet " << got;
                got++;
                rte_pktmbuf_free(in[i]);
            }
        }
        EXPECT_EQ(got, count);
    }

    const char* const own_ = "net_memif0";
    const char* const peer_ = "net_memif1";
    const std::string directory_ = "/tmp/sacip-memif-test-" + std::to_string(getpid());
    uint16_t peer_id_{0};
    std::unique_ptr<PacketPool> pool_;
    std::unique_ptr<Port> port_;
};

TEST_P(Memif, EverySenderReachesThePeerAndWhatWaitsToBeReadStaysWhole) {
    constexpr uint8_t backlog = 100, each = 20;
    for (uint8_t i = 0; i < backlog; i++) {
        rte_mbuf* out = packet(waiting, i);
        ASSERT_EQ(rte_eth_tx_burst(peer_id_, 0, &out, 1), 1);
    }
    uint8_t number = 0;
    for (unsigned sender = 0; sender <= GetParam().workers; sender++) {
        for (unsigned i = 0; i < each; i++) {
            rte_mbuf* out = packet(sent, number++);
            ASSERT_EQ(port_->transmit(sender, &out, 1), 1U) << "sender " << sender;
        }
    }
    expect_whole(sent, number, [&](rte_mbuf** in, size_t room) {
        return rte_eth_rx_burst(peer_id_, 0, in, static_cast<uint16_t>(room));
    });
    unsigned queue = 0;
    expect_whole(waiting, backlog, [&](rte_mbuf** in, size_t room) {
        return port_->receive(queue++ % port_->rx_queues(), in, static_cast<unsigned>(room));
    });
}

INSTANTIATE_TEST_SUITE_P(Port, Memif,
                         testing::Values(Case{"server", 1}, Case{"server", 2}, Case{"client", 1},
                                         Case{"client", 2}),
                         [](const auto& test) {
                             return test.param.role + std::to_string(test.param.workers);
                         });

} // namespace
} // namespace sacip
