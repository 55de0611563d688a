#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes packets.yaml: frames going in, what becomes of them, frames coming out.

An expected frame is not the input changed; it is built anew with the addresses it should have and
every checksum computed over all its bytes. So these rows know nothing of incremental checksums,
offsets or parsing, and can judge code that does.

    generate.py           write packets.yaml beside this script
    generate.py --check   exit 1 and show the difference if packets.yaml is not what it would be
"""

import pathlib
import sys

from packet import (DCCP, ICMP, PORT_MAC, RAW, TCP, UDP, UDP_LITE, Path, checksum, dccp, echo, ether,
                    filler_for_zero, flip, icmp, ip, ipv4, tcp, udp, udp_lite)
from rows import quoted, write_or_check

PORT_MTU = 1500                   # of the port that frames come in on
NEXT_HOP = "02:00:00:00:00:77"    # written into frames going out
EGRESS_MAC = "02:00:00:00:00:02"
TARGET = pathlib.Path(__file__).with_name("packets.yaml")

NOTIFICATION = 20


ROUTED = Path("10.1.0.10", "10.1.0.10", "10.7.0.10", "10.9.0.10", "10.9.0.10")
UPLINK = Path("10.1.0.10", "10.0.1.2", "172.16.5.9", "10.9.0.10", "192.0.2.200")
FRESH = Path("10.1.0.10", "10.0.1.2", "10.0.1.2", "10.9.0.10", "10.9.0.10")
STILL = Path("10.1.0.10", "10.1.0.10", "10.1.0.10", "10.9.0.10", "10.9.0.10")

rows = []


def row(name, comment, verdict, frame, port="inside", out=None, path=None, direction=None,
        mode=None):
    rows.append({"name": name, "comment": comment, "port": port, "direction": direction,
                 "mode": mode, "path": path, "verdict": verdict, "in": frame, "out": out})


def translated(name, comment, proto, make, path=UPLINK, direction="outbound", mode="wire",
               verdict="proceed", spoil=lambda payload: payload, pad_to=0, pad=b"\0", ttl=64, **header):
    """`make(src, dst)` gives L4 with its checksum in terms of these addresses."""
    inside, wire = path.inside(direction), path.wire(direction)
    on_wire = wire if mode == "wire" else path.originals(direction)
    sides = {"inside": (inside, inside), "wire": (wire, on_wire)}
    before, after = ("inside", "wire") if direction == "outbound" else ("wire", "inside")

    def frame(side, hops, **link):
        addresses, for_checksum = sides[side]
        payload = spoil(make(*for_checksum))
        return ether(ipv4(*addresses, proto, payload, ttl=ttl - hops, **header), pad_to=pad_to,
                     pad=pad, **link)

    row(name, comment, verdict, frame(before, 0),
        port="inside" if direction == "outbound" else "outside",
        out=frame(after, 1, dst=NEXT_HOP, src=EGRESS_MAC), path=path, direction=direction,
        mode=mode)


def both_ways(name, comment, proto, make, **more):
    for direction in ("outbound", "inbound"):
        translated(f"{name}_{direction}", comment, proto, make, direction=direction, **more)


def translation_rows():
    for mode in ("wire", "original"):
        both_ways(f"tcp_syn_{mode}", "a host behind an uplink, both ends moved", TCP,
                  lambda s, d: tcp(s, d, flags=0x02, options=bytes.fromhex("020405b4")), mode=mode)
        both_ways(f"udp_{mode}", "odd length", UDP, lambda s, d: udp(s, d, data=b"odd"), mode=mode)
        both_ways(f"udp_lite_{mode}", "only its header is covered", UDP_LITE,
                  lambda s, d: udp_lite(s, d, data=b"not covered"), mode=mode)
        both_ways(f"dccp_{mode}", "", DCCP, lambda s, d: dccp(s, d, data=b"odd"), mode=mode)
    both_ways("tcp_routed_wire", "own addresses, site prefix moved", TCP,
              lambda s, d: tcp(s, d, data=b"data"), path=ROUTED)
    both_ways("tcp_routed_original", "the L4 checksum stays bit for bit, as in the paper", TCP,
              lambda s, d: tcp(s, d, data=b"data"), path=ROUTED, mode="original")
    both_ways("tcp_before_any_move", "1:1 only", TCP, lambda s, d: tcp(s, d, data=b"x"), path=FRESH)
    both_ways("tcp_nothing_to_change", "no address differs", TCP,
              lambda s, d: tcp(s, d, data=b"x"), path=STILL)
    both_ways("tcp_carries", "additions that carry twice", TCP,
              lambda s, d: tcp(s, d, data=b"\xff\xfe\xff\xff"), path=Path(
                  "126.255.255.255", "126.255.255.255", "1.0.0.1", "223.255.255.255", "1.1.0.0"))
    both_ways("tcp_reset", "header only", TCP, lambda s, d: tcp(s, d, flags=0x04))
    both_ways("icmp_echo_request", "addresses are not in its checksum", ICMP, lambda s, d: echo(8))
    both_ways("icmp_echo_reply", "", ICMP, lambda s, d: echo(0))
    both_ways("protocol_253", "no checksum of ours in it", RAW, lambda s, d: b"raw \x00\xff bytes")
    translated("protocol_253_empty", "an IPv4 header and nothing else", RAW, lambda s, d: b"")
    translated("protocol_50", "ESP: looks like nothing, is left alone", 50,
               lambda s, d: bytes(range(32)))
    both_ways("ip_options_four_bytes", "router alert", UDP, lambda s, d: udp(s, d, data=b"opt"),
              options=bytes.fromhex("94040000"))
    both_ways("ip_options_full", "forty bytes of no-operation", TCP,
              lambda s, d: tcp(s, d, data=b"opt"), options=b"\x01" * 40)
    both_ways("ip_options_other_end", "router alert, a lone end of options, and rubbish behind it",
              TCP, lambda s, d: tcp(s, d, data=b"opt"),
              options=bytes.fromhex("94040000 00830400"))
    both_ways("ip_options_record_route", "its place for our address stays empty", UDP,
              lambda s, d: udp(s, d, data=b"opt"), options=bytes.fromhex("07070400000000 00"))
    both_ways("ip_options_and_padding", "what follows the packet is no part of it, nor of its sum",
              UDP, lambda s, d: udp(s, d, data=b"odd"), options=bytes.fromhex("94040000"),
              pad_to=60, pad=b"\xa5")
    both_ways("udp_without_checksum", "0 stays 0", UDP,
              lambda s, d: udp(s, d, data=b"none", none=True))
    translated("udp_computed_zero_on_wire", "a computed 0 is written as ffff", UDP,
               lambda s, d: udp(s, d, data=filler_for_zero(UPLINK.wire("outbound"), udp)))
    translated("udp_computed_zero_at_host", "ffff comes back as ffff", UDP,
               lambda s, d: udp(s, d, data=filler_for_zero(UPLINK.inside("inbound"), udp)),
               direction="inbound")
    translated("udp_ffff_leaves_host", "ffff is a computed 0 and becomes what it should", UDP,
               lambda s, d: udp(s, d, data=filler_for_zero(UPLINK.inside("outbound"), udp)))
    translated("udp_ffff_unchanged", "nothing to change: ffff stays", UDP,
               lambda s, d: udp(s, d, data=filler_for_zero(STILL.inside("outbound"), udp)),
               path=STILL)
    both_ways("udp_padded_frame", "Ethernet padding is kept and is not part of the packet", UDP,
              lambda s, d: udp(s, d, data=b"ab"), pad_to=60)
    both_ways("tcp_padded_frame", "40 bytes of IP in 60 of Ethernet", TCP,
              lambda s, d: tcp(s, d), pad_to=60)
    both_ways("tcp_padding_not_zero", "an odd length, and rubbish behind it: in no checksum", TCP,
              lambda s, d: tcp(s, d, data=b"odd"), pad_to=60, pad=b"\xa5")
    both_ways("tcp_padding_original", "", TCP, lambda s, d: tcp(s, d, data=b"odd"), pad_to=60,
              pad=b"\xa5", mode="original")
    both_ways("icmp_minimum_size", "an echo of no data, 28 bytes of IP", ICMP,
              lambda s, d: echo(8, data=b""), pad_to=60)
    translated("ip_only_padded", "20 bytes of IP, 26 of padding", RAW, lambda s, d: b"", pad_to=60,
               pad=b"\xff")
    both_ways("udp_below_minimum_size", "a frame that no link would carry: from virtual devices",
              UDP, lambda s, d: udp(s, d))
    translated("udp_padded_beyond_mtu", "padding may be longer than the port's MTU", UDP,
               lambda s, d: udp(s, d, data=b"ab"), pad_to=PORT_MTU + 40)
    translated("udp_of_port_mtu", "", UDP, lambda s, d: udp(s, d, data=bytes(PORT_MTU - 28)))
    translated("udp_put_together", "fragments that the device made one packet of", UDP,
               lambda s, d: udp(s, d, data=bytes(PORT_MTU - 20)), fragment=0)
    translated("udp_length_lies", "the host's business", UDP,
               lambda s, d: udp(s, d, data=b"data", length=200))
    translated("tcp_data_offset_lies", "the host's business", TCP,
               lambda s, d: tcp(s, d, words=15))
    both_ways("tcp_corrupted", "one bit of the payload flipped: stays as wrong as it was", TCP,
              lambda s, d: tcp(s, d, data=b"corrupted"), spoil=lambda p: flip(p, 22))
    both_ways("udp_corrupted", "one bit of a port flipped", UDP,
              lambda s, d: udp(s, d, data=b"corrupted"), spoil=lambda p: flip(p, 1))
    translated("ttl_two", "the last hop that can be", UDP, lambda s, d: udp(s, d), ttl=2)
    translated("ttl_255", "", UDP, lambda s, d: udp(s, d), ttl=255)
    translated("ip_fields_kept", "TOS, id and the reserved flag pass through", UDP,
               lambda s, d: udp(s, d), tos=0xB8, ident=0xBEEF, fragment=0x8000)


def fragment_rows():
    def part(first, last):
        return lambda s, d: tcp(s, d, data=b"0123456789abcdef" * 3)[first:last]

    translated("fragment_first", "its checksum is the whole packet's and is mended", TCP,
               part(0, 48), verdict="punt fragment", fragment=0x2000)
    translated("fragment_later", "no header in it: IP only", TCP, part(48, None),
               verdict="punt fragment", fragment=48 // 8)
    translated("fragment_middle", "", TCP, lambda s, d: b"looks like nothing " + b"\xff" * 13,
               verdict="punt fragment", fragment=0x2000 | 1)
    translated("fragment_first_tiny", "the TCP header is not whole: L4 is left alone", TCP,
               lambda s, d: tcp(*UPLINK.inside("outbound"))[:16], verdict="punt fragment",
               fragment=0x2000)
    translated("fragment_udp_first_without_checksum", "0 stays 0", UDP,
               lambda s, d: udp(s, d, data=b"x" * 40, none=True)[:24], verdict="punt fragment",
               fragment=0x2000)
    translated("fragment_icmp_first", "no addresses in its checksum", ICMP,
               lambda s, d: echo(8, data=b"x" * 40)[:24], verdict="punt fragment", fragment=0x2000)


def verdict_rows():
    src, dst = ROUTED.inside("outbound")
    good_tcp = tcp(src, dst)
    good = ipv4(src, dst, TCP, good_tcp)

    def drop(reason, name, comment, frame, port="inside"):
        row(name, comment, f"drop {reason}", frame, port)

    def punt(reason, name, comment, frame, port="inside"):
        row(name, comment, f"punt {reason}", frame, port)

    drop("frame_runt", "frame_empty", "no bytes at all", b"")
    drop("frame_runt", "frame_thirteen_bytes", "one short of an Ethernet header",
         ether(good, cut_to=13))
    punt("link_group", "frame_broadcast", "", ether(good, dst="ff:ff:ff:ff:ff:ff"))
    punt("link_group", "frame_multicast", "before anything is known of IP",
         ether(b"", dst="01:00:5e:00:00:05"))
    drop("frame_not_ours", "frame_last_byte_differs", "", ether(good, dst="02:00:00:00:00:03"))
    drop("frame_not_ours", "frame_first_byte_differs", "", ether(good, dst="06:00:00:00:00:01"))
    punt("not_ip", "arp_reply_to_us", "unicast ARP", ether(bytes(28), kind=0x0806, pad_to=60))
    punt("not_ip", "ipv6", "", ether(b"\x60" + bytes(39), kind=0x86DD))
    punt("not_ip", "vlan_tag", "tagged frames are Linux's",
         ether(b"\x00\x05\x08\x00" + good, kind=0x8100))

    drop("ip_truncated", "ip_no_bytes", "Ethernet header and nothing else", ether(b""))
    drop("ip_truncated", "ip_nineteen_bytes", "", ether(good, cut_to=14 + 19))
    drop("ip_truncated", "ip_total_length_beyond_frame", "", ether(good, cut_to=14 + 39))
    drop("ip_truncated", "ip_total_length_below_header", "",
         ether(ipv4(src, dst, TCP, good_tcp, total=19)))
    drop("ip_truncated", "ip_total_length_zero", "", ether(ipv4(src, dst, TCP, good_tcp, total=0)))
    drop("ip_version", "ip_version_6", "in a frame of type 0x0800",
         ether(ipv4(src, dst, TCP, good_tcp, version=6)))
    drop("ip_version", "ip_version_0", "", ether(ipv4(src, dst, TCP, good_tcp, version=0)))
    drop("ip_header_length", "ip_header_of_four_words", "",
         ether(ipv4(src, dst, TCP, good_tcp, words=4)))
    drop("ip_header_length", "ip_header_beyond_frame", "fifteen words said, ten there",
         ether(ipv4(src, dst, TCP, good_tcp, words=15)))
    drop("ip_truncated", "ip_header_beyond_total_length", "options said, not in the packet",
         ether(ipv4(src, dst, UDP, b"", words=6), pad_to=60))
    right = checksum(good[:10] + b"\0\0" + good[12:20])
    drop("ip_checksum", "ip_checksum_off_by_one", "",
         ether(ipv4(src, dst, TCP, good_tcp, header_checksum=right ^ 1)))
    drop("ip_checksum", "ip_checksum_zero", "0 is no exception in IPv4",
         ether(ipv4(src, dst, TCP, good_tcp, header_checksum=0)))
    drop("ip_checksum", "ip_checksum_wrong_in_option", "the sum covers options too",
         ether(flip(ipv4(src, dst, TCP, good_tcp, options=b"\x01" * 4), 21)))
    for name, comment, options in (
            ("loose_source_route", "with a hop to go", "83070400 0a010203 01"),
            ("strict_source_route", "behind no-operations", "0101 890704 0a010203 00"),
            ("spent_source_route", "its last hop is behind it", "830708 0a010203 00"),
            ("length_zero", "would never end", "9400 0000"),
            ("length_one", "", "9401 0000"),
            ("length_beyond_header", "", "9405 0000"),
            ("length_missing", "the last byte begins an option", "010101 94")):
        data = bytes.fromhex(options)
        data = data.ljust((len(data) + 3) // 4 * 4, b"\0")
        drop("ip_options", f"ip_options_{name}", comment,
             ether(ipv4(src, dst, UDP, udp(src, dst), options=data)))
    long = ipv4(src, dst, UDP, udp(src, dst, data=bytes(PORT_MTU - 27)))
    drop("frame_too_long", "ip_longer_than_mtu", "a byte more, and not to be cut up", ether(long))
    drop("frame_too_long", "ip_cut_behind_mtu", "segments for offload, as a short ring sees them",
         ether(ipv4(src, dst, TCP, tcp(src, dst, data=bytes(2 * PORT_MTU)), fragment=0),
               cut_to=14 + PORT_MTU + 1))
    drop("ip_truncated", "ip_cut_at_mtu", "may be anything", ether(long, cut_to=14 + PORT_MTU))
    drop("ip_truncated", "ip_beyond_minimum_frame", "a total length that padding does not make true",
         ether(ipv4(src, dst, UDP, udp(src, dst), total=47), pad_to=60))
    for name, address in (("multicast", "224.0.0.1"), ("broadcast", "255.255.255.255"),
                          ("loopback", "127.0.0.1"), ("unspecified", "0.0.0.0")):
        drop("ip_source", f"ip_source_{name}", "",
             ether(ipv4(address, dst, TCP, tcp(address, dst))))
    punt("ip_group", "ip_multicast_to_our_mac", "",
         ether(ipv4(src, "224.0.0.9", UDP, udp(src, "224.0.0.9", 520, 520))))
    punt("ip_group", "ip_broadcast_to_our_mac", "",
         ether(ipv4(src, "255.255.255.255", UDP, udp(src, "255.255.255.255", 9, 9))))
    punt("ip_group", "dhcp_discover_to_our_mac", "an addressless host is let through",
         ether(ipv4("0.0.0.0", "255.255.255.255", UDP, udp("0.0.0.0", "255.255.255.255", 68, 67))))
    punt("dhcp", "dhcp_renewal", "", ether(ipv4(src, dst, UDP, udp(src, dst, 68, 67))))
    punt("dhcp", "dhcp_reply", "", ether(ipv4(src, dst, UDP, udp(src, dst, 67, 68))), "outside")

    drop("l4_truncated", "tcp_nineteen_bytes", "", ether(ipv4(src, dst, TCP, good_tcp[:19])))
    drop("l4_truncated", "tcp_short_but_padded", "padding is not header",
         ether(ipv4(src, dst, TCP, good_tcp[:12]), pad_to=60))
    drop("l4_truncated", "udp_seven_bytes", "", ether(ipv4(src, dst, UDP, udp(src, dst)[:7])))
    drop("l4_truncated", "udp_no_bytes", "", ether(ipv4(src, dst, UDP, b"")))
    drop("l4_truncated", "udp_lite_seven_bytes", "", ether(ipv4(src, dst, UDP_LITE, bytes(7))))
    drop("l4_truncated", "dccp_seven_bytes", "", ether(ipv4(src, dst, DCCP, bytes(7))))
    drop("l4_truncated", "icmp_echo_seven_bytes", "", ether(ipv4(src, dst, ICMP, echo()[:7])))
    drop("l4_truncated", "icmp_three_bytes", "", ether(ipv4(src, dst, ICMP, echo()[:3])), "outside")

    new = ip("10.7.0.2")
    message = icmp(NOTIFICATION, 0, new)
    punt("notification", "notification_basic", "",
         ether(ipv4(dst, src, ICMP, message), pad_to=60), "outside")
    punt("notification", "notification_too_long", "its length is judged later, under its own name",
         ether(ipv4(dst, src, ICMP, icmp(NOTIFICATION, 0, new, b"more"))), "outside")
    punt("notification", "notification_too_short", "",
         ether(ipv4(dst, src, ICMP, message[:6])), "outside")
    punt("notification", "notification_secure", "code 1",
         ether(ipv4(dst, src, ICMP, icmp(NOTIFICATION, 1, b"\x5a\xc1\x02\x03", bytes(48)))),
         "outside")
    punt("fragment", "notification_fragment", "a notification is never a fragment",
         ether(ipv4(dst, src, ICMP, message, fragment=0x2000)), "outside")
    punt("icmp", "notification_on_inside_port", "there it is ICMP like any other",
         ether(ipv4(src, dst, ICMP, message)))
    punt("icmp", "icmp_unreachable", "", ether(ipv4(dst, src, ICMP, icmp(3, 4, data=good[:28]))),
         "outside")
    punt("icmp", "icmp_timestamp", "", ether(ipv4(src, dst, ICMP, icmp(13, data=bytes(12)))))


def document():
    lines = ["# SPDX-License-Identifier: BSD-3-Clause",
             "# Written by generate.py beside this file; change that, not this.",
             "# `verdict` is parse()'s. `out` is the frame after addresses and next hop were",
             "# rewritten; rows without it leave the frame as it came.",
             f'port_mac: "{PORT_MAC}"', f"port_mtu: {PORT_MTU}", f'next_hop: "{NEXT_HOP}"', f'egress_mac: "{EGRESS_MAC}"',
             "rows:"]
    for r in rows:
        lines.append(f"  - name: {r['name']}")
        if r["comment"]:
            lines.append(f"    comment: {quoted(r['comment'])}")
        lines.append(f"    port: {r['port']}")
        if r["path"]:
            lines.append(f"    direction: {r['direction']}")
            lines.append(f"    mode: {r['mode']}")
            lines.append(f"    path: {r['path'].text()}")
        lines.append(f"    verdict: {r['verdict']}")
        lines.append(f"    in: \"{r['in'].hex()}\"")
        if r["out"] is not None:
            lines.append(f"    out: \"{r['out'].hex()}\"")
    return "\n".join(lines) + "\n"


def main():
    translation_rows()
    fragment_rows()
    verdict_rows()
    names = [r["name"] for r in rows]
    assert len(names) == len(set(names)), "two rows have one name"
    return write_or_check(TARGET, document(), len(rows), __doc__)


if __name__ == "__main__":
    sys.exit(main())
