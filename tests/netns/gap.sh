#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# gap.sh [MOVES]: how long a UDP flow of 1,000 packets a second, each way, is without a packet when
# the address moves and both addresses are usable: the longest gap of each of 20 moves, both ways.
# The median must be at most 20 ms. Times are the kernel's at arrival.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
moves=${1:-20} limit=${SACIP_GAP_LIMIT_MS:-20}
say "gap at a move, 1000 packets/s, $moves moves"
stage uplink
start_gateways
prepare_moves addr
start_server
start_client --udp 1 --udp-rate 1000
assert_flows_run 0 1
sleep 0.5
gaps=() idle=()
for ((number = 1; number <= moves; ++number)); do
    traffic mark >/dev/null
    sleep 0.4
    idle+=("$(traffic mark | jq '[.datagram_gap_ms, .peer_datagram_gap_ms] | max')")
    move addr
    gaps+=("$(traffic mark | jq '[.datagram_gap_ms, .peer_datagram_gap_ms] | max')")
done
stop_traffic
statistics() { jq -rs 'sort | "median \(.[length / 2 | floor]) ms, worst \(.[-1]) ms"' <<<"$*"; }
median=$(jq -s 'sort | .[length / 2 | floor]' <<<"${gaps[*]}")
say "  gap at a move:     $(statistics "${gaps[*]}")"
say "  without any move:  $(statistics "${idle[*]}")"
say "  lost: $(jq '.udp.lost + .udp.peer_lost' "$T/client.json") of $(jq '.udp.sent + .udp.received' "$T/client.json")"
[ "$(jq -n "$median <= $limit")" = true ] || fail "the median is more than $limit ms"
the_end
