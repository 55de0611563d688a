#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# strangers.sh [SECONDS]: first packets from invented addresses, as many as the machine makes, for
# 60 s, to the address that A's host has on the wire.
#
#   [ha] 10.1.0.10 ── gateway A ── 10.0.1.2 ── router ── gateway B ── 10.9.0.10 [hb]
#                                                └─ 198.18.0.0/15, invented: UDP and SYNs by turns
#
# Meanwhile 100 flows between the hosts live through a move with a gap of 1 s and two without; nothing
# that is held for the move is pushed out; flows that begin then are mobile, too; `status` answers,
# and says what goes on, as a rule within 100 ms (250 with the start of the program, on cores that have
# five others to serve). The path table is small (4,096), so strangers fill their share of it at once.

SACIP_PEERS=secure
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
seconds=${1:-60} path_limit=4096 flow_limit=16384
STRANGERS=${STRANGERS:-$build/tests/tools/strangers}
say "strangers for $seconds s beside 100 flows of a peer"
stage uplink
introduce_peers
start_gateways
start_server
# 1,024 packets wait for one path: theirs of five seconds, which the router's ARP may take in a flood.
start_client --tcp 50 --tcp-rate-kbit 8 --udp 50 --udp-rate 2
assert_flows_run 50 50

flood() { # SECONDS
    spawn r strangers "$STRANGERS" --to "$(a_active)" --seconds "$1" --seed "$RANDOM" \
        --rate "${SACIP_FLOOD_RATE:-0}" >"$T/flood.json" 2>"$T/flood.err"
    flood_pid=$!
}
flood_ends() {
    wait "$flood_pid" || fail "strangers: $(cat "$T/flood.err")"
    unset "child[$flood_pid]"
    sent=$((sent + $(jq .sent "$T/flood.json"))) took=$(jq "$took + .seconds" "$T/flood.json")
}
sent=0 took=0 answers=()
ask_status() {
    local begin=$EPOCHREALTIME
    ctl a -j status >"$T/status.json" || fail "no status: $(cat "$T/status.json")"
    answers+=("$(milliseconds_since "$begin")") # with the start of the program, on cores that are busy
}
dropped() { query a drops "[.drops[] | select(.reason == \"$1\") | .packets] | add // 0"; }

strangers_fill_their_share() {
    ask_status
    grep -q 'used up their share of the path table' "$T/status.json"
}

part=$((seconds / 3))
flood $part
eventually 20 strangers_fill_their_share || fail "strangers do not fill their share, or no warning: $(cat "$T/status.json")"
next_a
change_a gap 1
flood_ends
eventually 5 is_remote_active b "$original" "$(a_active)" || fail "the move with a gap did not pass"
good "a move with a gap of 1 s"

flood $part
sleep 2
traffic open tcp 10
traffic open udp 5
assert_flows_run 60 55
for ((i = 0; i < part - 6; i++)); do
    ask_status
    sleep 1
done
next_a
change_a overlap 0.05
eventually 5 is_remote_active b "$original" "$(a_active)" || fail "the second move did not pass"
flood_ends

flood $part
sleep 2
next_a
change_a overlap 0.05
eventually 5 is_remote_active b "$original" "$(a_active)" || fail "the third move did not pass"
ask_status
flood_ends
assert_flows_run 60 55
good "flows that began meanwhile are mobile"
note "$sent first packets, $(jq -n "$sent / $took | floor") a second; $(ctl a -j drops | jq -c '[.drops[] | select(.packets > 0) | {(.reason): .packets}] | add')"
note "early dropped: $(metric a sacip_flows_early_dropped_total)"
[ "$(metric a sacip_flows_early_dropped_total)" -gt 0 ] || fail "nothing was dropped early: no test"
[ "$(dropped hold_overflow)" = 0 ] || fail "$(dropped hold_overflow) packets that were held for a move were pushed out"
good "nothing that was held for a move was pushed out"
mapfile -t answers < <(printf '%s\n' "${answers[@]}" | sort -n)
median=${answers[${#answers[@]} / 2]}
[ "$median" -le $((250 * ${SACIP_PATIENCE:-1})) ] || fail "status took $median ms, up to ${answers[-1]} ms"
good "status took $median ms in the median of ${#answers[@]}, at most ${answers[-1]} ms"
stop_traffic
good "$(traffic_summary)"
the_end
