#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Two uplinks. The host is behind wan; Linux would go by lte (metric 200) where wan has no way out.
#
#   [ha] 10.1.0.10 ── lan0 ┤ gateway A ├ wan0 10.0.1.2 (metric 0) ──── toa ┐
#                          │           ├ lte0 10.0.3.2 (metric 200) ── tol ┴ router ── B ── 10.9.0.10
#
# - by hand: to an address that Linux has not, refused; to lte and back, old flows and new ones;
# - wan's address is lost for good: all go by lte, by themselves; and back when wan has an address
#   that leads out again, another one than before; `ports` says whose hosts are where.

SACIP_PEERS=secure
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/networks.sh"
. "$(dirname "$0")/secure.sh"
actives_of_a='[10.0.1.0/24, 10.0.2.0/24, 10.0.3.0/24]'
say "from one uplink to another, and back"
stage uplink
introduce_peers
add_lte
start_gateways
lte_default

hosts_are_behind() { # PORT ADDRESS
    [ "$(query a ports "[.ports[] | select(.hosts != []) | .name, .uplink, .hosts[0]] | join(\" \")")" = "$1 $2 10.1.0.10" ]
}
has_switched() { [ "$(query a moves '.moves[-1].result')" = switched ]; }
# All that the host sends, and the new flow of a ping, leaves by one interface with one address.
leave_by() { # ROUTER'S INTERFACE PORT ADDRESS
    local other=toa
    [ "$1" = toa ] && other=tol
    eventually 5 hosts_are_behind "$2" "$3" || fail "$3 at $2? $(ctl a ports)"
    eventually 5 has_switched || fail "not switched: $(ctl a moves)"
    start_capture r $1 "at-$3" "src $3"
    start_capture r $other "not-$3" "dst $remote_host and not icmp[0] = 20"
    assert_flows_run 2 2
    expect "answers to a new flow by $2" 3 "$(pings ha $remote_host)"
    stop_captures
    expect "echo requests by $2 as $3" 3 "$(seen "at-$3" 'icmp[0] = 8')"
    [ "$(seen "at-$3" 'tcp or udp')" -gt 0 ] || fail "no packet of the old flows by $2 as $3"
    expect "packets by the other" 0 "$(seen "not-$3" 'tcp or udp or icmp[0] = 8')"
}

start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
hosts_are_behind wan 10.0.1.2 || fail "at the start: $(ctl a ports)"

refused=$(ctl a move 10.0.1.2 10.0.3.9 2>&1) && fail "moved to an address that Linux has not: $refused"
grep -q -- --force <<<"$refused" || fail "refused without the remedy: $refused"
good "$refused"
ctl a move 10.0.1.2 10.0.3.2 >/dev/null || fail "not moved to lte"
leave_by tol lte 10.0.3.2
ctl a move 10.0.3.2 10.0.1.2 >/dev/null || fail "not moved back"
leave_by toa wan 10.0.1.2

on_a addr del 10.0.1.2/24 dev wan0
leave_by tol lte 10.0.3.2
on_a addr add 10.0.2.2/24 dev wan0
sleep 0.2
hosts_are_behind lte 10.0.3.2 || fail "an address without a way out takes them back"
on_a route add default via 10.0.2.1 dev wan0
leave_by toa wan 10.0.2.2
stop_traffic
the_end
