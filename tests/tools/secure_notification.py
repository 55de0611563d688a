#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A second implementation of the secure notification (PROTOCOL §3), to judge the first one by.

Shares nothing with the gateway: the standard library alone, written from the document.

  genkey                        a private key (base64, as `sacipctl genkey`)
  pubkey                        public key of the private key on standard input
  sender-id PUBLIC              the 8 bytes that name a sender, in hex
  vectors PRIVATE PEER-PUBLIC   what the key derivation gives, as JSON
  seal --key FILE --peer PUBLIC --from A --to A [--kind K] [--epoch N] [--sequence N] [--flags N]
       [--echo HEX] [--entry ORIGINAL ACTIVE [LIFETIME]]... [--body HEX] [--carrier icmp|udp|both]
       [--nat] [--spoil tag] [--count N] (--send | --pcap FILE)
                                messages as the holder of that key would make them; with --count
                                the sequence number grows by one from message to message
  read FILE [--key FILE --peer PUBLIC]...
                                notifications of a capture, one JSON object a line; `tag` says
                                whether it holds under any of the keys, null if none fits

An entry's prefixes are given as 10.1.0.0/24 or 10.1.0.10 (a /32).
"""
import argparse
import base64
import hashlib
import hmac
import ipaddress
import json
import os
import random
import socket
import struct
import sys
import time

MAGIC, VERSION, TAG = 0x5AC1, 2, 16
KINDS = ["", "HELLO", "HELLO_ACK", "BIND", "BIND_ACK", "SOLICIT", "SOLICIT_ACK", "PROBE", "PROBE_ACK"]
STATUS = ["applied", "stale", "validate", "refused"]
HEADER = struct.Struct("!HBBHHQQQ")
NAT_MODE = 2
ICMP_TYPE, UDP_PORT = 20, 4720


# ---------------------------------------------------------------- keys (RFC 7748, RFC 5869)

def x25519(secret, point):
    """RFC 7748 §5, the Montgomery ladder."""
    p = 2**255 - 19
    k = int.from_bytes(secret, "little") & ~7 & (2**255 - 1) | 2**254
    u = int.from_bytes(point, "little") & (2**255 - 1)
    x2, z2, x3, z3, swap = 1, 0, u, 1, 0
    for bit in reversed(range(255)):
        swap ^= k >> bit & 1
        if swap:
            x2, x3, z2, z3 = x3, x2, z3, z2
        swap = k >> bit & 1
        a, b, c, d = (x2 + z2) % p, (x2 - z2) % p, (x3 + z3) % p, (x3 - z3) % p
        da, cb, aa, bb = d * a % p, c * b % p, a * a % p, b * b % p
        e = (aa - bb) % p
        x3, z3 = (da + cb)**2 % p, u * (da - cb)**2 % p
        x2, z2 = aa * bb % p, e * (aa + 121665 * e) % p
    if swap:
        x2, z2 = x3, z3
    return (x2 * pow(z2, p - 2, p) % p).to_bytes(32, "little")


def public_of(secret):
    return x25519(secret, (9).to_bytes(32, "little"))


def message_key(own_secret, peer_public, sender_public, receiver_public):
    """The key of messages from sender to receiver; own_secret belongs to either."""
    shared = x25519(own_secret, peer_public)
    extracted = hmac.new(b"SACIP2", shared, hashlib.sha256).digest()
    info = b"SACIP2 message key" + sender_public + receiver_public
    return hmac.new(extracted, info + b"\1", hashlib.sha256).digest()


def sender_id(public):
    return hashlib.sha256(public).digest()[:8]


def decode_key(text):
    key = base64.b64decode(text.strip(), validate=True)
    if len(key) != 32:
        raise ValueError("a key has 32 bytes")
    return key


def read_key(path):
    with open(path) as file:
        return decode_key(file.read())


def encode_key(key):
    return base64.b64encode(key).decode()


# ---------------------------------------------------------------- messages

def tag_of(key, source, target, message, nat=False):
    pseudo = bytes(8) if nat else source.packed + target.packed
    return hmac.new(key, pseudo + message, hashlib.sha256).digest()[:TAG]


def encode_prefix(prefix):
    family = 4 if prefix.version == 4 else 6
    return struct.pack("!BBH16s", family, prefix.prefixlen, 0, prefix.network_address.packed)


def encode_bind(entries, echo=bytes(16)):
    """entries: (original, active, lifetime); the preference is the place in the list per original."""
    body = echo + struct.pack("!HH", len(entries), 0)
    seen = {}
    for original, active, lifetime in entries:
        seen[original] = seen.get(original, -1) + 1
        body += encode_prefix(original) + encode_prefix(active) + struct.pack("!BI", seen[original], lifetime)
    return body


def seal(key, sender, source, target, kind, epoch, sequence, flags, body):
    nat = bool(flags & NAT_MODE)
    message = HEADER.pack(MAGIC, VERSION, kind, len(body), flags, int.from_bytes(sender, "big"),
                          epoch, sequence) + body
    return message + tag_of(key, source, target, message, nat)


def decode_prefix(raw):
    family, length, _, address = struct.unpack("!BBH16s", raw)
    if family == 4:
        return f"{ipaddress.IPv4Address(address[:4])}/{length}"
    return f"{ipaddress.IPv6Address(address)}/{length}" if family == 6 else f"family {family}"


def decode_tuple(raw):
    family, protocol, source_port, target_port, source, target = struct.unpack("!BBHH16s16s", raw)
    if family != 4:
        return {"family": family}
    return {"protocol": protocol, "source": f"{ipaddress.IPv4Address(source[:4])}:{source_port}",
            "target": f"{ipaddress.IPv4Address(target[:4])}:{target_port}"}


def decode_body(kind, body):
    """What the document says is in it; {"malformed": …} if that is not so."""
    try:
        if kind in ("HELLO", "HELLO_ACK"):
            public, capabilities, checksum, challenge, echo = struct.unpack("!32sIB3x16s16s", body)
            return {"public_key": encode_key(public), "capabilities": capabilities,
                    "checksum": checksum, "challenge": challenge.hex(), "echo": echo.hex()}
        if kind == "BIND":
            echo, count = struct.unpack_from("!16sH", body)
            if len(body) != 20 + 45 * count:
                return {"malformed": f"{len(body)} bytes for {count} entries"}
            entries = []
            for at in range(20, len(body), 45):
                preference, lifetime = struct.unpack_from("!BI", body, at + 40)
                entries.append({"original": decode_prefix(body[at:at + 20]),
                                "active": decode_prefix(body[at + 20:at + 40]),
                                "preference": preference, "lifetime": lifetime})
            return {"echo": echo.hex(), "entries": entries}
        if kind == "BIND_ACK":
            epoch, sequence, status, reason, challenge = struct.unpack("!QQBBxx16s", body)
            name = STATUS[status] if status < len(STATUS) else status
            return {"of_epoch": epoch, "of_sequence": sequence, "status": name, "reason": reason,
                    "challenge": challenge.hex()}
        if kind == "SOLICIT":
            return {"flow": decode_tuple(body)}
        if kind == "SOLICIT_ACK":
            original = struct.unpack_from("!16s16sB", body, 38)
            if len(body) != 78:
                return {"malformed": f"{len(body)} bytes"}
            return {"flow": decode_tuple(body[:38]), "status": original[2],
                    "original": [str(ipaddress.IPv4Address(end[:4])) for end in original[:2]]}
        if kind in ("PROBE", "PROBE_ACK"):
            return {"nonce": body[:8].hex(), "sent": struct.unpack_from("!Q", body, 8)[0]}
    except struct.error as error:
        return {"malformed": str(error)}
    return {"malformed": "unknown kind"}


def decode(source, target, message, keys):
    """keys: {(sender id): key}."""
    if len(message) < HEADER.size + TAG:
        return {"malformed": f"{len(message)} bytes"}
    magic, version, kind, length, flags, sender, epoch, sequence = HEADER.unpack_from(message)
    if magic != MAGIC or version != VERSION:
        return {"malformed": f"magic {magic:#x}, version {version}"}
    name = KINDS[kind] if 0 < kind < len(KINDS) else str(kind)
    sender = sender.to_bytes(8, "big")
    out = {"kind": name, "flags": flags, "sender": sender.hex(), "epoch": epoch, "sequence": sequence}
    if len(message) != HEADER.size + length + TAG:
        return out | {"malformed": f"length {length} in {len(message)} bytes"}
    key = keys.get(sender)
    holds = None
    if key is not None:
        expected = tag_of(key, source, target, message[:-TAG], bool(flags & NAT_MODE))
        holds = hmac.compare_digest(expected, message[-TAG:])
    return out | {"tag": holds} | decode_body(name, message[HEADER.size:-TAG])


# ---------------------------------------------------------------- packets

def checksum(data):
    total = int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF
    return 0xFFFF - total


def packet(source, target, message, carrier, icmp_type=ICMP_TYPE, udp_port=UDP_PORT):
    """A whole IPv4 packet with good checksums."""
    if carrier == "udp":
        protocol, length = socket.IPPROTO_UDP, 8 + len(message)
        pseudo = source.packed + target.packed + struct.pack("!BBH", 0, protocol, length)
        body = struct.pack("!HHHH", udp_port, udp_port, length, 0) + message
        # A sum of 0 is sent as 0xFFFF; checksum() never gives 0 for what is not all zero.
        body = body[:6] + struct.pack("!H", checksum(pseudo + body) or 0xFFFF) + body[8:]
    else:
        protocol = socket.IPPROTO_ICMP
        body = struct.pack("!BBH", icmp_type, 1, 0) + message
        body = body[:2] + struct.pack("!H", checksum(body)) + body[4:]
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(body), random.randrange(1, 65536), 0, 64,
                         protocol, 0, source.packed, target.packed)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + body


def write_pcap(path, packets):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, raw in enumerate(packets):
            frame = bytes(12) + b"\x08\x00" + raw
            file.write(struct.pack("<IIII", number // 1000000, number % 1000000, len(frame), len(frame)) + frame)


def captured_notes(path, icmp_type=ICMP_TYPE, udp_port=UDP_PORT):
    """(time, source, target, carrier, message) of each secure notification in a pcap of Ethernet."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:1] in (b"\xd4", b"\x4d") else ">"
    fraction = 1e-9 if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d") else 1e-6
    at = 24
    while at + 16 <= len(data):
        seconds, parts, kept, _ = struct.unpack_from(order + "IIII", data, at)
        frame = data[at + 16:at + 16 + kept]
        at += 16 + kept
        if len(frame) < 38 or frame[12:14] != b"\x08\x00":
            continue
        raw = frame[14:]
        header = (raw[0] & 15) * 4
        body = raw[header:struct.unpack_from("!H", raw, 2)[0]]
        source, target = (ipaddress.IPv4Address(raw[at_:at_ + 4]) for at_ in (12, 16))
        when = seconds + parts * fraction
        if raw[9] == socket.IPPROTO_ICMP and body[:2] == bytes([icmp_type, 1]):
            yield when, source, target, "icmp", body[4:]
        elif raw[9] == socket.IPPROTO_UDP and len(body) >= 8 and struct.unpack_from("!H", body, 2)[0] == udp_port:
            yield when, source, target, "udp", body[8:]


# ---------------------------------------------------------------- commands

def prefix_of(text):
    return ipaddress.ip_network(text, strict=True)


def command_seal(options):
    secret, peer = read_key(options.key), decode_key(options.peer)
    own = public_of(secret)
    key = message_key(secret, peer, own, peer)
    source, target = ipaddress.IPv4Address(options.source), ipaddress.IPv4Address(options.target)
    kind = KINDS.index(options.kind)
    epoch = options.epoch if options.epoch is not None else time.time_ns() // 1000
    flags = options.flags | (NAT_MODE if options.nat else 0)
    entries = []
    for words in options.entry or []:
        entries.append((prefix_of(words[0]), prefix_of(words[1]), int(words[2]) if len(words) > 2 else 3600))
    if options.body is not None:
        body = bytes.fromhex(options.body)
    else:
        body = encode_bind(entries, bytes.fromhex(options.echo))
    carriers = ("icmp", "udp") if options.carrier == "both" else (options.carrier,)
    packets = []
    for number in range(options.count):
        message = seal(key, sender_id(own), source, target, kind, epoch, options.sequence + number,
                       flags, body)
        if options.spoil == "tag":
            message = message[:-1] + bytes([message[-1] ^ 1])
        packets += [packet(source, target, message, carrier) for carrier in carriers]
    if options.pcap:
        write_pcap(options.pcap, packets)
    if options.send:
        out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        for raw in packets:
            out.sendto(raw, (str(target), 0))
    print(json.dumps({"sent": len(packets), "epoch": epoch, "sequence": options.sequence + options.count - 1,
                      "bytes": len(packets[-1]) if packets else 0}))


def command_read(options):
    keys = {}
    for path, peer in zip(options.key or [], options.peer or []):
        secret, public = read_key(path), decode_key(peer)
        own = public_of(secret)
        keys[sender_id(own)] = message_key(secret, public, own, public)
        keys[sender_id(public)] = message_key(secret, public, public, own)
    for when, source, target, carrier, message in captured_notes(options.file):
        print(json.dumps({"time": round(when, 6), "from": str(source), "to": str(target), "carrier": carrier}
                         | decode(source, target, message, keys)))


def command_vectors(options):
    secret, peer = decode_key(options.private), decode_key(options.public)
    own = public_of(secret)
    print(json.dumps({"public": encode_key(own), "sender_id": sender_id(own).hex(),
                      "shared": x25519(secret, peer).hex(),
                      "key_to_peer": message_key(secret, peer, own, peer).hex(),
                      "key_from_peer": message_key(secret, peer, peer, own).hex()}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("genkey")
    commands.add_parser("pubkey")
    commands.add_parser("sender-id").add_argument("public")
    vectors = commands.add_parser("vectors")
    vectors.add_argument("private")
    vectors.add_argument("public")
    sealer = commands.add_parser("seal")
    sealer.add_argument("--key", required=True)
    sealer.add_argument("--peer", required=True)
    sealer.add_argument("--from", dest="source", required=True)
    sealer.add_argument("--to", dest="target", required=True)
    sealer.add_argument("--kind", choices=KINDS[1:], default="BIND")
    sealer.add_argument("--epoch", type=int)
    sealer.add_argument("--sequence", type=int, default=1)
    sealer.add_argument("--flags", type=int, default=0)
    sealer.add_argument("--echo", default="00" * 16)
    sealer.add_argument("--entry", nargs="+", action="append")
    sealer.add_argument("--body")
    sealer.add_argument("--carrier", choices=("icmp", "udp", "both"), default="icmp")
    sealer.add_argument("--nat", action="store_true")
    sealer.add_argument("--spoil", choices=("tag",))
    sealer.add_argument("--count", type=int, default=1)
    sealer.add_argument("--send", action="store_true")
    sealer.add_argument("--pcap")
    reader = commands.add_parser("read")
    reader.add_argument("file")
    reader.add_argument("--key", action="append")
    reader.add_argument("--peer", action="append")
    options = parser.parse_args()
    try:
        if options.command == "genkey":
            print(encode_key(os.urandom(32)))
        elif options.command == "pubkey":
            print(encode_key(public_of(decode_key(sys.stdin.read()))))
        elif options.command == "sender-id":
            print(sender_id(decode_key(options.public)).hex())
        else:
            {"seal": command_seal, "read": command_read, "vectors": command_vectors}[options.command](options)
    except (ValueError, OSError) as error:
        sys.exit(f"secure_notification.py: {error}")


if __name__ == "__main__":
    main()
