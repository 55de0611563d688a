// SPDX-License-Identifier: BSD-3-Clause
//
// Uplink: decides "address A became B" for one outside interface.
//
// Linux says that addresses come and go, never that one replaced another, and its messages arrive
// in many orders (measured, kernel 6.18; each line is a test that replays it one message at a time
// and as one burst):
//   add B, delete A      NEWADDR B; DELADDR A                                          A moved to B
//   promotion            NEWADDR B secondary; DELADDR A; NEWADDR B without the flag    A moved to B
//   three, promotion     DELADDR A; NEWADDR B (first secondary only), C stays          A moved to B
//   no promotion         DELADDR B (the secondary goes first!); DELADDR A              both lost
//   gap                  DELADDR A; pause; NEWADDR B                       A lost, then moved to B
//   dhclient NAK         DELADDR A; 28 ms; NEWADDR B                       A lost, then moved to B
//   udhcpc NAK           DELADDR A; 3.1 s; NEWADDR B/8; DELADDR B/8; NEWADDR B/24      ... B stays
//   lifetimes            NEWADDR A deprecated; later DELADDR A             moved when B is there
//   carrier, link down   no address message                                            nothing
// So Uplink looks at states: after every burst of messages it is shown the addresses present, and
// compares. A burst may be split anywhere: an address that vanished goes over to a successor at
// once if there is one, else it gets `settle` to come back before it is called lost; and a lost one
// is remembered, because any address that comes later is its successor (break before make).
//
// Not any address will do (way_out.hpp): one that led out of the network is followed only by one
// that leads out as well, so an alias for the modem's page takes nothing over, and a new address
// waits for its route, which comes after it. Linux's own choice, where the gateway is in no subnet,
// follows if it came after the old one had gone: dhclient does not replace the route. Where there
// never was a way out, all is by addresses. The primary address is left as soon as it does not lead
// out and another does: the alias that was there before the lease, or the old address when the
// default route has changed.
//
// Markers: an address that prefixes follow (config `hosts`, prefix to prefix). The prefix must not
// be dragged onto the interface's own address just because its marker was deleted first, so a
// marker has stricter rules (find_successor), and nothing else follows a marker.
#pragma once

#include "sacip_core/base/ip_addr.hpp"
#include "sacip_core/kernel/kernel_state.hpp"
#include "sacip_core/kernel/way_out.hpp"

#include <optional>
#include <span>
#include <variant>
#include <vector>

namespace sacip {

/// A new address may be used from now on.
struct AddressGained {
    IpAddr address;
    bool operator==(const AddressGained&) const = default;
};
/// What was at `from` is at `to` now. `from` may still be present (deprecated).
struct AddressMoved {
    IpAddr from;
    IpAddr to;
    bool operator==(const AddressMoved&) const = default;
};
/// Gone for longer than `settle` and nothing to go to: hold its flows.
struct AddressLost {
    IpAddr address;
    bool operator==(const AddressLost&) const = default;
};
/// A lost address is back itself: its flows go on as they were.
struct AddressReturned {
    IpAddr address;
    bool operator==(const AddressReturned&) const = default;
};
/// The address for new flows behind the uplink; nothing while there is none.
struct PrimaryChanged {
    std::optional<IpAddr> address;
    bool operator==(const PrimaryChanged&) const = default;
};
using UplinkEffect =
    std::variant<AddressGained, AddressMoved, AddressLost, AddressReturned, PrimaryChanged>;

struct UplinkRules {
    Nanos settle{from_ms(20)}; ///< config `move.settle`
    /// Flows use the primary address (some host is `outside: PORT` or box): no marker may follow
    /// the primary then.
    bool primary_in_use{true};
};

/// Slow path only; one per outside port.
class Uplink {
public:
    explicit Uplink(UplinkRules rules) : rules_{rules} {}

    /// Takes the interface's addresses (KernelState::addresses) and default routes, and the
    /// addresses that a prefix follows now. Gives effects in the order in which to carry them out:
    /// gained and returned, moved, lost, primary. The same input again: nothing.
    std::vector<UplinkEffect> observe(std::span<const AddressInfo> present,
                                      std::span<const WayOut> ways, std::span<const IpAddr> markers,
                                      Nanos now);
    /// Call when next_deadline() has come.
    std::vector<UplinkEffect> tick(Nanos now);
    /// When to call tick(); nothing while nobody waits.
    std::optional<Nanos> next_deadline() const;

    std::optional<IpAddr> primary() const { return primary_; }
    /// The primary address if it leads out of the network.
    std::optional<IpAddr> way_out() const;
    /// Addresses lost and not yet moved.
    std::vector<IpAddr> lost() const;
    /// A lost address was taken over elsewhere (another port, `sacipctl move`): stop remembering.
    void forget(IpAddr lost);

private:
    enum class State : uint8_t {
        present,
        waiting, ///< vanished, may come back or find a successor until `deadline`
        lost,
        left, ///< still present but deprecated, and already moved away from
    };
    struct Held {
        AddressInfo info; ///< as last seen
        State state{State::present};
        bool marker{false};           ///< is or was one, or took over from one; until it goes
        Nanos deadline{};             ///< of `waiting`
        bool was_primary{false};      ///< when it was lost
        uint64_t last_before{0};      ///< AddressInfo::order of the youngest when this one went
        LeadsOut leads{LeadsOut::no}; ///< now, or when it was there last
        LeadsOut best{LeadsOut::no};  ///< ever
    };

    void note_arrivals(std::span<const AddressInfo> present, std::span<const IpAddr> markers,
                       std::vector<UplinkEffect>& effects);
    void note_departures(std::span<const AddressInfo> present, Nanos now);
    void judge(std::span<const AddressInfo> present, std::span<const WayOut> ways);
    void leave_what_leads_nowhere(std::vector<UplinkEffect>& effects);
    static bool may_follow(const Held& old, const Held& next);
    void move_all(bool markers, std::vector<UplinkEffect>& effects);
    void expire(Nanos now, std::vector<UplinkEffect>& effects);
    void choose_primary(std::optional<IpAddr> before, std::vector<UplinkEffect>& effects);
    Held* find_successor(const Held& old);
    Held* find(IpAddr address);

    UplinkRules rules_;
    std::vector<Held> held_; ///< a handful
    std::optional<IpAddr> primary_;
    bool any_way_{false}; ///< the port has a way out, as observed last
};

} // namespace sacip
