#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# survive.sh WAY TRIGGER [MOVES]
#   WAY      uplink | routed | box      how the gateway stands in the path
#   TRIGGER  addr | sacipctl | dhcp     what changes the address
#
# SACIP_PEERS=secure makes the two gateways peers of the secure protocol, with `checksum.l4: wire`.
#
# 20 TCP connections and 20 UDP flows, every byte checked both ways, live through 20 moves under
# load; their sockets keep both original addresses, and the wire shows only active ones.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
way=${1:?way} trigger=${2:?trigger} moves=${3:-20}
tcp=20 udp=20

say "survive: $way, by $trigger, $moves moves, $peers peers"
variant=plain
[ "$trigger" = dhcp ] && variant=dhcp
stage "$way" $variant
introduce_peers
start_gateways
prepare_moves "$trigger"
start_server
start_capture r toa router "ip host $remote_host"
start_capture $host_ns $host_interface host "ip host $remote_host"
[ "$peers" = secure ] && start_capture hb eth0 far "ip host $remote_host"
first=$original
start_client --tcp $tcp --udp $udp
assert_flows_run $tcp $udp
traffic mark >/dev/null

gaps=() lost=0
for ((number = 1; number <= moves; ++number)); do
    move "$trigger"
    window=$(traffic mark)
    gaps+=("$(jq '[.datagram_gap_ms, .peer_datagram_gap_ms] | max' <<<"$window")")
    lost=$((lost + $(jq '.lost + .peer_lost' <<<"$window")))
done

assert_flows_run $tcp $udp
assert_sockets $tcp $udp
stop_traffic
stop_captures
good "$moves moves: 0 of $((tcp + udp)) flows broken, 0 wrong bytes of $(jq '.tcp.sent + .tcp.received' "$T/client.json")"
note "UDP: $lost of $(jq '.udp.sent + .udp.peer_received' "$T/client.json") lost; worst gap of each move, ms: ${gaps[*]}"

judge=(--router "$T/router.pcap" --host "$T/host.pcap" --timeline "$T/timeline" --first "$first"
    --peer $remote_host --server-report "$T/server.json")
[ "$way" = box ] && judge+=(--own-sockets)
[ "$peers" = secure ] && judge+=(--sums wire --notes secure --far "$T/far.pcap")
python3 "$tools/wirecheck.py" "${judge[@]}" || fail "the wire does not look as it must"

seen=$(query a moves '.moves | map(select(.side == "local")) | length')
[ "$seen" -ge "$moves" ] || fail "gateway A knows of $seen moves"
seen=$(query b moves '.moves | map(select(.side == "remote")) | length')
[ "$seen" -ge "$moves" ] || fail "gateway B knows of $seen moves of its peer"
good "both gateways know of all $moves moves"
the_end
