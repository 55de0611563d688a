// SPDX-License-Identifier: BSD-3-Clause
//
// Uplinks against random lives of one or two interfaces: leases by the sequences of DHCP clients,
// aliases, link-local addresses, point-to-point pairs, default routes that come, go and change.
// After each look at Linux's tables the hosts stand behind what Linux would use as source, or are
// held, and never behind an alias that Linux does not take itself; where one address leads out,
// they are not held for long.
//
// The oracle is Linux's own rule (fib_select_default, inet_select_addr) on the tables, written down
// here once more and without a memory of what was.
#include "sacip_core/kernel/uplink.hpp"
#include "tests/property/property.hpp"
#include "tests/support/linux_tables.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace sacip::test {
namespace {

using Lines = std::vector<std::string>;

/// What a provider gives: an address, and the way that leads out from there.
struct Lease {
    std::string address;
    std::string wide; ///< with the length that udhcpc sets first
    std::string way;
};

const std::vector<Lease> leases{
    {"10.5.0.1/24", "10.5.0.1/8", "default via 10.5.0.254"},
    {"10.5.0.7/24", "10.5.0.7/8", "default via 10.5.0.254"},
    {"10.6.0.1/24", "10.6.0.1/8", "default via 10.6.0.254"},
    {"172.20.0.9/22", "172.20.0.9/16", "default via 172.20.3.254"},
    {"203.0.113.7/32", "203.0.113.7/24", "default via 10.99.0.1 onlink"},
    {"203.0.113.9/32", "203.0.113.9/24", "default via 10.99.0.1 onlink"},
    {"10.64.0.5/32 peer 10.64.0.1", "10.64.0.5/32 peer 10.64.0.1", "default via 10.64.0.1"},
};
const Lines aliases{"192.168.100.2/24", "192.168.1.10/24", "192.168.8.2/32 peer 192.168.8.1",
                    "169.254.7.7/16 link", "169.254.1.2/32 host"};

bool is_alias(IpAddr address) {
    return std::ranges::any_of(
        aliases, [&](const std::string& a) { return a.starts_with(address.to_text() + "/"); });
}

/// One interface, its uplink and the flows that began when it had its first lease.
class Life {
public:
    Life(LinuxTables& linux, IfIndex interface, bool burst_is_split, Random& random)
        : linux_{linux}, interface_{interface}, split_{burst_is_split}, random_{random} {}

    void step() {
        switch (random_.below(10)) {
        case 0:
        case 1:
            dhclient();
            break;
        case 2:
            udhcpc();
            break;
        case 3:
            make_before_break();
            break;
        case 4:
        case 5:
            add_or_remove_an_alias();
            break;
        case 6:
            lose_it();
            break;
        case 7:
            give_up_gradually();
            break;
        case 8:
            change_routes();
            break;
        default:
            wait(random_.below(20'000));
        }
        look();
    }
    /// The one that leads out, if it is there for good.
    void settle() {
        look();
        wait(60);
        const auto source = linux_source();
        if (source && is_lease_here(*source) && flows_) {
            EXPECT_FALSE(held()) << at();
        }
    }

private:
    // ---- what people and their programs do
    void dhclient() { // NAK or a lease that ended: gone, a pause, the new one, its route last
        take_lease_away();
        wait(random_.one_in(2) ? random_.below(100) : random_.below(15'000));
        lease_ = &leases[random_.below(static_cast<uint32_t>(leases.size()))];
        tell("+" + lease_->address);
        wait(random_.one_in(3) ? random_.below(3000) : 0);
        tell("=" + lease_->way);
    }
    void udhcpc() { // deconfig; the class's mask first, then the real one; routes removed by hand
        tell("-default");
        take_lease_away();
        wait(3100);
        lease_ = &leases[random_.below(static_cast<uint32_t>(leases.size()))];
        if (lease_->wide != lease_->address) {
            tell("+" + lease_->wide);
            tell("-" + lease_->wide);
        }
        tell("+" + lease_->address);
        tell("-default");
        tell("+" + lease_->way);
    }
    void make_before_break() { // the paper's, and networkd's
        const Lease* const next = &leases[random_.below(static_cast<uint32_t>(leases.size()))];
        if (next == lease_ || lease_ == nullptr) {
            return;
        }
        const bool neighbours = lease_->way == next->way && lease_->address.ends_with("/24");
        tell("+" + next->address + (neighbours ? " secondary" : ""));
        const bool route_first = random_.one_in(2);
        if (route_first) {
            tell("=" + next->way);
        }
        const std::string old = lease_->address;
        lease_ = next;
        tell("-" + old);
        if (neighbours) {
            tell("+" + next->address); // promoted
        }
        if (!route_first) {
            wait(random_.below(50));
            tell("=" + next->way);
        }
    }
    void add_or_remove_an_alias() {
        const std::string& alias = aliases[random_.below(static_cast<uint32_t>(aliases.size()))];
        tell((random_.one_in(3) ? "-" : "+") + alias);
    }
    void lose_it() {
        if (random_.one_in(3)) {
            tell("-default");
        }
        take_lease_away();
        wait(random_.below(30'000));
    }
    void give_up_gradually() { // lifetimes
        if (lease_ != nullptr) {
            tell("+" + lease_->address + " deprecated");
            wait(random_.below(2000));
            if (random_.one_in(2)) {
                tell("+" + lease_->address);
            } else {
                take_lease_away();
            }
        }
    }
    void change_routes() {
        if (random_.one_in(3)) {
            tell("-default");
            wait(random_.below(3000));
        }
        if (lease_ != nullptr) {
            tell("=" + lease_->way);
        }
    }
    void take_lease_away() {
        if (lease_ != nullptr) {
            tell("-" + lease_->address);
            lease_ = nullptr;
        }
    }

    // ---- telling, looking, waiting
    void tell(std::string message) {
        if (message.find(" via ") != std::string::npos) { // else it would replace the other's
            message += " metric " + std::to_string(interface_.value);
        }
        told_ += "\n  " + message;
        linux_.take(message, interface_);
        if (split_ || random_.one_in(4)) {
            look();
        }
    }
    void look() {
        told_ += " .";
        const KernelState& host = linux_.state();
        carry_out(uplink_.observe(host.addresses(interface_),
                                  ways_out(host, interface_, {169, 254, 1, 1}), {}, now_));
        check();
    }
    void wait(uint32_t ms) {
        if (ms == 0) {
            return;
        }
        look();
        told_ += "\n  wait " + std::to_string(ms);
        const Nanos end = now_ + from_ms(ms);
        while (const auto due = uplink_.next_deadline()) {
            if (*due > end) {
                break;
            }
            now_ = std::max(now_, *due);
            carry_out(uplink_.tick(now_));
            check();
        }
        now_ = end;
    }
    void carry_out(const std::vector<UplinkEffect>& effects) {
        for (const UplinkEffect& effect : effects) {
            const auto* const moved = std::get_if<AddressMoved>(&effect);
            if (moved != nullptr && flows_ == moved->from) {
                flows_ = moved->to;
                told_ += "  [flows at " + at() + "]";
            }
        }
        const auto primary = uplink_.primary();
        if (!flows_ && primary && !is_alias(*primary)) {
            flows_ = primary;
        }
    }

    // ---- what must be so
    void check() {
        const auto source = linux_source();
        taken_ = source ? source : taken_;
        if (flows_ && is_present(*flows_)) {
            EXPECT_TRUE(!is_alias(*flows_) || flows_ == taken_) << at() << told_;
        }
        const auto primary = uplink_.primary();
        const bool led_out_once = flows_.has_value();
        if (primary && led_out_once) {
            EXPECT_TRUE(!is_alias(*primary) || primary == taken_) << primary->to_text() << told_;
        }
        if (source && is_lease_here(*source) && flows_ && is_present(*flows_) &&
            !deprecated(*flows_)) {
            const bool same = *flows_ == *source || is_in_gateways_subnet(*flows_) ||
                              (is_host(*flows_) && is_host(*source));
            EXPECT_TRUE(same) << at() << ", Linux " << source->to_text() << told_;
        }
    }
    std::span<const AddressInfo> addresses() const { return linux_.state().addresses(interface_); }
    /// Linux's choice for what takes the default route; nothing if it has none that works.
    std::optional<IpAddr> linux_source() const {
        for (const RouteInfo& r : linux_.state().routes_to({})) {
            if (r.interface != interface_) {
                continue;
            }
            if (!r.preferred_source.is_unspecified()) {
                return r.preferred_source;
            }
            const AddressInfo* first = nullptr;
            for (const AddressInfo& a : addresses()) {
                if (a.secondary || a.scope != AddressScope::global) {
                    continue;
                }
                if (a.subnet().contains(r.via)) {
                    return a.address;
                }
                first = first == nullptr ? &a : first;
            }
            if (first != nullptr) {
                return first->address;
            }
        }
        return std::nullopt;
    }
    bool any(auto&& what) const { return std::ranges::any_of(addresses(), what); }
    bool is_present(IpAddr address) const {
        return any([&](const AddressInfo& a) { return a.address == address; });
    }
    bool is_host(IpAddr address) const {
        return any([&](const AddressInfo& a) {
            return a.address == address && a.prefix_length == 32 && a.peer.is_unspecified();
        });
    }
    bool deprecated(IpAddr address) const {
        return any([&](const AddressInfo& a) { return a.address == address && a.deprecated; });
    }
    bool is_lease_here(IpAddr address) const {
        return is_present(address) && !is_alias(address) && !deprecated(address);
    }
    bool is_in_gateways_subnet(IpAddr address) const {
        return std::ranges::any_of(linux_.state().routes_to({}), [&](const RouteInfo& r) {
            return r.interface == interface_ && any([&](const AddressInfo& a) {
                       return a.address == address && a.subnet().contains(r.via);
                   });
        });
    }
    bool held() const { return !flows_ || !is_present(*flows_); }
    std::string at() const { return flows_ ? flows_->to_text() : "nowhere"; }

    LinuxTables& linux_;
    IfIndex interface_;
    bool split_;
    Random& random_;
    Uplink uplink_{UplinkRules{}};
    Nanos now_{from_s(1)};
    const Lease* lease_{nullptr};
    std::optional<IpAddr> flows_;
    std::optional<IpAddr> taken_; ///< what Linux took last; it may be an alias, if that is alone
    std::string told_;
};

TEST(UplinkProperty, HostsStandBehindWhatLinuxWouldUseOrAreHeld) {
    for_all(3000, [](Random& random) {
        LinuxTables linux;
        const bool split = random.one_in(2);
        std::vector<Life> lives;
        lives.emplace_back(linux, IfIndex{7}, split, random);
        if (random.one_in(2)) {
            lives.emplace_back(linux, IfIndex{8}, split, random);
        }
        for (int step = 0; step < 24 && !testing::Test::HasFailure(); step++) {
            Life& life = lives[random.below(static_cast<uint32_t>(lives.size()))];
            life.step();
            life.settle();
        }
    });
}

} // namespace
} // namespace sacip::test
