// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/mac_follower.hpp"

namespace sacip {
namespace {

/// As long as caches last that no announcement has reached.
constexpr Nanos accept_former = from_s(60);

} // namespace

MacFollower::MacFollower(std::vector<GatewayPort>& ports, PortWatch& devices,
                         StationTable& stations)
    : ports_{ports}, devices_{devices}, stations_{stations}, former_until_(ports.size()) {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        stations_.set({i}, ports_[i].mac, ports_[i].former_mac);
    }
}

std::vector<MacFollower::Change> MacFollower::follow(const KernelState& host, Nanos now) {
    std::vector<Change> out;
    for (uint8_t i = 0; i < ports_.size(); i++) {
        GatewayPort& port = ports_[i];
        const LinkInfo* const link =
            port.host_interface.value == 0 ? nullptr : host.link(port.host_interface);
        if (link == nullptr || link->mac == port.mac || link->mac.is_zero()) {
            continue;
        }
        std::string text = "port " + port.name + ": " + port.mac.to_text() + " > " +
                           link->mac.to_text() + ", as " + link->name + " has it";
        devices_.set_mac({i}, link->mac);
        port.former_mac = port.mac;
        port.mac = link->mac;
        former_until_[i] = now + accept_former;
        stations_.set({i}, port.mac, port.former_mac);
        out.push_back({{i}, std::move(text)});
    }
    return out;
}

void MacFollower::tick(Nanos now) {
    for (uint8_t i = 0; i < ports_.size(); i++) {
        if (!ports_[i].former_mac.is_zero() && former_until_[i] <= now) {
            ports_[i].former_mac = {};
            stations_.set({i}, ports_[i].mac, {});
        }
    }
}

} // namespace sacip
