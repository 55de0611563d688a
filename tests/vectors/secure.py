#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes secure.yaml: test vectors of the secure notification.

Written from docs/protocol.md with Python's hashlib and hmac and the ladder of RFC 7748 only, apart
from the product's code and its library, so that each judges the other. tests/unit/wire/secure_vector_test.cpp
reads the file, and compares the copy in docs/protocol.md.

    secure.py             write secure.yaml beside this script
    secure.py --check     exit 1 if secure.yaml is not what it would be
"""
import base64
import contextlib
import hashlib
import hmac
import io
import ipaddress
import pathlib
import struct
import sys

HELLO, HELLO_ACK, BIND, BIND_ACK, SOLICIT, SOLICIT_ACK, PROBE, PROBE_ACK = range(1, 9)
OLD_ADDRESS_LOST, NAT = 1, 2


def x25519(scalar, u):
    """RFC 7748 §5."""
    p = 2**255 - 19
    k = int.from_bytes(scalar, "little") & ~7 & (2**255 - 1) | 2**254
    x1 = int.from_bytes(u, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, x1, 1, 0
    for t in reversed(range(255)):
        bit = k >> t & 1
        if swap ^ bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = bit
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        aa, bb, da, cb = a * a, b * b, d * a, c * b
        e = aa - bb
        x3, z3 = (da + cb) ** 2 % p, x1 * (da - cb) ** 2 % p
        x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def address(text):
    return ipaddress.ip_address(text).packed.ljust(16, b"\0")


def prefix(text):
    net = ipaddress.ip_network(text)
    family = {4: 4, 6: 6}[net.version]
    return struct.pack("!BBH", family, net.prefixlen, 0) + address(str(net.network_address))


def binding(original, active, preference, lifetime):
    return prefix(original) + prefix(active) + struct.pack("!BI", preference, lifetime)


def wire_tuple(protocol, source, source_port, destination, destination_port):
    family = ipaddress.ip_address(source).version
    return (struct.pack("!BBHH", family, protocol, source_port, destination_port)
            + address(source) + address(destination))


def sealed(kind, flags, sender, epoch, sequence, body, key, source, destination):
    header = struct.pack("!HBBHHQQQ", 0x5AC1, 2, kind, len(body), flags, sender, epoch, sequence)
    pseudo = b"".join(ipaddress.ip_address(one).packed for one in (source, destination))
    if flags & NAT:
        pseudo = bytes(len(pseudo))
    return header + body + hmac256(key, pseudo + header + body)[:16]


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, source, destination, payload):
    def header(check):
        return (struct.pack("!BBHHHBBH", 0x45, 0xC0, 20 + len(payload), 0, 0x4000, 64, protocol,
                            check)
                + ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed)
    return header(checksum(header(0))) + payload


def icmp_packet(source, destination, message):
    check = checksum(struct.pack("!BBH", 20, 1, 0) + message)
    return ipv4(1, source, destination, struct.pack("!BBH", 20, 1, check) + message)


def udp_packet(source, destination, message):
    length = 8 + len(message)
    pseudo = (ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
              + struct.pack("!HH", 17, length))
    check = checksum(pseudo + struct.pack("!HHHH", 4720, 4720, length, 0) + message) or 0xFFFF
    return ipv4(17, source, destination,
                struct.pack("!HHHH", 4720, 4720, length, check) + message)


def show(name, value, indent=0):
    pad = " " * indent
    if isinstance(value, dict):
        print(f"{pad}{name}:")
        for key, inner in value.items():
            show(key, inner, indent + 2)
    elif isinstance(value, bytes) and len(value) > 32:
        print(f"{pad}{name}: >-")
        for at in range(0, len(value), 16):
            words = value[at:at + 16].hex(" ", -4)
            print(f"{pad}  {words}")
    elif isinstance(value, bytes):
        print(f'{pad}{name}: "{value.hex()}"')
    elif isinstance(value, str):
        print(f'{pad}{name}: "{value}"')
    else:
        print(f"{pad}{name}: {value}")


def gateway(private):
    public = x25519(private, (9).to_bytes(32, "little"))
    return {"private": private, "private_text": base64.b64encode(private).decode(),
            "public": public, "public_text": base64.b64encode(public).decode(),
            "sender": hashlib.sha256(public).digest()[:8]}


def main():
    # The private keys of RFC 7748 §6.1.
    a = gateway(bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"))
    b = gateway(bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"))
    shared = x25519(a["private"], b["public"])
    assert shared == x25519(b["private"], a["public"])
    prk = hmac256(b"SACIP2", shared)
    label = b"SACIP2 message key"
    a_to_b = hmac256(prk, label + a["public"] + b["public"] + b"\x01")
    b_to_a = hmac256(prk, label + b["public"] + a["public"] + b"\x01")

    print("# SPDX-License-Identifier: BSD-3-Clause")
    print("# Made by secure.py; all values in hexadecimal but texts and addresses.")
    show("a", a)
    show("b", b)
    show("shared", shared)
    show("prk", prk)
    show("key_a_to_b", a_to_b)
    show("key_b_to_a", b_to_a)

    a_id, b_id = (int.from_bytes(g["sender"], "big") for g in (a, b))
    epoch_a, epoch_b = 1735689600000000, 1735689700000000
    a_at, b_at, a_before = "203.0.113.7", "198.51.100.1", "192.0.2.7"
    challenge, echo = bytes(range(0x10, 0x20)), bytes(range(0xA0, 0xB0))
    tcp = wire_tuple(6, a_at, 40000, b_at, 443)

    def message(kind, flags, sequence, body, back=False):
        if back:
            return sealed(kind, flags, b_id, epoch_b, sequence, body, b_to_a, b_at, a_at)
        return sealed(kind, flags, a_id, epoch_a, sequence, body, a_to_b, a_at, b_at)

    bind = message(BIND, OLD_ADDRESS_LOST, 42, bytes(16) + struct.pack("!HH", 2, 0)
                   + binding(a_before + "/32", a_at + "/32", 200, 3600)
                   + binding("10.2.0.0/24", "10.7.0.0/24", 100, 3600))
    print("# From a, which has moved from 192.0.2.7 to 203.0.113.7, to b at 198.51.100.1, and back.")
    show("addresses", {"a": a_at, "b": b_at})
    show("messages", {
        "hello_nat": message(HELLO, NAT, 1, a["public"] + struct.pack("!IB3x", 0, 0)
                             + challenge + bytes(16)),
        "hello_ack": message(HELLO_ACK, 0, 7, b["public"] + struct.pack("!IB3x", 0, 1)
                             + echo + challenge, back=True),
        "bind": bind,
        "bind_ack_validate": message(BIND_ACK, 0, 8, struct.pack("!QQBBH", epoch_a, 42, 2, 0, 0)
                                     + echo, back=True),
        "solicit": message(SOLICIT, 0, 9, tcp, back=True),
        "solicit_ack": message(SOLICIT_ACK, 0, 43, tcp + address(a_before) + address(b_at)
                               + bytes(8)),
        "probe": message(PROBE, 0, 44, bytes(range(8)) + struct.pack("!Q", 123456789) + bytes(12)),
        "probe_ack": message(PROBE_ACK, 0, 10, bytes(range(8)) + struct.pack("!Q", 123456789),
                             back=True),
        "bind_of_family_6": message(BIND, 0, 45, bytes(16) + struct.pack("!HH", 1, 0)
                                    + binding("2001:db8:1::/48", "2001:db8:2::/48", 0, 60)),
    })
    show("packets", {"bind_over_icmp": icmp_packet(a_at, b_at, bind),
                     "bind_over_udp": udp_packet(a_at, b_at, bind)})


if __name__ == "__main__":
    with contextlib.redirect_stdout(io.StringIO()) as made:
        main()
    target = pathlib.Path(__file__).with_name("secure.yaml")
    if sys.argv[1:] == ["--check"]:
        sys.exit(0 if target.read_text() == made.getvalue() else f"{target} is not as generated")
    target.write_text(made.getvalue())
