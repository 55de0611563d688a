// SPDX-License-Identifier: BSD-3-Clause
//
// Config: everything an operator may choose, as plain typed values.
//
// A Config is made once, before anything starts, and never changes afterwards; whoever holds a
// const reference may read it from any core. It knows no file format: app/yaml fills it and refuses
// what contradicts itself, so a Config from there satisfies every rule written at its members.
// Tests make one by hand and may leave out what they don't need.
//
// Defaults live here and nowhere else (conf/sacip.example.yaml repeats them, checked by a test).
#pragma once

#include "sacip_core/base/units.hpp"
#include "sacip_core/packet/notification_marks.hpp"
#include "sacip_core/wire/secure_message.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace sacip {

using Milliseconds = std::chrono::milliseconds;

/// Limits of the limits: what the tables are built for (a flow record and its key at 2^27 are
/// already tens of gigabytes), not what a given machine can hold.
inline constexpr uint32_t max_flow_capacity = uint32_t{1} << 27;
inline constexpr uint32_t max_path_capacity = uint32_t{1} << 20;
inline constexpr size_t max_host_interface_name = 15;  ///< IFNAMSIZ - 1
inline constexpr uint16_t max_vlan = 4094;             ///< IEEE 802.1Q: 0 and 4095 are reserved
inline constexpr size_t max_control_socket_path = 107; ///< sockaddr_un::sun_path - 1

/// Where the metrics are served: one IPv4 address of the gateway's own Linux and a TCP port.
struct MetricsEndpoint {
    Ipv4Addr address{127, 0, 0, 1};
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

/// After how long without a packet a flow is forgotten (RFC 5382 REQ-5, RFC 4787 REQ-5).
struct TimeoutsConfig {
    Milliseconds tcp_established{std::chrono::seconds{7440}};
    Milliseconds tcp_other{std::chrono::seconds{240}};
    Milliseconds udp{std::chrono::seconds{300}};
    Milliseconds other{std::chrono::seconds{120}};
};

/// Toward the hosts, or toward the network; translation is bound to outside ports.
enum class PortRole : uint8_t { inside, outside };

/// How a port shows up in Linux. automatic: virtio_user where /dev/vhost-net exists, else tap.
enum class HostInterfaceKind : uint8_t { automatic, virtio_user, tap, none };

/// An address with the length of its on-link prefix, as `ip addr add` takes it. Unlike in an
/// Ipv4Prefix the host bits are the point.
struct InterfaceAddress {
    Ipv4Addr address;
    uint8_t length{32}; ///< 1 to 32
    constexpr Ipv4Prefix prefix() const { return {address, length}; }
    bool operator==(const InterfaceAddress&) const = default;
};

struct RouteConfig {
    Ipv4Prefix to; ///< length 0 is the default route
    Ipv4Addr via;  ///< on-link through one of the interface's own addresses
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

/// `inside: box`: the gateway's own sockets.
struct Box {
    bool operator==(const Box&) const = default;
};

/// A service of the box that stays the box's although a host follows the same outside address.
struct BoxPort {
    IpProto protocol{IpProto::tcp}; ///< tcp or udp
    uint16_t port{0};               ///< host order, 1 to 65535
    bool operator==(const BoxPort&) const = default;
};

/// Who is kept reachable, and as what on the wire. Legal pairs:
///   one address -> port name   1:1 with the primary address of that port, follows it
///   prefix -> prefix           equal lengths, 1:1; the same prefix: own addresses on the wire
///   box -> port name           the gateway's own sockets
struct HostConfig {
    std::variant<Ipv4Prefix, Box> inside;
    std::variant<std::string, Ipv4Prefix> outside;
    std::vector<BoxPort> box_ports; ///< only with box

    bool is_box() const { return std::holds_alternative<Box>(inside); }
    /// Nothing for the box.
    const Ipv4Prefix* inside_prefix() const { return std::get_if<Ipv4Prefix>(&inside); }
    /// Nothing unless `outside` names a port.
    const std::string* outside_port() const { return std::get_if<std::string>(&outside); }
    /// Nothing if `outside` names a port.
    const Ipv4Prefix* outside_prefix() const { return std::get_if<Ipv4Prefix>(&outside); }
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

/// When a peer's new address is used (PROTOCOL §3, Validation and amplification).
enum class PathValidation : uint8_t {
    trust_peer, ///< on the authenticated BIND, validated in parallel
    always,     ///< only once the peer has proved that it is reached there
};

/// A speaker of the secure notification.
struct PeerConfig {
    std::string name;                  ///< letters, digits, '.', '_', '-'; at most 64; unique
    PublicKey public_key{};            ///< unique
    std::vector<Ipv4Prefix> addresses; ///< originals it may speak for; not empty; no overlaps
                                       ///< between peers, secure or basic
    std::vector<Ipv4Prefix> roam_to;   ///< where else they may be; may be empty (never moves)
    PathValidation path_validation{PathValidation::trust_peer};
    std::optional<Ipv4Addr> rendezvous; ///< told of every move as well
};

/// Speakers of the paper's unauthenticated message (PROTOCOL §2).
struct BasicPeerConfig {
    Ipv4Prefix prefix;               ///< from where a notification is accepted
    std::vector<Ipv4Prefix> roam_to; ///< the new address must lie in one of these; not empty
};

/// In whose terms the L4 checksum is while a packet is on the wire.
enum class L4Checksum : uint8_t { wire, original };
enum class OffloadPolicy : uint8_t { automatic, off };

struct ChecksumConfig {
    L4Checksum l4{L4Checksum::wire};
    OffloadPolicy offload{OffloadPolicy::automatic};
};

/// The times of a move.
struct MoveConfig {
    Milliseconds settle{20};
    Milliseconds drain{std::chrono::seconds{30}};
    Milliseconds switch_timeout{300};
    Milliseconds shield{300};
};

struct ProtocolConfig {
    uint8_t icmp_type{default_notification_icmp_type}; ///< 20, 253 or 254 (PROTOCOL §1)
    uint16_t udp_port{default_notification_udp_port};  ///< host order
};

struct Config {
    GatewayConfig gateway;
    CoresConfig cores;
    LimitsConfig limits;
    TimeoutsConfig timeouts;
    std::vector<PortConfig> ports; ///< at least one outside; an inside one unless all hosts are box
    std::vector<HostConfig> hosts; ///< empty: everything is routed, nothing tracked or rewritten
    std::optional<IdentityConfig> identity; ///< present exactly when there are peers
    std::vector<PeerConfig> peers;
    std::vector<BasicPeerConfig> basic_peers;
    ChecksumConfig checksum;
    MoveConfig move;
    ProtocolConfig protocol;

    /// UDP port of secure notifications; 0 without peers that have keys: nothing is looked for.
    L4Port notification_port() const {
        return peers.empty() ? L4Port{} : L4Port{protocol.udp_port};
    }
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
