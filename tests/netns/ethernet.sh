#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# What a link knows of the gateway. lib.sh's stage; behind A there is one more host, 10.1.0.20, that
# stands on the wire at 10.0.1.20, on-link and not Linux's own.
#
# - that address is announced at the start;
# - frames tagged with nothing but a priority (VLAN 0) are untagged ones: ARP, and a host's packets;
# - somebody gives wan0 another MAC (a cloned one, udev, networkd): the port has it at once, flows
#   live on, the router hears of it by announcements of Linux's address and the mapped one, what it
#   sent to the old one meanwhile is taken; at its end the gateway gives the device its own back;
# - an event has one date, whenever it is asked for;
# - `ports` shows the link of the interface that a device stands on.

. "$(dirname "$0")/lib.sh"
cloned=02:aa:bb:cc:dd:ee mapped=10.0.1.20

say "The MAC changes; tags of priority; announcements"
stage uplink
sed -i "s|^hosts:|hosts:\n  - {inside: 10.1.0.20/32, outside: $mapped/32}|" "$T/a.yaml"
ip -n "$P-ha" addr add 10.1.0.20/24 dev eth0
found=$(in_ns ga cat /sys/class/net/etho/address)
spawn r "capture of announcements" tcpdump -Z root -lenni toa "arp and arp[14:4] = 0x0a000114" \
    </dev/null >"$T/announced" 2>"$T/tcpdump"
capture_pid=$!
eventually 5 grep -q 'listening on' "$T/tcpdump" || fail "capture at the router did not start"
start_gateways

is_announced() { [ "$(grep -c "$1 > ff:ff:ff:ff:ff:ff.*$mapped" "$T/announced")" -ge 2 ]; } # at MAC, twice

# A host whose frames have a tag of priority 5 and no VLAN: an ARP request, then echo requests.
tagged_host() { # SOURCE GATEWAY DESTINATION: prints how many answers came, of 1 and of 3
    in_ns ha timeout 20 python3 - "$@" <<'PYTHON'
import socket, struct, sys, time
source, gateway, destination = map(socket.inet_aton, sys.argv[1:])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("eth0", 0))
wire.settimeout(0.3)
mac = wire.getsockname()[4]
tag = struct.pack(">HH", 0x8100, 5 << 13)

def summed(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF

def answer(frame, is_it):
    for _ in range(15):
        wire.send(frame)
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            try:
                got = wire.recv(2000)
            except socket.timeout:
                break
            if is_it(got):
                return got
    return None

arp = struct.pack(">HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, mac, source, bytes(6), gateway)
reply = answer(b"\xff" * 6 + mac + tag + b"\x08\x06" + arp,
               lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\0\2" and f[28:32] == gateway)
station = reply[22:28] if reply else b"\xff" * 6
echoes = 0
for sequence in range(3):
    icmp = struct.pack(">BBHHH", 8, 0, 0, 0x5AC1, sequence) + b"priority"
    icmp = icmp[:2] + struct.pack(">H", summed(icmp)) + icmp[4:]
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(icmp), 0, 0, 64, 1, 0, source, destination)
    ip = ip[:10] + struct.pack(">H", summed(ip)) + ip[12:]
    end = struct.pack(">HH", 0x5AC1, sequence)
    echoes += answer(station + mac + tag + b"\x08\x00" + ip + icmp,
                     lambda f: f[12:14] == b"\x08\x00" and f[34:35] == b"\0" and f[38:42] == end) is not None
print(int(reply is not None), echoes)
PYTHON
}

start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
seen=$(tagged_host 10.1.0.10 10.1.0.1 $remote_host)
[ "$seen" = "1 3" ] || fail "tagged with a priority: answers to ARP and 3 echoes: $seen"
[ "$(query a flows '[.flows[] | select(.proto == "icmp")] | length')" -ge 1 ] || fail "the echoes made no flow"
good "frames tagged with a priority are untagged ones"
eventually 10 is_announced "$found" || fail "$mapped was not announced at the start"
good "$mapped was announced at the start"

# ---- the MAC

traffic mark >/dev/null
ip -n "$P-ga" link set wan0 address $cloned || fail "Linux refuses the address"
router_knows() { ip -n "$P-r" neigh show 10.0.1.2 | grep -q $cloned; }
eventually 5 router_knows || fail "the router has $(ip -n "$P-r" neigh show 10.0.1.2)"
eventually 10 is_announced $cloned || fail "$mapped was not announced at the new MAC"
[ "$(query a ports '.ports[] | select(.name == "wan") | .mac')" = $cloned ] || fail "ports: $(ctl a ports)"
good "the router knows the new MAC"
window=$(traffic mark)
assert_flows_run 2 2
limit=$((${SACIP_GAP_LIMIT_MS:-300} * ${SACIP_PATIENCE:-1}))
[ "$(jq ".datagram_gap_ms < $limit and .peer_datagram_gap_ms < $limit" <<<"$window")" = true ] ||
    fail "gaps: $(jq -c '[.datagram_gap_ms, .peer_datagram_gap_ms]' <<<"$window") ms"
good "flows live on, gaps $(jq -c '[.datagram_gap_ms, .peer_datagram_gap_ms]' <<<"$window") ms"
in_ns ha ping -c 1 -W 5 -q -I 10.1.0.20 $remote_host >/dev/null || fail "no new flow from 10.1.0.20"
# Linux may ask with its new MAC, and be answered, a moment before the gateway hears of it.
[ "$(query a drops '.drops[] | select(.reason == "frame_not_ours") | .packets')" -le 2 ] || fail "$(ctl a drops)"
good "frames to either MAC are taken"

# ---- dates

events() { query a events '[.events[] | [.number, .time]] | tostring'; }
once=$(events)
grep -q '"mac_changed"' <<<"$(ctl a -j events)" || fail "no event of it: $(ctl a events)"
sleep 1
[ "$(events)" = "$once" ] || fail "another date than before: $once, now $(events)"
good "an event keeps its date"

# ---- the link

stop_traffic
link_is() { [ "$(query a ports '.ports[] | select(.name == "lan") | .link')" = "$1" ]; }
eventually 5 link_is true || fail "link: $(ctl a ports)"
ip -n "$P-ha" link set eth0 down
eventually 5 link_is false || fail "link without a carrier: $(ctl a ports)"
ip -n "$P-ha" link set eth0 up
eventually 5 link_is true || fail "link with a carrier again: $(ctl a ports)"
good "the link is that of the interface under the device"
end_child "$capture_pid" INT
the_end
[ "$(in_ns ga cat /sys/class/net/etho/address)" = "$found" ] || fail "the device has not got its own MAC back"
