#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Not only TCP and UDP: ICMP echo, raw IP protocol 253 and UDP without a checksum live through
# moves as well; a UDP checksum of 0 is still 0 on the wire. UDP-Lite, too, whose checksum has the
# addresses in it and must be right: the kernels judge it.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
moves=${1:-8}
say "ping, raw IP and UDP without checksum, $moves moves"
stage uplink
start_gateways
prepare_moves addr
start_server
start_capture r toa wire "udp and host $remote_host"
start_client --udp 4 --raw 1 --udp-no-checksum
assert_flows_run 0 5
spawn ha ping ping -i 0.05 -c 1000 $remote_host >"$T/ping.out" 2>&1
ping_pid=$!

# Asks and answers in UDP-Lite, 20 times a second. The client prints: sent, answered.
spawn hb "UDP-Lite server" python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
s.bind(("10.9.0.10", 7100))
print("ready", flush=True)
while True:
    data, who = s.recvfrom(2000)
    s.sendto(data, who)' >"$T/lite.server" 2>&1
eventually 5 grep -qE 'ready|not supported' "$T/lite.server" || fail "UDP-Lite: $(tail -n 1 "$T/lite.server")"
lite_pid=
if grep -q ready "$T/lite.server"; then
    spawn ha "UDP-Lite client" python3 - "$T/enough" >"$T/lite.client" 2>&1 <<'PYTHON'
import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, 136)
s.setsockopt(136, 10, 8)  # UDPLITE_SEND_CSCOV: the header only
s.connect(("10.9.0.10", 7100))
s.settimeout(2)
sent = answered = 0
while not os.path.exists(sys.argv[1]):
    s.send(b"%d" % sent)
    sent += 1
    try:
        answered += s.recv(2000) == b"%d" % (sent - 1)
    except socket.timeout:
        pass
    time.sleep(0.05)
print(sent, answered)
PYTHON
    lite_pid=$!
else
    note "this kernel has no UDP-Lite"
fi

for ((number = 1; number <= moves; ++number)); do move addr; done
assert_flows_run 0 5
end_child $ping_pid INT
stop_traffic
stop_captures

summary=$(grep 'packets transmitted' "$T/ping.out") || fail "ping: $(tail -n 3 "$T/ping.out")"
read -r sent received < <(sed -E 's/^([0-9]+) packets transmitted, ([0-9]+) received.*/\1 \2/' <<<"$summary")
# A request may be under way at the end.
[ "$received" -ge $((sent - 2)) ] || fail "ping: $summary"
! grep -q DUP "$T/ping.out" || fail "ping: duplicates"
good "one ping process: $summary"
if [ -n "$lite_pid" ]; then
    : >"$T/enough"
    end_child "$lite_pid" 0 || fail "UDP-Lite: $(tail -n 1 "$T/lite.client")"
    read -r sent received <"$T/lite.client"
    [ "$received" = "$sent" ] && [ "$sent" -gt $moves ] || fail "UDP-Lite: $(cat "$T/lite.client")"
    good "UDP-Lite: $received of $sent answered"
fi
good "raw protocol 253: $(jq -c '.raw | {received, lost, peer_received, peer_lost}' "$T/client.json")"
summed=$(tcpdump -nr "$T/wire.pcap" 'udp and udp[6:2] != 0' 2>/dev/null | wc -l)
all=$(tcpdump -nr "$T/wire.pcap" udp 2>/dev/null | wc -l)
[ "$summed" = 0 ] && [ "$all" -gt 0 ] || fail "$summed of $all datagrams got a checksum on the way"
good "$all datagrams without a checksum stayed so"
the_end
