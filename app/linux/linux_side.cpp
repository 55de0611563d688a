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

/// Whoever flushes addresses looks again until none is left: we are quick a few times, then slow.
constexpr unsigned put_back_at_once = 4;
constexpr Nanos put_back_every = from_s(1);
/// Linux, when nobody has RTNL, answers in a hundredth of it.
constexpr Nanos patience = from_ms(10);
constexpr size_t most_resolving = 64;
/// An end that takes longer has a reason that an operator should know.
constexpr Nanos prompt_end = from_s(1);

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

std::optional<std::string> said(const netlink::Result& result) {
    return result ? std::optional{result->to_text()} : std::nullopt;
}

bool failed(const netlink::Result& result) { return result && result->error != EEXIST; }

} // namespace

std::optional<std::string> LinuxSide::open() {
    probe_.open();
    return said(asker_.open());
}

std::optional<std::string> LinuxSide::set_up(GatewayPort& port, uint8_t number,
                                             const PortConfig& config, bool box,
                                             std::vector<std::string>& warnings) {
    const std::string& name = config.host_interface.name;
    if (const auto refusal = netlink::prepare_ipv4(name)) {
        return said(refusal);
    }
    interfaces_.push_back(name);
    std::ranges::move(asker_.settings().add(name), std::back_inserter(warnings));
    netlink::Requests& requests = asker_.requests();
    if (const auto refusal = requests.set_link_up(port.host_interface, true)) {
        return said(refusal);
    }
    for (const InterfaceAddress& a : config.host_interface.addresses) {
        const auto refusal = requests.add_address({port.host_interface, a.address, a.length});
        if (failed(refusal)) {
            return said(refusal);
        }
    }
    for (const RouteConfig& r : config.host_interface.routes) {
        if (const auto refusal = requests.replace_route({r.to, r.via, port.host_interface})) {
            return said(refusal);
        }
    }
    if (!box) {
        return std::nullopt;
    }
    label_ = label_.empty() ? label_of(name) : label_;
    if (const auto refusal = requests.set_link_up(loopback_, true)) {
        return said(refusal);
    }
    const Fallback& fallback = fallbacks_.emplace_back(Fallback{port.host_interface, number});
    port.fallback_gateway = fallback.gateway();
    return said(fallback.make(requests));
}

std::optional<std::string> LinuxSide::sweep(const BootConfig& boot) {
    std::vector<netlink::LabelledAddress> found;
    if (const auto refusal = asker_.requests().list_addresses(loopback_, found)) {
        return said(refusal);
    }
    const auto alive = labels_of_all_interfaces();
    for (const netlink::LabelledAddress& a : found) {
        const bool ours = std::ranges::any_of(boot.ports, [&](const PortConfig& p) {
            return a.label == label_of(p.host_interface.name);
        });
        const bool orphan = std::ranges::find(alive, a.label) == alive.end();
        if (a.label.starts_with(label_prefix) && (ours || orphan)) {
            asker_.requests().delete_address({loopback_, a.address, a.prefix_length});
        }
    }
    return std::nullopt;
}

std::optional<std::string> LinuxSide::start(KernelState& host, const std::optional<cpu_set_t>& cpus,
                                            std::function<void()> chores) {
    if (const auto refusal = listener_.start(host, cpus)) {
        return said(refusal);
    }
    asker_.start(cpus, listener_.wake_up(), std::move(chores));
    return std::nullopt;
}

bool LinuxSide::follow(KernelState& host) {
    const LinuxListener::Taken taken = listener_.take(host);
    putting_back_ = putting_back_ && !taken.put_back;
    if (!resolving_.empty()) {
        probe_neighbours();
    }
    return taken.changed;
}

bool LinuxSide::set_carrier(IfIndex interface, bool carrier) {
    return asker_.ask(SetCarrier{interface, carrier});
}

void LinuxSide::resolve(NeighbourKey neighbour) {
    if (resolving_.size() < most_resolving) {
        resolving_.push_back(neighbour);
    }
    // Whoever needs it asks again.
    resolves_dropped_ += asker_.ask(ResolveNeighbour{neighbour}) ? 0 : 1;
}

void LinuxSide::probe_neighbours() {
    const Nanos waiting = asker_.waiting();
    if (waiting > patience) {
        for (const NeighbourKey& neighbour : resolving_) {
            probe_.send(neighbour, monotonic_now());
        }
    }
    if (waiting == Nanos{} || waiting > patience) {
        resolving_.clear();
    }
}

void LinuxSide::keep_shadow(IpAddr address) {
    shadows_.insert(address);
    untold_[address] = true;
    ask_for_shadows();
}

void LinuxSide::drop_shadow(IpAddr address) {
    shadows_.erase(address);
    untold_[address] = false;
    ask_for_shadows();
}

netlink::AddressRequest LinuxSide::shadow(IpAddr address) const {
    netlink::AddressRequest out{loopback_, address, 32};
    out.label = label_; // so that none is taken away that the operator has put there
    return out;
}

void LinuxSide::ask_for_shadows() {
    while (!untold_.empty()) {
        const auto& [address, wanted] = *untold_.begin();
        if (!asker_.ask(SetShadow{shadow(address), wanted})) {
            return; // look_after comes back to it
        }
        untold_.erase(untold_.begin());
    }
}

std::vector<std::string> LinuxSide::look_after(const KernelState& host, Nanos now) {
    std::vector<std::string> out;
    if (now >= refilled_ + put_back_every) {
        refilled_ = now;
        may_put_back_ = put_back_at_once;
    }
    ask_for_shadows();
    if (may_put_back_ > 0 && !putting_back_ && untold_.empty()) {
        put_back(host);
    }
    look_at_masters(host, out);
    for (std::string warning; asker_.take(warning);) {
        out.push_back(std::move(warning));
    }
    return out;
}

/// What `host` does not show. A shadow that it does not know of yet is among it, and does no harm.
void LinuxSide::put_back(const KernelState& host) {
    PutBack missing;
    for (const Fallback& fallback : fallbacks_) {
        if (!fallback.is_whole(host)) {
            missing.fallbacks.push_back(fallback);
        }
    }
    const auto present = host.addresses(loopback_);
    for (const IpAddr address : shadows_) {
        if (std::ranges::find(present, address, &AddressInfo::address) == present.end()) {
            missing.shadows.push_back(shadow(address));
        }
    }
    if (missing.fallbacks.empty() && missing.shadows.empty()) {
        return;
    }
    putting_back_ = asker_.ask(std::move(missing));
    may_put_back_ -= putting_back_ ? 1 : 0;
}

void LinuxSide::stop(const std::function<void()>& say_why) {
    const auto pause = std::chrono::milliseconds{1};
    const Nanos begun = monotonic_now();
    bool said_why = false;
    const auto wait = [&] {
        std::this_thread::sleep_for(pause);
        if (!said_why && monotonic_now() > begun + prompt_end) {
            said_why = true;
            say_why();
        }
    };
    while (!asker_.stopped() && !untold_.empty()) {
        ask_for_shadows();
        wait();
    }
    asker_.begin_stop();
    while (!asker_.stopped()) {
        wait();
    }
    asker_.stop();
    listener_.stop();
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

} // namespace sacip
