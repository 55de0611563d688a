#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_both_move.sh overlap|gap [MOVES] [WAY]
#
# Both ends move at the same instant, 100 times: with overlap, or each with up to 2 s of its own
# without any address. No connection breaks, and each side always learns where the other went.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
kind=${1:?overlap or gap} moves=${2:-100}
tcp=10 udp=10
RANDOM=${SACIP_SEED:-$$}
say "both ends move at once, with $kind, $moves times, ${3:-uplink}, $peers peers, seed ${SACIP_SEED:-$$}"
stage "${3:-uplink}"
let_b_move
introduce_peers
first=$original
start_gateways
: >"$T/timeline"
start_server
start_capture r toa router "ip"
start_capture $host_ns $host_interface host "ip host $remote_host"
start_client --tcp $tcp --udp $udp
assert_flows_run $tcp $udp

pause_of() { # seconds between the two steps
    if [ "$kind" = gap ]; then say "$((RANDOM % 2)).$((RANDOM % 10))"; else say 0.05; fi
}
worst=0
for ((number = 1; number <= moves; ++number)); do
    begin=$EPOCHREALTIME old=$(a_active)
    next_a
    next_b
    change_a "$kind" "$(pause_of)" &
    a_changes=$!
    change_b "$kind" "$(pause_of)" &
    b_changes=$!
    { wait $a_changes && wait $b_changes; } || fail "move $number could not be made"
    changed=$EPOCHREALTIME
    eventually 10 is_remote_active b "$original" "$(a_active)" ||
        fail "move $number: B has A at $(remote_active b "$original"), not $(a_active)"
    eventually 10 is_remote_active a $remote_host "$(b_active)" ||
        fail "move $number: A has B at $(remote_active a $remote_host), not $(b_active)"
    took=$(milliseconds_since "$changed")
    [ "$took" -le "$worst" ] || worst=$took
    flows_run $tcp $udp || assert_flows_run $tcp $udp
    sleep 0.3
    say "$begin $EPOCHREALTIME $old $(a_active)" >>"$T/timeline"
done
note "both sides knew the other's new address after at most $worst ms"
assert_flows_run $tcp $udp
assert_sockets $tcp $udp
stop_traffic
stop_captures
good "$moves moves of both: $(traffic_summary)"
judge=(--router "$T/router.pcap" --host "$T/host.pcap" --timeline "$T/timeline" --first "$first"
    --peer "$remote_host" 10.8.0.10 --server-report "$T/server.json")
[ "$way" = box ] && judge+=(--own-sockets)
if [ "$peers" = secure ]; then judge+=(--sums wire --notes secure); else judge+=(--no-notes); fi
[ "$peers" = secure ] && { python3 "$tools/wirecheck.py" "${judge[@]}" || fail "the wire does not look as it must"; }
the_end
