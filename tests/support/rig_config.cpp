// SPDX-License-Identifier: BSD-3-Clause
#include "tests/support/rig_config.hpp"

namespace sacip::test {

IpPrefix prefix(std::string_view text) { return IpPrefix::from_text(text).value(); }

Config small_config(unsigned uplinks) {
    Config c;
    c.gateway.name = "rig";
    c.limits = {64, 32};
    c.ports.resize(1 + uplinks);
    c.ports[0].name = "lan";
    for (unsigned i = 1; i <= uplinks; i++) {
        c.ports[i].name = i == 1 ? "wan" : "wan" + std::to_string(i);
        c.ports[i].role = PortRole::outside;
    }
    return c;
}
HostConfig uplink_host(std::string_view inside, std::string port) {
    return {IpPrefix::host(addr(inside)), std::move(port), {}};
}
HostConfig routed(std::string_view inside, std::string_view outside) {
    return {prefix(inside), prefix(outside), {}};
}
HostConfig box(std::vector<BoxPort> ports) { return {Box{}, "wan", std::move(ports)}; }
BasicPeerConfig peer(std::string_view from, std::vector<IpPrefix> roam_to) {
    return {prefix(from), std::move(roam_to)};
}

} // namespace sacip::test
