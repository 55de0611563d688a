#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
#
# The Wireshark dissector against packets built here, byte by byte, from the protocol's text and
# not from the gateway's encoder, so that the two can disagree.
#
#   dissector_test.py DISSECTOR.lua
#
# All packets go into one capture; tshark reads it once per setting of the preferences, and each
# packet's fields are compared. Exit status 77 if there is no tshark or it has no Lua.

import ipaddress
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

SENDER = 0x1122334455667788
EPOCH = 1_700_000_000_123_456
TAG = bytes(range(0xA0, 0xB0))
KEY = bytes(range(32))
CHALLENGE = bytes(range(0x10, 0x20))
ECHO = bytes(range(0x30, 0x40))


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(protocol, payload, source="10.0.1.2", destination="10.0.2.2"):
    def header(mark):
        return struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, mark,
                           ipaddress.IPv4Address(source).packed,
                           ipaddress.IPv4Address(destination).packed)
    frame = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01\x08\0"
    return frame + header(checksum(header(0))) + payload


def icmp(code, message, kind=20):
    mark = checksum(struct.pack("!BBH", kind, code, 0) + message)
    return ipv4(1, struct.pack("!BBH", kind, code, mark) + message)


def udp(message, port=4720, source_port=40000):
    return ipv4(17, struct.pack("!HHHH", source_port, port, 8 + len(message), 0) + message)


def secure(kind, body, sequence=7, flags=0, magic=0x5AC1, version=2, length=None):
    length = len(body) if length is None else length
    return struct.pack("!HBBHHQQQ", magic, version, kind, length, flags, SENDER, EPOCH,
                       sequence) + body + TAG


def address(text):
    return ipaddress.ip_address(text).packed.ljust(16, b"\0")


def prefix(text):
    network = ipaddress.ip_network(text)
    return struct.pack("!BBH", network.version, network.prefixlen, 0) + address(
        str(network.network_address))


def entry(original, active, preference=1, lifetime=300):
    return prefix(original) + prefix(active) + struct.pack("!BI", preference, lifetime)


def bind(*entries, count=None):
    count = len(entries) if count is None else count
    return ECHO + struct.pack("!HH", count, 0) + b"".join(entries)


def hello():
    return KEY + struct.pack("!IB3x", 0x80000001, 1) + CHALLENGE + ECHO


def bind_ack(status, reason=0):
    return struct.pack("!QQBB2x", EPOCH + 1, 2**63 + 5, status, reason) + CHALLENGE


def flow(source="10.7.0.5", destination="10.9.0.10", family=4):
    return struct.pack("!BBHH", family, 6, 40000, 80) + address(source) + address(destination)


def colons(data):
    return ":".join(f"{byte:02x}" for byte in data)


COMMON = {
    "sacip.magic": "0x5ac1",
    "sacip.version": "2",
    "sacip.sender": "0x1122334455667788",
    "sacip.epoch": str(EPOCH),
    "sacip.sequence": "7",
    "sacip.tag": colons(TAG),
}
HELLO_FIELDS = {
    "sacip.length": "72",
    "sacip.hello.public_key": colons(KEY),
    "sacip.hello.capabilities": "0x80000001",
    "sacip.hello.checksum_mode": "1",
    "sacip.challenge": colons(CHALLENGE),
    "sacip.echo": colons(ECHO),
}
FLOW_FIELDS = {
    "sacip.flow.family": "4",
    "sacip.flow.protocol": "6",
    "sacip.flow.source_port": "40000",
    "sacip.flow.destination_port": "80",
    "sacip.flow.source": "10.7.0.5",
    "sacip.flow.destination": "10.9.0.10",
}
ACK_FIELDS = {
    "sacip.length": "36",
    "sacip.bind_ack.epoch": str(EPOCH + 1),
    "sacip.bind_ack.sequence": str(2**63 + 5),
    "sacip.challenge": colons(CHALLENGE),
}
PROBE = bytes(range(0x50, 0x58)) + struct.pack("!Q", 123456789)
PROBE_FIELDS = {
    "sacip.probe.nonce": colons(PROBE[:8]),
    "sacip.probe.send_time": "123456789",
}

# Kind by kind: name, body, fields, what the Info column says.
KINDS = [
    (1, "HELLO", hello(), HELLO_FIELDS, "HELLO seq 7"),
    (2, "HELLO_ACK", hello(), HELLO_FIELDS, "HELLO_ACK seq 7"),
    (3, "BIND", bind(entry("10.1.0.0/24", "10.7.0.0/24", 9, 3600),
                     entry("2001:db8::1/128", "2001:db8:7::1/128")),
     {"sacip.length": "110", "sacip.bind.count": "2", "sacip.bind.original": "10.1.0.0",
      "sacip.bind.active": "10.7.0.0", "sacip.bind.original_length": "24,128",
      "sacip.bind.active_length": "24,128", "sacip.bind.preference": "9,1",
      "sacip.bind.lifetime": "3600,300", "sacip.bind.original6": "2001:db8::1",
      "sacip.bind.active6": "2001:db8:7::1", "sacip.bind.family": "4,4,6,6",
      "sacip.echo": colons(ECHO)},
     "BIND seq 7 10.1.0.0/24 -> 10.7.0.0/24, 2001:db8::1/128 -> 2001:db8:7::1/128"),
    (4, "BIND_ACK", bind_ack(3, 2),
     {**ACK_FIELDS, "sacip.bind_ack.status": "3", "sacip.bind_ack.reason": "2"},
     f"BIND_ACK seq 7 of {2**63 + 5}: refused"),
    (5, "SOLICIT", flow(), {**FLOW_FIELDS, "sacip.length": "38"},
     "SOLICIT seq 7 10.7.0.5:40000 -> 10.9.0.10:80 protocol 6"),
    (6, "SOLICIT_ACK", flow() + address("10.1.0.5") + address("10.9.0.9") + b"\x01" + bytes(7),
     {**FLOW_FIELDS, "sacip.length": "78", "sacip.solicit_ack.source": "10.1.0.5",
      "sacip.solicit_ack.destination": "10.9.0.9", "sacip.solicit_ack.status": "1"},
     "SOLICIT_ACK seq 7 10.7.0.5:40000 -> 10.9.0.10:80 protocol 6 was 10.1.0.5 -> 10.9.0.9"),
    (7, "PROBE", PROBE, {**PROBE_FIELDS, "sacip.length": "16"}, "PROBE seq 7"),
    (8, "PROBE_ACK", PROBE + bytes(100),
     {**PROBE_FIELDS, "sacip.length": "116", "sacip.probe.padding": colons(bytes(100))},
     "PROBE_ACK seq 7"),
]


def packets():
    """name, frame, expected fields (None: must not be there), words of Info, expert infos"""
    basic = ipaddress.IPv4Address("10.0.7.7").packed
    yield ("basic", icmp(0, basic),
           {"sacip.carrier": "0", "sacip.basic.old_address": "10.0.1.2",
            "sacip.basic.new_address": "10.0.7.7", "icmp.type": "20", "icmp.code": "0",
            "icmp.checksum.status": "1"}, "basic: 10.0.1.2 is now 10.0.7.7", [])
    yield "basic too long", icmp(0, basic + b"\0"), {"sacip.trailing": "00"}, "bad length", ["length"]
    for size in range(4):
        yield f"basic of {size}", icmp(0, basic[:size]), {"sacip.basic.new_address": None}, "", ["length"]
    for kind, name, body, fields, info in KINDS:
        whole = secure(kind, body)
        for carrier, frame in ((1, icmp(1, whole)), (2, udp(whole))):
            yield (f"{name} by carrier {carrier}", frame,
                   {**COMMON, **fields, "sacip.kind": str(kind), "sacip.carrier": str(carrier)},
                   "=" + info, [])
        # Cut at every length: always a wrong length, never a Lua error.
        for size in range(1, len(whole)):
            yield f"{name} cut to {size}", udp(whole[:size]), {"sacip.tag": "any"}, "", ["length"]
        yield (f"{name} and a byte", icmp(1, whole + b"\xff"), {"sacip.trailing": "ff"},
               "bad length", ["length"])
        if name not in ("PROBE", "PROBE_ACK"):
            for wrong in (body[:-1], body + b"\0"):
                yield f"{name} of {len(wrong)}", udp(secure(kind, wrong)), COMMON, "bad length", ["length"]
    for status, word in enumerate(("applied", "stale", "validate", "refused", "status 4")):
        yield (f"BIND_ACK {word}", udp(secure(4, bind_ack(status))),
               {**ACK_FIELDS, "sacip.bind_ack.status": str(status)}, word, [])
    yield ("flags", udp(secure(3, bind(), flags=0xFFFD)),
           {"sacip.flags": "0xfffd", "sacip.flags.old_lost": "1", "sacip.flags.nat": "0"}, "", [])
    yield ("NAT mode", udp(secure(3, bind(), flags=2)),
           {"sacip.flags.old_lost": "0", "sacip.flags.nat": "1"}, "", [])
    yield ("SOLICIT by IPv6 addresses", udp(secure(5, flow("2001:db8::1", "2001:db8::2", 6))),
           {"sacip.flow.source6": "2001:db8::1", "sacip.flow.destination6": "2001:db8::2"},
           "2001:db8::1", [])
    yield "largest", udp(secure(7, PROBE + bytes(1200 - 64))), COMMON, "=PROBE seq 7", []
    yield "too large", udp(secure(7, PROBE + bytes(1201 - 64))), COMMON, "more than 1200", ["length"]
    yield ("magic", icmp(1, secure(7, PROBE, magic=0x5AC2)), {"sacip.magic": "0x5ac2"}, "bad magic",
           ["magic"])
    yield ("version", udp(secure(7, PROBE, version=1)), {"sacip.version": "1"}, "bad version",
           ["version"])
    for kind in (0, 9, 255):
        yield (f"kind {kind}", udp(secure(kind, b"abc")),
               {"sacip.kind": str(kind), "sacip.trailing": "61:62:63", "sacip.tag": colons(TAG)},
               "unknown kind", ["kind"])
    for length in (0, 15, 17, 65535):
        yield (f"length {length}", udp(secure(7, PROBE, length=length)),
               {"sacip.length": str(length)}, "bad length", ["length"])
    yield ("more counted", udp(secure(3, bind(entry("10.1.0.1/32", "10.7.0.1/32"), count=2))),
           {"sacip.bind.original": "10.1.0.1"}, "", ["length"])
    yield ("fewer counted", udp(secure(3, bind(entry("10.1.0.1/32", "10.7.0.1/32"), count=0))),
           {"sacip.bind.original": None}, "bytes behind", ["length"])
    yield ("two prefix lengths", udp(secure(3, bind(entry("10.1.0.0/24", "10.7.0.0/25")))),
           {"sacip.bind.original_length": "24", "sacip.bind.active_length": "25"}, "", ["prefix"])
    long_prefix = bytearray(entry("10.1.0.0/24", "10.7.0.0/24"))
    long_prefix[1] = long_prefix[21] = 33
    yield ("prefix of 33", udp(secure(3, bind(bytes(long_prefix)))), {}, "", ["prefix"])
    yield ("family 5", udp(secure(5, b"\x05" + flow()[1:])), {"sacip.flow.family": "5"}, "",
           ["family"])
    # Not ours.
    yield "echo", icmp(0, struct.pack("!HH", 1, 1) + b"x", kind=8), {"sacip": None, "icmp.type": "8"}, "", []
    yield "echo of 0", icmp(0, b"", kind=8), {"sacip": None, "_ws.malformed": "Malformed Packet"}, "", []
    yield "type 253", icmp(1, secure(7, PROBE), kind=253), {"sacip": None}, "", []
    yield "code 2", icmp(2, secure(7, PROBE)), {"sacip": None}, "", []
    yield "port 4721", udp(secure(7, PROBE), port=4721), {"sacip": None}, "", []


def write_capture(path, frames):
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for number, frame in enumerate(frames):
            file.write(struct.pack("<IIII", number, 0, len(frame), len(frame)) + frame)


def find_tshark():
    tshark = shutil.which("tshark")
    why = None if tshark else "there is no tshark (Debian package tshark)"
    if tshark:
        version = subprocess.run([tshark, "--version"], capture_output=True, text=True,
                                 check=False).stdout
        if "with Lua" not in version.replace("\n", " ") or "without Lua" in version:
            why = "this tshark has no Lua"
    if why:
        print(f"SKIPPED: the dissector was NOT tested: {why}", file=sys.stderr)
        sys.exit(77)
    return tshark


def dissect(tshark, script, capture, options=()):
    """Per packet: {field: "value,value"}, the Info column under "info"."""
    done = subprocess.run([tshark, "-n", "-X", f"lua_script:{script}", *options, "-r", capture,
                           "-T", "json", "-2", "--no-duplicate-keys"],
                          capture_output=True, text=True, check=False)
    info = subprocess.run([tshark, "-n", "-X", f"lua_script:{script}", *options, "-r", capture,
                           "-T", "fields", "-e", "_ws.col.Info", "-e", "_ws.col.Protocol"],
                          capture_output=True, text=True, check=False)
    complaints = [line for line in (done.stderr + info.stderr).splitlines()
                  if "Running as user" not in line]
    if done.returncode or info.returncode or complaints:
        sys.exit(f"tshark failed: {done.returncode} {info.returncode}\n" + "\n".join(complaints))
    result = []
    for packet in json.loads(done.stdout):
        fields = {}
        collect(packet["_source"]["layers"], fields)
        result.append(fields)
    for fields, line in zip(result, info.stdout.rstrip("\n").split("\n"), strict=True):
        fields["info"], fields["protocol"] = line.split("\t")
    return result


def collect(tree, fields):
    for name, value in tree.items():
        for part in value if isinstance(value, list) else [value]:
            if isinstance(part, dict):
                fields.setdefault(name, "")
                collect(part, fields)
            else:
                before = fields.get(name)
                fields[name] = f"{before},{part}" if before else str(part)


def judge(name, fields, expected, info, experts):
    """What is wrong, as lines."""
    wrong = []
    for field, value in expected.items():
        found = fields.get(field)
        if value == "any":
            continue
        if found != value:
            wrong.append(f"{name}: {field} is {found!r}, not {value!r}")
    if info.startswith("=") and fields["info"] != info[1:]:
        wrong.append(f"{name}: Info is {fields['info']!r}, not {info[1:]!r}")
    elif not info.startswith("=") and info not in fields["info"]:
        wrong.append(f"{name}: Info {fields['info']!r} does not say {info!r}")
    found = sorted(key.removeprefix("sacip.expert.") for key in fields
                   if key.startswith("sacip.expert."))
    if found != sorted(experts):
        wrong.append(f"{name}: expert infos {found}, not {sorted(experts)}")
    if "Lua Error" in " ".join(fields.values()):
        wrong.append(f"{name}: Lua error")
    ours = "sacip" in fields
    if ours != (fields["protocol"] == "SACIP"):
        wrong.append(f"{name}: protocol column {fields['protocol']!r}")
    return wrong


def main():
    script = pathlib.Path(sys.argv[1]).resolve()
    tshark = find_tshark()
    cases = list(packets())
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        capture = f"{folder}/sacip.pcap"
        write_capture(capture, [case[1] for case in cases])
        seen = dissect(tshark, script, capture)
        for (name, _, expected, info, experts), fields in zip(cases, seen, strict=True):
            wrong += judge(name, fields, expected, info, experts)
        # Other numbers by preference.
        moved = [icmp(1, secure(7, PROBE), kind=254), udp(secure(7, PROBE), port=5000),
                 icmp(1, secure(7, PROBE)), udp(secure(7, PROBE))]
        write_capture(capture, moved)
        seen = dissect(tshark, script, capture,
                       ("-o", "sacip.icmp_type:254", "-o", "sacip.udp_port:5000"))
        if ["sacip" in fields for fields in seen] != [True, True, False, False]:
            wrong.append("preferences: " + str([fields["protocol"] for fields in seen]))
        # A capture that kept only the first bytes of each packet.
        with open(capture, "wb") as file:
            file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
            sizes = range(35, 60)
            for number, size in enumerate(sizes):
                frame = udp(secure(1, hello()))
                file.write(struct.pack("<IIII", number, 0, size, len(frame)) + frame[:size])
        for size, fields in zip(sizes, dissect(tshark, script, capture), strict=True):
            if "Lua Error" in " ".join(fields.values()):
                wrong.append(f"captured {size}: {fields['info']}")
    print("\n".join(wrong) or f"{len(cases)} packets dissected as they should be")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
