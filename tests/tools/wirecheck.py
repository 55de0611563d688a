#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Judge a capture made on the router between two gateways.

What must hold, for packets between the roaming host's wire addresses and the far host:
  active   only active addresses: between two moves exactly the one that is active then, and never
           an address that no move named
  notes    basic: each move is announced by ICMP type 20, code 0, of exactly 8 bytes, from the old
           address, carrying the new one, with a good checksum; and there are no others
           secure: none of the basic family; those of the other have the magic and length they must
           and good checksums, and there is at least one BIND for each move
  length   every packet is as long on the wire as it was at the host: nothing is added
  ttl      it was decremented once by the gateway (not for the gateway's own sockets)
  headers  IPv4 header checksums are good on the wire and at the host
  sums     original: TCP and UDP checksums are in terms of the addresses the flow was set up with
           (peers of the basic protocol), taken from the far host's own report of its sockets
           wire: they are in terms of the addresses in the packet, on the wire and at both hosts
  far      with a capture at the far host: what one host sent is what the other got, and the
           checksums that the sender wrote are there again, bit for bit (but that TCP's two zeros,
           0000 and ffff, are one and the same number), or, where the two hosts
           do not see the same addresses, differ by exactly those addresses

usage: wirecheck.py --router R.pcap --host H.pcap --timeline FILE --peer ADDRESS... [--far F.pcap]
                    [--server-report FILE] [--first ADDRESS] [--own-sockets] [--no-notes]
                    [--sums original|wire] [--notes basic|secure]
Prints what it proved, or every kind of fault with its first examples, and exits 1.
"""
import argparse
import collections
import ipaddress
import json
import struct
import sys

# A move's line in the timeline ends after a pause in which all settles; by its last part, in
# seconds, packets that were on their way when the address changed have arrived.
SETTLED = 0.1


def frames(path):
    """(time, IPv4 packet bytes, 802.1Q tag or None) of a libpcap file with Ethernet frames."""
    with open(path, "rb") as file:
        data = file.read()
    magic = data[:4]
    order = "<" if magic in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    fraction = 1e-9 if magic in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
    offset = 24
    while offset + 16 <= len(data):
        seconds, parts, kept, _ = struct.unpack_from(order + "IIII", data, offset)
        offset += 16
        frame = data[offset:offset + kept]
        offset += kept
        tag = None
        if len(frame) >= 38 and frame[12:14] == b"\x81\x00":
            tag = int.from_bytes(frame[14:16], "big")
            frame = frame[:12] + frame[16:]
        if len(frame) >= 34 and frame[12:14] == b"\x08\x00":
            yield seconds + parts * fraction, frame[14:], tag


def packets(path):
    """(time, IPv4 packet bytes) of a libpcap file with Ethernet frames, tagged or not."""
    for time, raw, _ in frames(path):
        yield time, raw


class Packet:
    def __init__(self, time, raw):
        self.time = time
        self.header = (raw[0] & 15) * 4
        self.length, self.id, self.fragment = struct.unpack_from("!HHH", raw, 2)
        self.ttl, self.protocol = raw[8], raw[9]
        self.header_checksum_holds = int.from_bytes(raw[:self.header], "big") % 0xFFFF == 0
        self.source, self.target = raw[12:16], raw[16:20]
        self.body = raw[self.header:self.length]

    def fingerprint(self):
        """What a gateway must not change: all but addresses, TTL and checksums."""
        body = bytearray(self.body)
        at = {6: 16, 17: 6}.get(self.protocol)
        if at is not None and len(body) >= at + 2:
            body[at:at + 2] = b"\0\0"
        return self.protocol, self.id, hash(bytes(body))

    def l4_checksum(self):
        at = {6: 16, 17: 6}.get(self.protocol)
        return int.from_bytes(self.body[at:at + 2], "big") if at is not None else 0

    def same_zero_sum(self):
        """TCP has two zeros: Linux writes ffff for a sum that is 0, and no change of addresses can
        keep apart what one's complement calls equal. UDP's 0 is another matter: it means none."""
        return 0 if self.protocol == 6 and self.l4_checksum() == 0xFFFF else self.l4_checksum()

    def is_fragment(self):
        return self.fragment & 0x3FFF != 0

    def ports(self):
        return struct.unpack_from("!HH", self.body) if self.protocol in (6, 17) else (0, 0)

    def checksum_holds(self, source, target):
        at = {6: 16, 17: 6}[self.protocol]
        if self.protocol == 17 and self.body[6:8] == b"\0\0":
            return True
        pseudo = source + target + struct.pack("!BBH", 0, self.protocol, len(self.body))
        body = self.body + (b"\0" if len(self.body) % 2 else b"")
        return at < len(body) and int.from_bytes(pseudo + body, "big") % 0xFFFF == 0

    def is_question(self):
        """The gateway's own, whether a basic peer is there: an ACK of nothing, right on the wire."""
        return (self.protocol == 6 and len(self.body) == 20 and self.body[8:12] == bytes(4) and
                self.body[13] == 0x10 and self.checksum_holds(self.source, self.target))


def read_timeline(path, first):
    """Moves as (begin, end, old, new); addresses packed."""
    moves = []
    with open(path) as file:
        for line in file:
            begin, end, old, new = line.split()
            moves.append((float(begin), float(end), packed(old), packed(new)))
    actives = {packed(first)} if first else set()
    for _, _, old, new in moves:
        actives |= {old, new}
    return moves, actives


def packed(text):
    return ipaddress.IPv4Address(text).packed


def dotted(raw):
    return str(ipaddress.IPv4Address(raw))


class Faults:
    def __init__(self):
        self.found = collections.Counter()
        self.examples = collections.defaultdict(list)

    def add(self, kind, text):
        self.found[kind] += 1
        if len(self.examples[kind]) < 5:
            self.examples[kind].append(text)


def settled_address(moves, first, time):
    """The only address that may be on the wire at this time, or None while a move is going on."""
    current = first
    for begin, end, _, new in moves:
        if time < begin:
            break
        current = new if time > end - SETTLED else None
    return current


def check_addresses(router, moves, actives, first, peers, faults):
    data = 0
    for packet in router:
        if peers.isdisjoint((packet.source, packet.target)) or is_note(packet):
            continue
        data += 1
        ours = packet.target if packet.source in peers else packet.source
        if ours not in actives:
            faults.add("address that was never active", f"{dotted(packet.source)} > {dotted(packet.target)}")
            continue
        expected = settled_address(moves, first, packet.time)
        if expected is not None and ours != expected:
            faults.add("address that is not the active one",
                       f"{packet.time:.3f} {dotted(packet.source)} > {dotted(packet.target)}, active {dotted(expected)}")
    return data


UDP_PORT = 4720


def is_note(packet):
    return packet.protocol == 1 and len(packet.body) >= 1 and packet.body[0] == 20 or \
        packet.protocol == 17 and len(packet.body) >= 8 and UDP_PORT in packet.ports()


def check_notes(router, moves, faults):
    announced = collections.Counter()
    named = {(old, new) for _, _, old, new in moves}
    for packet in filter(is_note, router):
        what = f"{dotted(packet.source)} > {dotted(packet.target)} {packet.body.hex()}"
        if len(packet.body) != 8 or packet.length != packet.header + 8:
            faults.add("notification is not 8 bytes", what)
        elif packet.body[1] != 0:
            faults.add("notification code is not 0", what)
        elif int.from_bytes(packet.body, "big") % 0xFFFF != 0:
            faults.add("notification checksum", what)
        elif (packet.source, packet.body[4:8]) not in named:
            faults.add("notification of a move nobody made", what)
        # A repetition may come after the next move has begun; a later one of the same kind counts.
        for number, (begin, _, old, new) in reversed(list(enumerate(moves))):
            if begin <= packet.time and packet.source == old and packet.body[4:8] == new:
                announced[number] += 1
                break
    for number, (begin, _, old, new) in enumerate(moves):
        if announced[number] == 0:
            faults.add("move without notification", f"move {number + 1} at {begin:.3f}: {dotted(old)} > {dotted(new)}")
    return sum(announced.values())


def check_secure_notes(router, moves, faults):
    """Shapes only; secure_notification.py opens them. Returns how many there are."""
    count = 0
    binds = []
    for packet in filter(is_note, router):
        count += 1
        message = packet.body[8:] if packet.protocol == 17 else packet.body[4:]
        what = f"{dotted(packet.source)} > {dotted(packet.target)} {packet.body[:24].hex()}"
        if packet.protocol == 1 and packet.body[1] != 1:
            faults.add("notification of the basic family", what)
        elif len(message) < 48 or message[:3] != b"\x5a\xc1\x02" or \
                len(message) != 48 + int.from_bytes(message[4:6], "big") or len(message) > 1200:
            faults.add("notification of a wrong shape", what)
        elif packet.protocol == 1 and \
                int.from_bytes(packet.body + b"\0" * (len(packet.body) % 2), "big") % 0xFFFF != 0:
            faults.add("notification checksum", what)
        elif packet.protocol == 17 and not packet.checksum_holds(packet.source, packet.target):
            faults.add("notification checksum", what)
        elif message[3] == 3:
            binds.append((packet.time, message))
    for number, (begin, end, old, new) in enumerate(moves):
        # As an address or as the /24 it lies in.
        if not any(begin <= time <= end and (new in message or new[:3] + b"\0" in message) for time, message in binds):
            faults.add("move without BIND", f"move {number + 1} at {begin:.3f}: {dotted(old)} > {dotted(new)}")
    return count


def check_wire_sums(captures, own_sockets, faults):
    """Each checksum must hold for the addresses beside it, wherever it was seen."""
    checked = 0
    for name, capture, peers in captures:
        for packet in capture:
            if packet.protocol not in (6, 17) or packet.is_fragment():
                continue
            if own_sockets and name == "host" and packet.target in peers:
                continue  # its kernel leaves the sum to the interface
            checked += 1
            if not packet.checksum_holds(packet.source, packet.target):
                faults.add("checksum does not hold for the addresses beside it",
                           f"{name} {packet.time:.3f} {dotted(packet.source)} > {dotted(packet.target)} {packet.protocol}")
    return checked


def check_far(host, far, peers, own_sockets, faults):
    """What left one host arrived at the other with the checksum it left with."""
    at_host = collections.defaultdict(list)
    for packet in host:
        at_host[(packet.source in peers,) + packet.fingerprint()].append(packet)
    same = adjusted = 0
    for packet in far:
        if is_note(packet) or packet.protocol not in (6, 17) or packet.is_fragment():
            continue
        twins = at_host.get((packet.source in peers,) + packet.fingerprint())
        if not twins or (own_sockets and packet.target in peers):
            continue
        if any((twin.source, twin.target) == (packet.source, packet.target) for twin in twins):
            same += 1
            if all(twin.same_zero_sum() != packet.same_zero_sum() for twin in twins):
                faults.add("checksum is not the sender's own",
                           f"{packet.l4_checksum():04x} at the far host, {twins[0].l4_checksum():04x} at the host")
        else:
            adjusted += 1  # that it holds at both ends is checked by check_wire_sums
    return same, adjusted


def check_lengths(router, host, peers, own_sockets, faults):
    at_host = collections.defaultdict(list)
    for packet in host:
        at_host[(packet.source in peers,) + packet.fingerprint()].append(packet)
    matched = missing = 0
    for packet in router:
        if is_note(packet) or peers.isdisjoint((packet.source, packet.target)):
            continue
        inbound = packet.source in peers
        twins = at_host.get((inbound,) + packet.fingerprint())
        if not twins:
            missing += 1
            continue
        matched += 1
        if all(twin.length != packet.length for twin in twins):
            faults.add("length changed", f"{packet.length} on the wire, {twins[0].length} at the host")
        if not inbound and not own_sockets and all(twin.ttl != packet.ttl + 1 for twin in twins):
            faults.add("TTL", f"{packet.ttl} on the wire, {twins[0].ttl} at the host")
    return matched, missing


def check_headers(captures, faults):
    """A kernel drops a packet with a bad header checksum without a word; here it is said."""
    for name, capture in captures:
        for packet in capture:
            if not packet.header_checksum_holds:
                faults.add("IPv4 header checksum",
                           f"{name} {packet.time:.3f} {dotted(packet.source)} > {dotted(packet.target)}")


def check_sums(router, report, peer, faults):
    """Each checksum must hold for the flow's original addresses."""
    originals = {}
    numbers = {"tcp": 6, "udp": 17}
    for flow in report["flows"]:
        if flow["kind"] in numbers:
            address, port = flow["remote"].split(":")
            originals[(numbers[flow["kind"]], int(port))] = packed(address)
    checked = 0
    for packet in router:
        if packet.protocol not in (6, 17) or peer not in (packet.source, packet.target):
            continue
        outbound = packet.target == peer
        original = originals.get((packet.protocol, packet.ports()[0 if outbound else 1]))
        if original is None or (outbound and packet.is_question()):
            continue
        checked += 1
        ends = (original, peer) if outbound else (peer, original)
        if not packet.checksum_holds(*ends):
            faults.add("checksum is not in terms of the originals",
                       f"{dotted(packet.source)} > {dotted(packet.target)} original {dotted(original)}")
    return checked


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--router", required=True)
    parser.add_argument("--host", required=True)
    parser.add_argument("--timeline", required=True)
    parser.add_argument("--peer", required=True, nargs="+", help="all addresses of the far host")
    parser.add_argument("--far", help="capture at the far host")
    parser.add_argument("--server-report")
    parser.add_argument("--first", help="active address before the first move")
    parser.add_argument("--own-sockets", action="store_true", help="the host is the gateway itself")
    parser.add_argument("--no-notes", action="store_true", help="no notifications are expected")
    parser.add_argument("--sums", choices=("original", "wire"), default="original")
    parser.add_argument("--notes", choices=("basic", "secure"), default="basic")
    options = parser.parse_args()

    peer = packed(options.peer[0])
    peers = {packed(address) for address in options.peer}
    router = [Packet(*item) for item in packets(options.router)]
    host = [Packet(*item) for item in packets(options.host)]
    moves, actives = read_timeline(options.timeline, options.first)
    first = packed(options.first) if options.first else (moves[0][2] if moves else None)
    faults = Faults()

    data = check_addresses(router, moves, actives, first, peers, faults)
    notes = 0
    if not options.no_notes:
        notes = {"basic": check_notes, "secure": check_secure_notes}[options.notes](router, moves, faults)
    matched, missing = check_lengths(router, host, peers, options.own_sockets, faults)
    far = [Packet(*item) for item in packets(options.far)] if options.far else []
    check_headers((("router", router), ("host", host), ("far host", far)), faults)
    sums = 0
    if options.sums == "wire":
        sums = check_wire_sums((("router", router, peers), ("host", host, peers), ("far host", far, peers)),
                               options.own_sockets, faults)
    elif options.server_report:
        with open(options.server_report) as file:
            sums = check_sums(router, json.load(file), peer, faults)
    if data == 0 or matched == 0:
        faults.add("nothing to judge", f"{data} packets captured, {matched} found at the host")
    if missing > max(20, data // 100):
        faults.add("packets that the host never saw or sent", f"{missing} of {data}")

    what = {"basic": "notifications of 8 bytes", "secure": "secure notifications"}[options.notes]
    terms = {"original": "in terms of the originals", "wire": "in terms of the addresses beside them"}[options.sums]
    print(f"  wire: {data} packets, {len(moves)} moves, {notes} {what}; "
          f"{matched} lengths equal the host's; {sums} checksums {terms}")
    if options.far:
        same, adjusted = check_far(host, far, peers, options.own_sockets, faults)
        print(f"  wire: between the hosts {same} checksums arrived bit for bit"
              + (f", {adjusted} differ by the addresses the two see" if adjusted else ""))
    for kind, count in faults.found.items():
        print(f"  wire: FAULT {kind}: {count}")
        for example in faults.examples[kind]:
            print(f"    {example}")
    return 1 if faults.found else 0


if __name__ == "__main__":
    sys.exit(main())
