// SPDX-License-Identifier: BSD-3-Clause
#include "app/linux/linux_side.hpp"

#include "app/netlink/sysctl.hpp"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

namespace sacip {
namespace {

/// Above any metric that people and daemons use.
constexpr uint32_t fallback_metric = 65'535;

/// Whoever flushes addresses looks again until none is left: we are quick a few times, then slow.
constexpr unsigned put_back_at_once = 4;
constexpr Nanos put_back_every = from_s(1);
constexpr Nanos settings_every = from_s(1);

const std::string label_prefix = "lo:sacip";

/// FNV-1a, of which seven digits fit into a label.
std::string label_of(const std::string& interface) {
    uint32_t hash = 0x811C9DC5;
    for (const char c : interface) {
        hash = (hash ^ static_cast<uint8_t>(c)) * 0x01000193;
    }
    std::array<char, 9> hex{};
    std::snprintf(hex.data(), hex.size(), "%07x", hash >> 4);
    return label_prefix + hex.data();
}

std::vector<std::string> labels_of_all_interfaces() {
    std::vector<std::string> out;
    if (auto* const all = if_nameindex()) {
        for (const auto* i = all; i->if_index != 0; i++) {
            out.push_back(label_of(i->if_name));
        }
        if_freenameindex(all);
    }
    return out;
}

bool rp_filter_is_overruled() {
    return netlink::read_ipv4("all", netlink::Ipv4Setting::rp_filter).value_or(0) != 0;
}

std::string rp_filter_warning(const std::string& whose) {
    return "net.ipv4.conf.all.rp_filter is set, which overrules " + whose +
           " own 0: Linux may drop packets that came by another way; "
           "run: sysctl -w net.ipv4.conf.all.rp_filter=0";
}

std::optional<std::string> said(const netlink::Result& result) {
    return result ? std::optional{result->to_text()} : std::nullopt;
}

bool failed(const netlink::Result& result) { return result && result->error != EEXIST; }

} // namespace

std::optional<std::string> LinuxSide::open() { return said(requests_.open()); }

std::optional<std::string> LinuxSide::set_up(GatewayPort& port, uint8_t number,
                                             const PortConfig& config, bool box,
                                             std::vector<std::string>& warnings) {
    const std::string& name = config.host_interface.name;
    if (const auto refusal = netlink::prepare_ipv4(name)) {
        return said(refusal);
    }
    interfaces_.push_back(name);
    strict_ = rp_filter_is_overruled();
    if (strict_) {
        warnings.push_back(rp_filter_warning(name + "'s"));
    }
    if (const auto refusal = requests_.set_link_up(port.host_interface, true)) {
        return said(refusal);
    }
    for (const InterfaceAddress& a : config.host_interface.addresses) {
        const auto refusal = requests_.add_address({port.host_interface, a.address, a.length});
        if (failed(refusal)) {
            return said(refusal);
        }
    }
    for (const RouteConfig& r : config.host_interface.routes) {
        if (const auto refusal = requests_.replace_route({r.to, r.via, port.host_interface})) {
            return said(refusal);
        }
    }
    if (!box) {
        return std::nullopt;
    }
    label_ = label_.empty() ? label_of(name) : label_;
    if (const auto refusal = requests_.set_link_up(loopback_, true)) {
        return said(refusal);
    }
    const Fallback& fallback = fallbacks_.emplace_back(Fallback{port.host_interface, number});
    port.fallback_gateway = fallback.gateway();
    return add(fallback);
}

std::optional<std::string> LinuxSide::add(const Fallback& fallback) {
    // Under a label of its own: DHCP clients flush all addresses that carry the interface's name.
    netlink::AddressRequest address{fallback.interface, fallback.own(), 32, AddressScope::host};
    address.label = "sacip" + std::to_string(fallback.number);
    if (const auto refusal = requests_.add_address(address); failed(refusal)) {
        return said(refusal);
    }
    if (const auto refusal =
            requests_.set_neighbour(fallback.interface, fallback.gateway(), fallback_mac)) {
        return said(refusal);
    }
    netlink::RouteRequest route;
    route.destination = {{}, 0};
    route.via = fallback.gateway();
    route.interface = fallback.interface;
    route.metric = fallback_metric + fallback.number;
    route.onlink = true;
    return said(requests_.replace_route(route));
}

std::optional<std::string> LinuxSide::sweep(const Config& config) {
    std::vector<netlink::LabelledAddress> found;
    if (const auto refusal = requests_.list_addresses(loopback_, found)) {
        return said(refusal);
    }
    const auto alive = labels_of_all_interfaces();
    for (const netlink::LabelledAddress& a : found) {
        const bool ours = std::ranges::any_of(config.ports, [&](const PortConfig& p) {
            return a.label == label_of(p.host_interface.name);
        });
        const bool orphan = std::ranges::find(alive, a.label) == alive.end();
        if (a.label.starts_with(label_prefix) && (ours || orphan)) {
            requests_.delete_address({loopback_, a.address, a.prefix_length});
        }
    }
    return std::nullopt;
}

void LinuxSide::set_carrier(IfIndex interface, bool carrier) {
    requests_.set_carrier(interface, carrier); // virtio-user may refuse: then it stays as it is
}

void LinuxSide::resolve(NeighbourKey neighbour) {
    requests_.ask_neighbour(neighbour.interface, neighbour.address);
}

void LinuxSide::keep_shadow(Ipv4Addr address) {
    netlink::AddressRequest request{loopback_, address, 32};
    request.label = label_;
    requests_.add_address(request);
    shadows_.insert(address);
}

void LinuxSide::drop_shadow(Ipv4Addr address) {
    netlink::AddressRequest request{loopback_, address, 32};
    request.label = label_; // and not one that the operator has put there
    requests_.delete_address(request);
    shadows_.erase(address);
}

std::vector<std::string> LinuxSide::look_after(const KernelState& host, Nanos now) {
    std::vector<std::string> out;
    if (now >= refilled_ + put_back_every) {
        refilled_ = now;
        may_put_back_ = put_back_at_once;
    }
    bool put_back = false;
    for (const Fallback& fallback : fallbacks_) {
        if (may_put_back_ > 0 && !is_whole(fallback, host)) {
            put_back = true;
            if (const auto refusal = add(fallback)) {
                out.push_back("the box's last-resort route can't be put back: " + *refusal);
            }
        }
    }
    look_at_masters(host, out);
    put_back |= may_put_back_ > 0 && put_shadows_back(host);
    if (put_back) {
        may_put_back_--;
        out.push_back("somebody removed addresses or routes that the box's own sockets need "
                      "(labels sacip*, lo:sacip*); they are put back");
    }
    if (now >= next_settings_) {
        next_settings_ = now + settings_every;
        look_after_settings(out);
    }
    return out;
}

/// True, too, while the interface is down: nothing can be done then.
bool LinuxSide::is_whole(const Fallback& fallback, const KernelState& host) {
    const LinkInfo* const link = host.link(fallback.interface);
    if (link == nullptr || !link->up) {
        return true;
    }
    const auto is_ours = [&](const RouteInfo& r) {
        return r.via == fallback.gateway() && r.interface == fallback.interface;
    };
    const auto addresses = host.addresses(fallback.interface);
    const NeighbourInfo* const neighbour = host.neighbour(fallback.interface, fallback.gateway());
    return std::ranges::find(addresses, fallback.own(), &AddressInfo::address) != addresses.end() &&
           std::ranges::any_of(host.routes_to({}), is_ours) && neighbour != nullptr &&
           neighbour->mac == fallback_mac;
}

/// One that `host` does not know of yet is there already, and not counted.
bool LinuxSide::put_shadows_back(const KernelState& host) {
    bool any = false;
    const auto present = host.addresses(loopback_);
    for (const Ipv4Addr shadow : shadows_) {
        if (std::ranges::find(present, shadow, &AddressInfo::address) == present.end()) {
            netlink::AddressRequest request{loopback_, shadow, 32};
            request.label = label_;
            any |= !requests_.add_address(request);
        }
    }
    return any;
}

/// Its addresses and routes are the master's then, or in a table of a VRF's own.
void LinuxSide::look_at_masters(const KernelState& host, std::vector<std::string>& out) {
    for (const std::string& name : interfaces_) {
        const LinkInfo* const link = host.link(name);
        const IfIndex master = link == nullptr ? IfIndex{} : link->master;
        if (std::exchange(masters_[name], master) != master && master != IfIndex{}) {
            const LinkInfo* const by = host.link(master);
            const std::string whose = by == nullptr ? "another interface" : by->name;
            out.push_back(name + " is enslaved to " + whose + ": what is routed to " + whose +
                          " passes through Linux, and an address there stands for no host; to undo "
                          "it: ip link set " +
                          name + " nomaster");
        }
    }
}

void LinuxSide::look_after_settings(std::vector<std::string>& out) {
    for (const std::string& interface : interfaces_) {
        for (const std::string& what : netlink::put_back_ipv4(interface)) {
            out.push_back("somebody changed a setting that a port needs; it is put back: " + what);
        }
    }
    if (strict_ != rp_filter_is_overruled()) {
        strict_ = !strict_;
        if (strict_) {
            out.push_back(rp_filter_warning("our interfaces'"));
        }
    }
}

} // namespace sacip
