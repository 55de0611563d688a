#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# IPv6 beside the IPv4: Linux on both gateways routes it, and workers carry it between ports and host interfaces.
#
#   ha fd01::10 ─ lan0 fd01::1 [A] wan0 fd0a::2 ─ toa fd0a::1 [r] tob fd09::1 ─ wan0 fd09::2 [B] lan0 fd90::1 ─ hb fd90::10
#
# Neighbour discovery, ping, TCP and UDP pass; a flood costs the IPv4 beside it no connection, neither new nor moved.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"

need_root_and_tools iperf3
stage uplink

# Not on the veths behind the ports: they have the Ethernet addresses of lan0 and wan0, and so would have
# their link-local ones. Where duplicate address detection finds that out, Linux forwards nothing there any
# more, for it asks for neighbours with that address.
switch_ipv6_on() { # after start_gateways
    local ns interface address
    for ns in ha r hb; do
        in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
    done
    for ns in ga gb; do in_ns $ns sysctl -qw net.ipv6.conf.lo.disable_ipv6=0; done
    for ns in ga r gb; do in_ns $ns sysctl -qw net.ipv6.conf.all.forwarding=1; done
    while read -r ns interface address; do
        in_ns "$ns" sysctl -qw "net.ipv6.conf.$interface.disable_ipv6=0"
        ip -n "$P-$ns" addr add "$address/64" dev "$interface" nodad || fail "$address on $interface"
    done <<'WHERE'
ha eth0 fd01::10
ga lan0 fd01::1
ga wan0 fd0a::2
r toa fd0a::1
r tob fd09::1
gb wan0 fd09::2
gb lan0 fd90::1
hb eth0 fd90::10
WHERE
    ip -n "$P-ha" -6 route add default via fd01::1
    ip -n "$P-ga" -6 route add default via fd0a::1
    ip -n "$P-r" -6 route add fd01::/64 via fd0a::2
    ip -n "$P-r" -6 route add fd90::/64 via fd09::2
    ip -n "$P-gb" -6 route add default via fd09::1
    ip -n "$P-hb" -6 route add default via fd90::1
}

ping6() { in_ns ha ping -6 -q -c 3 -i 0.2 -W 2 fd90::10 >/dev/null 2>&1; }
received() { # IPERF3-OPTIONS: bytes that arrived
    timeout 30 ip netns exec "$P-ha" iperf3 -6 -c fd90::10 -J "$@" 2>&1 | jq '(.end.sum_received.bytes // .end.sum.bytes // 0) | round'
}
flood() { spawn ha flood iperf3 -6 -c fd90::10 -J -u -b 300M -l 1400 -t 6 </dev/null >"$T/flood.json" 2>&1; }
connect() { # HOW-MANY: new IPv4 connections, one after another; prints how many failed
    in_ns ha python3 -c '
import socket, sys
failed = 0
for n in range(int(sys.argv[1])):
    try:
        socket.create_connection(("10.9.0.10", 7002), 3).close()
    except OSError:
        failed += 1
print(failed)' "$1"
}

start_gateways
switch_ipv6_on
eventually 10 ping6 || fail "IPv6 does not pass"
in_ns ha ip -6 neigh show fd01::1 | grep -q lladdr || fail "the host has not found its router"
good "ping and neighbour discovery"

spawn hb iperf3 iperf3 -s </dev/null >"$T/iperf3.log" 2>&1
spawn hb accept python3 -c '
import socket
listener = socket.create_server(("10.9.0.10", 7002), backlog=64)
while True:
    listener.accept()[0].close()' </dev/null
eventually 15 sh -c "ip netns exec $P-hb ss -Hlnt | grep -q :5201 && ip netns exec $P-hb ss -Hlnt | grep -q :7002" || fail "servers"
for options in "-n 20M" "-n 20M -R" "-u -b 20M -t 1" "-u -b 20M -t 1 -R"; do
    # shellcheck disable=SC2086
    bytes=$(received $options)
    [ "$bytes" -gt 1000000 ] || fail "iperf3 -6 $options: only $bytes bytes arrived"
done
good "TCP and UDP, both ways"

prepare_moves addr
start_server
start_client --tcp 5 --udp 5 --udp-rate 100
assert_flows_run 5 5
flood
flooding=$!
failed=$(connect 40)
[ "$failed" = 0 ] || fail "$failed of 40 new IPv4 connections failed beside the flood"
for _ in 1 2; do move addr; done
assert_flows_run 5 5
unset "child[$flooding]"
wait $flooding || fail "the flood: $(tail -n 3 "$T/flood.json")"
datagrams=$(jq .end.sum.packets "$T/flood.json")
[ "$datagrams" -gt 5000 ] || fail "that was no flood: $datagrams datagrams"
good "beside $datagrams datagrams of IPv6: 40 of 40 new IPv4 connections, 10 moved flows live"
full=$(query a drops '[.drops[] | select(.reason == "punt_ring_full") | .packets] | add')
[ "$full" = 0 ] || fail "IPv6 took the place of $full first packets"
stop_traffic
the_end
