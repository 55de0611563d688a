#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_loss.sh [MOVES]
#
# 30 % of all notifications are lost, 20 % come twice and 30 % are overtaken by later ones: each of
# 200 moves still converges within 3 s, and no flow breaks.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
moves=${1:-200}
say "notifications lost, doubled and reordered, $moves moves, $peers peers"
relay_at=b
stage uplink
introduce_peers
relay set both delay 2
relay set both notifications.loss 30
relay set both notifications.duplicate 20
relay set both notifications.reorder 30
relay set both notifications.late 50
start_gateways
start_server
start_client --tcp 4 --udp 4
assert_flows_run 4 4
took=()
for ((number = 1; number <= moves; ++number)); do
    next_a
    change_a overlap 0.02
    begin=$EPOCHREALTIME
    eventually 3 is_remote_active b "$original" "$(a_active)" ||
        fail "move $number: after 3 s B has A at $(remote_active b "$original"), not $(a_active)"
    took+=("$(milliseconds_since "$begin")")
    flows_run 4 4 || assert_flows_run 4 4
    sleep 0.05
done
stop_traffic
good "$moves moves converged: $(jq -rs 'sort | "median \(.[length / 2 | floor]) ms, worst \(.[-1]) ms"' <<<"${took[*]}")"
good "$(traffic_summary)"
note "the relay: $(relay stats | jq -c '{a: .a | {notifications, lost, duplicated, reordered}, b: .b | {notifications, lost, duplicated, reordered}}')"
the_end
