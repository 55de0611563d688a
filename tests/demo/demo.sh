#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# The point in one minute: three ordinary programs talk across a network while the address of one
# side is changed under them, first behind a SACIP gateway, then behind plain Linux NAT.
#
#   demo.sh               both halves and the summary; exit 0 only if the gateway's was perfect
#   demo.sh half KIND FILE   one half (gateway | nat), its result as JSON into FILE
#
# The programs: a TCP transfer both ways whose every byte is checked, a UDP stream with sequence
# numbers, and a person's session: a shell reached by netcat, in which a line is typed after each move.
# Needs root, no huge pages; works in namespaces of its own and takes them away again.

SACIP_DISCARD_LOGS=${SACIP_DISCARD_LOGS-yes}
. "$(dirname "$0")/../netns/lib.sh"
. "$here/moves.sh"

udp_rate=500
tcp_kbit=${SACIP_DEMO_TCP_KBIT:-20000}
session_port=2323
watch_for=${SACIP_DEMO_SECONDS:-2} # between moves
if [ -t 1 ]; then
    bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m' clear=$'\r\e[K'
else
    bold='' green='' red='' dim='' plain='' clear=''
fi

# ---------------------------------------------------------------- plain Linux in a gateway's place

# The same addresses on the same links, forwarded by the kernel; on A's side with masquerade.
start_linux_router() { # ga|gb
    local ns=$1
    in_ns "$ns" nft delete table netdev sacip
    ip -n "$P-$ns" link set ethi down
    ip -n "$P-$ns" link set etho down
    ip -n "$P-$ns" link set ethi name lan0 up
    ip -n "$P-$ns" link set etho name wan0 up
    in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.wan0.promote_secondaries=1
    if [ "$ns" = ga ]; then
        ip -n "$P-ga" addr add 10.1.0.1/24 dev lan0
        ip -n "$P-ga" addr add 10.0.1.2/24 dev wan0
        ip -n "$P-ga" route add default via 10.0.1.1
        in_ns ga nft -f - <<'NFT' || fail "this kernel has no NAT: the comparison is not possible"
table ip nat {
    chain out { type nat hook postrouting priority srcnat; oifname "wan0" masquerade; }
}
NFT
    else
        ip -n "$P-gb" addr add 10.9.0.1/24 dev lan0
        ip -n "$P-gb" addr add 10.0.9.2/24 dev wan0
        ip -n "$P-gb" route add default via 10.0.9.1
    fi
}

# ---------------------------------------------------------------- the person's session

start_session() {
    mkfifo "$T/shell.fifo" "$T/typed.fifo"
    spawn hb shell bash -c "nc -l $remote_host $session_port <'$T/shell.fifo' |
        bash --noprofile --norc >'$T/shell.fifo' 2>&1"
    sleep 0.5
    exec 5<>"$T/typed.fifo"
    : >"$T/screen"
    spawn ha session nc $remote_host $session_port <&5 >"$T/screen" 2>/dev/null
    type_line 'lines=0' ''
    eventually 5 types_and_reads || fail "the session did not start"
    session_shell=$session_answer
}

type_line() { printf '%s\n' "$1" >&5; }

# Types a command and reads its answer: the shell's own process and a count it keeps.
# Sets session_answer (the shell's pid) and session_ms; fails if no answer comes.
types_and_reads() {
    local begin=${EPOCHREALTIME/./} before
    before=$(wc -l <"$T/screen")
    type_line 'lines=$((lines + 1)); echo "shell $$ line $lines"'
    local deadline=$((begin + 3000000))
    while [ "$(wc -l <"$T/screen")" -le "$before" ]; do
        [ "${EPOCHREALTIME/./}" -lt $deadline ] || return 1
        sleep 0.005
    done
    session_ms=$(((${EPOCHREALTIME/./} - begin) / 1000))
    session_answer=$(tail -n 1 "$T/screen" | cut -d' ' -f2)
}

# ---------------------------------------------------------------- what one sees

picture() {
    cat <<'TEXT'

   host-a ────── gateway A ═════ router ═════ gateway B ────── host-b
  10.1.0.10      10.0.1.2     two subnets      10.0.9.2      10.9.0.10
                 10.0.2.2     on A's side
TEXT
}

# The addresses of one packet of the UDP stream, as it passes an interface.
addresses_at() { # NS INTERFACE
    in_ns "$1" timeout 2 tcpdump -Z root -lnqi "$2" -c 1 "udp and dst host $remote_host" 2>/dev/null |
        sed -nE 's/.* IP ([0-9.]+)\.[0-9]+ > ([0-9.]+)\.[0-9]+:.*/\1 > \2/p'
}

live_for() { # SECONDS: a line that moves while nothing else happens
    local deadline=$((${EPOCHREALTIME/./} + $1 * 1000000)) now
    while [ "${EPOCHREALTIME/./}" -lt $deadline ]; do
        if [ -n "$clear" ]; then
            now=$(traffic status | jq -r '"\(.tcp_received / 1000000 | . * 10 | round / 10) MB received over TCP, \(.wrong_bytes) bytes wrong, \(.datagrams_alive) UDP stream alive"')
            printf '%s%s  %s%s' "$clear" "$dim" "$now" "$plain"
        fi
        sleep 0.2
    done
    printf '%s' "$clear"
}

milliseconds() { printf '%7.1f ms' "$1"; }

# ---------------------------------------------------------------- a half

half() { # gateway|nat FILE
    local kind=$1 result=$2 moves=6 number window tcp udp lost session wire host
    local session_broken=0 gaps=()
    [ "$kind" = nat ] && moves=3
    stage uplink
    if [ "$kind" = gateway ]; then
        start_gateways
    else
        start_linux_router ga
        start_linux_router gb
    fi
    prepare_moves addr
    pause=0
    uplink_cycle=(10.0.1.2 10.0.2.2)
    start_server
    start_client --tcp 1 --udp 1 --tcp-rate-kbit "$tcp_kbit" --udp-rate $udp_rate --finish-timeout 3
    assert_flows_run 1 1
    start_session
    traffic mark >/dev/null
    say "${bold}  move                       TCP gap     UDP gap  lost     session   the wire carries        the host sees$plain"
    for ((number = 1; number <= moves; ++number)); do
        live_for "$watch_for"
        traffic mark >/dev/null
        local old=${uplink_cycle[position]}
        move addr
        session='no answer'
        if [ $session_broken = 0 ] && types_and_reads && [ "$session_answer" = "$session_shell" ]; then
            session=$(milliseconds $session_ms)
        else
            session_broken=1
        fi
        wire=$(addresses_at r toa)
        host=$(addresses_at ha eth0)
        window=$(traffic mark)
        tcp=$(jq .tcp_gap_ms <<<"$window")
        udp=$(jq '[.datagram_gap_ms, .peer_datagram_gap_ms] | max' <<<"$window")
        lost=$(jq '.lost + .peer_lost' <<<"$window")
        [ "$kind" = gateway ] && gaps+=("$udp")
        if [ "$(traffic status | jq .tcp_running)" = 1 ]; then tcp=$(milliseconds "$tcp"); else tcp=broken; fi
        if [ "$(traffic status | jq .datagrams_alive)" = 1 ]; then udp=$(milliseconds "$udp"); else udp=silent lost=all; fi
        printf '  %d  %-8s > %-8s  %10s  %10s  %4s  %10s   %-21s   %s\n' $number "$old" \
            "${uplink_cycle[position]}" "$tcp" "$udp" "$lost" "$session" "$wire" "$host"
    done
    live_for "$watch_for"
    say stop >&7
    unset "child[$client_pid]"
    wait "$client_pid"
    jq --arg kind "$kind" --argjson session $session_broken --argjson moves $moves \
        --argjson gaps "[$(IFS=,; say "${gaps[*]}")]" \
        '{kind: $kind, moves: $moves, tcp: .tcp.broken, udp: .udp.broken, session: $session,
          wrong: (.tcp.wrong_bytes + .udp.wrong_payload), bytes: (.tcp.sent + .tcp.received),
          lost: (.udp.lost + .udp.peer_lost), datagrams: (.udp.received + .udp.peer_received),
          gaps: ($gaps | sort)}' "$T/client.json" >"$result"
    if [ "$kind" = gateway ]; then
        assert_balanced a b >/dev/null
        stop_gateway a
        stop_gateway b
    fi
}

# ---------------------------------------------------------------- both, and the summary

both() {
    local results status=0
    need_root_and_tools nc
    results=$(mktemp -d "${TMPDIR:-/tmp}/sacip-demo.XXXXXX")
    # The halves clean up after themselves; Ctrl-C reaches them too, and they are waited for.
    trap 'interrupted=yes' INT TERM
    trap 'rm -rf "$results"' EXIT
    say "${bold}Three programs talk from host-a to host-b while A's address changes.$plain"
    picture
    say ''
    say "${bold}1. With SACIP gateways$plain"
    "$0" half gateway "$results/gateway" || status=1
    [ -z "${interrupted:-}" ] || exit 130
    say ''
    say "${bold}2. The same with plain Linux: NAT on A, a router on B$plain"
    "$0" half nat "$results/nat" || say "  the comparison did not come to its end"
    [ -z "${interrupted:-}" ] || exit 130
    say ''
    summary "$results" || status=1
    exit $status
}

summary() { # DIRECTORY
    local broken wrong perfect=1
    say "${bold}Summary$plain"
    if [ -s "$1/gateway" ]; then
        broken=$(jq '.tcp + .udp + .session' "$1/gateway")
        wrong=$(jq .wrong "$1/gateway")
        [ "$broken" = 0 ] && [ "$wrong" = 0 ] && perfect=0
        local colour=$red
        [ $perfect = 0 ] && colour=$green
        say "  ${colour}SACIP gateway: $broken of 3 broken, $wrong wrong bytes$plain ($(jq -r \
            '"\(.moves) moves, \(.bytes) bytes over TCP, \(.lost) of \(.datagrams + .lost) datagrams lost, UDP gap median \(.gaps[(.gaps | length) / 2 | floor]) ms, longest \(.gaps[-1]) ms"' \
            "$1/gateway"))"
    else
        say "  ${red}SACIP gateway: did not come to its end$plain"
    fi
    if [ -s "$1/nat" ]; then
        say "  ${red}Linux NAT:     $(jq '.tcp + .udp + .session' "$1/nat") of 3 broken$plain ($(jq -r '"\(.moves) moves"' "$1/nat"))"
    fi
    return $perfect
}

case ${1:-} in
'') both ;;
half) half "$2" "$3" ;;
*)
    say "usage: demo.sh" >&2
    exit 2
    ;;
esac
