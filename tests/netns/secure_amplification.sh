#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_amplification.sh [trust_peer|always]
#
# A peer with a good key says that it has moved to a victim's address, to have our hosts' traffic
# poured there. The victim gets at most 3 x the bytes that seemed to come from it, however often the
# claim is made, and the last address that was proved comes back.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
validation=${1:-trust_peer}
victim=10.0.2.66
say "a victim's address claimed by a peer, path_validation: $validation, $peers peers"
stage uplink
peer_options=", path_validation: $validation"
introduce_peers
# The victim hangs at the router, says nothing, and counts.
ip netns add "$P-hx" || fail "namespace $P-hx"
link r tox hx eth0
ip -n "$P-hx" addr add $victim/32 dev eth0
ip -n "$P-r" route add $victim/32 dev tox
in_ns hx nft 'add table ip mute; add chain ip mute in { type filter hook input priority 0; policy drop; }' || fail nft
start_gateways
start_server
start_capture r toa genuine "udp port 4720 or icmp[0] == 20"
start_client --udp 10 --udp-rate 200 --udp-size 1000
assert_flows_run 0 10
prepare_moves addr
move addr
move addr
stop_captures
proved=$(a_active)
[ "$(remote_active b "$original")" = "$proved" ] || [ "$peers" = basic ] || fail "B does not have A at $proved"

start_capture r tox victim ip
claims=0 claimed_bytes=0 begin=$EPOCHREALTIME
if [ "$peers" = secure ]; then
    sender=$(python3 "$notes_tool" sender-id "$(cat "$T/a.pub")")
    read_notes genuine | jq -s --arg s "$sender" '[.[] | select(.sender == $s)] | {epoch: [.[].epoch] | max, sequence: [.[].sequence] | max}' >"$T/last.json"
    # The honest gateway would correct the lie at once; the evil one is alone.
    kill -STOP "${gateway_pid[a]}"
    claim() { # SOURCE SEQUENCE: ten times the same lie
        local sent
        sent=$(in_ns r python3 "$notes_tool" seal --key "$T/a.key" --peer "$(cat "$T/b.pub")" --from "$1" \
            --to $remote_host --epoch "$(jq .epoch "$T/last.json")" --sequence "$2" --entry "$original" $victim --count 10 --send) || fail "seal"
        [ "$1" = $victim ] && claimed_bytes=$((claimed_bytes + $(jq '.bytes * .sent' <<<"$sent")))
        claims=$((claims + 10))
    }
    sequence=$(jq .sequence "$T/last.json")
    claim "$proved" $((sequence + 100))
    sleep 1
    claim $victim $((sequence + 200))
    sleep 1
    claim $victim $((sequence + 300))
else
    in_ns r python3 "$tools/send_notification.py" "$proved" $remote_host $victim || fail "sending"
    claims=1 claimed_bytes=28
fi
sleep 3
reverted() { is_remote_active b "$original" "$proved"; }
eventually 5 reverted || [ "$peers" = basic ] || fail "B still has A at $(remote_active b "$original"), which nobody proved"
[ "$peers" = secure ] && kill -CONT "${gateway_pid[a]}"
stop_captures
got=$(python3 - "$tools" "$T/victim.pcap" $victim <<'PYTHON'
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import wirecheck
all_ = [wirecheck.Packet(*item) for item in wirecheck.packets(sys.argv[2])]
print(sum(packet.length for packet in all_ if packet.target == wirecheck.packed(sys.argv[3])))
PYTHON
)
note "$claims claims; $claimed_bytes bytes seemed to come from the victim, who got $got; in $(milliseconds_since "$begin") ms"
if [ "$peers" = secure ]; then
    [ "$got" -le $((3 * claimed_bytes)) ] || fail "the victim got more than 3 x $claimed_bytes bytes"
    good "the victim got at most 3 x the bytes that came from there; A is back at $proved"
else
    note "(basic peers promise nothing here)"
fi
[ "$peers" = basic ] || assert_flows_run 0 10
[ "$peers" = basic ] && { in_ns r python3 "$tools/send_notification.py" $victim $remote_host "$proved"; assert_flows_run 0 10; }
stop_traffic
the_end
