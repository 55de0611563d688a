# SPDX-License-Identifier: BSD-3-Clause
"""Frames for the rows of data beside this file, as the RFCs have them.

Everything is built anew, and every checksum computed over all its bytes: nothing here knows of
incremental checksums, offsets or parsing.
"""

import struct

PORT_MAC = "02:00:00:00:00:01"    # of the port that a frame comes in on, where nothing else is said
SENDER_MAC = "02:00:00:00:00:99"

ICMP, TCP, UDP, DCCP, UDP_LITE, RAW = 1, 6, 17, 33, 136, 253


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip(text):
    return bytes(int(part) for part in text.split("."))


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(payload, dst=PORT_MAC, src=SENDER_MAC, kind=0x0800, pad_to=0, cut_to=None,
          pad=b"\0"):
    frame = mac(dst) + mac(src) + struct.pack("!H", kind) + payload
    return frame.ljust(pad_to, pad)[:cut_to]


def ipv4(src, dst, proto, payload, ttl=64, options=b"", ident=0x1234, fragment=0x4000, tos=0,
         version=4, words=None, total=None, header_checksum=None):
    words = words if words is not None else 5 + len(options) // 4
    total = total if total is not None else 20 + len(options) + len(payload)

    def header(value):
        return struct.pack("!BBHHHBBH4s4s", version << 4 | words, tos, total, ident, fragment, ttl,
                           proto, value, ip(src), ip(dst)) + options

    value = header_checksum if header_checksum is not None else checksum(header(0))
    return header(value) + payload


def pseudo(src, dst, proto, length):
    return ip(src) + ip(dst) + struct.pack("!BBH", 0, proto, length)


def tcp(src, dst, sport=40000, dport=80, flags=0x10, options=b"", data=b"", words=None):
    words = words if words is not None else 5 + len(options) // 4

    def segment(value):
        return struct.pack("!HHIIBBHHH", sport, dport, 0x01020304, 0x05060708, words << 4, flags,
                           0xFAF0, value, 0) + options + data

    plain = segment(0)
    return segment(checksum(pseudo(src, dst, TCP, len(plain)) + plain))


def udp(src, dst, sport=5000, dport=53, data=b"", none=False, length=None):
    length = length if length is not None else 8 + len(data)

    def datagram(value):
        return struct.pack("!HHHH", sport, dport, length, value) + data

    plain = datagram(0)
    value = checksum(pseudo(src, dst, UDP, len(plain)) + plain) or 0xFFFF
    return datagram(0 if none else value)


def udp_lite(src, dst, covered=8, data=b""):
    """RFC 3828: the checksum covers so many bytes, and the length of the pseudo-header is all."""
    def datagram(value):
        return struct.pack("!HHHH", 5000, 53, covered, value) + data

    plain = datagram(0)
    return datagram(checksum(pseudo(src, dst, UDP_LITE, len(plain)) + plain[:covered]) or 0xFFFF)


def dccp(src, dst, data=b""):
    """RFC 4340 §5.1: a data packet with a short sequence number."""
    def packet(value):
        return struct.pack("!HHBBHBBH", 5001, 5002, 3, 0, value, 2 << 1, 0, 7) + data

    plain = packet(0)
    return packet(checksum(pseudo(src, dst, DCCP, len(plain)) + plain))


def icmp(kind, code=0, rest=b"\0\0\0\0", data=b""):
    def message(value):
        return struct.pack("!BBH", kind, code, value) + rest + data

    return message(checksum(message(0)))


def echo(kind=8, ident=77, sequence=1, data=b"abcdefgh"):
    return icmp(kind, 0, struct.pack("!HH", ident, sequence), data)


class Path:
    def __init__(self, host, local_original, local_active, remote_original, remote_active):
        self.host, self.local_original, self.local_active = host, local_original, local_active
        self.remote_original, self.remote_active = remote_original, remote_active

    def inside(self, direction):
        """Addresses of a packet between gateway and host, as (source, destination)."""
        pair = (self.host, self.remote_original)
        return pair if direction == "outbound" else pair[::-1]

    def wire(self, direction):
        pair = (self.local_active, self.remote_active)
        return pair if direction == "outbound" else pair[::-1]

    def originals(self, direction):
        pair = (self.local_original, self.remote_original)
        return pair if direction == "outbound" else pair[::-1]

    def text(self):
        return (f"{{host: {self.host}, local_original: {self.local_original}, "
                f"local_active: {self.local_active}, remote_original: {self.remote_original}, "
                f"remote_active: {self.remote_active}}}")


def filler_for_zero(addresses, make):
    """Two payload bytes with which the UDP checksum for these addresses is computed as 0."""
    probe = make(*addresses, data=b"\0\0")
    return probe[6:8]


def flip(payload, at):
    return payload[:at] + bytes([payload[at] ^ 0x40]) + payload[at + 1:]
