// SPDX-License-Identifier: BSD-3-Clause
#include "sacip_core/mobility/host_mapping.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sacip {
namespace {

constexpr std::ptrdiff_t most_left = 1024; ///< addresses that packets may still come to

} // namespace

std::string_view to_text(Way way) {
    switch (way) {
    case Way::routed:
        return "routed";
    case Way::uplink:
        return "uplink";
    case Way::box:
        break;
    }
    return "box";
}

HostMappings::HostMappings(const BootConfig& boot, const CurrentPolicy& policy, uint64_t secret)
    : boot_{boot}, policy_{policy}, by_inside_{secret}, by_wire_{secret} {
    take_policy();
}

/// Makes the mappings that are new in the policy.
void HostMappings::take_policy() {
    for (const auto& [id, host] : policy_->hosts) {
        if (!all_.has(id)) {
            add(host);
        }
    }
}

void HostMappings::add(const HostConfig& host) {
    generation_++;
    const MappingId id = all_.next();
    HostMapping& mapping = all_.add();
    if (const auto* port = host.outside_port()) {
        mapping.port = boot_.port_named(*port).value_or(no_port);
        mapping.way = host.is_box() ? Way::box : Way::uplink;
    } else {
        set_wire(id, *host.outside_prefix());
    }
    if (const auto* inside = host.inside_prefix()) {
        mapping.inside = *inside;
    }
    mapping.box_ports = host.box_ports;
    if (mapping.way == Way::box) {
        boxes_.push_back(id);
    } else {
        by_inside_[mapping.inside] = id;
        starts_.insert(mapping.inside.address());
    }
}

std::optional<MappingId> HostMappings::of_host(IpAddr host) const {
    const MappingId* found = by_inside_.longest(host);
    return found == nullptr ? std::nullopt : std::optional{*found};
}

std::optional<MappingId> HostMappings::of_box(PortId port) const {
    const auto found =
        std::ranges::find_if(boxes_, [&](MappingId id) { return all_[id].port == port; });
    return found == boxes_.end() ? std::nullopt : std::optional{*found};
}

std::optional<MappingId> HostMappings::of_wire(IpAddr wire) const {
    std::optional<MappingId> out;
    by_wire_.visit_around(wire, [&](const IpPrefix&, const Sharers& sharers) {
        const auto found = std::ranges::find_if(
            sharers, [&](MappingId id) { return all_[id].way != Way::box && all_[id].wire; });
        out = found == sharers.end() ? std::nullopt : std::optional{*found};
        return out.has_value();
    });
    return out;
}

std::optional<MappingId> HostMappings::of_left_wire(IpAddr wire, Nanos now) const {
    const auto found = std::ranges::find_if(
        left_, [&](const Left& l) { return l.until > now && l.wire.contains(wire); });
    return found == left_.end() ? std::nullopt : std::optional{found->id};
}

bool HostMappings::has_left(MappingId id, IpAddr wire, Nanos now) const {
    return std::ranges::any_of(
        left_, [&](const Left& l) { return l.id == id && l.until > now && l.wire.contains(wire); });
}

std::vector<MappingId> HostMappings::around_wire(IpAddr wire) const {
    std::vector<MappingId> out;
    by_wire_.visit_around(wire, [&](const IpPrefix&, const Sharers& sharers) {
        std::ranges::copy_if(sharers, std::back_inserter(out),
                             [&](MappingId id) { return all_[id].wire.has_value(); });
        return false;
    });
    return out;
}

bool HostMappings::is_own_wire(IpAddr address) const {
    return by_wire_.visit_around(address, [&](const IpPrefix&, const Sharers& sharers) {
        return std::ranges::any_of(sharers,
                                   [&](MappingId id) { return all_[id].wire.has_value(); });
    });
}

bool HostMappings::overlaps(const IpPrefix& prefix) const {
    if (is_own_wire(prefix.address()) || of_host(prefix.address())) {
        return true;
    }
    // One that is not around all of it begins in it.
    const auto first = starts_.lower_bound(prefix.address());
    return first != starts_.end() && prefix.contains(*first);
}

std::optional<IpAddr> HostMappings::wire_of(MappingId id, IpAddr host) const {
    const auto& wire = all_[id].wire;
    return wire ? std::optional{wire->with_host_part_of(host)} : std::nullopt;
}

IpAddr HostMappings::host_of(MappingId id, IpAddr wire) const {
    return all_[id].inside.with_host_part_of(wire);
}

// ---- who is where

HostMappings::Sharers HostMappings::at_wire(const IpPrefix& wire) const {
    const Sharers* found = by_wire_.find(wire);
    return found == nullptr ? Sharers{} : *found;
}

/// Without one it is still found by the one that was lost.
void HostMappings::set_wire(MappingId id, std::optional<IpPrefix> wire) {
    HostMapping& mapping = at(id);
    generation_++;
    if (mapping.wire) {
        starts_.erase(starts_.find(mapping.wire->address()));
    }
    if (wire) {
        starts_.insert(wire->address());
    }
    if (!wire) {
        mapping.lost = std::exchange(mapping.wire, std::nullopt);
        return;
    }
    if (const auto& last = mapping.last_wire()) {
        Sharers& sharers = by_wire_[*last];
        std::erase(sharers, id);
        if (sharers.empty()) {
            by_wire_.erase(*last);
        }
    }
    mapping.wire = wire;
    Sharers& sharers = by_wire_[*wire];
    sharers.insert(std::ranges::upper_bound(sharers, id), id);
}

void HostMappings::move(const IpPrefix& from, const IpPrefix& to, Nanos now, Nanos until) {
    // They are in order, for all drain as long. A look at them stays short however often we move.
    const auto over =
        std::ranges::partition_point(left_, [&](const Left& l) { return l.until <= now; });
    const auto oldest = left_.end() - std::min(left_.end() - over, most_left);
    if (2 * (oldest - left_.begin()) > std::ssize(left_)) {
        left_.erase(left_.begin(), oldest);
    }
    for (const MappingId id : at_wire(from)) {
        set_wire(id, to);
        left_.push_back({id, from, until});
    }
}

void HostMappings::lose(const IpPrefix& wire) {
    for (const MappingId id : at_wire(wire)) {
        if (all_[id].wire && all_[id].port != no_port) {
            set_wire(id, std::nullopt);
        }
    }
}

bool HostMappings::give(PortId port, IpAddr address) {
    bool any = false;
    for (MappingId id{}; all_.has(id); id.value++) {
        if (at(id).port == port && !at(id).wire) {
            set_wire(id, IpPrefix::host(address));
            any = true;
        }
    }
    return any;
}

void HostMappings::follow(const IpPrefix& wire, PortId port) {
    for (const MappingId id : at_wire(wire)) {
        if (at(id).wire && at(id).way == Way::uplink) {
            at(id).port = port;
        }
    }
}

void HostMappings::set_home(MappingId id, std::optional<PortId> home) {
    std::erase(away_, id);
    at(id).left_port = home;
    if (home) {
        away_.push_back(id);
    }
}

} // namespace sacip
