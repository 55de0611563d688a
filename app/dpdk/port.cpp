// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/port.hpp"

#include "app/dpdk/kernel_interface.hpp"
#include "app/dpdk/mbuf_frame.hpp"
#include "app/dpdk/port_frames.hpp"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_pause.h>
#include <rte_spinlock.h>

#include <algorithm>
#include <array>
#include <sched.h>
#include <string_view>
#include <utility>
#include <vector>

namespace sacip {
namespace {

constexpr uint16_t rx_ring = 1024;
constexpr uint16_t tx_ring = 512;
constexpr uint64_t rx_l4 = RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM;
constexpr uint64_t tx_l4 = RTE_ETH_TX_OFFLOAD_TCP_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

/// A queue that several senders may share; alone in its line, so that locks don't meet.
struct alignas(64) TxLock {
    rte_spinlock_t lock RTE_SPINLOCK_INITIALIZER;
};

constexpr uint64_t rx_checksums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | rx_l4;
constexpr uint64_t tx_checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | tx_l4;

PortOffloads::Set offload_set(uint64_t rx, uint64_t tx) {
    return {(rx & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM) != 0, (rx & rx_l4) == rx_l4,
            (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0, (tx & tx_l4) == tx_l4,
            (rx & RTE_ETH_RX_OFFLOAD_VLAN_STRIP) != 0, (tx & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0};
}

/// True if the device fills all its queues whether they are polled or not.
bool spreads_by_itself(std::string_view driver) {
    constexpr std::array<std::string_view, 5> drivers{"net_af_packet", "net_af_xdp", "net_vhost",
                                                      "net_ring", "net_pcap"};
    return std::find(drivers.begin(), drivers.end(), driver) != drivers.end();
}

/// True if the device takes packets for queues that its peer doesn't have: net_memif names 256, and
/// lays those that the peer has not connected over the first ring of the shared memory.
bool has_peers_queues(std::string_view driver) { return driver == "net_memif"; }

/// True if the device counts a frame that one buffer does not hold as an error, unless it may use
/// several. (Cards would take a slower way for what they are never sent.)
bool wants_scatter(const rte_eth_dev_info& info) {
    return info.driver_name == std::string_view{"net_pcap"} &&
           (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
}

/// True if the device drops the frames of VLANs that it was not told of, filter or no filter.
bool filters_vlans(const rte_eth_dev_info& info) {
    return info.driver_name == std::string_view{"net_virtio"} &&
           (info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0;
}

std::string device_list() {
    std::string out;
    for (uint16_t device = 0; device < RTE_MAX_ETHPORTS; device++) {
        rte_eth_dev_info info{};
        if (rte_eth_dev_is_valid_port(device) != 0 && rte_eth_dev_info_get(device, &info) == 0) {
            out += std::string{out.empty() ? "" : ", "} + rte_dev_name(info.device);
        }
    }
    return out.empty() ? "none" : out;
}

} // namespace

struct Port::Impl {
    PortParams params; ///< of the port that opened it
    bool found{false};
    uint16_t device{0};
    VlanPorts vlans;
    rte_eth_dev_info info{};
    PortOffloads offloads;
    uint64_t tx{0};       ///< offloads asked for
    rte_ether_addr mac{}; ///< found
    bool mac_replaced{false};
    PortFrames frames;
    uint16_t rx_queues{0};
    uint16_t tx_queues{0};
    uint16_t rx_descriptors{rx_ring};
    uint16_t tx_descriptors{tx_ring};
    bool shared{false};
    bool started{false};
    std::vector<TxLock> locks;

    std::string refusal(const std::string& what, int error) const {
        return "port " + params.name + " (" + params.device + "): " + what + ": " +
               rte_strerror(error < 0 ? -error : error);
    }
    ~Impl() {
        if (found) {
            stop();
            rte_eth_dev_close(device);
        }
    }
    std::optional<std::string> fit();
    std::optional<std::string> configure();
    std::optional<std::string> set_mtu() const;
    std::optional<std::string> let_vlans_in();
    void stop() {
        if (std::exchange(mac_replaced, false)) {
            rte_eth_dev_default_mac_addr_set(device, &mac);
        }
        if (started) {
            rte_eth_dev_stop(device);
            started = false;
        }
    }
    unsigned transmit(unsigned sender, rte_mbuf** packets, unsigned count);
};

std::variant<std::unique_ptr<Port>, std::string> Port::open(const PortParams& params,
                                                            const Port* sibling) {
    if (sibling != nullptr) {
        sibling->impl_->vlans.add(params.vlan, params.id);
        return std::make_unique<Port>(sibling->impl_, params);
    }
    auto impl = std::make_shared<Impl>();
    impl->params = params;
    impl->params.mtu = std::max(params.mtu, params.trunk_mtu);
    if (rte_eth_dev_get_port_by_name(params.device.c_str(), &impl->device) != 0) {
        return "port " + params.name + ": there is no device '" + params.device +
               "'; DPDK has: " + device_list();
    }
    impl->found = true;
    impl->vlans.add(params.vlan, params.id);
    if (auto error = impl->configure()) {
        return *error;
    }
    return std::make_unique<Port>(std::move(impl), params);
}

/// How long frames are, and that none comes that is longer.
std::optional<std::string> Port::Impl::fit() {
    const std::string name = "port " + params.name + " (" + params.device + "): ";
    if (auto why = refuse_segments(info)) {
        return name + *why;
    }
    uint16_t own = RTE_ETHER_MTU;
    rte_eth_dev_get_mtu(device, &own);
    auto fitted = fit_frames(info, params.mtu, own);
    if (const auto* why = std::get_if<std::string>(&fitted)) {
        return name + *why;
    }
    frames = std::get<0>(fitted);
    return std::nullopt;
}

/// Some devices have it from their configuration, others want to be told, or their interface in
/// Linux does.
std::optional<std::string> Port::Impl::set_mtu() const {
    if (params.mtu == 0) {
        return std::nullopt;
    }
    int error = frames.by_kernel ? -ENOTSUP : rte_eth_dev_set_mtu(device, frames.mtu);
    if (error == -ENOTSUP) {
        const IfIndex under{static_cast<int>(info.if_index)};
        error = under.value == 0 ? 0 : kernel_interface::set_mtu(under, frames.mtu);
    }
    return error == 0 ? std::nullopt
                      : std::optional{refusal("mtu " + std::to_string(frames.mtu), error)};
}

std::optional<std::string> Port::Impl::configure() {
    int error = rte_eth_dev_info_get(device, &info);
    if (error != 0) {
        return refusal("device information", error);
    }
    if (auto why = fit()) {
        return why;
    }
    const unsigned wanted_rx = std::max(1U, params.workers);
    rx_queues = spreads_by_itself(info.driver_name)
                    ? info.max_rx_queues
                    : static_cast<uint16_t>(std::min<unsigned>(wanted_rx, info.max_rx_queues));
    tx_queues = static_cast<uint16_t>(std::min<unsigned>(params.workers + 1, info.max_tx_queues));
    if (has_peers_queues(info.driver_name)) {
        rx_queues = tx_queues = 1; // what every peer has
    }
    if (info.driver_name == std::string_view{"net_tap"}) {
        tx_queues = rx_queues; // it can do no other
    }
    if (rx_queues == 0 || tx_queues == 0) {
        return refusal("the device has no queues", ENOTSUP);
    }
    shared = tx_queues < params.workers + 1;
    locks = std::vector<TxLock>(tx_queues);

    const uint64_t wanted_of_rx = rx_checksums | (params.trunk ? RTE_ETH_RX_OFFLOAD_VLAN_STRIP : 0);
    const uint64_t wanted_of_tx =
        tx_checksums | (params.trunk ? RTE_ETH_TX_OFFLOAD_VLAN_INSERT : 0);
    const uint64_t rx = params.offload ? info.rx_offload_capa & wanted_of_rx : 0;
    tx = params.offload ? info.tx_offload_capa & wanted_of_tx : 0;
    offloads.offered = offload_set(info.rx_offload_capa, info.tx_offload_capa);
    offloads.in_use = offload_set(rx, tx);

    rte_eth_conf conf{};
    const bool filter = params.trunk && filters_vlans(info);
    conf.rxmode.mtu = frames.dpdk_mtu();
    conf.rxmode.offloads = rx | (filter ? RTE_ETH_RX_OFFLOAD_VLAN_FILTER : 0) |
                           (wants_scatter(info) ? RTE_ETH_RX_OFFLOAD_SCATTER : 0);
    conf.txmode.offloads = tx;
    const uint64_t rss =
        info.flow_type_rss_offloads & (RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP);
    if (rx_queues > 1 && rss != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = rss;
    }
    error = rte_eth_dev_configure(device, rx_queues, tx_queues, &conf);
    if (error != 0) {
        return refusal("configure", error);
    }
    if (auto why = set_mtu()) {
        return why;
    }
    error = rte_eth_dev_adjust_nb_rx_tx_desc(device, &rx_descriptors, &tx_descriptors);
    if (error != 0) {
        return refusal("ring sizes", error);
    }
    error = rte_eth_macaddr_get(device, &mac);
    return error == 0 ? std::nullopt : std::optional{refusal("Ethernet address", error)};
}

Port::Port(std::shared_ptr<Impl> device, const PortParams& params)
    : params_{params}, impl_{std::move(device)} {
    std::copy_n(impl_->mac.addr_bytes, mac_.bytes.size(), mac_.bytes.begin());
}

Port::~Port() = default;

uint32_t Port::packets_needed() const {
    return uint32_t{impl_->rx_queues} * impl_->rx_descriptors +
           uint32_t{impl_->tx_queues} * impl_->tx_descriptors;
}

std::optional<std::string> Port::start(PacketPool& pool) {
    if (impl_->started) {
        return std::nullopt;
    }
    const int socket = rte_eth_dev_socket_id(impl_->device);
    const auto numa = static_cast<unsigned>(socket < 0 ? SOCKET_ID_ANY : socket);
    for (uint16_t queue = 0; queue < impl_->rx_queues; queue++) {
        const int error = rte_eth_rx_queue_setup(impl_->device, queue, impl_->rx_descriptors, numa,
                                                 nullptr, pool.native());
        if (error != 0) {
            return impl_->refusal("receive queue " + std::to_string(queue), error);
        }
    }
    for (uint16_t queue = 0; queue < impl_->tx_queues; queue++) {
        const int error =
            rte_eth_tx_queue_setup(impl_->device, queue, impl_->tx_descriptors, numa, nullptr);
        if (error != 0) {
            return impl_->refusal("transmit queue " + std::to_string(queue), error);
        }
    }
    const int error = rte_eth_dev_start(impl_->device);
    if (error != 0) {
        return impl_->refusal("start", error);
    }
    impl_->started = true;
    // Not every device can choose; those that can't let everything in.
    rte_eth_allmulticast_enable(impl_->device);
    return impl_->let_vlans_in();
}

/// All of them, those of no port too: they are Linux's, or counted.
std::optional<std::string> Port::Impl::let_vlans_in() {
    constexpr uint16_t last_vlan = 4094;
    for (uint16_t vlan = 1; params.trunk && filters_vlans(info) && vlan <= last_vlan; vlan++) {
        if (const int error = rte_eth_dev_vlan_filter(device, vlan, 1)) {
            return refusal("letting VLAN " + std::to_string(vlan) + " in", error);
        }
    }
    return std::nullopt;
}

void Port::stop() { impl_->stop(); }

PortId Port::id() const { return params_.id; }

const std::string& Port::name() const { return params_.name; }

const std::string& Port::device() const { return params_.device; }

const VlanPorts* Port::vlans() const { return impl_->params.trunk ? &impl_->vlans : nullptr; }

std::string Port::driver() const { return impl_->info.driver_name; }

std::optional<std::string> Port::program_mac(const MacAddr& mac) {
    rte_ether_addr address{};
    std::copy(mac.bytes.begin(), mac.bytes.end(), address.addr_bytes);
    const bool alone = impl_.use_count() == 1;
    int error = alone ? rte_eth_dev_default_mac_addr_set(impl_->device, &address)
                      : rte_eth_dev_mac_addr_add(impl_->device, &address, 0);
    impl_->mac_replaced = impl_->mac_replaced || (alone && error == 0);
    if (error != 0) {
        error = rte_eth_promiscuous_enable(impl_->device);
    }
    return error == 0 ? std::nullopt
                      : std::optional{"the device takes no other address and can't be made "
                                      "promiscuous: if it drops frames for this one, set the "
                                      "host interface's back"};
}

uint16_t Port::mtu() const { return params_.mtu == 0 ? impl_->frames.mtu : params_.mtu; }

uint32_t Port::buffer_bytes() const { return impl_->frames.buffer_bytes; }

unsigned Port::rx_queues() const { return impl_->rx_queues; }

unsigned Port::tx_queues() const { return impl_->tx_queues; }

bool Port::tx_shared() const { return impl_->shared; }

const PortOffloads& Port::offloads() const { return impl_->offloads; }

TxChecksums Port::fills() const {
    const auto by = [this](uint64_t offload, TxChecksums what) {
        return (impl_->tx & offload) != 0 ? what : TxChecksums::none;
    };
    return by(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM, TxChecksums::ipv4) |
           by(RTE_ETH_TX_OFFLOAD_TCP_CKSUM, TxChecksums::tcp) |
           by(RTE_ETH_TX_OFFLOAD_UDP_CKSUM, TxChecksums::udp);
}

bool Port::link_up() const {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(impl_->device, &link) == 0 &&
           link.link_status == RTE_ETH_LINK_UP;
}

IfIndex Port::kernel_interface() const { return IfIndex{static_cast<int>(impl_->info.if_index)}; }

Port::Losses Port::losses() const {
    rte_eth_stats stats{};
    rte_eth_stats_get(impl_->device, &stats); // else zeros
    return {stats.imissed, stats.ierrors};
}

unsigned Port::receive(unsigned queue, rte_mbuf** packets, unsigned room) {
    return rte_eth_rx_burst(impl_->device, static_cast<uint16_t>(queue), packets,
                            static_cast<uint16_t>(room));
}

unsigned Port::transmit(unsigned sender, rte_mbuf** packets, unsigned count) {
    if (params_.vlan == 0) [[likely]] {
        return impl_->transmit(sender, packets, count);
    }
    const bool by_device = impl_->offloads.in_use.tx_vlan;
    const unsigned tagged = tag({packets, count}, params_.vlan, by_device);
    // Some drivers that offer it do it when asked to prepare, and only then.
    const unsigned ready =
        by_device
            ? rte_eth_tx_prepare(impl_->device, static_cast<uint16_t>(sender % impl_->tx_queues),
                                 packets, static_cast<uint16_t>(tagged))
            : tagged;
    const unsigned sent = impl_->transmit(sender, packets, ready);
    untag({packets + sent, tagged - sent});
    return sent;
}

unsigned Port::Impl::transmit(unsigned sender, rte_mbuf** packets, unsigned count) {
    const auto queue = static_cast<uint16_t>(sender % tx_queues);
    const auto burst = static_cast<uint16_t>(count);
    if (!shared) {
        return rte_eth_tx_burst(device, queue, packets, burst);
    }
    rte_spinlock_t* const lock = &locks[queue].lock;
    // The holder may be a thread that lost its CPU inside a system call: give it ours then.
    for (unsigned turn = 1; rte_spinlock_trylock(lock) == 0; turn++) {
        if (turn % 256 == 0) {
            sched_yield();
        } else {
            rte_pause();
        }
    }
    const unsigned sent = rte_eth_tx_burst(device, queue, packets, burst);
    rte_spinlock_unlock(lock);
    return sent;
}

} // namespace sacip
