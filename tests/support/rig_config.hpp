// SPDX-License-Identifier: BSD-3-Clause
//
// RigConfig: configurations in few words, for gateways in memory.
//
//   Config c = small_config();
//   c.hosts = {uplink_host("10.1.0.10"), routed("10.9.0.0/24", "10.9.0.0/24"), box()};
//   c.basic_peers = {peer("10.9.0.0/24", {prefix("10.0.0.0/8")})};
//
// For tests only: texts that are no prefixes throw.
#pragma once

#include "sacip_core/config/config.hpp"
#include "tests/support/packet_builder.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace sacip::test {

using Lines = std::vector<std::string>;

IpPrefix prefix(std::string_view text);

inline constexpr PortId lan{0};
inline constexpr PortId wan{1};
inline constexpr PortId wan2{2}; ///< only with small_config(2)
inline constexpr IfIndex loopback{1};

/// Ports lan and wan (and wan2), small tables, the rest as by default.
Config small_config(unsigned uplinks = 1);
HostConfig uplink_host(std::string_view inside, std::string port = "wan");
HostConfig routed(std::string_view inside, std::string_view outside);
HostConfig box(std::vector<BoxPort> ports = {});
BasicPeerConfig peer(std::string_view from, std::vector<IpPrefix> roam_to);

} // namespace sacip::test
