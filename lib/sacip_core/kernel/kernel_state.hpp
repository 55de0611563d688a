// SPDX-License-Identifier: BSD-3-Clause
//
// KernelState: our mirror of what Linux knows - links, IPv4 addresses, routes and rules,
// neighbours.
//
// Linux is the control plane; the gateway only follows. The mirror is fed by two kinds
// of news: single events (upsert, add, remove) and whole dumps (begin_dump, the same calls, then
// end_dump, which takes away whatever the dump did not name). Dumps are needed because Linux drops
// routes without a word when the last address of an interface goes or a link is set down.
// Each table has a generation that grows only when something really changed, so that the slow path
// knows what to look at again and a repeated dump costs it nothing.
//
// Owned and called by the slow path only; no I/O, no clock.
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/kernel/fib.hpp"

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace sacip {

/// A network interface.
struct LinkInfo {
    IfIndex index{};
    std::string name{};
    MacAddr mac{};       ///< zero where the link has no Ethernet address
    bool up{false};      ///< administratively up (IFF_UP)
    bool carrier{false}; ///< the lower layer is up (IFF_LOWER_UP)
    IfIndex master{};    ///< the bridge, bond or VRF that it is a port of; 0: none
    bool operator==(const LinkInfo&) const = default;
};

enum class AddressScope : uint8_t { global, link, host, other };

/// An address of an interface. Linux knows it by (interface, address, prefix length, peer).
struct AddressInfo {
    IfIndex interface {};
    IpAddr address{};
    uint8_t prefix_length{32};
    bool secondary{false};  ///< IFA_F_SECONDARY: another address of its subnet came first
    bool deprecated{false}; ///< IFA_F_DEPRECATED: preferred lifetime is over
    AddressScope scope{AddressScope::global};
    /// Order of appearance, growing; given by KernelState, ignored by upsert().
    uint64_t order{0};
    /// The other end of a point-to-point pair, whose subnet the prefix length then is of;
    /// unspecified otherwise.
    IpAddr peer{};
    /// What is on-link by this address.
    IpPrefix subnet() const { return {peer.is_unspecified() ? address : peer, prefix_length}; }
    /// It reaches all hosts of the address's network (RFC 919); a /31 has none (RFC 3021), nor has
    /// IPv6.
    bool is_broadcast(IpAddr to) const {
        const IpPrefix net{address, prefix_length};
        return net.is_v4() && net.length() < 31 && to == net.last();
    }
    bool is_same(const AddressInfo& other) const {
        return address == other.address && prefix_length == other.prefix_length &&
               peer == other.peer;
    }
    bool operator==(const AddressInfo&) const = default;
};

enum class NeighbourState : uint8_t {
    resolved,   ///< REACHABLE, STALE, DELAY, PROBE, PERMANENT, NOARP: `mac` may be used
    incomplete, ///< being asked for
    failed,     ///< nobody answered
};

struct NeighbourInfo {
    IfIndex interface {};
    IpAddr address{};
    MacAddr mac{};
    NeighbourState state{NeighbourState::incomplete};
    bool operator==(const NeighbourInfo&) const = default;
};

struct NeighbourKey {
    IfIndex interface {};
    IpAddr address{};
    constexpr bool operator==(const NeighbourKey&) const = default;
    constexpr auto operator<=>(const NeighbourKey&) const = default;
};

} // namespace sacip

template <>
struct std::hash<sacip::NeighbourKey> {
    size_t operator()(sacip::NeighbourKey k) const noexcept {
        const auto index = static_cast<uint64_t>(static_cast<uint32_t>(k.interface.value));
        return std::hash<uint64_t>{}((index << 32 ^ std::hash<sacip::IpAddr>{}(k.address)) *
                                     0x9E3779B97F4A7C15ULL);
    }
};

namespace sacip {

/// Which destinations may go another way.
struct RouteChanges {
    bool all{false};
    std::vector<IpPrefix> prefixes{}; ///< none if `all`
    void add(const IpPrefix& prefix);
    void add_all() { *this = {true, {}}; }
};

class KernelState {
public:
    enum class Table : uint8_t { links, addresses, rules, routes, neighbours };
    static constexpr size_t table_count = 5;

    // News. Each returns whether anything changed. Between begin_dump and end_dump of a table they
    // are taken as lines of the dump, so the caller must not mix events in.
    bool upsert(const LinkInfo& link);
    /// Takes the link's addresses, routes and neighbours away with it.
    bool remove_link(IfIndex index);
    bool upsert(const AddressInfo& address);
    bool remove(const AddressInfo& address);
    bool add(const RouteInfo& route, RouteInsert where = RouteInsert::append);
    /// Removes the first route of that table, prefix, metric, type and hops.
    bool remove(const RouteInfo& route);
    /// `remove` with a rule that is not there changes nothing.
    bool add(const RuleInfo& rule);
    bool remove(const RuleInfo& rule);
    bool upsert(const NeighbourInfo& neighbour);
    bool remove_neighbour(NeighbourKey key);

    void begin_dump(Table table);
    /// Forgets what the dump did not name; returns whether anything changed since begin_dump.
    bool end_dump(Table table);
    /// The dump broke off: what it named stays, nothing is forgotten (routes: as before it).
    void abandon_dump(Table table);

    // Look-ups.
    /// What Linux would do with such a packet, by its rules and tables (fib.hpp). Knows neither
    /// local nor broadcast addresses: ask is_local first. The answer may change when `rules`,
    /// `routes` or `links` has a new generation.
    std::optional<RouteAnswer> route(const RouteQuery& query) const;
    /// The next hop of a packet of which only the destination is known; nothing: there is no way.
    std::optional<NextHop> route(IpAddr destination) const;
    /// All hops of the routes of exactly this prefix, whatever the table, each as a route of one
    /// hop, in the order in which Linux tries those of a table.
    std::vector<RouteInfo> routes_to(IpPrefix prefix) const { return fib_.routes.to(prefix); }
    /// nullptr if Linux has no entry; valid until the next change.
    const NeighbourInfo* neighbour(IfIndex interface, IpAddr address) const;
    /// Nothing if it is not resolved.
    std::optional<MacAddr> mac_of(NeighbourKey neighbour) const;
    /// In order of appearance; valid until the next change.
    std::span<const AddressInfo> addresses(IfIndex interface) const;
    /// An address of any interface (shadows on lo too), or any of 127.0.0.0/8.
    bool is_local(IpAddr address) const;
    const LinkInfo* link(IfIndex index) const;
    const LinkInfo* link(std::string_view name) const;

    std::vector<LinkInfo> all_links() const;
    std::vector<RouteInfo> all_routes() const { return fib_.routes.all(); }
    const std::vector<RuleInfo>& rules() const { return fib_.rules; }
    std::vector<NeighbourInfo> all_neighbours() const;

    uint64_t generation(Table table) const { return generation_[static_cast<size_t>(table)]; }
    /// Of all tables, to be compared with.
    const std::array<uint64_t, table_count>& generations() const { return generation_; }
    /// Neighbours that came, changed or went since the last call, each once, in no order.
    std::vector<NeighbourKey> take_changed_neighbours();
    /// Destinations for which route() may have another answer since the last call.
    RouteChanges take_changed_routes() { return std::exchange(changed_routes_, {}); }

private:
    /// The epoch tells whether the running dump has named the entry.
    template <typename T>
    struct Marked {
        T info;
        uint32_t epoch{0};
    };
    struct AddressTable {
        std::vector<AddressInfo> list;
        std::vector<uint32_t> epochs; ///< side by side with list, so that list can be a span
    };
    bool bump(Table table) {
        ++generation_[static_cast<size_t>(table)];
        return true;
    }
    bool bump_rules() {
        changed_routes_.add_all();
        return bump(Table::rules);
    }
    bool dumping(Table table) const { return dumping_[static_cast<size_t>(table)]; }
    uint32_t epoch(Table table) const { return epoch_[static_cast<size_t>(table)]; }
    bool remove_address_at(AddressTable& table, size_t position);
    void sweep_links();
    void sweep_addresses();
    void sweep_neighbours();

    std::unordered_map<int, Marked<LinkInfo>> links_;
    std::map<int, AddressTable> addresses_;
    std::unordered_map<IpAddr, uint32_t> local_; ///< address -> how many interfaces have it
    Fib fib_;
    RouteTables dumped_routes_;          ///< being filled while routes are dumped
    std::vector<RuleInfo> dumped_rules_; ///< the same of rules
    std::unordered_map<NeighbourKey, Marked<NeighbourInfo>> neighbours_;
    std::unordered_set<NeighbourKey> changed_neighbours_;
    RouteChanges changed_routes_{true, {}};

    std::array<uint64_t, table_count> generation_{};
    std::array<uint64_t, table_count> generation_at_dump_{};
    std::array<bool, table_count> dumping_{};
    std::array<uint32_t, table_count> epoch_{};
    uint64_t next_order_{1};
};

} // namespace sacip
