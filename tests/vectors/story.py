# SPDX-License-Identifier: BSD-3-Clause
"""A row of pipeline.yaml as it is told: tables, packets and what is switched between them.

The story keeps the addresses that its paths have at the moment. What a packet should become is
built anew from these, by the rules of the protocol: a host sees its own address and the far end's
original one, the wire has the active ones, and a checksum of TCP or UDP on the wire is in terms of
the addresses there or of the original ones. What the counters should show is counted here, too.
"""

import struct
from dataclasses import dataclass

from packet import (ICMP, SENDER_MAC, TCP, UDP, Path, checksum, dccp, echo, ether, ipv4, pseudo,
                    tcp, udp, udp_lite)
from rows import quoted


@dataclass(frozen=True)
class Port:
    role: str
    mac: str
    next_hop: str
    mtu: int = 1500


PORTS = [Port("inside", "02:00:00:00:00:01", "06:00:00:00:00:01"),
         Port("outside", "02:00:00:00:00:02", "06:00:00:00:00:02"),
         Port("outside", "02:00:00:00:00:03", "06:00:00:00:00:03", mtu=1400)]
LAN, FIBRE, LTE = range(3)


class StoryPath(Path):
    """`out` and `back`: what becomes of packets to the wire, and of those from there."""

    def __init__(self, number, addresses, mode, out, back):
        super().__init__(**addresses)
        self.number, self.mode, self.out, self.back = number, mode, out, back
        self.draining = []  # pairs

    def pair(self):
        return self.local_active, self.remote_active

    def verdict(self, direction):
        says = self.out if direction == "outbound" else self.back
        action, _, port = says.partition(" ")
        return {"forward": says, "hold": "punt hold", "unresolved": "punt neighbour",
                "to_linux": "punt linux_only", "to_box": f"punt to_box {port}"}[action]

    def text(self):
        return f"{super().text()[1:-1]}, mode: {self.mode}, out: {self.out}, back: {self.back}"


@dataclass
class Flow:
    number: int
    path: StoryPath
    host_port: int
    proto: int
    remote_port: int

    def text(self):
        return (f"path: {self.path.number}, proto: {self.proto}, host_port: {self.host_port}, "
                f"remote_port: {self.remote_port}")

    def l4(self, direction, **more):
        """A maker of L4: of (source, destination) that its checksum is in terms of."""
        ports = (self.host_port, self.remote_port)
        ports = ports if direction == "outbound" else ports[::-1]
        if self.proto in (TCP, UDP):
            make = tcp if self.proto == TCP else udp
            return lambda s, d: make(s, d, *ports, **more)
        if self.proto == ICMP:
            return lambda s, d: echo(8 if direction == "outbound" else 0, self.host_port, **more)
        other = {33: dccp, 136: udp_lite}.get(self.proto, lambda s, d, data=b"raw": data)
        return lambda s, d: other(s, d, **more)


def left_to_device(proto, payload, addresses, field=None):
    """The L4 checksum as a host leaves it that lets its device fill it in, or this in its place."""
    at = 16 if proto == TCP else 6
    seed = ~checksum(pseudo(*addresses, proto, len(payload))) & 0xFFFF
    return payload[:at] + struct.pack("!H", seed if field is None else field) + payload[at + 2:]


class Story:
    def __init__(self, name, comment=""):
        self.name, self.comment = name, comment
        self.state = {"paths": [], "flows": []}
        self.flows, self.steps, self.marks, self.counters = [], [], [], {}

    # The tables before.

    def path(self, addresses, mode="wire", out="forward 1", back="forward 0"):
        made = StoryPath(len(self.state["paths"]), addresses, mode, out, back)
        self.state["paths"].append(made.text())
        return made

    def flow(self, path, host_port=40000, proto=TCP, remote_port=80):
        made = self.known(path, host_port, proto, remote_port)
        self.state["flows"].append(made.text())
        return made

    # Packets.

    def out(self, flow, verdict=None, **more):
        """A packet of the flow from its host."""
        return self.packet_of(flow, "outbound", flow.path.inside("outbound"), verdict, **more)

    def back(self, flow, verdict=None, on=None, **more):
        """A packet of the flow from the wire; `on` another pair (local, remote) than the one of
        now."""
        pair = (on or flow.path.pair())[::-1]
        return self.packet_of(flow, "inbound", pair, verdict, **more)

    def packet_of(self, flow, direction, addresses, verdict, port=None, make=None, ttl=64,
                  spoil=lambda payload: payload, link=None, partial=False, field=None, header=None,
                  **l4):
        path, proto = flow.path, flow.proto
        port = port if port is not None else LAN if direction == "outbound" else FIBRE
        make = make or flow.l4(direction, **l4)
        link, header = link or {}, header or {}
        verdict = verdict or path.verdict(direction)
        wire = path.wire("outbound") if direction == "outbound" else addresses
        wire_sum = wire if path.mode == "wire" else path.originals(direction)
        inside = path.inside(direction)
        before, after = (((inside, inside), (wire, wire_sum)) if direction == "outbound" else
                         ((wire, wire_sum), (inside, inside)))

        def frame(side, hops=0, unfilled=False, **ends):
            payload = make(*side[1])
            payload = left_to_device(proto, payload, side[1], field) if unfilled else spoil(payload)
            return ether(ipv4(*side[0], proto, payload, ttl=ttl - hops, **header), **ends, **link)

        received = {"dst": PORTS[port].mac, "src": SENDER_MAC}
        given = frame(before, unfilled=partial, **received)
        if verdict.startswith("forward"):
            to = PORTS[int(verdict.split()[1])]
            becomes = frame(after, hops=1, dst=to.next_hop, src=to.mac)
            self.count("rewritten", before[0] != after[0])
        elif verdict.startswith("punt to_box"):
            becomes = frame(after, **received)
        else:  # filled in for the addresses it has: in whose terms, the slow path looks up
            becomes = frame((before[0], before[0]) if partial else before, **received)
        note = f"flow {flow.number}, {direction}"
        return self.packet(port, given, verdict, becomes, note, partial)

    def packet(self, port, frame, verdict, becomes=None, note="", partial=False):
        step = [f"port: {port}", f"verdict: {verdict}", f'in: "{frame.hex()}"']
        if partial:
            step.append("l4_checksum: partial")
        if becomes not in (None, frame):
            step.append(f'out: "{becomes.hex()}"')
        self.steps.append((note, step))
        self.count("received")
        kind, _, reason = verdict.partition(" ")
        self.count({"forward": "forwarded", "punt": f"punted {reason.split()[0]}",
                    "drop": f"dropped {reason}"}[kind])

    # What is switched between packets.

    def prepare(self, path, **addresses):
        """Packets of the path are taken on the pair with these addresses, too."""
        self.switch("prepare", path, self.with_these(path, addresses))

    def publish(self, path, **changes):
        """These are the path's addresses, or what becomes of its packets, from now on."""
        left = path.pair()
        for key, value in changes.items():
            setattr(path, key, value)
        if path.pair() != left:
            path.draining.append(left)
        self.steps.append(("", [f"publish: {path.number}"] + path.text().split(", ")))

    def move(self, path, **changes):
        """As PathManager does it. Returns the pair that is left and drains."""
        left = path.pair()
        if (to := self.with_these(path, changes)) in path.draining:
            self.retire(path, to)  # that it is back on
        self.prepare(path, **changes)
        self.publish(path, **changes)
        return left

    def retire(self, path, pair):
        """No more packets of the path are taken on this pair."""
        path.draining.remove(pair)
        self.switch("retire", path, pair)

    def leave(self, path):
        """The same of the pair in force: the path is at its end, and has no flows."""
        self.switch("retire", path, path.pair())

    def insert(self, path, host_port=40000, proto=TCP, remote_port=80):
        made = self.known(path, host_port, proto, remote_port)
        self.steps.append(("", [f"insert: {{{made.text()}}}"]))
        return made

    def erase(self, flow):
        self.steps.append(("", [f"erase: {flow.number}"]))

    def answered(self):
        """The slow path is through with all that was punted."""
        self.steps.append(("", ["answered: all"]))

    # Afterwards.

    def mark(self, flow, seen, touched=True):
        """What the flow's record shows; `touched`: that a packet of its own passed."""
        self.marks.append(f"flow: {flow.number}, seen: [{', '.join(seen.split())}], "
                          f"touched: {str(touched).lower()}")

    # The rest is how it is written.

    def with_these(self, path, addresses):
        return (addresses.get("local_active", path.local_active),
                addresses.get("remote_active", path.remote_active))

    def switch(self, what, path, pair):
        self.steps.append(("", [f"{what}: {path.number}", f"local: {pair[0]}",
                                f"remote: {pair[1]}"]))

    def count(self, name, by=True):
        if by:
            self.counters[name] = self.counters.get(name, 0) + 1

    def known(self, path, host_port, proto, remote_port):
        if proto not in (TCP, UDP):  # an echo has its identifier at both ends, others have no ports
            host_port = remote_port = host_port if proto == ICMP else 0
        self.flows.append(Flow(len(self.flows), path, host_port, proto, remote_port))
        return self.flows[-1]

    def lines(self):
        out = ["---", f"name: {self.name}"]
        if self.comment:
            out.append(f"comment: {quoted(self.comment)}")
        out.append("state:")
        for kind, texts in self.state.items():
            out.append(f"  {kind}:" + " []" * (not texts))
            out += [f"    - {{{text}}}" for text in texts]
        out.append("steps:")
        for note, step in self.steps:
            out.append(f"  - {step[0]}" + (f"  # {note}" if note else ""))
            out += [f"    {line}" for line in step[1:]]
        if self.marks:
            out += ["marks:"] + [f"  - {{{mark}}}" for mark in self.marks]
        told = ", ".join(f"{name}: {n}" for name, n in sorted(self.counters.items()))
        return out + [f"counters: {{{told}}}"]
