#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_gap.sh [SECONDS...]
#
# Break before make: gateway A has no address for 0.1, 1, 5 and 30 s. TCP and UDP flows live on; from
# the new address being there to the first delivered packet, both ways, at most 2 x RTT + 50 ms pass
# (RTT 20 ms), and neither way is silent for longer in the second that follows: what was held for
# one keeps nobody waiting in the other. Nothing that was held is delivered twice or out of order.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
gaps=("$@")
[ $# = 0 ] && gaps=(0.1 1 5 30)
rtt=20
limit=${SACIP_GAP_LIMIT_MS:-$((2 * rtt + 50))}
say "no address for ${gaps[*]} s, $peers peers, RTT $rtt ms"
# All on one CPU: a veth queues per CPU, and would itself put packets of two senders out of order.
cpus=0
taskset -pc $cpus $$ >/dev/null || skip "no taskset"
relay_at=b
stage uplink
introduce_peers
relay set both delay $((rtt / 2))
start_gateways
start_server
start_capture hb eth0 far "udp and src host $original"
start_capture ha eth0 near "udp and src host $remote_host"
start_client --tcp 4 --udp 4 --udp-rate 200
assert_flows_run 4 4
sleep 1
# A flow's first packets go round by the slow path, and later ones of a burst may overtake them.
at_start=$(traffic status | jq .datagrams_twice_or_out_of_order)
there=()
for gap in "${gaps[@]}"; do
    sleep 1
    next_a
    change_a gap "$gap"
    there+=("$EPOCHREALTIME")
    eventually 5 is_remote_active b "$original" "$(a_active)" ||
        fail "after $gap s B has A at $(remote_active b "$original"), not $(a_active)"
    assert_flows_run 4 4
done
# After a long gap a host's own TCP says nothing until its retransmission timer ends (RFC 6298: twice
# as long each time, up to the gap's length again), for each way by itself.
tcp_carries_bytes() {
    traffic mark >/dev/null
    sleep 1
    [ "$(traffic mark | jq '.tcp_gap_ms < 1000')" = true ] &&
        [ "$(traffic status | jq .tcp_backing_off)" = 0 ]
}
eventually 60 tcp_carries_bytes || fail "not all TCP connections carry bytes again: $(traffic status)"
sleep 1
disorder=$(($(traffic status | jq .datagrams_twice_or_out_of_order) - at_start))
stop_traffic
stop_captures
good "flows live on: $(traffic_summary)"

silences_after() { # CAPTURE TIME: ms to the first packet; the longest silence in the second after it
    python3 - "$tools" "$T/$1.pcap" "$2" <<'PYTHON'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import wirecheck
begin = float(sys.argv[3])
after = [time for time, _ in wirecheck.packets(sys.argv[2]) if time >= begin]
second = [time for time in after if time <= begin + 1]
silence = max((b - a for a, b in zip(second, second[1:])), default=99.999)
print(round((min(after) - begin) * 1000, 1) if after else 99999, round(silence * 1000, 1))
PYTHON
}
for i in "${!gaps[@]}"; do
    read -r out out_silent <<<"$(silences_after far "${there[i]}")"
    read -r back back_silent <<<"$(silences_after near "${there[i]}")"
    note "${gaps[i]} s without: first packet after $out ms there, $back ms back;" \
        "then silent for $out_silent ms there, $back_silent ms back"
    [ "$(jq -n "[$out, $back, $out_silent, $back_silent] | max <= $limit")" = true ] ||
        fail "more than $limit ms"
done
good "first packet within $limit ms of the new address, and no longer silence after it"
[ "$disorder" = 0 ] || fail "$disorder datagrams came twice or out of order"
good "nothing came twice or out of order"
the_end
