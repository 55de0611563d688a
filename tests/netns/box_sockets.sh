#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# box_sockets.sh
#
# Sockets of the box with another of its addresses than the uplink's. One with the LAN's (as a DNS
# forwarder, or `ping -I`) is behind the uplink like the hosts there, and moves along; one with an
# address on lo leaves as Linux sends it. Neither keeps the box from moving.
#
#   [A] 10.0.1.2 wan0, 10.1.0.1 lan0, 10.255.0.1 lo ── r ──[B]── hb

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "sockets of the box with any of its addresses, $peers peers"
stage box
introduce_peers
start_gateways
prepare_moves addr
ip -n "$P-ga" addr add 10.255.0.1/32 dev lo
ip -n "$P-r" route add 10.255.0.1/32 via 10.0.1.2
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
spawn ga "client from lan0" "$FLOWCHECK" client --to $remote_host:$remote_port --bind 10.1.0.1 --tcp 1 \
    --udp 1 --seconds 4 --json "$T/lan.json" >"$T/lan.out" 2>"$T/lan.err" </dev/null
lan_pid=$!
seen_by_peer() { # ADDRESS COUNT: connections that it sees from there
    [ "$(in_ns hb ss -nHt state connected src $remote_host:$remote_port dst "$1" | wc -l)" = "$2" ]
}
eventually 5 seen_by_peer 10.0.1.2 3 || fail "the connection from 10.1.0.1 is not seen as 10.0.1.2"
good "a connection from 10.1.0.1 is seen as one from 10.0.1.2"
start_capture r toa loopback "src host 10.255.0.1"
in_ns ga ping -c 3 -i 0.2 -W 2 -q -I 10.255.0.1 $remote_host >"$T/ping" || fail "from 10.255.0.1: $(cat "$T/ping")"
for _ in 1 2 3; do
    move addr
    eventually 5 is_remote_active b "$original" "$(a_active)" || fail "B was not told of $(a_active): $(ctl a events | tail -n 3)"
done
good "three moves, each applied by the peer"
eventually 15 process_ended $lan_pid || fail "the client from 10.1.0.1 does not end"
end_child $lan_pid || fail "from 10.1.0.1: $(jq -c '[.tcp, .udp]' "$T/lan.json")"
good "what began from 10.1.0.1 came through"
assert_flows_run 2 2
stop_captures
[ "$(tcpdump -nr "$T/loopback.pcap" 2>/dev/null | wc -l)" -ge 3 ] || fail "nothing from 10.255.0.1 on the wire"
good "what has 10.255.0.1 leaves with it"
stop_traffic
the_end
