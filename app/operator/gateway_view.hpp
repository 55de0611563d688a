// SPDX-License-Identifier: BSD-3-Clause
//
// GatewayView: what operators see of a running gateway: sacipctl's replies and the metrics.
//
// Schemas: docs/control.md. The JSON side runs on the slow path and reads its state; the samples
// side runs on the metrics threads and reads atomics only.
#pragma once

#include "app/dpdk/host_interface.hpp"
#include "app/dpdk/port_watch.hpp"
#include "app/metrics/sample.hpp"
#include "app/operator/gauges.hpp"
#include "sacip_core/gateway.hpp"

#include <nlohmann/json.hpp>

namespace sacip {

/// Whether frames can come and go: what the device says, and the interface of Linux that it stands
/// on, if any.
inline bool is_link_up(const Port& port, const PortWatch& watch, const KernelState& host) {
    const LinkInfo* const under =
        port.kernel_interface().value == 0 ? nullptr : host.link(port.kernel_interface());
    return watch.link_up(port.id()) && (under == nullptr || (under->up && under->carrier));
}

/// Everything a view looks at. References outlive it.
struct GatewayView {
    const BootConfig& boot;
    const CurrentPolicy& policy;
    const KernelState& host;
    FlowTable& flows;
    const PathTable& paths;
    Gateway& slow_path;
    const std::vector<std::unique_ptr<Port>>& ports;
    const PortWatch& port_watch;
    const std::vector<std::unique_ptr<HostInterface>>& host_interfaces; ///< by PortId
    const std::vector<std::unique_ptr<CoreCounters>>& cores; ///< workers, then the slow path
    const Gauges& gauges;
    std::vector<const PacketPool*> pools;

    /// Slow path. Carries one request of sacipctl out.
    nlohmann::json answer(const std::string& command, const nlohmann::json& args, Nanos now) const;
    /// Metrics thread.
    std::vector<metrics::Sample> samples() const;

private:
    nlohmann::json status(Nanos now) const;
    nlohmann::json port_list() const;
    nlohmann::json peer_list(Nanos now) const;
    nlohmann::json flow_list(const nlohmann::json& args, Nanos now) const;
    nlohmann::json path_list(const nlohmann::json& args) const;
    static nlohmann::json flow_json(const FlowInfo& flow, Nanos now);
    nlohmann::json path_json(PathId id) const;
    nlohmann::json local_binding_json(const LocalBinding& b) const;
    nlohmann::json remote_binding_json(const RemoteBinding& b) const;
    nlohmann::json binding_list(const nlohmann::json& args) const;
    nlohmann::json hosts_behind(PortId port) const;
    nlohmann::json move_list(const nlohmann::json& args) const;
    nlohmann::json move(const nlohmann::json& args, Nanos now) const;
    nlohmann::json event_list(const nlohmann::json& args) const;
    nlohmann::json why(const nlohmann::json& args, Nanos now) const;
    nlohmann::json drop_list() const;
    uint64_t total(Counter CoreCounters::*counter) const;
};

} // namespace sacip
