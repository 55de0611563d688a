# SPDX-License-Identifier: BSD-3-Clause
"""Rows of pipeline.yaml about packets of all kinds: forwarded, between others, of no flow."""

from packet import (DCCP, ICMP, RAW, TCP, UDP, UDP_LITE, ether, filler_for_zero, flip, icmp, ipv4,
                    tcp, udp)
from sites import (ACK, BOTH_MOVED, FAR, FIN, HOST, MODES, MOVED, NEW, NEWER, ROUTED, RST, SYN,
                   UPLINK, from_port, hosts_behind, one_flow, story)
from story import FIBRE, LAN, LTE, PORTS, left_to_device


def there_and_back(name, comment="", addresses=MOVED, proto=TCP, mode="wire", **packet):
    """Two each: in one burst neither has a hint, alone the second has."""
    s, flow = one_flow(name, comment, addresses, proto, mode=mode)
    for send in (s.out, s.out, s.back, s.back):
        send(flow, **packet)


def forwarding():
    for mode in MODES:
        for state, addresses in (("still", UPLINK), ("moved", MOVED), ("both_moved", BOTH_MOVED)):
            for name, proto in (("tcp", TCP), ("udp", UDP)):
                there_and_back(f"{name}_{state}_{mode}", "1:1 behind an uplink", addresses, proto,
                               mode, data=b"odd")
        there_and_back(f"routed_moved_{mode}", "own addresses; the site's prefix moved",
                       ROUTED | dict(local_active="10.7.0.10"), mode=mode, data=b"data")
        there_and_back(f"udp_lite_moved_{mode}", "", BOTH_MOVED, UDP_LITE, mode,
                       data=b"not covered")
        there_and_back(f"dccp_moved_{mode}", "", BOTH_MOVED, DCCP, mode, data=b"data")
    there_and_back("routed_still", "no address differs: nothing is counted as rewritten", ROUTED)
    there_and_back("echo_moved", "the identifier is its port at both ends", proto=ICMP)
    there_and_back("protocol_253_moved", "no ports, and no checksum of ours", proto=RAW)
    there_and_back("ip_options", "router alert: past the short cut of the parser", proto=UDP,
                   header=dict(options=bytes.fromhex("94040000")))
    there_and_back("ip_fields_kept", "", header=dict(tos=0xB8, ident=0xBEEF, fragment=0x8000))
    there_and_back("padded", "rubbish behind an odd length is in no checksum", data=b"odd",
                   link=dict(pad_to=60, pad=b"\xa5"))


def checksums():
    for mode in MODES:
        there_and_back(f"udp_without_checksum_{mode}", "0 stays 0", proto=UDP, mode=mode, none=True)
        there_and_back(f"tcp_corrupted_{mode}", "as wrong as it was", mode=mode, data=b"corrupted",
                       spoil=lambda p: flip(p, 22))
        for name, proto in (("tcp", TCP), ("udp", UDP)):
            left = {"partial": True, "data": b"odd"}
            there_and_back(f"left_to_device_{name}_{mode}", "a checksum that is not filled in yet",
                           BOTH_MOVED, proto, mode, **left)
            there_and_back(f"left_to_device_{name}_no_seed_{mode}", "nobody promised one",
                           BOTH_MOVED, proto, mode, field=0xBAD1, **left)
        there_and_back(f"left_to_device_udp_none_{mode}", "0 is no sum", BOTH_MOVED, UDP, mode,
                       partial=True, field=0, none=True)
        s, flow = one_flow(f"left_to_device_udp_length_{mode}", "its length says less than IP's",
                           BOTH_MOVED, mode=mode, proto=UDP)
        for send, ports in ((s.out, (40000, 80)), (s.back, (80, 40000))):
            send(flow, partial=True, make=lambda src, dst, ports=ports:
                 udp(src, dst, *ports, data=b"told") + b"and more")
        s, flow = one_flow(f"left_to_device_draining_{mode}", "on the pair that was left",
                           BOTH_MOVED, mode=mode)
        left = s.move(flow.path, local_active=NEWER)
        s.back(flow, on=left, partial=True, data=b"late")
    there_and_back("udp_corrupted", "a bit of its payload", proto=UDP, data=b"corrupted",
                   spoil=lambda p: flip(p, 9))
    s, flow = one_flow("udp_computed_zero", "is written as ffff", proto=UDP)
    for send, direction, addresses in ((s.out, "outbound", flow.path.wire("outbound")),
                                       (s.back, "inbound", flow.path.inside("inbound"))):
        send(flow, data=filler_for_zero(addresses, lambda src, dst, data, way=direction:
                                        flow.l4(way, data=data)(src, dst)))
    s, flow = one_flow("left_to_device_and_punted", "the slow path gets it filled in", out="hold",
                       back="hold", proto=UDP, mode="original")
    s.out(flow, partial=True, data=b"held")
    s.back(flow, partial=True, data=b"held")
    finished = udp(HOST, FAR, data=b"of no flow")
    unfinished = left_to_device(UDP, finished, (HOST, FAR))
    s.packet(LAN, from_port(LAN, ipv4(HOST, FAR, UDP, unfinished)), "punt first_packet",
             from_port(LAN, ipv4(HOST, FAR, UDP, finished)), partial=True)
    s, flow = one_flow("ip_checksum_wrong", "dropped whatever flow it may be of")
    s.out(flow, "drop ip_checksum", header=dict(header_checksum=0xBAD1))
    s.out(flow)


def limits():
    s, flow = one_flow("ttl_runs_out", "both ways; 2 is the last hop that can be")
    for ttl in (2, 1, 0):
        s.out(flow, "punt ttl" if ttl < 2 else None, ttl=ttl)
        s.back(flow, "punt ttl" if ttl < 2 else None, ttl=ttl)
    s, flow = one_flow("too_big_for_the_way_out", "a port of 1400 bytes; padding does not count",
                       proto=UDP, out=f"forward {LTE}")
    s.out(flow, data=bytes(1400 - 28))
    s.out(flow, "punt too_big", data=bytes(1400 - 27))
    s.out(flow, data=b"padded", link=dict(pad_to=1450))
    for direction in ("outbound", "inbound"):
        s, flow = one_flow(f"fragments_{direction}", "the slow path's, the flow is not touched",
                           proto=UDP)
        send = s.out if direction == "outbound" else s.back
        send(flow, "punt fragment", data=bytes(64), header=dict(fragment=0x2000))
        send(flow, "punt fragment", make=lambda a, b: bytes(32), header=dict(fragment=9))
        s.mark(flow, "", touched=False)
    s, flow = one_flow("icmp_errors", "of whatever they quote: the slow path finds the flow")
    quote = ipv4(NEW, FAR, TCP, tcp(NEW, FAR, 40000, 80))[:28]
    for kind, code in ((3, 4), (11, 0)):
        s.packet(FIBRE, from_port(FIBRE, ipv4(FAR, NEW, ICMP, icmp(kind, code, data=quote))),
                 "punt icmp")
    quote = ipv4(FAR, HOST, TCP, tcp(FAR, HOST, 80, 40000))[:28]
    s.packet(LAN, from_port(LAN, ipv4(HOST, FAR, ICMP, icmp(3, 3, data=quote))), "punt icmp")
    s.mark(flow, "", touched=False)


def not_of_a_flow():
    """What comes between a flow's packets, and is none of its business."""
    s, flow = one_flow("notifications", "on outside ports; inside, that port is anybody's",
                       proto=UDP)
    told = icmp(20, 0, bytes([10, 7, 0, 2]))
    s.packet(FIBRE, from_port(FIBRE, ipv4(FAR, NEW, ICMP, told)), "punt notification")
    secure = udp(FAR, NEW, 4720, 4720, data=b"\x5a\xc1 and what it says")
    s.packet(FIBRE, from_port(FIBRE, ipv4(FAR, NEW, UDP, secure)), "punt notification")
    other = s.flow(flow.path, 4720, UDP, 4720)
    s.back(other, data=b"\x5a\xc2 is no message")
    s.out(other, data=b"\x5a\xc1 from a host is none, either")
    s, flow = one_flow("between", "frames of all kinds around a flow's own")
    for frame, verdict in (
            (ether(b"", dst="ff:ff:ff:ff:ff:ff"), "punt link_group"),
            (from_port(LAN, b"", cut_to=13), "drop frame_runt"),
            (from_port(LAN, bytes(40), kind=0x86DD), "punt not_ip"),
            (ether(ipv4(HOST, FAR, TCP, tcp(HOST, FAR)), dst=PORTS[LTE].mac),
             "drop frame_not_ours"),
            (from_port(LAN, ipv4(HOST, FAR, TCP, tcp(HOST, FAR)[:19])), "drop l4_truncated"),
            (from_port(LAN, ipv4(HOST, FAR, UDP, udp(HOST, FAR, 68, 67))), "punt dhcp"),
            (from_port(LAN, ipv4(HOST, "224.0.0.9", UDP, udp(HOST, "224.0.0.9"))),
             "punt ip_group"),
            (from_port(LAN, ipv4("127.0.0.1", FAR, UDP, udp("127.0.0.1", FAR))),
             "drop ip_source")):
        s.out(flow)
        s.packet(LAN, frame, verdict)
    s.out(flow)


def of_no_flow(s, port, src, dst, *ports, proto=TCP, **more):
    make = tcp if proto == TCP else udp
    s.packet(port, from_port(port, ipv4(src, dst, proto, make(src, dst, *ports, **more))),
             "punt first_packet")


def unknown():
    for way, port, right in (("outbound", LAN, (HOST, FAR, 40000, 80)),
                             ("inbound", FIBRE, (FAR, NEW, 80, 40000))):
        s, flow = one_flow(f"unknown_{way}", "one thing differs each time from the flow there is")
        send = s.out if port == LAN else s.back
        send(flow)
        for at, other in enumerate(("10.1.0.11", "10.9.0.11", 40001, 40002)):
            of_no_flow(s, port, *right[:at], other, *right[at + 1:], flags=SYN)
        of_no_flow(s, port, *right[:2], *right[:1:-1])  # ports crosswise
        of_no_flow(s, port, *right, proto=UDP)
        send(flow)
    s, flow = one_flow("unknown_in_mid_flow", "data, an end and a reset that no flow explains")
    for flags in (ACK, FIN | ACK, RST):
        of_no_flow(s, LAN, HOST, FAR, 41000, 80, flags=flags)
        of_no_flow(s, FIBRE, FAR, NEW, 80, 41000, flags=flags)
    s.mark(flow, "", touched=False)
    s = story("first_packet_then_flow", "punted, set up by the slow path, forwarded")
    path = s.path(MOVED)
    of_no_flow(s, LAN, HOST, FAR, 40000, 80, flags=SYN)
    flow = s.insert(path)
    s.out(flow, flags=SYN)
    s.back(flow, flags=SYN | ACK)
    s.mark(flow, "syn")


def bursts():
    """As many packets as fit, which is more than the parser takes before it seeks hints."""
    for way, port, src, dst in (("outbound", LAN, HOST, FAR), ("inbound", FIBRE, FAR, NEW)):
        s = story(f"burst_full_{way}", "64 packets, every fourth of no flow, every eighth broken")
        flows = hosts_behind(s, 8)
        for i in range(64):
            if i % 8 == 3:
                broken = tcp(src, dst)[:12]
                s.packet(port, from_port(port, ipv4(src, dst, TCP, broken)), "drop l4_truncated")
            elif i % 4 == 1:
                of_no_flow(s, port, src, dst, 53, 6000 + i, proto=UDP)
            else:
                (s.out if port == LAN else s.back)(flows[i * 5 % 8], data=bytes([i]))


def tell():
    for each in (forwarding, checksums, limits, not_of_a_flow, unknown, bursts):
        each()
