// SPDX-License-Identifier: BSD-3-Clause
//
// Verdict: what becomes of a packet, and why.
//
// Every packet that comes in leaves by exactly one of four ways: forwarded, punted, held or
// dropped; the last three under a name from the lists below. The lists are closed and each name
// stands here once: counter, metric label, `sacipctl drops` and the manual are made from them.
#pragma once

#include "sacip_core/base/units.hpp"

#include <string_view>
#include <type_traits>

namespace sacip {

// name, description for an operator
// clang-format off
#define SACIP_DROP_REASONS(X)                                                                      \
    X(frame_runt, "frame shorter than an Ethernet header")                                         \
    X(frame_not_ours, "unicast frame for another station's Ethernet address")                      \
    X(frame_too_long, "longer than the port's MTU: ethtool -K IF tx off at its sender")            \
    X(vlan_unknown, "frame of a VLAN, or of none, for which its device has no port")               \
    X(ip_truncated, "IPv4 packet shorter than its header or its total length")                     \
    X(ip_version, "IP version is not 4 in a frame of type 0x0800")                                 \
    X(ip_header_length, "IPv4 header length below 20 or beyond the packet")                        \
    X(ip_checksum, "IPv4 header checksum is wrong")                                                \
    X(ip_options, "IPv4 options with a source route, or that can't be read")                       \
    X(ip_source, "IPv4 source is multicast, broadcast, loopback or unspecified")                   \
    X(l4_truncated, "TCP, UDP, UDP-Lite, DCCP or ICMP header does not fit in the packet")          \
    X(l4_unfinished, "new flow, checksum not filled in: ethtool -K IF tx off at its sender")       \
    X(ttl_expired, "time to live ran out, and Linux has no interface there to say so")             \
    X(too_big, "longer than the MTU of its way out, and not to be cut up: the sender is told")     \
    X(icmp_quote, "ICMP error that quotes no packet of its addressee's, or not enough of it")      \
    X(icmp_no_flow, "ICMP error about a flow that is not known")                                   \
    X(icmp_redirect, "ICMP redirect for or from a translated host")                                \
    X(icmp_swallowed, "ICMP unreachable about a flow in the midst of a move")                      \
    X(fragment_first, "fragment whose first one was refused")                                      \
    X(fragment_waited, "fragment whose first one did not come in time")                            \
    X(fragment_storm, "fragment without its first one, beyond those that may wait")                \
    X(no_route, "no route to the address on the wire")                                             \
    X(neighbour_failed, "the next hop does not answer ARP")                                        \
    X(tx_full, "the port's transmit queue was full")                                               \
    X(punt_ring_full, "the ring to the slow path was full")                                        \
    X(first_packet_full, "first packet of a flow, beyond what first packets have of that ring")    \
    X(linux_full, "the host interface did not take the packet")                                    \
    X(hold_overflow, "oldest packet held for a move made room for a newer one")                    \
    X(hold_crowded, "packet held for something else than a move made room for a newer one")        \
    X(hold_expired, "held until its time ran out")                                                 \
    X(flow_conflict, "5-tuple belongs to a live moved flow of another host")                       \
    X(flow_ended, "its address is gone, and no peer speaks for the far end: TCP is reset")         \
    X(shield_expired, "middle of a flow that the peer it came from did not explain in time")       \
    X(rst_swallowed, "RST for a flow in the midst of a move")                                      \
    X(no_memory, "no packet buffer")                                                               \
    X(notification_length, "notification is not of the length its kind has")                       \
    X(notification_checksum, "ICMP or UDP checksum of a notification is wrong")                    \
    X(notification_code, "notification code that this gateway does not speak")                     \
    X(notification_peer, "notification from a source outside basic_peers")                         \
    X(notification_roam, "notification to a new address outside the peer's roam_to")               \
    X(notification_address, "notification to an address that no host can have")                    \
    X(notification_own, "notification to an address of this gateway or its hosts")                 \
    X(notification_unbound, "notification from an address that no flow uses")                      \
    X(notification_malformed, "secure notification of a wrong length, magic or version")           \
    X(notification_unknown_sender, "secure notification from a sender that is no peer")            \
    X(notification_rate, "secure notification beyond its sender's rate limit")                     \
    X(notification_tag, "secure notification whose tag is wrong: forged or altered")               \
    X(notification_stale, "secure notification repeated, or older than the last one")              \
    X(notification_epoch, "secure notification of an epoch not proved by a challenge")             \
    X(notification_body, "genuine notification whose body is not what its kind has")               \
    X(notification_family, "genuine notification of an address family not spoken here")            \
    X(notification_unauthorised, "genuine notification of what its sender may not bind")

#define SACIP_PUNT_REASONS(X)                                                                      \
    X(not_ip, "ARP or another protocol than IPv4")                                                 \
    X(link_group, "broadcast or multicast frame")                                                  \
    X(ip_group, "multicast or broadcast IPv4 destination")                                         \
    X(dhcp, "DHCP")                                                                                \
    X(notification, "SACIP notification")                                                          \
    X(icmp, "ICMP other than echo")                                                                \
    X(fragment, "IPv4 fragment")                                                                   \
    X(ttl, "time to live ran out")                                                                 \
    X(too_big, "longer than the MTU of the port that it leaves by")                                \
    X(first_packet, "flow not in the table")                                                       \
    X(neighbour, "next hop not resolved")                                                          \
    X(hold, "no usable path at the moment")                                                        \
    X(draining, "TCP SYN or RST on addresses that a move has left")                                \
    X(in_turn, "behind packets that wait in the slow path, just after a switch")                   \
    X(linux_only, "next hop behind an interface that is no outside port: Linux forwards it")       \
    X(to_box, "for the gateway's own sockets")

// clang-format on

/// Why a packet was dropped. `none` is not a reason; it means "not dropped".
enum class DropReason : uint8_t {
    none,
#define X(name, text) name,
    SACIP_DROP_REASONS(X)
#undef X
};

/// Why a worker gave a packet to the slow path.
enum class PuntReason : uint8_t {
    none,
#define X(name, text) name,
    SACIP_PUNT_REASONS(X)
#undef X
};

struct ReasonText {
    std::string_view name;
    std::string_view description;
};

/// Index with static_cast<size_t>(reason); entry 0 is {"none", ""}.
inline constexpr ReasonText drop_reasons[] = {{"none", ""},
#define X(name, text) {#name, text},
                                              SACIP_DROP_REASONS(X)
#undef X
};
inline constexpr ReasonText punt_reasons[] = {{"none", ""},
#define X(name, text) {#name, text},
                                              SACIP_PUNT_REASONS(X)
#undef X
};
inline constexpr size_t drop_reason_count = std::size(drop_reasons);
inline constexpr size_t punt_reason_count = std::size(punt_reasons);

constexpr const ReasonText& text_of(DropReason r) { return drop_reasons[static_cast<size_t>(r)]; }
constexpr const ReasonText& text_of(PuntReason r) { return punt_reasons[static_cast<size_t>(r)]; }

enum class Action : uint8_t {
    proceed, ///< not decided yet: go on to the next stage
    forward, ///< transmit on `port`
    punt,    ///< to the slow path, `punt_reason` says why
    drop,    ///< free, `drop_reason` says why
};

/// The one answer every stage of the data path gives.
struct alignas(4) Verdict { // a number to a processor
    Action action{Action::proceed};
    uint8_t reason{0};
    PortId port{no_port};
    uint8_t zero{0}; ///< so that all of it is one number

    static constexpr Verdict proceed() { return {}; }
    static constexpr Verdict forward(PortId port) { return {Action::forward, 0, port, 0}; }
    static constexpr Verdict punt(PuntReason why) {
        return {Action::punt, static_cast<uint8_t>(why), no_port, 0};
    }
    static constexpr Verdict drop(DropReason why) {
        return {Action::drop, static_cast<uint8_t>(why), no_port, 0};
    }
    constexpr PuntReason punt_reason() const {
        return action == Action::punt ? static_cast<PuntReason>(reason) : PuntReason::none;
    }
    constexpr DropReason drop_reason() const {
        return action == Action::drop ? static_cast<DropReason>(reason) : DropReason::none;
    }
    constexpr bool decided() const { return action != Action::proceed; }
    constexpr bool operator==(const Verdict&) const = default;
};
static_assert(std::has_unique_object_representations_v<Verdict>);

} // namespace sacip
