#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# traceroute by UDP, ICMP and TCP, from host to host both ways, shows every hop, the two gateways
# included, before and after a move; by UDP also for one flow that lives through the move.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/second_router.sh"

say "traceroute, both ways, before and after a move"
stage uplink
command -v traceroute >/dev/null || skip "traceroute is not installed"
add_second_router 1500
start_gateways
prepare_moves addr

# Linux queues an ICMP error at its socket and sets sk_err after that. A traceroute that reads the
# error in between, on another CPU, is told of errors ever after (POLLERR) and reads no reply any
# more. So what its host receives and traceroute itself have CPU 0 in turn.
for ns in ha hb; do
    in_ns $ns sh -c 'echo 1 >/sys/class/net/eth0/queues/rx-0/rps_cpus' || fail "RPS at $ns"
done

hops() { # NS TO OPTIONS...: their addresses, in order
    local ns=$1 to=$2
    shift 2
    in_ns "$ns" taskset -c 0 traceroute -n -q 1 -w 2 -m 8 "$@" "$to" 2>&1 |
        awk 'NR > 1 { printf "%s%s", sep, $2; sep = " " }'
}

assert_hops() { # WANTED NS TO OPTIONS...
    local wanted=$1 seen
    shift
    seen=$(hops "$@")
    [ "$seen" = "$wanted" ] || fail "traceroute $*: $seen, not $wanted"
    good "$*: $seen"
}

all_ways() { # A'S-ADDRESS ITS-ROUTER
    local out="10.1.0.1 $2 10.0.5.2 10.0.9.2 $remote_host" kind
    local back="10.9.0.1 10.0.9.1 10.0.5.1 $1 $1"
    for kind in "" -I "-T -p 80"; do
        # shellcheck disable=SC2086
        assert_hops "$out" ha $remote_host $kind
        # shellcheck disable=SC2086
        assert_hops "$back" hb "$1" $kind
    done
    # Always the same ports, hence the same flow.
    assert_hops "$out" ha $remote_host -U -p 33434 --sport=5555
}

all_ways 10.0.1.2 10.0.1.1
move addr
all_ways 10.0.2.2 10.0.2.1
seen=$(query a flows --host 10.1.0.10 --limit 1000 '[.flows[] | select(.host == "10.1.0.10:5555")] | length')
[ "$seen" = 1 ] || fail "the flow of the fixed ports is $seen flows"
the_end
