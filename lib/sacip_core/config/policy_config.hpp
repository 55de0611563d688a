// SPDX-License-Identifier: BSD-3-Clause
//
// PolicyConfig: whom we keep reachable, whom we believe, and for how long; as it was written down.
//
// All of it could be different from one turn of the slow path to the next: nothing is made of it
// that can't be made again. `checksum.l4` is policy, too: each path has its own, and a peer is told
// ours whenever we greet it. What the slow path reads is a Policy made of this (policy.hpp).
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/wire/secure_message.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace sacip {

using Milliseconds = std::chrono::milliseconds;

/// After how long without a packet a flow is forgotten (RFC 5382 REQ-5, RFC 4787 REQ-5).
struct TimeoutsConfig {
    Milliseconds tcp_established{std::chrono::seconds{7440}};
    Milliseconds tcp_other{std::chrono::seconds{240}};
    Milliseconds udp{std::chrono::seconds{300}};
    Milliseconds other{std::chrono::seconds{120}};
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
    std::variant<IpPrefix, Box> inside;
    std::variant<std::string, IpPrefix> outside;
    std::vector<BoxPort> box_ports; ///< only with box

    bool is_box() const { return std::holds_alternative<Box>(inside); }
    /// Nothing for the box.
    const IpPrefix* inside_prefix() const { return std::get_if<IpPrefix>(&inside); }
    /// Nothing unless `outside` names a port.
    const std::string* outside_port() const { return std::get_if<std::string>(&outside); }
    /// Nothing if `outside` names a port.
    const IpPrefix* outside_prefix() const { return std::get_if<IpPrefix>(&outside); }
};

/// When a peer's new address is used (PROTOCOL §3, Validation and amplification).
enum class PathValidation : uint8_t {
    trust_peer, ///< on the authenticated BIND, validated in parallel
    always,     ///< only once the peer has proved that it is reached there
};

/// A speaker of the secure notification.
struct PeerConfig {
    std::string name;                ///< letters, digits, '.', '_', '-'; at most 64; unique
    PublicKey public_key{};          ///< unique
    std::vector<IpPrefix> addresses; ///< originals it may speak for; not empty; no overlaps
                                     ///< between peers, secure or basic
    std::vector<IpPrefix> roam_to;   ///< where else they may be; may be empty (never moves)
    PathValidation path_validation{PathValidation::trust_peer};
    std::optional<IpAddr> rendezvous; ///< told of every move as well
};

/// Speakers of the paper's unauthenticated message (PROTOCOL §2).
struct BasicPeerConfig {
    IpPrefix prefix;               ///< from where a notification is accepted
    std::vector<IpPrefix> roam_to; ///< the new address must lie in one of these; not empty
};

/// In whose terms the L4 checksum is while a packet is on the wire.
enum class L4Checksum : uint8_t { wire, original };

struct ChecksumConfig {
    L4Checksum l4{L4Checksum::wire};
};

/// The times of a move.
struct MoveConfig {
    Milliseconds settle{20};
    Milliseconds drain{std::chrono::seconds{30}};
    Milliseconds switch_timeout{300};
    Milliseconds shield{300};
};

struct PolicyConfig {
    TimeoutsConfig timeouts;
    std::vector<HostConfig> hosts; ///< empty: everything is routed, nothing tracked or rewritten
    std::vector<PeerConfig> peers;
    std::vector<BasicPeerConfig> basic_peers;
    ChecksumConfig checksum;
    MoveConfig move;
};

} // namespace sacip
