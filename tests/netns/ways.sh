#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ways.sh uplink|routed|bridge
#
# Which way? Linux's. Two uplinks, a second LAN, and an interface that is no port of the gateway
# (networks.sh): what leads inside, or where only Linux can go, goes there at once with its own
# source; a mapped host leaves by its own uplink and no other, by `ip rule`, by multipath, or not at
# all; what does not fit its uplink comes back as "fragmentation needed" with that uplink's MTU.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/networks.sh"
say "ways: ${1:-uplink}"

# Nothing to TO on the WAN, and all of the three there with the host's own source.
expect_inside() { # TO NS INTERFACE
    eventually 5 is_reached "$2" "$(in_ns "$2" ip route show default | cut -d' ' -f3)" || fail "no way to the gateway from $2"
    start_capture r toa wan "dst $1"
    start_capture "$2" "$3" there "src $host_address and dst $1 and icmp[0] = 8"
    expect "answers from $1" 3 "$(pings ha -I "$host_address" "$1")"
    stop_captures
    expect "... asked by the WAN" 0 "$(seen wan "dst $1")"
    expect "... asked with the host's own source" 3 "$(seen there icmp)"
}

case ${1:-uplink} in
routed)
    stage routed
    add_lan2
    add_vpn
    start_gateways
    eventually 10 is_reached ha $remote_host || fail "no way at the beginning"
    expect_inside 10.4.0.7 hx lan2
    expect_inside 10.50.0.7 relay vpn
    # The best default route leaves by an interface that is no port.
    ip -n "$P-relay" addr add $remote_host/32 dev lo
    on_a route del default dev wan0
    on_a route add default via 10.0.1.1 dev wan0 metric 100
    on_a route add default via 10.50.0.7 dev vpn0 metric 50
    eventually 3 is_reached ha $remote_host || fail "no answer by vpn0"
    expect_inside $remote_host relay vpn
    on_a route del default via 10.50.0.7 dev vpn0 metric 50
    eventually 3 is_reached ha $remote_host || fail "not by wan0 again"
    # No route: the host hears it at once. A host that is not there: after Linux has asked for it.
    on_a route add unreachable 192.0.2.0/24
    said=$(in_ns ha ping -c 1 -W 2 192.0.2.1 2>&1 | grep -ci unreachable)
    expect "unreachable networks are told of" 1 "$said"
    said=$(in_ns hb ping -c 1 -W 6 10.2.0.99 2>&1 | grep -ci 'host unreachable')
    expect "dead hosts are told of" 1 "$said"
    ;;
bridge)
    stage uplink
    start_gateways
    eventually 10 is_reached ha $remote_host || fail "no way at the beginning"
    on_a link add br-lan address "$(in_ns ga cat /sys/class/net/lan0/address)" type bridge forward_delay 0
    on_a addr del 10.1.0.1/24 dev lan0
    on_a link set lan0 master br-lan
    on_a link set br-lan up
    on_a addr add 10.1.0.1/24 dev br-lan
    in_ns ga sysctl -qw net.ipv4.conf.br-lan.forwarding=1 net.ipv4.conf.br-lan.rp_filter=0
    eventually 10 is_reached ha $remote_host || fail "the mapped host has no way with lan0 in a bridge: $(ctl a why 10.1.0.10:1 $remote_host:1 icmp)"
    expect "answers to the mapped host" 3 "$(pings ha $remote_host)"
    grep -q 'warning: lan0 is enslaved to br-lan' "$T/gw-a.log" || fail "not a word of the bridge in the log"
    expect "answers to the bridge's address" 3 "$(pings ha 10.1.0.1)"
    ;;
*)
    stage uplink
    add_lte 'mtu: 1400'
    add_lte_host
    add_lan2
    add_vpn
    add_host_line '{inside: 10.50.0.7, outside: 203.0.113.7}'
    ip -n "$P-r" route add 203.0.113.7/32 via 10.0.1.2
    start_gateways
    eventually 10 is_reached ha $remote_host || fail "no way at the beginning"
    expect_inside 10.4.0.7 hx lan2
    # 10.50.0.7 is listed: between listed hosts Linux goes, too. The network behind it is not.
    ip -n "$P-relay" addr add 10.60.0.1/32 dev lo
    on_a route add 10.60.0.0/24 via 10.50.0.7 dev vpn0
    expect_inside 10.60.0.1 relay vpn
    start_capture r toa wan icmp
    expect "answers to the mapped host behind vpn0" 3 "$(pings relay $remote_host)"
    stop_captures
    expect "... by its outside address" 3 "$(seen wan 'src 203.0.113.7 and icmp[0] = 8')"

    each_by_its_own() { # WHEN
        start_capture r toa wan icmp
        start_capture r tol lte icmp
        expect "$1: answers to wan's host" 3 "$(pings ha -I 10.1.0.10 $remote_host)"
        expect "$1: answers to lte's host" 3 "$(pings ha -I 10.1.0.11 $remote_host)"
        stop_captures
        expect "$1: by wan" "3 0" "$(seen wan 'src 10.0.1.2 and icmp[0] = 8') $(seen wan 'src 10.0.3.2')"
        expect "$1: by lte" "3 0" "$(seen lte 'src 10.0.3.2 and icmp[0] = 8') $(seen lte 'src 10.0.1.2')"
    }
    # The host's uplink has no route, the other one has: it is told so, and nothing leaves.
    start_capture r toa wan 'src 10.0.3.2'
    said=$(in_ns ha ping -I 10.1.0.11 -c 1 -W 2 $remote_host 2>&1 | grep -ci 'net unreachable')
    stop_captures
    expect "no route by its own uplink: told of" 1 "$said"
    expect "... and by the other one" 0 "$(seen wan ip)"
    ctl a why 10.1.0.11:1 $remote_host:1 icmp | grep -q 'by port lte' || fail "why: $(ctl a why 10.1.0.11:1 $remote_host:1 icmp)"

    on_a route add default via 10.0.3.1 dev lte0 table 200
    on_a rule add from 10.0.3.2 lookup 200
    eventually 3 is_reached ha -I 10.1.0.11 $remote_host || fail "the rule is not followed"
    each_by_its_own "ip rule"

    # Longer than lte's MTU, where Linux would go by wan.
    start_capture ha eth0 host 'icmp[0] = 3 and icmp[1] = 4'
    start_capture r tol lte 'src 10.0.3.2'
    in_ns ha ping -I 10.1.0.11 -M "do" -s 1472 -c 2 -i 0.3 -W 1 -q $remote_host >/dev/null 2>&1
    in_ns ha ping -I 10.1.0.11 -M dont -s 1472 -c 3 -i 0.2 -W 1 -q $remote_host >/dev/null # its answers are too long
    stop_captures
    expect "the MTU that the host is told" "mtu 1400" "$(tcpdump -nvr "$T/host.pcap" 2>/dev/null | grep -oE 'mtu [0-9]+' | head -n 1)"
    expect "pieces by lte" 6 "$(seen lte 'ip[6:2] & 0x3fff != 0')"
    in_ns ha ip route flush cache

    on_a rule del from 10.0.3.2 lookup 200
    on_a route del default dev wan0
    on_a route add default nexthop via 10.0.1.1 dev wan0 nexthop via 10.0.3.1 dev lte0
    eventually 3 is_reached ha -I 10.1.0.11 $remote_host || fail "no way by the second of two hops"
    each_by_its_own "two hops"
    ip -n "$P-r" link set tol down
    ip -n "$P-r" link set tol up
    eventually 5 is_reached ha -I 10.1.0.11 $remote_host || fail "not by lte again after its carrier was gone"
    each_by_its_own "carrier back"
    ;;
esac
[ -z "${SACIP_KEEP:-}" ] || ctl a drops
the_end
