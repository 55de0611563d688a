#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# new_connection.sh WAY
#
# A connection opened after a move works beside those opened before it, through further moves and a
# move back: the peer sees the old address for the old ones and the new address for the new ones.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
say "new connection after a move: ${1:?way}"
stage "$1"
start_gateways
prepare_moves addr
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2

before=$original
move addr
traffic open tcp 2
traffic open udp 2
assert_flows_run 4 4
after=$(tail -n 1 "$T/timeline" | cut -d' ' -f4)
peer_sees() { # ADDRESS COUNT, TCP and UDP each
    local kind
    for kind in tcp udp; do
        [ "$(in_ns hb ss -nH --$kind state connected src $remote_host:$remote_port dst "$1" | wc -l)" = "$2" ] || return 1
    done
}
peer_sees "$before" 2 || fail "the peer no longer sees the old connections at $before"
peer_sees "$after" 2 || fail "the peer does not see the new connections at $after"
good "old connections at $before, new ones at $after, side by side"
for _ in 1 2 3 4 5; do move addr; done # past home and away again
traffic open tcp 1
traffic open udp 1
assert_flows_run 5 5
while [ "$position" != 0 ]; do move addr; done
assert_flows_run 5 5
good "all of them live on, back at $before"
stop_traffic
the_end
