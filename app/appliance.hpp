// SPDX-License-Identifier: BSD-3-Clause
//
// Appliance: owns everything and joins it; the only file that knows more than one family of
// adapters. Built in the order in which things depend on one another, taken down in reverse.
//
// The slow path's loop runs here, on the main lcore: notifications and punted packets, what workers
// took from Linux, changes of Linux's state, sacipctl, timers, in that order, then again. With
// nothing to do it waits for a file descriptor, never longer than a millisecond. It asks neither
// Linux nor a device's driver what they may be long about: app/linux has threads for that.
#pragma once

#include "app/control/server.hpp"
#include "app/dpdk/device_packet_io.hpp"
#include "app/dpdk/punt_rings.hpp"
#include "app/dpdk/worker.hpp"
#include "app/linux/linux_side.hpp"
#include "app/linux/mac_follower.hpp"
#include "app/metrics/exposer.hpp"
#include "app/operator/gateway_view.hpp"
#include "sacip_core/forward/pipeline.hpp"

#include <atomic>

namespace sacip {

class Appliance {
public:
    /// `boot` outlives the appliance; `policy`: the first one; `side_cpus`: for the threads that
    /// wait for Linux; `least_packets`: buffers of the ports' pool. EAL is up.
    Appliance(const BootConfig& boot, std::shared_ptr<const Policy> policy,
              std::vector<unsigned> worker_lcores, const cpu_set_t& side_cpus,
              uint32_t least_packets)
        : boot_{boot}, policy_{std::move(policy)}, lcores_{std::move(worker_lcores)},
          side_cpus_{side_cpus}, least_packets_{least_packets} {}
    ~Appliance();

    /// Builds and starts everything; why not ("what: remedy"), or nothing.
    std::optional<std::string> start();
    /// The slow path, until `stop`. Main lcore.
    void run(const std::atomic<bool>& stop);
    /// What an operator should know after start(), a line each.
    const std::vector<std::string>& warnings() const { return warnings_; }
    /// A line for each port: what it does in hardware.
    std::vector<std::string> ports_text() const;

private:
    using Error = std::optional<std::string>;
    Error open_ports();
    Error set_up_linux();
    Error start_workers();
    Error open_operator_sockets();

    bool take_punted(Nanos now);
    bool take_from_linux(Nanos now);
    bool take_host_changes(Nanos now);
    void look_after_linux(Nanos now);
    void warn_if_linux_is_silent();
    void follow_macs(Nanos now);
    void once_a_while(Nanos now);
    void rest(unsigned empty_turns);

    const BootConfig& boot_;
    CurrentPolicy policy_;
    std::vector<unsigned> lcores_;
    cpu_set_t side_cpus_;
    uint32_t least_packets_;
    std::vector<std::string> warnings_;

    std::unique_ptr<GracePeriod> grace_;
    std::unique_ptr<FlowTable> flows_;
    std::unique_ptr<PathTable> paths_;
    std::unique_ptr<PacketPool> pool_;       ///< what ports receive, and what we make
    std::unique_ptr<PacketPool> linux_pool_; ///< what Linux sends
    std::vector<std::unique_ptr<Port>> ports_;
    std::vector<std::unique_ptr<HostInterface>> host_interfaces_; ///< by PortId, may be nullptr
    std::vector<GatewayPort> gateway_ports_;
    std::vector<std::unique_ptr<CoreCounters>> counters_; ///< workers, then the slow path
    std::unique_ptr<PortWatch> port_watch_;
    StationTable stations_;
    std::unique_ptr<MacFollower> macs_;
    std::unique_ptr<PuntRings> punts_;
    std::unique_ptr<DevicePacketIo> io_;
    LinuxSide linux_;
    KernelState host_;
    std::optional<Identity> identity_; ///< present exactly when there are peers with keys
    std::unique_ptr<Gateway> slow_path_;
    std::vector<std::unique_ptr<Pipeline>> pipelines_;
    std::vector<std::unique_ptr<CrossConnect>> cross_connects_; ///< by worker
    std::vector<std::unique_ptr<Worker>> workers_;
    Gauges gauges_;
    std::unique_ptr<GatewayView> view_;
    std::unique_ptr<control::Server> control_;
    std::unique_ptr<metrics::Exposer> metrics_;
    Nanos next_while_{}, next_poll_{};
    std::vector<std::optional<bool>> carrier_;
    bool silence_told_{false}; ///< Linux's
};

} // namespace sacip
