// SPDX-License-Identifier: BSD-3-Clause
//
// HostInterface: how a port shows up in Linux.
//
// A network interface of the same Ethernet address as the port, in the network namespace the
// process was started in. What the gateway does not handle itself it sends here, as if the
// interface had received it; what Linux sends out of the interface is received here. It is a DPDK
// virtual device, virtio-user on vhost-net, where the kernel has that (faster), else a tap. The
// interface belongs to the process: it goes with it, however it ends.
//
// One worker receives; every thread may send. All else is the slow path's.
#pragma once

#include "app/dpdk/packet_pool.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/units.hpp"

#include <span>
#include <string>
#include <string_view>
#include <variant>

struct rte_mbuf;

namespace sacip {

struct HostInterfaceParams {
    enum class Kind : uint8_t { automatic, virtio_user, tap };
    Kind kind{Kind::automatic};
    std::string name; ///< the Linux interface, at most 15 characters
    MacAddr mac;      ///< the port's
    uint16_t mtu{1500};
};

class HostInterface {
public:
    struct Impl;
    /// What its rings and a burst on its way to a port hold at most: the share in the pool.
    static constexpr uint32_t packets_needed = 4095;

    /// The interface, up, without addresses; or why not (a name in use, say). Waits up to half a
    /// second for a name that a killed predecessor is still giving back. `pool` is for what Linux
    /// sends, and not the ports', or Linux could starve them; it outlives all devices, ports too.
    static std::variant<std::unique_ptr<HostInterface>, std::string>
    create(const HostInterfaceParams& params, PacketPool& pool);
    explicit HostInterface(std::unique_ptr<Impl> impl);
    ~HostInterface();
    HostInterface(const HostInterface&) = delete;
    HostInterface& operator=(const HostInterface&) = delete;

    const std::string& name() const;
    /// "virtio_user" or "tap"
    std::string_view kind() const;
    /// As it was made: others may give it another name, and `name` is no more than ours.
    IfIndex index() const;

    /// What Linux sent, at most 32 packets, which belong to the caller. Returns how many. What does
    /// not fit a buffer is counted here. One thread.
    unsigned receive(std::span<rte_mbuf*> out, CoreCounters& counters);
    /// Takes the packets; returns how many Linux took, the others are freed. Each is one piece. Any
    /// EAL thread; a tap costs a system call for each packet, in which Linux forwards it.
    unsigned send(std::span<rte_mbuf* const> packets);
    /// Readable when Linux has sent something; -1 where there is no such descriptor (virtio_user).
    int readable_fd() const;

private:
    std::unique_ptr<Impl> impl_;
};

} // namespace sacip
