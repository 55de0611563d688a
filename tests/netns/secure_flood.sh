#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_flood.sh [MESSAGES]
#
# 1,000,000 forged notifications at full speed, of every kind, by both carriers: none is applied,
# each is counted under its reason, the flows lose at most 1 % meanwhile, and a genuine BIND in the
# middle is acknowledged within 100 ms. Then what only an evil peer could make, with its own key.
# SACIP_FORGE_RATE limits the flood (packets/s; 0, from the start, does not).

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
messages=${1:-1000000}
port_options=,framecnt=8192,blocksz=131072 # room for what comes while another process has the core
udp=4 rate=500
say "flood of $messages forged notifications, $peers peers"
stage uplink
introduce_peers
start_gateways
start_server
start_capture r tob recorded "udp port 4720 or icmp[0] == 20"
start_client --tcp 4 --udp $udp --udp-rate $rate
assert_flows_run 4 $udp
prepare_moves addr
for _ in 1 2 3 4; do move addr; done
stop_captures
sender=0
if [ "$peers" = secure ]; then
    sender=$(python3 "$notes_tool" sender-id "$(cat "$T/a.pub")")
    read_notes recorded >"$T/recorded.json"
    [ "$(jq -s '[.[] | select(.kind == "BIND" and .tag)] | length > 0' "$T/recorded.json")" = true ] ||
        fail "no BIND was recorded: $(jq -c '[.kind, .tag]' "$T/recorded.json" | sort | uniq -c)"
    good "recorded: $(jq -r .kind "$T/recorded.json" | sort | uniq -c | tr -s ' \n' ' ')"
    # What was recorded must not pass after a restart, either.
    stop_gateway b
    start_gateway b
    eventually 5 is_remote_active b "$original" "$(a_active)" || fail "B was not told again after its restart"
fi
assert_flows_run 4 $udp

flood() { # NAME MESSAGES forge's arguments...
    local name=$1 count=$2
    shift 2
    spawn r "forge $name" "$FORGE" --from "$(a_active)" --to $remote_host --count "$count" --sender "$sender" \
        --rate "${SACIP_FORGE_RATE:-0}" --seed "${SACIP_SEED:-$$}" "$@" >"$T/$name.json" 2>"$T/$name.err"
    flood_pid=$!
}
flood_ends() { # NAME
    wait "$flood_pid" || fail "forge: $(cat "$T/$1.err")"
    unset "child[$flood_pid]"
}
# Frames that reached a gateway's outside interface and were never read, or not even that. The flows'
# own frames come in between the two readings: at least or at most that many, by which one is first.
missed() { # least|most
    local side came read sum=0
    for side in a b; do
        [ "$1" = least ] || read=$(frames_read $side)
        came=$(frames_came $side)
        [ "$1" = most ] || read=$(frames_read $side)
        sum=$((sum + came - read))
    done
    say $sum
}
frames_read() { query "$1" ports '.ports[] | select(.name == "wan") | .rx_packets'; }
frames_came() {
    say $(($(ip -n "$P-g$1" -s -j link show etho | jq '.[0].stats64.rx.packets') +
        $(ip -n "$P-r" -s -j link show to"$1" | jq '.[0].stats64.tx.dropped')))
}
remotes() { ctl b -j bindings | jq -c '[.remote[] | [.original, .active]] | sort'; }

untouched=$(remotes)
# What B had said is replayed to A, at addresses that A has left, too: the router must not lose them
# because nobody answers its ARP any more.
for address in "${uplink_cycle[@]}"; do
    ip -n "$P-r" neigh replace "$address" dev toa lladdr "$(query a ports '.ports[1].mac')" nud permanent
done
refused_by_both() { say $(($(refused_in_all a) + $(refused_in_all b))); }
before=$(refused_by_both) missed_before=$(missed least) reasons_before=$(refusals b)
start_capture r toa genuine "udp port 4720 or icmp[0] == 20"
begin=$EPOCHREALTIME
traffic mark >/dev/null
flood all "$messages" --pcap "$T/recorded.pcap"
sleep 0.5
kill -0 "$flood_pid" 2>/dev/null || fail "the flood was over before anything else could happen"
next_a
change_a overlap 0.05
eventually 5 is_remote_active b "$original" "$(a_active)" || fail "the genuine BIND did not pass"
kill -0 "$flood_pid" 2>/dev/null || note "the flood ended before the genuine BIND was there"
flood_ends all
window=$(traffic mark)
seconds=$(($(milliseconds_since "$begin") / 1000 + 1))
stop_captures
note "sent: $(jq -c '{total, per_second, sent: (.sent | map_values(.icmp + .udp))}' "$T/all.json")"
sleep 0.5
total=$(jq .total "$T/all.json")
refused=$(($(refused_by_both) - before)) lost_at_port=$(($(missed most) - missed_before))
note "refused: $(jq -nc --argjson a "$reasons_before" --argjson b "$(refusals b)" '$b | with_entries(.value -= ($a[.key] // 0))'), at most $lost_at_port missed by the port"
# A message may be a real one's duplicate by the other carrier: refused as well, not of the flood.
# Over UDP, one cut to less than the magic (2 lengths of more than 40) is any datagram.
datagrams=$(jq '.sent.truncated.udp / 20 | ceil' "$T/all.json")
[ "$peers" = basic ] || [ $((refused + lost_at_port + datagrams)) -ge "$total" ] || fail "only $refused of $total are counted"
[ "$refused" -le $((total + 100)) ] || fail "$refused of $total are counted"
good "each of $total is counted under its reason"
now=$(remotes)
[ "$(jq -nc --argjson now "$now" --arg old "$original" '[$now[] | select(.[0] != $old)]')" = \
    "$(jq -nc --argjson now "$untouched" --arg old "$original" '[$now[] | select(.[0] != $old)]')" ] ||
    fail "a binding changed: $now, was $untouched"
[ "$(remote_active b "$original")" = "$(a_active)" ] || fail "A is no longer where it is"
good "nothing was applied"
lost=$(jq '.lost + .peer_lost' <<<"$window") sent=$((2 * udp * rate * seconds))
[ $((lost * 100)) -le $sent ] || fail "$lost of about $sent datagrams were lost"
good "the flows lost $lost of about $sent datagrams in $seconds s"
if [ "$peers" = secure ]; then
    answer=$(read_notes genuine | jq -s --arg a "$(a_active)" '
        ([.[] | select(.kind == "BIND" and any(.entries[]; .active == $a + "/32"))][0]) as $bind
        | ([.[] | select(.kind == "BIND_ACK" and .status == "applied" and .time >= $bind.time)][0].time - $bind.time) * 1000')
    [ "$(jq -n "$answer <= 100")" = true ] || fail "the genuine BIND was acknowledged after $answer ms"
    good "the genuine BIND was acknowledged after $answer ms"

    # With the key of A: genuine tags, and still not to be believed. Last, for they use up numbers.
    epoch=$(read_notes genuine | jq -s --arg s "$sender" '[.[] | select(.sender == $s) | .epoch] | max')
    sequence=$(read_notes genuine | jq -s --arg s "$sender" '[.[] | select(.sender == $s) | .sequence] | max')
    untouched=$(remotes)
    evil() { # REASON WHAT EPOCH SEQUENCE seal's arguments...
        local reason=$1 what=$2 had
        had=$(refusals b | jq --arg r "$reason" '.[$r] // 0')
        in_ns r python3 "$notes_tool" seal --key "$T/a.key" --peer "$(cat "$T/b.pub")" --from "$(a_active)" \
            --to $remote_host --epoch "$3" --sequence "$4" --count 10 --send "${@:5}" >/dev/null || fail "seal"
        eventually 2 more_refused "$reason" "$had" || fail "$what: not counted as $reason: $(refusals b)"
        [ "$(remotes)" = "$untouched" ] || fail "$what changed a binding: $(remotes)"
        good "$what: $reason"
    }
    more_refused() { [ "$(refusals b | jq --arg r "$1" '.[$r] // 0')" -gt "$2" ]; }
    evil notification_stale "an old sequence number" "$epoch" 1 --entry "$original" 10.0.2.77
    evil notification_stale "an older epoch" $((epoch - 1000000)) $((sequence + 100)) --entry "$original" 10.0.2.77
    evil notification_epoch "a newer epoch without a challenge" $((epoch + 1000000)) 1 --entry "$original" 10.0.2.77
    evil notification_unauthorised "an original of another" "$epoch" $((sequence + 1000)) --entry 10.44.0.1 10.0.2.77
    evil notification_unauthorised "an active where it may not roam" "$epoch" $((sequence + 2000)) --entry "$original" 10.44.0.1
    for address in 224.0.0.5 255.255.255.255 127.0.0.1 169.254.0.1 0.0.0.0 $remote_host; do
        sequence=$((sequence + 3000))
        evil notification_unauthorised "$address as its own" "$epoch" $sequence --entry "$original" "$address"
    done
fi
assert_flows_run 4 $udp
stop_traffic
good "$(traffic_summary)"
the_end
