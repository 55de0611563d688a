#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Others take away what the gateway has put into Linux: every address of wan0 (a DHCP client's
# script, networkd), in the middle of a gap; the shadows on lo, after a move; the fallback route, by
# taking wan0 down and up; forwarding (`sysctl --system`). All of it comes back, and the box's own
# sockets notice nothing. SIGHUP, of a terminal that is closed, ends nothing.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
say "what the gateway has put into Linux is taken away"
stage box
fallback=169.254.2.2
addresses_of() { on_wan -4 -o addr show dev "$1" | awk '{print $4}'; } # INTERFACE
has() { addresses_of "$1" | grep -qx "$2"; } # INTERFACE ADDRESS/LENGTH
has_fallback() { has wan0 $fallback/32 && on_wan route show default | grep -q "via 169.254.2.1 "; }
uplink_is() { [ "$(query a ports '.ports[] | select(.name == "wan") | .uplink')" = "$1" ]; }
log_says() { grep -q "$1" "$T/gw-a.log"; }

start_gateways
has_fallback || fail "no fallback at the start: $(addresses_of wan0)"
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2

on_wan -4 addr flush dev wan0
eventually 5 uplink_is null || fail "the address is not missed: $(ctl a ports)"
eventually 5 has_fallback || fail "the fallback stays away: $(addresses_of wan0)"
in_ns ga ip route get $remote_host from 10.0.1.2 >/dev/null || fail "no way out for the box's sockets in the gap"
on_wan addr add 10.0.2.2/24 dev wan0
on_wan route add default via 10.0.2.1 dev wan0
eventually 5 uplink_is 10.0.2.2 || fail "no move to the new address: $(ctl a ports)"
assert_flows_run 2 2
good "all addresses of wan0 flushed, in a gap"

on_wan addr flush dev lo scope global
eventually 5 has lo 10.0.1.2/32 || fail "shadows stay away: $(addresses_of lo)"
has lo 10.0.2.2/32 || fail "the new address has no shadow: $(addresses_of lo)"
assert_flows_run 2 2
good "shadows on lo flushed, after the move"
eventually 5 log_says "are put back" || fail "no word of it in the log"

stop_traffic
on_wan link set wan0 down
on_wan link set wan0 up
eventually 5 has_fallback || fail "the fallback stays away after the interface was down"
good "wan0 down and up"

forwarding() { [ "$(in_ns ga sysctl -n net.ipv4.conf.lan0.forwarding)" = 1 ] && [ "$(in_ns ga sysctl -n net.ipv4.conf.wan0.forwarding)" = 1 ]; }
in_ns ga sysctl -qw net.ipv4.ip_forward=1
in_ns ga sysctl -qw net.ipv4.ip_forward=0
eventually 5 forwarding || fail "forwarding stays off"
eventually 5 log_says "net.ipv4.conf.wan0.forwarding from 0 to 1" || fail "no word of forwarding in the log"
in_ns ga sysctl -qw net.ipv4.conf.all.rp_filter=1
eventually 5 log_says "net.ipv4.conf.all.rp_filter is set" || fail "no word of all.rp_filter in the log"
good "forwarding switched off, all.rp_filter on"

kill -HUP "${gateway_pid[a]}"
eventually 5 log_says "SIGHUP: still running" || fail "no word of SIGHUP in the log"
ctl a status >/dev/null || fail "SIGHUP has ended it"
good "SIGHUP ends nothing"
the_end
