#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_firewall.sh [MOVES]
#
# A stateful firewall between the gateways drops ICMP type 20, and everything that connection
# tracking calls invalid: all works over UDP, and once that is known ICMP is no longer tried, but
# for a BIND that UDP has carried three times without an answer (a busy machine's).

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
moves=${1:-10}
# Always a new address: connection tracking remembers the windows of a connection that was here
# before and calls it invalid when it comes back (nf_conntrack_tcp_be_liberal forgives that).
uplink_cycle=(10.0.1.2)
for ((number = 1; number <= moves; ++number)); do uplink_cycle+=("10.0.$((1 + number % 2)).$((20 + number))"); done
say "a firewall that drops ICMP type 20, $moves moves, $peers peers"
stage uplink
introduce_peers
in_ns r nft -f - <<'NFT' || fail "nft"
table ip firewall {
    counter type_20 { }
    counter invalid { }
    chain forward {
        type filter hook forward priority 0; policy accept;
        icmp type 20 counter name type_20 drop
        ct state invalid counter name invalid drop
    }
}
NFT
dropped() { in_ns r nft -j list counter ip firewall "$1" | jq '[.nftables[] | .counter? // empty | .packets] | add'; }
# What a side sent over ICMP, more than 100 ms after an answer had come over UDP, with less than three
# tries since.
needless_icmp() { # CAPTURE SIDE
    read_notes "$1" | jq -sc --arg me "$(python3 "$notes_tool" sender-id "$(cat "$T/$2.pub")")" '
        reduce .[] as $n ({answered: null, tries: [], needless: []};
            if $n.sender != $me then (if $n.kind == "BIND_ACK" then .answered = $n.time | .tries = [] else . end)
            elif $n.carrier == "icmp" then
                if .answered and $n.time > .answered + 0.1 and (.tries | length) < 3
                then .needless += [$n] else . end
            elif $n.kind == "BIND" then .tries = (.tries + [$n.sequence] | unique) else . end) | .needless'
}
start_gateways
prepare_moves addr
start_server
start_capture r toa notes_a "udp port 4720 or icmp[0] == 20" # before the firewall
start_capture r tob notes "udp port 4720 or icmp[0] == 20"
start_client --tcp 10 --udp 10
assert_flows_run 10 10
for ((number = 1; number <= moves; ++number)); do
    move addr
    [ "$peers" = basic ] && continue
    eventually 3 is_remote_active b "$original" "$(a_active)" ||
        fail "move $number: B has A at $(remote_active b "$original"), not $(a_active)"
done
note "dropped: $(dropped type_20) of ICMP type 20, $(dropped invalid) invalid"
[ "$peers" = basic ] && { good "the firewall stands; basic peers can not cross it"; exit 0; }
assert_flows_run 10 10
assert_sockets 10 10
stop_traffic
stop_captures
[ "$(dropped type_20)" -gt 0 ] || fail "nothing was tried over ICMP"
for pair in notes_a:a notes:b; do
    needless=$(needless_icmp "${pair%:*}" "${pair#*:}")
    [ "$needless" = "[]" ] || fail "ICMP is still tried after UDP was answered: $needless"
done
good "all over UDP: $(read_notes notes | jq -r '.carrier + " " + .kind' | sort | uniq -c | tr -s ' \n' ' ')"
good "$(traffic_summary)"
the_end
