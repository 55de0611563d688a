// SPDX-License-Identifier: BSD-3-Clause
//
// BasicSender: tells basic peers of a new address, and tells them again.
//
// The basic notification has no acknowledgement (paper §3.3), so it is sent three times: at once,
// after 20 ms and after 100 ms (PROTOCOL §2), always from the old address and through the next hop
// that served it. If there is no next hop at the moment (a gap without any address), the first one
// goes out as soon as the path has one, before any packet from the new address does. When the new
// address is itself left before the repetitions are out, they name the newest one: a repetition
// must never move a peer back.
#pragma once

#include "sacip_core/base/counters.hpp"
#include "sacip_core/packet/packet_io.hpp"
#include "sacip_core/wire/basic_notification.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

namespace sacip {

/// Where a notification leaves.
struct Exit {
    PortId port{no_port};
    EtherAddresses ether{};
    bool known() const { return port != no_port && !ether.destination.is_zero(); }
};

/// Slow path only.
class BasicSender {
public:
    BasicSender(PacketIo& io, uint8_t icmp_type) : io_{io}, icmp_type_{icmp_type} {}

    /// Sends now, if the exit is known, and schedules the repetitions. `path` is one of those that
    /// the peer shares with us.
    void announce(const BasicNotification& text, PathRef path, const Exit& exit, Nanos now);
    /// The path has this way out now: what waited for it goes, if that is a port's.
    void path_ready(PathRef path, const Exit& exit);
    /// What leaves by the port has this source from now on.
    void mac_changed(PortId port, const MacAddr& mac);
    /// `left` is not ours any more: what still names an address of it names that of `now_at` with
    /// the same host part. O(messages that are not out).
    void replace(const IpPrefix& left, const IpPrefix& now_at);
    /// Sends what is due. Looks at nothing until something is.
    void tick(Nanos now);

    uint64_t sent() const { return sent_.get(); }

private:
    struct Message {
        BasicNotification text;
        Exit exit;
        unsigned times_sent{0};
        Nanos began;
        Nanos due() const;
    };
    void send(Message& message);
    void repeat(Message message);

    PacketIo& io_;
    uint8_t icmp_type_;
    std::vector<Message> to_repeat_;
    static uint64_t key(PathRef path) { return uint64_t{path.id.value} << 32 | path.generation; }
    std::unordered_multimap<uint64_t, Message> without_exit_; ///< by their path
    Nanos next_due_{never};
    Counter sent_;
    static constexpr Nanos never{INT64_MAX};
};

} // namespace sacip
