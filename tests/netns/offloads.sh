#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# offloads.sh
#
#   host-a: tx on           gateway A             router: gro, tx on
#  ┌──────┐  checksums not ┌──────────┐ segments  ┌───────┐
#  │ eth0 ├────filled in──>│ lan  wan │<─of 64 KB─┤toa tob│<── host-b
#  └──────┘                └──────────┘           └───────┘
#
# Senders behind a veth leave checksums and segmenting to a card that is not there. Such packets can't
# be told from corrupted ones, or don't fit the link; none is forwarded, each is counted under a name
# whose text has the remedy; and with the remedy all works. SACIP_PORT_DRIVER=net_pcap shows the
# segments whole, in many buffers; net_af_packet cuts them off.

. "$(dirname "$0")/lib.sh"

say "offloads of others: $port_driver"
stage uplink
command -v iperf3 >/dev/null || skip "iperf3 is not installed"

# A virtual machine's segments, if it were let to make them.
sed "s/device: ${port_driver}0/device: net_vhost0/" "$T/a.yaml" >"$T/vhost.yaml"
ip netns exec "$P-ga" timeout 60 "$SACIP_GW" --no-pci --no-telemetry --no-huge -m 256 --file-prefix "$P-a" \
    --lcores "0@(0-1),1@(0-1)" --vdev "net_vhost0,iface=$T/vhost.sock,tso=1" --vdev "$(device 1 etho)" \
    -- --config "$T/vhost.yaml" >"$T/refused.err" 2>&1
status=$?
[ $status = 1 ] && grep -q '^sacip-gw: port lan .*tso=1.*take it out of --vdev' "$T/refused.err" ||
    fail "tso=1: exit status $status"
good "refused: $(grep '^sacip-gw: port' "$T/refused.err" | cut -c11-)"
rm "$T/refused.err"
start_gateways

dropped() { query a drops "[.drops[] | select(.reason == \"$1\") | .packets] | add // 0"; }
remedy() { query a drops ".drops[] | select(.reason == \"$1\") | .description"; }
is_listening() { in_ns hb ss -nltH "src $remote_host:5201" | grep -q .; }
spawn hb server iperf3 -s -B $remote_host >"$T/iperf-server.out" 2>&1
server=$!
eventually 10 is_listening || fail "iperf3 does not listen"
transfer() { # host A downloads, or not
    in_ns ha timeout "$1" iperf3 -R -c $remote_host -n 20M --connect-timeout 3000 -J >"$T/iperf.json" 2>&1 &&
        jq -e '.end.sum_received.bytes >= 20000000' "$T/iperf.json" >/dev/null # it ends well in any case
}

in_ns ha ethtool -K eth0 tx on >/dev/null
transfer 10 && fail "a connection without checksums"
[ "$(dropped l4_unfinished)" -gt 0 ] || fail "no packet without a checksum was seen: $(ctl a drops)"
remedy l4_unfinished | grep -q 'ethtool -K IF tx off' || fail "no remedy: $(remedy l4_unfinished)"
[ "$(query a status .flows)" = 0 ] || fail "a flow began"
in_ns ha ethtool -K eth0 tx off >/dev/null
transfer 30 || fail "iperf3: $(jq -r '.error // empty' "$T/iperf.json")"
good "$(dropped l4_unfinished) packets without checksum dropped under a name; with the remedy 20 MB arrive"

before=$(dropped frame_too_long)
in_ns gb ethtool -K etho tx off >/dev/null # a veth joins nothing of a sender with offloads
in_ns r ethtool -K tob gro on >/dev/null
in_ns r sh -c 'echo 1000000 >/sys/class/net/tob/gro_flush_timeout' # ns to wait for more to join
in_ns r ethtool -K toa tx on tso on >/dev/null
transfer 5
long=$(($(dropped frame_too_long) - before))
[ $long -gt 0 ] || fail "no segment for a card was seen: $(ctl a drops)"
remedy frame_too_long | grep -q 'ethtool -K IF tx off' || fail "no remedy: $(remedy frame_too_long)"
[ "$(dropped ip_truncated)" = 0 ] || fail "dropped under the wrong name: $(ctl a drops)"
# What follows now begins anew.
kill -TERM "$server"
unset "child[$server]"
wait "$server"
in_ns r ethtool -K toa tx off >/dev/null
spawn hb server iperf3 -s -B $remote_host >"$T/iperf-server.out" 2>&1
server=$!
eventually 10 is_listening || fail "iperf3 does not listen"
transfer 30 || fail "iperf3: $(jq -r '.error // empty' "$T/iperf.json")"
good "$long segments for a card dropped under a name; with the remedy 20 MB arrive"
end_child "$server"
the_end
