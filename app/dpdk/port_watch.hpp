// SPDX-License-Identifier: BSD-3-Clause
//
// PortWatch: what devices are asked and told while packets flow: link, losses, Ethernet address.
//
// A driver may ask Linux about each of these (mlx5 by ethtool, af_packet and tap by ioctl), and
// Linux may be long about it, for it has one lock on all its interfaces (RTNL). So one thread that
// may wait does it all, now and then, and the slow path sees what it has found last.
#pragma once

#include "app/dpdk/port.hpp"
#include "sacip_core/base/counters.hpp"
#include "sacip_core/base/spsc_ring.hpp"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sacip {

class PortWatch {
public:
    /// The ports are started, and outlive it. Looks once, and may wait.
    explicit PortWatch(const std::vector<std::unique_ptr<Port>>& ports);

    /// Looks at all ports, and gives them the addresses that were set. The thread that may wait.
    void look();

    // The slow path.

    bool link_up(PortId port) const { return seen_[port.value].up.get() != 0; }
    Port::Losses losses(PortId port) const {
        return {seen_[port.value].missed.get(), seen_[port.value].errors.get()};
    }
    /// For the next look.
    void set_mac(PortId port, const MacAddr& mac);
    /// What an operator should know of a device that does not take its address.
    bool take(std::string& complaint) { return complaints_.pop(complaint); }

private:
    struct Seen {
        Counter up, missed, errors;
    };
    struct NewMac {
        PortId port{no_port};
        MacAddr mac;
    };
    void program(const NewMac& news);

    const std::vector<std::unique_ptr<Port>>& ports_;
    std::array<Seen, max_ports> seen_;
    SpscRing<NewMac> macs_{64};
    SpscRing<std::string> complaints_{64};
};

} // namespace sacip
