#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Not only TCP and UDP: ICMP echo, raw IP protocol 253 and UDP without a checksum live through
# moves as well; a UDP checksum of 0 is still 0 on the wire.

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
good "raw protocol 253: $(jq -c '.raw | {received, lost, peer_received, peer_lost}' "$T/client.json")"
summed=$(tcpdump -nr "$T/wire.pcap" 'udp and udp[6:2] != 0' 2>/dev/null | wc -l)
all=$(tcpdump -nr "$T/wire.pcap" udp 2>/dev/null | wc -l)
[ "$summed" = 0 ] && [ "$all" -gt 0 ] || fail "$summed of $all datagrams got a checksum on the way"
good "$all datagrams without a checksum stayed so"
the_end
