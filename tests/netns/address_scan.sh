#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# address_scan.sh [RATE]
#
# A scan of a routed prefix in which nobody answers, RATE SYNs a second, while the uplink of a host has
# no address for a second: what that move holds is not pushed out by what waits for ARP.
#
#   r: SYNs to 10.2.0.0/20 ──> [A] <── ha 10.1.0.10 behind the uplink

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
rate=${1:-3000}
say "a scan of $rate SYNs a second during a gap"
stage uplink
sed -i 's|  - {inside: 10.1.0.10, outside: wan}|&\n  - {inside: 10.2.0.0/20, outside: 10.2.0.0/20}|
    s|addresses: \[10.1.0.1/24\]|addresses: [10.1.0.1/24, 10.2.0.1/20]|' "$T/a.yaml"
start_gateways
# The scan needs no ARP of the router's, whichever address A has.
ip -n "$P-r" neigh replace 10.0.1.200 lladdr "$(in_ns ga cat /sys/class/net/wan0/address)" dev toa nud permanent
ip -n "$P-r" route add 10.2.0.0/20 via 10.0.1.200
prepare_moves addr
start_server
start_client --tcp 2 --udp 10 --udp-rate 10
assert_flows_run 2 10
spawn r scan python3 -c '
import random, socket, struct, sys, time
rate, begin, sent = int(sys.argv[1]), time.monotonic(), 0
out = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
print("scanning", flush=True)
while True:
    while sent < (time.monotonic() - begin) * rate:
        to = struct.pack("!I", 0x0A020002 + random.randrange(4090))
        head = struct.pack("!BBHHHBBH", 0x45, 0, 40, 0, 0, 64, 6, 0)
        syn = struct.pack("!HHIIBBHHH", random.randrange(1024, 65536), 80, sent, 0, 0x50, 2, 65535, 0, 0)
        out.sendto(head + bytes([198, 18, 0, 1]) + to + syn, (socket.inet_ntoa(to), 0))
        sent += 1
    time.sleep(0.001)' "$rate" </dev/null >"$T/scan.out" 2>"$T/scan.err"
scan_pid=$!
eventually 5 grep -q scanning "$T/scan.out" || fail "no scan"
many_wait() { [ "$(query a drops '[.drops[] | select(.reason == "hold_crowded") | .packets] | add // 0')" -gt 1000 ]; }
eventually 15 many_wait || fail "the scan fills no place: $(ctl a drops)"
traffic mark >/dev/null
next_a
change_a gap 1
eventually 10 is_remote_active b "$original" "$(a_active)" || fail "A did not come back"
sleep 1
window=$(traffic mark)
end_child "$scan_pid" KILL 2>/dev/null
lost=$(jq .lost <<<"$window")
note "$(jq -c '{lost, peer_lost, datagram_gap_ms, peer_datagram_gap_ms}' <<<"$window"); dropped $(ctl a -j drops | jq -c '[.drops[] | select(.packets > 0) | {(.reason): .packets}] | add')"
[ "$lost" -le 10 ] || fail "$lost of about 100 datagrams that the move held were lost"
good "the host's datagrams waited and left: $lost lost"
assert_flows_run 2 10
stop_traffic
the_end
