// SPDX-License-Identifier: BSD-3-Clause
//
// BootConfig: what stays as it is for as long as the process lives.
//
// Devices, tables and sockets are made of it at the start and can't be made anew under traffic: the
// gateway's name and its sockets, cores, limits, ports. So are two things that could seem to be
// policy: the files of our identity, for peers know us by that key and the epoch of this start; and
// the numbers of the protocol, for workers tell notifications by them, and no peer would know that
// they have changed. A port is known by its place in `ports` (PortId), which this makes stable.
//
// Anybody may read it from any core. Policy: policy_config.hpp.
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/packet/notification_marks.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sacip {

/// Limits of the limits: what the tables are built for (a flow record and its key at 2^27 are
/// already tens of gigabytes), not what a given machine can hold.
inline constexpr uint32_t max_flow_capacity = uint32_t{1} << 27;
inline constexpr uint32_t max_path_capacity = uint32_t{1} << 20;
inline constexpr size_t max_host_interface_name = 15;  ///< IFNAMSIZ - 1
inline constexpr uint16_t max_vlan = 4094;             ///< IEEE 802.1Q: 0 and 4095 are reserved
inline constexpr size_t max_control_socket_path = 107; ///< sockaddr_un::sun_path - 1

/// Where the metrics are served: one IPv4 address of the gateway's own Linux and a TCP port.
struct MetricsEndpoint {
    IpAddr address{127, 0, 0, 1};
    uint16_t port{9812}; ///< host order
    bool operator==(const MetricsEndpoint&) const = default;
};

struct GatewayConfig {
    std::string name;           ///< letters, digits, '.', '_', '-'; at most 64
    std::string control_socket; ///< absolute path; by default default_control_socket(name)
    std::optional<MetricsEndpoint> metrics{MetricsEndpoint{}}; ///< nothing: switched off
};

/// The control socket of a gateway whose operator did not choose one.
inline std::string default_control_socket(std::string_view gateway_name) {
    return "/run/sacip/" + std::string{gateway_name} + ".sock";
}

/// What a worker does when no packet comes: spin for the least delay, or sleep ever longer.
enum class IdlePolicy : uint8_t { busy, adaptive };

struct CoresConfig {
    IdlePolicy idle{IdlePolicy::adaptive};
};

struct LimitsConfig {
    uint32_t flows{1'048'576}; ///< 1 to max_flow_capacity
    uint32_t paths{65'536};    ///< 1 to max_path_capacity
};

/// Toward the hosts, or toward the network; translation is bound to outside ports.
enum class PortRole : uint8_t { inside, outside };

/// How a port shows up in Linux. automatic: virtio_user where /dev/vhost-net exists, else tap.
enum class HostInterfaceKind : uint8_t { automatic, virtio_user, tap, none };

/// An address with the length of its on-link prefix, as `ip addr add` takes it. Unlike in an
/// IpPrefix the host bits are the point.
struct InterfaceAddress {
    IpAddr address;
    uint8_t length{32}; ///< 1 to 32
    constexpr IpPrefix prefix() const { return {address, length}; }
    bool operator==(const InterfaceAddress&) const = default;
};

struct RouteConfig {
    IpPrefix to; ///< length 0 is the default route
    IpAddr via;  ///< on-link through one of the interface's own addresses
    bool operator==(const RouteConfig&) const = default;
};

/// The Linux side of a port. With kind none all else is empty.
struct HostInterfaceConfig {
    HostInterfaceKind kind{HostInterfaceKind::automatic};
    std::string name; ///< at most max_host_interface_name characters; unique
    std::vector<InterfaceAddress> addresses;
    std::vector<RouteConfig> routes;
};

inline constexpr uint16_t least_mtu = 68; ///< RFC 791: what every link carries whole
inline constexpr uint16_t most_mtu = 9216;

struct PortConfig {
    std::string name;   ///< starts with a letter; unique
    std::string device; ///< DPDK's name of the port: "0000:03:00.0", "net_af_packet0"
    uint16_t vlan{0};   ///< 802.1Q, 1 to max_vlan; 0: the frames without a tag; unique per device
    PortRole role{PortRole::inside};
    uint16_t mtu{0}; ///< bytes of an IP packet, least_mtu to most_mtu; 0: the device's own
    HostInterfaceConfig host_interface;
    std::optional<MacAddr> next_hop_mac; ///< present exactly when host_interface.kind is none
};

/// Who we are to peers with keys.
struct IdentityConfig {
    std::string private_key_file; ///< absolute path; as `sacipctl genkey` writes it
    /// Absolute path; keeps our last epoch, so that each start has a larger one (PROTOCOL §3).
    /// By default default_state_file(private_key_file).
    std::string state_file;
};

/// The state file of an operator who did not choose one: beside the key.
inline std::string default_state_file(std::string_view private_key_file) {
    return std::string{private_key_file} + ".state";
}

enum class OffloadPolicy : uint8_t { automatic, off };

struct ProtocolConfig {
    uint8_t icmp_type{default_notification_icmp_type}; ///< 20, 253 or 254 (PROTOCOL §1)
    uint16_t udp_port{default_notification_udp_port};  ///< host order
};

struct BootConfig {
    GatewayConfig gateway;
    CoresConfig cores;
    LimitsConfig limits;
    std::vector<PortConfig> ports; ///< at least one outside; an inside one unless all hosts are box
    std::optional<IdentityConfig> identity;          ///< present exactly when there are peers
    OffloadPolicy offload{OffloadPolicy::automatic}; ///< `checksum.offload`
    ProtocolConfig protocol;

    /// UDP port of secure notifications; 0 for who has no key: nothing is looked for.
    L4Port notification_port() const { return identity ? L4Port{protocol.udp_port} : L4Port{}; }
    /// True if some port of the device has a VLAN.
    bool has_vlans(std::string_view device) const {
        return std::any_of(ports.begin(), ports.end(), [&](const PortConfig& port) {
            return port.device == device && port.vlan != 0;
        });
    }
    /// Of the ports of the device; 0 if none has one.
    uint16_t largest_mtu(std::string_view device) const {
        uint16_t out = 0;
        for (const PortConfig& port : ports) {
            out = port.device == device ? std::max(out, port.mtu) : out;
        }
        return out;
    }
    /// The position in `ports` of the port so named.
    std::optional<PortId> port_named(std::string_view port_name) const {
        for (size_t i = 0; i < ports.size(); ++i) {
            if (ports[i].name == port_name) {
                return PortId{static_cast<uint8_t>(i)};
            }
        }
        return std::nullopt;
    }
};

} // namespace sacip
