// SPDX-License-Identifier: BSD-3-Clause
#include "app/dpdk/port_watch.hpp"

namespace sacip {

PortWatch::PortWatch(const std::vector<std::unique_ptr<Port>>& ports) : ports_{ports} { look(); }

void PortWatch::look() {
    for (NewMac news; macs_.pop(news);) {
        program(news);
    }
    for (size_t i = 0; i < ports_.size(); i++) {
        const Port::Losses losses = ports_[i]->losses();
        seen_[i].missed.set(losses.missed);
        seen_[i].errors.set(losses.errors);
        seen_[i].up.set(ports_[i]->link_up() ? 1 : 0);
    }
}

void PortWatch::program(const NewMac& news) {
    Port& port = *ports_[news.port.value];
    if (const auto why = port.program_mac(news.mac)) {
        complaints_.push("port " + port.name() + ": " + news.mac.to_text() + ": " + *why);
    }
}

void PortWatch::set_mac(PortId port, const MacAddr& mac) {
    ports_[port.value]->take_mac(mac);
    macs_.push({port, mac}); // who changes it 64 times while Linux is silent has to do it again
}

} // namespace sacip
