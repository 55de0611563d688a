// SPDX-License-Identifier: BSD-3-Clause
//
// What the log says of each port at the start.
#include "app/appliance.hpp"

namespace sacip {

std::vector<std::string> Appliance::ports_text() const {
    const auto which = [](bool ipv4, bool l4) -> std::string {
        return ipv4 ? (l4 ? "IPv4, TCP and UDP" : "IPv4") : (l4 ? "TCP and UDP" : "none");
    };
    std::vector<std::string> out;
    const auto by = [](bool hardware) { return hardware ? "hardware" : "software"; };
    for (const auto& port : ports_) {
        const PortOffloads::Set& set = port->offloads().in_use;
        std::string& line = out.emplace_back();
        line = "port " + port->name() + " (" + port->driver() +
               (port->vlan() == 0 ? "" : ", VLAN " + std::to_string(port->vlan())) + "): MTU " +
               std::to_string(port->mtu()) + ", checksums in hardware: checked " +
               which(set.rx_ipv4, set.rx_l4) + ", filled in " + which(set.tx_ipv4, set.tx_l4);
        if (port->vlans() != nullptr) {
            line += std::string{"; VLAN tags: taken off in "} + by(set.rx_vlan) + ", put on in " +
                    by(set.tx_vlan);
        }
    }
    return out;
}

} // namespace sacip
