// SPDX-License-Identifier: BSD-3-Clause
//
// IcmpError: a router or host complains about a packet, and quotes its beginning.
//
// The complaint goes to whoever sent the packet, and its receiver looks for the socket by the
// quoted header. So the quote needs the same translation as the packet had, undone. That is less
// than it seems: an error travels the way of an answer to the packet that it quotes. answer_to()
// makes the view of that answer, the flow is looked up by it as for any packet of its direction,
// and the path's rewrite for that direction says it all: the error gets its destination, and the
// quote gets its two addresses, crosswise.
//
//   from the wire, after a move of both ends          quoted source      quoted destination
//     as it comes     router -> local active          local active       remote active
//     the host gets   router -> host                  host               remote original
//   from a host about what it received
//     as it comes     host -> remote original         remote original    host
//     on the wire     local active -> remote active   remote active      local active
//
// A quote in old terms (sent before a move, complained about after it) is found by the pair that
// still drains, as late packets are. Sizes don't change, so the MTU of "fragmentation needed" and
// the pointer of "parameter problem" are right as they are.
//
// How to use it, on a packet that parse() punted as `icmp`:
//   1. read_quote(); nothing: not an error, or one that nobody should believe.
//   2. view = answer_to(*quote). From the wire: the flow that takes a packet with this view (wire
//      pair -> views -> flow key -> path, the pair in force or draining). From inside: the flow
//      with this view's key. Where `keyed` is false (quoted fragment, other ICMP): any path of the
//      pair.
//   3. rewrite_error() (rewrite.hpp) with the path's rewrite of the direction the error travels in,
//      and translated_source(), then TTL and next hop as for any packet.
#pragma once

#include "sacip_core/packet/parse.hpp"
#include "sacip_core/packet/translation.hpp"

#include <optional>

namespace sacip {

/// The packet that an ICMP error quotes, as the error says it.
struct Quote {
    /// Offsets lie in the frame of the error. l4_length counts what is quoted of the quoted packet:
    /// TCP, UDP and ICMP have at least 8 bytes there unless it is a later fragment, others may have
    /// none. `fragment` as in the quoted header; ports are there in a first fragment, 0 in others.
    PacketView packet;
    /// True if addresses, protocol and ports make a flow key: TCP, UDP, ICMP echo, other protocols;
    /// not later fragments, nor ICMP that parse() would not give a key either.
    bool keyed{false};
};

/// ICMP errors that are translated: unreachable, source quench, time exceeded, parameter problem
/// (RFC 792). Source quench is for hosts to ignore (RFC 6633), ours to carry as it is. Redirects
/// (type 5) are not: they speak of the link between a router and the sender next to it (RFC 1122
/// §3.2.2.2), which beyond us is us, so they are never another's to hear.
bool is_error(uint8_t icmp_type);

/// Unreachables other than "fragmentation needed": what is swallowed during a move, as
/// a host may take them for the end of a connection. `error` is a view with an ICMP type.
bool says_unreachable(const PacketView& error);

/// Those of them that a router says for want of a route or a neighbour (codes 0, 1, 5 to 8, 11 and
/// 12), and not the far end, nor a firewall.
bool says_no_route(const PacketView& error);

/// The quote of an error. `frame` and `error` are of a packet that parse() punted as `icmp`.
/// Nothing if it is no error of the types above; if what is quoted is not an IPv4 header, is itself
/// an ICMP error or redirect (RFC 1122 §3.2.2: there is none about those), ends before the 8 bytes
/// of L4 that RFC 792 promises; or if it was not the error's addressee who sent the packet. Bytes
/// behind the quoted packet's own total length are not part of it (RFC 4884 pads there). The quoted
/// header's checksum and TTL are not judged: routers quote them in any state.
/// Reads only inside the ICMP message, writes nothing.
std::optional<Quote> read_quote(const Frame& frame, const PacketView& error);

/// The view of a packet that would answer the quoted one: ends and ports exchanged. Only
/// addresses, ports and protocol mean something.
PacketView answer_to(const Quote& quote);

/// The source that a translated error gets: the far end or our host if it is the quoted packet's
/// receiver who speaks, else (a router on the way) as it is. `to` is as for rewrite_error(). A
/// router between host and gateway whose address means nothing outside needs another one: the
/// caller's to say (RFC 5508 has the translator's).
Ipv4Addr translated_source(const PacketView& error, const Quote& quote, const DirectionRewrite& to);

} // namespace sacip
