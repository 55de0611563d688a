#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A gateway is killed while the box has 10.0.1.2, and starts again with 10.0.2.2/32, whose router is
# in no subnet of wan0. The shadow that was left on lo must go: the address has a new owner, the
# router, whom the box could not reach. What others have on lo stays. And ARP asks for the router as
# 10.0.2.2, the only address that a router with rp_filter answers.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
say "killed, and started with another address"
stage box
shadows() { on_wan -4 -o addr show dev lo scope global | awk '{print $4}' | sort | tr '\n' ' '; }
shadows_are() { [ "$(shadows)" = "$1" ]; }
start_gateways
on_wan addr add 192.0.2.1/32 dev lo                     # the operator's own
on_wan addr add 192.0.2.2/32 dev lo label lo:sacip-else # another gateway's, long gone
eventually 5 shadows_are "10.0.1.2/32 192.0.2.1/32 192.0.2.2/32 " || fail "on lo: $(shadows)"
pid=${gateway_pid[a]}
unset 'gateway_pid[a]'
kill -KILL "$pid"
wait "$pid" 2>/dev/null

sed -i 's|addresses: \[10.0.1.2/24\], routes: .*}|addresses: []}|' "$T/a.yaml"
in_ns r sysctl -qw net.ipv4.conf.toa.rp_filter=1
start_gateway a
shadows_are "192.0.2.1/32 " || fail "left on lo: $(shadows)"
good "what was left on lo is gone, what is others' is not"
start_capture r toa arp arp
on_wan addr add 10.0.2.2/32 dev wan0
on_wan route add 10.0.2.1 dev wan0
on_wan route add default via 10.0.2.1 dev wan0 onlink
eventually 5 shadows_are "10.0.2.2/32 192.0.2.1/32 " || fail "on lo: $(shadows)"
eventually 10 in_ns ga ping -c 1 -W 1 -q $remote_host >/dev/null || fail "no way out by a router outside the subnet"
ip -n "$P-r" addr add 10.0.1.2/32 dev lo
eventually 10 in_ns ga ping -c 1 -W 1 -q 10.0.1.2 >/dev/null || fail "the new owner of 10.0.1.2 can't be reached"
good "its new owner can be reached"
stop_captures
asked() { tcpdump -nr "$T/arp.pcap" "arp[6:2] = 1 and dst host 10.0.2.1 $1" 2>/dev/null | wc -l; }
[ "$(asked "and src host 10.0.2.2")" -gt 0 ] || fail "nobody asked for 10.0.2.1 as 10.0.2.2"
[ "$(asked "and not src host 10.0.2.2")" = 0 ] || fail "ARP asks as another address than 10.0.2.2"
good "ARP asks as 10.0.2.2"
the_end
