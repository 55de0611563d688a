#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_kill.sh a|b [CONNECTIONS]
#
# kill -9 of one gateway under 100 TCP connections, half of them older than the last move: started
# again without any saved state it is told everything by its peer. None breaks, and all carry bytes
# again within 2 s of its start, or, where the machine takes longer to start it, as soon as TCP tries
# again: its timeouts double, so at most twice as long after the kill.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
side=${1:?a or b} tcp=${2:-100}
half=$((tcp / 2))
say "kill -9 of gateway $side under $tcp connections, $peers peers"
stage uplink
introduce_peers
start_gateways
prepare_moves addr
start_server
start_client --tcp $half --tcp-rate-kbit 200
assert_flows_run $half 0
move addr
traffic open tcp $((tcp - half))
assert_flows_run "$tcp" 0
[ "$side" = a ] && { # its Linux comes up with the address it has now
    sed -i "s|addresses: \[10.0.1.2/24\], routes: \[{to: default, via: 10.0.1.1}\]|addresses: [$(a_active)/24], routes: [{to: default, via: $(router_of "$(a_active)")}]|" "$T/a.yaml"
}
pid=${gateway_pid[$side]}
unset "gateway_pid[$side]"
kill -KILL "$pid"
wait "$pid" 2>/dev/null
find "$T" -name '*.state' -delete # nothing may help it but its peer
killed=$EPOCHREALTIME
begin=$EPOCHREALTIME
start_gateway "$side"
ready=$(milliseconds_since "$begin")
# A flow silent at the first mark shows that silence in the window of the second.
limit=$((ready * 2 + 400 > 2000 ? ready * 2 + 400 : 2000))
until [ "$(milliseconds_since "$begin")" -ge $limit ]; do sleep 0.02; done
traffic mark >/dev/null
sleep 1
gap=$(traffic mark | jq .tcp_gap_ms)
note "ready after $ready ms; $((${EPOCHREALTIME/./} / 1000 - ${killed/./} / 1000)) ms after the kill the longest silence is $gap ms"
[ "$(jq -n "$gap < 1000")" = true ] || fail "not all connections carry bytes $limit ms after the start ($gap ms of silence)"
assert_flows_run "$tcp" 0
good "$tcp connections carry bytes within $limit ms of the start"
move addr # and what it was told is good for moving
assert_flows_run "$tcp" 0
if [ "$peers" = secure ]; then
    eventually 3 is_remote_active b "$original" "$(a_active)" || fail "B has A at $(remote_active b "$original"), not $(a_active)"
fi
assert_sockets_of_both() { # half at the first address, half at the second
    local address count
    for address in 10.0.1.2 10.0.2.2; do
        count=$(in_ns hb ss -nH --tcp state connected src $remote_host:$remote_port dst $address | wc -l)
        [ "$count" = $half ] || fail "the peer sees $count connections from $address, not $half"
    done
}
assert_sockets_of_both
stop_traffic
good "$(traffic_summary)"
the_end
