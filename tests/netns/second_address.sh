#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# second_address.sh [gap|same|boot]: wan0 has a second address, for the modem's own page. It leads out
# of the network nowhere, and nothing that flows could move to it.
#   gap   the provider's address goes, and a second later another comes
#   same  ... the same comes again
#   boot  the alias is there before the first lease, and its route later than the lease
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
case_=${1:-gap} alias=192.168.100.2
say "an address for the modem beside the provider's: $case_"
stage uplink
uplink_is() { [ "$(query a ports '.ports[] | select(.name == "wan") | .uplink')" = "$1" ]; }
none_from_the_alias() {
    stop_captures
    [ "$(tcpdump -nr "$T/wan.pcap" "src $alias and dst $remote_host" 2>/dev/null | wc -l)" = 0 ] ||
        fail "packets left with the alias as source"
    good "no packet left with the alias as source"
}

if [ "$case_" = boot ]; then
    sed -i "s|addresses: \[10.0.1.2/24\], routes: .*}|addresses: [$alias/24]}|" "$T/a.yaml"
    start_gateways
    start_capture r toa wan
    on_wan addr add 10.0.1.2/24 dev wan0
    sleep 0.1
    on_wan route add default via 10.0.1.1 dev wan0
    eventually 5 uplink_is 10.0.1.2 || fail "the hosts stay behind the alias: $(ctl a ports)"
    good "the lease takes over from the alias"
    eventually 10 in_ns ha ping -c 1 -W 1 -q $remote_host >/dev/null || fail "no way to $remote_host"
    none_from_the_alias
    the_end
    exit
fi

start_gateways
on_wan addr add $alias/24 dev wan0
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
start_capture r toa wan
on_wan addr del 10.0.1.2/24 dev wan0
eventually 5 uplink_is null || fail "the hosts went to the alias: $(ctl a ports)"
sleep 1
uplink_is null || fail "the hosts went to the alias in the gap: $(ctl a ports)"
good "held while there is no address that leads out"
new=10.0.2.2
[ "$case_" = same ] && new=10.0.1.2
on_wan addr add $new/24 dev wan0
on_wan route replace default via "$(router_of $new)" dev wan0
eventually 5 uplink_is $new || fail "the hosts do not go to the new lease: $(ctl a ports)"
flowing() { # a second of datagrams, both ways
    traffic mark >/dev/null
    sleep 1
    traffic mark | jq -e '.datagram_gap_ms < 500 and .peer_datagram_gap_ms < 500' >/dev/null && flows_run 2 2
}
eventually 10 flowing || fail "flows do not run again: $(traffic status)"
good "flows go on behind $new"
none_from_the_alias
stop_traffic
the_end
