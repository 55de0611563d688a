#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# jumbo.sh [MOVES]
#
#   host-a        gateway A              router             gateway B        host-b
#  ┌──────┐ 9000 ┌──────────┐   9000    ┌───────┐   9000   ┌─────────┐ 9000 ┌──────┐
#  │ eth0 ├──────┤ lan  wan ├───────────┤toa tob├──────────┤ wan lan ├──────┤ eth0 │
#  └──────┘      └──────────┘ then 1500 └───────┘          └─────────┘      └──────┘
#
# MTU 9000 everywhere: at gateway A by `mtu: 9000`, at gateway B because its interfaces have it. TCP,
# and UDP in datagrams of 8900 bytes, live through moves, and nothing on the wire is a fragment.
# Then A's outside link has 1500: what is longer is answered with "fragmentation needed", MTU 1500,
# in the host's own terms, and TCP finds its way both ways. What a port or the memory can't do is
# refused at the start with its remedy.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
moves=${1:-8}
tcp=10 udp=10

say "jumbo frames: MTU 9000, $moves moves, then 1500 at the uplink"
memory=1024
port_options=,framesz=16384,blocksz=16384
stage uplink
command -v iperf3 >/dev/null || skip "iperf3 is not installed"
sed -i '/role:/s/$/\n    mtu: 9000/' "$T/a.yaml"
for end in "ha eth0" "r toa" "r tob" "gb etho" "gb ethi" "hb eth0"; do
    # shellcheck disable=SC2086
    set -- $end
    ip -n "$P-$1" link set "$2" mtu 9000 || fail "MTU of $2"
done
for ns in ha r hb ga gb; do in_ns $ns sysctl -qw net.ipv4.icmp_ratelimit=0; done

refused() { # WHAT EXPRESSION: gateway A does not start, and says so
    local status
    ip netns exec "$P-ga" timeout 60 "$SACIP_GW" --no-pci --no-telemetry --no-huge -m "$memory" \
        --file-prefix "$P-a" --lcores "0@(0-1),1@(0-1)" --vdev "$(device 0 ethi)" \
        --vdev "$(device 1 etho)" -- --config "$T/a.yaml" >"$T/refused.err" 2>&1
    status=$?
    [ $status = 1 ] && grep -qE "^sacip-gw: .*$2" "$T/refused.err" || fail "$1: exit status $status"
    good "$1: $(grep '^sacip-gw:' "$T/refused.err" | tail -n 1 | cut -c11-)"
    rm -f "$T/refused.err"
}
port_options=''
refused "slots of 2048 bytes" 'port lan .* 68 to 1964; .*framesz=16384,blocksz=16384'
port_options=,framesz=16384,blocksz=16384
memory=64
refused "too little memory" 'no memory for [0-9]+ packet buffers of 16384 bytes .*\(-m.* smaller mtu'
memory=1024
in_ns ga ethtool -K ethi gro on
refused "Linux joins frames" 'port lan .*ethtool -K ethi gro off'
in_ns ga ethtool -K ethi gro off

start_gateways
prepare_moves addr
mtu_of() { in_ns "$1" cat "/sys/class/net/$2/mtu"; }
for side in a b; do
    [ "$(query $side ports '[.ports[].mtu] | join(" ")')" = "9000 9000" ] || fail "$side: $(ctl $side -j ports)"
    for interface in ethi etho lan0 wan0; do
        [ "$(mtu_of g$side $interface)" = 9000 ] || fail "$interface of $side has MTU $(mtu_of g$side $interface)"
    done
done
good "ports, their interfaces and their host interfaces have MTU 9000"

ping_whole() { # NS ADDRESS WHAT
    in_ns "$1" ping -nq -M do -s 8972 -c 5 -i 0.2 -W 2 "$2" >"$T/ping.out" 2>&1 ||
        fail "$3: $(tail -n 3 "$T/ping.out")"
    good "$3: packets of 9000 bytes that must not be cut up come back"
}
is_listening() { in_ns hb ss -nltH "src $remote_host:5201" | grep -q .; }
bulk() { # TCP as fast as it likes, both ways
    local server
    spawn hb "bulk server" iperf3 -s -1 -B $remote_host >"$T/iperf-server.out" 2>&1
    server=$!
    eventually 10 is_listening || fail "iperf3 does not listen"
    in_ns ha iperf3 -c $remote_host --bidir -n 10M -J >"$T/iperf.json" 2>&1 ||
        fail "iperf3: $(jq -r '.error // empty' "$T/iperf.json")"
    unset "child[$server]"
    wait "$server" || fail "iperf3: $(tail -n 1 "$T/iperf-server.out")"
}
ping_whole ha $remote_host "host > host"
ping_whole ha 10.1.0.1 "host > gateway A's own Linux"
start_server
start_capture r toa router "ip host $remote_host"
start_client --tcp $tcp --udp $udp --udp-size 8900 --udp-rate 20
assert_flows_run $tcp $udp
traffic mark >/dev/null
for ((number = 1; number <= moves; ++number)); do move addr; done
assert_flows_run $tcp $udp
assert_sockets $tcp $udp
stop_traffic
bulk
ping_whole ha $remote_host "host > host, after $moves moves"
stop_captures
good "$moves moves: 0 of $((tcp + udp)) flows broken, 0 wrong bytes of $(jq '.tcp.sent + .tcp.received' "$T/client.json")"
count() { tcpdump -nr "$T/router.pcap" "$1" 2>/dev/null | wc -l; }
pieces=$(count 'ip[6:2] & 0x3fff != 0') datagrams=$(count 'udp and ip[2:2] = 8928') segments=$(count 'tcp and ip[2:2] > 8000')
[ "$pieces" = 0 ] && [ "$datagrams" -gt 100 ] && [ "$segments" -gt 20 ] ||
    fail "on the wire: $pieces fragments, $datagrams whole datagrams, $segments long segments"
good "on the wire: $datagrams datagrams of 8928 bytes, $segments TCP packets above 8000, no fragment"
assert_balanced a b

# ---- the uplink has 1500
stop_gateway a
sed -i '/name: wan$/,/mtu:/s/mtu: 9000/mtu: 1500/' "$T/a.yaml"
ip -n "$P-r" link set toa mtu 1500
start_gateway a
[ "$(query a ports '[.ports[].mtu] | join(" ")')" = "9000 1500" ] || fail "$(ctl a -j ports)"
position=0
in_ns ha sysctl -qw net.ipv4.route.flush=1
start_capture ha eth0 errors 'icmp[0] = 3 and icmp[1] = 4'
in_ns ha ping -nq -M do -s 8972 -c 2 -i 0.2 -W 2 $remote_host >"$T/ping.out" 2>&1 &&
    fail "9000 bytes went through 1500"
in_ns ha ip route get $remote_host | grep -q 'mtu 1500' || fail "host A knows $(in_ns ha ip route get $remote_host)"
in_ns ha sysctl -qw net.ipv4.route.flush=1

start_server
start_client --tcp $tcp --udp $udp
assert_flows_run $tcp $udp
traffic mark >/dev/null
for ((number = 1; number <= 3; ++number)); do
    move addr
    for ns in ha hb; do in_ns $ns sysctl -qw net.ipv4.route.flush=1; done
done
assert_flows_run $tcp $udp
stop_traffic
bulk
stop_captures
errors=$(tcpdump -nr "$T/errors.pcap" 2>/dev/null | grep -c 'need to frag (mtu 1500)')
own=$(tcpdump -nvr "$T/errors.pcap" 2>/dev/null | grep -cE "^[[:space:]]+10\.1\.0\.10(\.[0-9]+)? > $remote_host(\.[0-9]+)?:")
[ "$errors" -gt 1 ] && [ "$own" = "$errors" ] || fail "$own of $errors errors quote what host A sent"
good "MTU 1500 behind 9000: $errors errors \"fragmentation needed\", all in host A's own terms; TCP and UDP went on"
the_end
