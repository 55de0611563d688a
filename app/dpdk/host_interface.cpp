// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/host_interface.hpp"

#include "app/dpdk/kernel_interface.hpp"
#include "app/dpdk/mbuf_frame.hpp"
#include "app/dpdk/tap.hpp"

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_spinlock.h>

#include <algorithm>
#include <array>
#include <net/if.h>
#include <unistd.h>

namespace sacip {
namespace {

using Kind = HostInterfaceParams::Kind;

constexpr const char* vhost_net = "/dev/vhost-net";
constexpr uint16_t virtio_ring = 1024;
constexpr unsigned burst = 32;

/// False if the name is still taken after half a second.
bool name_becomes_free(const std::string& name) {
    for (int turn = 0; turn < 50; turn++) {
        if (if_nametoindex(name.c_str()) == 0) {
            return true;
        }
        usleep(10'000);
    }
    return false;
}

/// The name is pasted into DPDK's device arguments, where a comma would begin another one.
bool is_interface_name(const std::string& name) {
    return !name.empty() && name.size() < IFNAMSIZ && name != "." && name != ".." &&
           name.find_first_of(",=/:% \t\n[]()\"") == std::string::npos;
}

} // namespace

struct HostInterface::Impl {
    HostInterfaceParams params;
    std::unique_ptr<Tap> tap; ///< or else:
    std::string device_name{"tap"};
    IfIndex index;
    bool plugged{false};
    uint16_t device{0};
    rte_spinlock_t tx_lock RTE_SPINLOCK_INITIALIZER; ///< the device's only transmit queue

    std::string refusal(const std::string& what) const {
        return "host interface " + params.name + " (" + device_name + "): " + what;
    }
    std::string refusal(const std::string& what, int error) const {
        return refusal(what + ": " + rte_strerror(error < 0 ? -error : error));
    }
    std::optional<std::string> make_tap(PacketPool& pool);
    std::optional<std::string> plug();
    std::optional<std::string> start_device(PacketPool& pool);
    std::optional<std::string> set_mtu();
};

std::variant<std::unique_ptr<HostInterface>, std::string>
HostInterface::create(const HostInterfaceParams& params, PacketPool& pool) {
    if (!is_interface_name(params.name)) {
        return "host interface '" + params.name + "': not a name for a network interface";
    }
    if (!name_becomes_free(params.name)) {
        return "host interface " + params.name +
               ": an interface of this name exists already; remove it or choose another name";
    }
    auto impl = std::make_unique<Impl>();
    impl->params = params;
    if (params.kind == Kind::automatic) {
        impl->params.kind = access(vhost_net, R_OK | W_OK) == 0 ? Kind::virtio_user : Kind::tap;
    }
    // From here on the destructor unplugs.
    auto out = std::make_unique<HostInterface>(std::move(impl));
    Impl& made = *out->impl_;
    auto error = made.params.kind == Kind::tap ? made.make_tap(pool) : made.plug();
    if (!error && made.plugged) {
        error = made.start_device(pool);
    }
    if (error) {
        return *error;
    }
    return out;
}

std::optional<std::string> HostInterface::Impl::make_tap(PacketPool& pool) {
    auto made = Tap::create(params.name, params.mac, pool.native());
    if (const auto* error = std::get_if<std::string>(&made)) {
        return refusal(*error);
    }
    tap = std::move(std::get<0>(made));
    if (auto error = set_mtu()) {
        return error;
    }
    const int error = tap->bring_up();
    return error == 0 ? std::nullopt : std::optional{refusal("start", error)};
}

/// In Linux, where a device's own end has no say. From here on it is known by its index.
std::optional<std::string> HostInterface::Impl::set_mtu() {
    index = IfIndex{static_cast<int>(if_nametoindex(params.name.c_str()))};
    const int error = kernel_interface::set_mtu(index, params.mtu);
    return error == 0 ? std::nullopt
                      : std::optional{refusal("MTU " + std::to_string(params.mtu), error)};
}

std::optional<std::string> HostInterface::Impl::plug() {
    device_name = "virtio_user_" + params.name;
    const std::string arguments = "iface=" + params.name + ",mac=" + params.mac.to_text() +
                                  ",path=" + vhost_net +
                                  ",queues=1,queue_size=" + std::to_string(virtio_ring);
    int error = rte_eal_hotplug_add("vdev", device_name.c_str(), arguments.c_str());
    if (error != 0) {
        return refusal("the device could not be made", error);
    }
    plugged = true;
    error = rte_eth_dev_get_port_by_name(device_name.c_str(), &device);
    return error == 0 ? std::nullopt : std::optional{refusal("the device is not there", error)};
}

std::optional<std::string> HostInterface::Impl::start_device(PacketPool& pool) {
    // No offloads: Linux then finishes its checksums itself.
    rte_eth_conf conf{};
    conf.rxmode.mtu = params.mtu;
    int error = rte_eth_dev_configure(device, 1, 1, &conf);
    if (error != 0) {
        return refusal("MTU " + std::to_string(params.mtu) + " (kind: tap can have up to 9216)",
                       error);
    }
    uint16_t rx = virtio_ring;
    uint16_t tx = rx;
    rte_eth_dev_adjust_nb_rx_tx_desc(device, &rx, &tx);
    const auto numa = static_cast<unsigned>(SOCKET_ID_ANY);
    error = rte_eth_rx_queue_setup(device, 0, rx, numa, nullptr, pool.native());
    if (error != 0) {
        return refusal("receive queue", error);
    }
    error = rte_eth_tx_queue_setup(device, 0, tx, numa, nullptr);
    if (error != 0) {
        return refusal("transmit queue", error);
    }
    error = rte_eth_dev_start(device);
    return error == 0 ? set_mtu() : std::optional{refusal("start", error)};
}

HostInterface::HostInterface(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

HostInterface::~HostInterface() {
    if (impl_->plugged) {
        rte_eth_dev_stop(impl_->device);
        rte_eal_hotplug_remove("vdev", impl_->device_name.c_str());
    }
}

const std::string& HostInterface::name() const { return impl_->params.name; }

std::string_view HostInterface::kind() const {
    return impl_->params.kind == Kind::tap ? "tap" : "virtio_user";
}

IfIndex HostInterface::index() const { return impl_->index; }

unsigned HostInterface::receive(std::span<rte_mbuf*> out, CoreCounters& counters) {
    const auto room = static_cast<uint16_t>(std::min<size_t>(out.size(), burst));
    const unsigned got = impl_->tap ? impl_->tap->receive(out.data(), room)
                                    : rte_eth_rx_burst(impl_->device, 0, out.data(), room);
    unsigned kept = 0;
    for (unsigned i = 0; i < got; i++) {
        // Linux knows the MTU, so this is not expected to free anything.
        if (make_contiguous(*out[i])) {
            out[kept++] = out[i];
        } else {
            counters.received.add();
            counters.drop(does_not_fit);
            rte_pktmbuf_free(out[i]);
        }
    }
    return kept;
}

unsigned HostInterface::send(std::span<rte_mbuf* const> packets) {
    unsigned sent = 0;
    if (impl_->tap) {
        for (rte_mbuf* packet : packets) {
            sent += impl_->tap->send(packet) ? 1 : 0;
        }
        return sent;
    }
    std::array<rte_mbuf*, burst> some;
    for (size_t begin = 0; begin < packets.size(); begin += some.size()) {
        const auto part = packets.subspan(begin, std::min(some.size(), packets.size() - begin));
        std::ranges::copy(part, some.begin());
        rte_spinlock_lock(&impl_->tx_lock);
        const unsigned taken =
            rte_eth_tx_burst(impl_->device, 0, some.data(), static_cast<uint16_t>(part.size()));
        rte_spinlock_unlock(&impl_->tx_lock);
        sent += taken;
        for (rte_mbuf* left : part.subspan(taken)) {
            rte_pktmbuf_free(left);
        }
    }
    return sent;
}

int HostInterface::readable_fd() const { return impl_->tap ? impl_->tap->fd() : -1; }

} // namespace sacip
