#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# corrupted.sh L4 OFFLOAD
#   L4       wire | original   in whose terms TCP and UDP checksums are on the wire
#   OFFLOAD  auto | off        SACIP_PORT_DRIVER=net_tap is a device that has some
#
# 5,000 TCP and 5,000 UDP packets leave a host with a wrong checksum, half of them before a move and
# half after it. All arrive, none with a right one: a gateway that computes checksums anew would have
# blessed them. As many good ones among them arrive as good as they were.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
l4=${1:?wire or original} offload=${2:?auto or off}
each=5000

say "corrupted packets: checksums $l4, offload $offload, $port_driver"
stage uplink
if [ "$l4" = wire ]; then
    peers=secure
    introduce_peers
    sed -i '/^checksum:/d' "$T"/[ab].yaml
fi
for side in a b; do say "checksum: {l4: $l4, offload: $offload}" >>"$T/$side.yaml"; done
start_gateways
note "gateway a: $(query a ports '[.ports[] | "\(.name) IPv4 by \(.offload.ipv4), L4 by \(.offload.l4)"] | join("; ")')"
prepare_moves addr

cat >"$T/corrupted.py" <<'PYTHON'
# send SOURCE DESTINATION COUNT FIRST | judge PCAP COUNT DESTINATION
# Packets that carry their number; of each protocol every other one has a wrong checksum.
import random, socket, struct, sys, time

def fold(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total

def packet(source, destination, proto, number, dice):
    payload = b"CORRUPT?" + struct.pack("!I", number) + dice.randbytes(2 * dice.randrange(100))
    if proto == 6:
        at, l4 = 16, struct.pack("!HHIIBBHHH", 7200, 7201, number, 1, 0x50, 0x10, 1000, 0, 0) + payload
    else:
        at, l4 = 6, struct.pack("!HHHH", 7200, 7201, 8 + len(payload), 0) + payload
    pseudo = source + destination + struct.pack("!BBH", 0, proto, len(l4))
    right = ~fold(pseudo + l4) & 0xFFFF or 0xFFFF
    wrong = (right + dice.randrange(1, 0xFFFE)) % 0xFFFF or 0xFFFF # another number than right
    value = wrong if number % 2 else right
    return l4[:at] + struct.pack("!H", value) + l4[at + 2:]

if sys.argv[1] == "send":
    source, destination = (socket.inet_aton(a) for a in sys.argv[2:4])
    count, first = int(sys.argv[4]), int(sys.argv[5])
    dice = random.Random(first)
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for number in range(first, first + 2 * count):
        for proto in (6, 17):
            l4 = packet(source, destination, proto, number, dice)
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(l4), number & 0xFFFF, 0x4000, 64,
                                 proto, 0, source, destination)
            s.sendto(header + l4, (sys.argv[3], 0))
        if number % 16 == 0:
            time.sleep(0.008)
else:
    sys.dont_write_bytecode = True
    sys.path.insert(0, sys.argv[4])
    import wirecheck
    found = {(proto, kind): 0 for proto in (6, 17) for kind in ("good", "bad", "blessed", "spoilt")}
    for _, raw in wirecheck.packets(sys.argv[2]):
        if b"CORRUPT?" not in raw[:60] or raw[9] not in (6, 17):
            continue
        l4 = raw[20:int.from_bytes(raw[2:4], "big")]
        l4 += bytes(len(l4) % 2)
        number = struct.unpack("!I", raw[raw.index(b"CORRUPT?") + 8:][:4])[0]
        length = int.from_bytes(raw[2:4], "big") - 20
        holds = fold(raw[12:20] + struct.pack("!BBH", 0, raw[9], length) + l4) == 0xFFFF
        kind = ("blessed" if holds else "bad") if number % 2 else ("good" if holds else "spoilt")
        found[(raw[9], kind)] += 1
    for proto, name in ((6, "TCP"), (17, "UDP")):
        print(name, " ".join(f"{kind} {found[(proto, kind)]}" for kind in ("bad", "blessed", "good", "spoilt")))
    wanted = int(sys.argv[3])
    complete = all(found[(proto, kind)] == wanted for proto in (6, 17) for kind in ("bad", "good"))
    sys.exit(0 if complete else 1)
PYTHON

start_capture hb eth0 far "(tcp or udp) and dst host $remote_host"
# Nothing there answers, and no RST may end the flows of the packets to come.
in_ns hb nft -f - <<'NFT' || fail "nft"
table ip quiet {
    chain out {
        type filter hook output priority 0; policy accept
        tcp flags rst drop
        icmp type destination-unreachable drop
    }
}
NFT
half=$((each / 2))
in_ns ha python3 "$T/corrupted.py" send 10.1.0.10 $remote_host $half 0 || fail "no raw socket"
move addr
in_ns ha python3 "$T/corrupted.py" send 10.1.0.10 $remote_host $half $((2 * half)) || fail "no raw socket"
sleep 0.5
stop_captures
python3 "$T/corrupted.py" judge "$T/far.pcap" $each "$tools" >"$T/judgement" ||
    fail "$(tr '\n' ';' <"$T/judgement") expected $each bad and $each good of each"
while read -r line; do good "$line"; done <"$T/judgement"
the_end
