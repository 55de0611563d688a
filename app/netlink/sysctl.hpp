// SPDX-License-Identifier: BSD-3-Clause
//
// Sysctl: per-interface IPv4 settings, /proc/sys/net/ipv4/conf/INTERFACE/.
//
// Never written for `all`: the box may have interfaces that are none of our business. But Linux
// takes the stricter of `all` and the interface's own for rp_filter, hence read_ipv4.
#pragma once

#include "app/netlink/socket.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sacip::netlink {

/// Names under net/ipv4/conf/INTERFACE.
enum class Ipv4Setting : uint8_t {
    forwarding,
    arp_ignore,
    arp_announce,
    rp_filter,
    promote_secondaries,
};

/// Writes one setting in the network namespace of the calling thread. An interface name that could
/// leave its folder is refused (EINVAL).
Result write_ipv4(std::string_view interface, Ipv4Setting setting, int value);
/// Nothing if there is no such interface or setting. `interface` may be "all" or "default".
std::optional<int> read_ipv4(std::string_view interface, Ipv4Setting setting);
/// What the gateway needs of its own interfaces: forwarding 1, arp_ignore 1, arp_announce 2,
/// rp_filter 0, promote_secondaries 1. Stops at the first refusal.
Result prepare_ipv4(std::string_view interface);
/// Writes those of them again that are not so any more; says which: "net.ipv4.conf.wan0.forwarding
/// from 0 to 1". Writing net.ipv4.ip_forward, as `sysctl --system` does, sets all interfaces'.
std::vector<std::string> put_back_ipv4(std::string_view interface);

} // namespace sacip::netlink
