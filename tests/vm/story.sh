#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# story.sh: runs in the virtual machine that run.sh starts.
#
#  host-a           gateway A                     router               gateway B        host-b
#  eth0 ─── e1000e [lan0]  [wan0] vmxnet3 ─── toa      tob ─── virtio-net [wan0] [lan0] ── eth0
#  virtio-net                              virtio-net  virtio-net            af_packet, veth
#
# Gateway A's exception interfaces are virtio-user with vhost-net. Ping and TCP reach the box itself
# through them; TCP and UDP flows forwarded by NICs that compute checksums live through five moves.
# With vlans=yes (vlan_story.sh) each of the three links is a VLAN, and cards do the tags as well.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/../netns/lib.sh"
. "$here/../netns/moves.sh"
. "$here/../netns/secure.sh"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
moves=5 tcp=4 udp=4 pause=2
export SACIP_PATIENCE=10 # an emulated processor is slow

# ---- the same stage, but for the links that are network cards here

take_nic() { # MAC NS NAME
    local path name
    for path in /sys/class/net/*; do
        [ "$(cat "$path/address")" = "$1" ] || continue
        name=${path##*/}
        ip link set "$name" netns "$P-$2" name "$3" && ip -n "$P-$2" link set "$3" up
        return
    done
    fail "there is no network card $1"
}
give_to_dpdk() { # PCI
    local device=/sys/bus/pci/devices/$1
    echo uio_pci_generic >"$device/driver_override"
    [ ! -e "$device/driver" ] || echo "$1" >"$device/driver/unbind"
    echo "$1" >/sys/bus/pci/drivers_probe
    [ "$(basename "$(readlink "$device/driver")")" = uio_pci_generic ] || fail "$1 is not DPDK's"
}
link() { # NS INTERFACE NS INTERFACE
    case "$1 $2" in
    "ha eth0") take_nic 52:54:00:00:01:02 ha eth0 ;;
    "r toa") take_nic 52:54:00:00:02:02 r toa ;;
    "r tob") take_nic 52:54:00:00:03:02 r tob ;;
    *)
        ip link add "$2" netns "$P-$1" type veth peer name "$4" netns "$P-$3" || fail "veth"
        ip -n "$P-$1" link set "$2" up
        ip -n "$P-$3" link set "$4" up
        ;;
    esac
}
silence_kernel() { # only gateway B has a port that the kernel reads, too
    [ "$1" = ga ] || in_ns gb nft -f - <<'NFT' || fail "nft"
table netdev sacip { chain inside { type filter hook ingress device "ethi" priority 0; policy drop; }; }
NFT
}
declare -A devices=(
    [a]="-a 0000:00:10.0 -a 0000:00:11.0"
    [b]="-a 0000:00:12.0 --vdev net_af_packet0,iface=ethi"
)
start_gateway() { # a|b
    local side=$1 pid
    : >>"$T/gw-$side.log"
    # shellcheck disable=SC2086 # words on purpose
    ip netns exec "$P-g$side" "$SACIP_GW" --no-telemetry --in-memory --iova-mode=pa -m 192 \
        --file-prefix "$P-$side" --lcores "0@(0-1),1@(0-1)" ${devices[$side]} \
        -- --config "$T/$side.yaml" >>"$T/gw-$side.log" 2>&1 &
    pid=$!
    gateway_pid[$side]=$pid
    eventually 20 gateway_answers "$side" "$pid" || fail "gateway $side did not become ready"
}

say "virtual machine: Linux $(uname -r), virtio-user exception interfaces, NICs with checksum offload"
for nic in 10 11 12; do give_to_dpdk 0000:00:$nic.0; done
peers=secure
stage uplink
introduce_peers
sed -i 's/device: net_af_packet0/device: "0000:00:10.0"/; s/device: net_af_packet1/device: "0000:00:11.0"/' "$T/a.yaml"
sed -i 's/device: net_af_packet1/device: "0000:00:12.0"/' "$T/b.yaml"

# ---- Linux's own VLAN interfaces against what the cards do: 30 ── lan, 10 ── wan of A, 40 ── wan of B
on_vlan() { # NS INTERFACE VLAN ADDRESS...
    local address
    ip -n "$P-$1" addr flush dev "$2"
    ip -n "$P-$1" link add link "$2" name "$2.$3" type vlan id "$3" || fail "VLAN $3 on $2"
    ip -n "$P-$1" link set "$2.$3" up
    for address in "${@:4}"; do ip -n "$P-$1" addr add "$address/24" dev "$2.$3"; done
}
only=
if [ "${vlans:-}" = yes ]; then
    modprobe 8021q || fail "no module 8021q"
    on_vlan ha eth0 30 10.1.0.10
    on_vlan r toa 10 10.0.1.1 10.0.2.1
    on_vlan r tob 40 10.0.9.1
    ip -n "$P-ha" route add default via 10.1.0.1
    ip -n "$P-r" route add 10.9.0.0/24 via 10.0.9.2
    sed -i 's/device: "0000:00:10.0"/&\n    vlan: 30/; s/device: "0000:00:11.0"/&\n    vlan: 10/' "$T/a.yaml"
    sed -i 's/device: "0000:00:12.0"/&\n    vlan: 40/' "$T/b.yaml"
    only="vlan and "
fi
start_gateways
grep -h 'checksums in hardware' "$T"/gw-?.log | sed 's/^sacip-gw:/ /'
used=$(query a ports '[.ports[].offload | .ipv4, .l4] | map(select(. == "hardware")) | length')
[ "$used" -ge 3 ] || fail "checksums are left to software: $(query a ports '[.ports[].offload]')"
good "checksums: lan (e1000e) $(query a ports '.ports[0].offload | tostring'), wan (vmxnet3) $(query a ports '.ports[1].offload | tostring')"

kinds=$(query a ports '[.ports[].host_interface.kind] | join(" ")')
[ "$kinds" = "virtio_user virtio_user" ] || fail "the exception interfaces are: $kinds"
pgrep -f '^\[vhost-' >/dev/null || fail "no kernel thread of vhost-net"
eventually 5 in_ns ha ping -q -c 1 -W 1 10.1.0.1 >/dev/null || fail "the box does not answer a ping"
in_ns ha ping -q -c 5 -i 0.2 10.1.0.1 >"$T/ping" || fail "ping: $(cat "$T/ping")"
good "ping to the box: $(sed -n 's/.*transmitted, //p' "$T/ping")"
head -c 3000000 /dev/urandom >"$T/file"
spawn ga web python3 -m http.server -b 10.1.0.1 -d "$T" 8080 >"$T/web.log" 2>&1
web_answers() { in_ns ha curl -s -m 20 http://10.1.0.1:8080/file | cmp -s - "$T/file"; }
eventually 5 web_answers || fail "no TCP to the box itself: $(tail -n 3 "$T/web.log")"
good "3 MB by TCP from the box itself, through virtio-user and vhost-net"

prepare_moves addr
start_server
start_capture r toa router "${only}ip host $remote_host"
start_capture ha eth0 host "${only}ip host $remote_host"
first=$original
start_client --tcp $tcp --udp $udp
assert_flows_run $tcp $udp
for ((number = 1; number <= moves; ++number)); do move addr; done
assert_flows_run $tcp $udp
stop_traffic
stop_captures
good "$moves moves: 0 of $((tcp + udp)) flows broken, 0 wrong bytes of $(jq '.tcp.sent + .tcp.received' "$T/client.json")"
python3 "$tools/wirecheck.py" --router "$T/router.pcap" --host "$T/host.pcap" --timeline "$T/timeline" \
    --first "$first" --peer $remote_host --server-report "$T/server.json" --sums wire --notes secure ||
    fail "the wire does not look as it must"
the_end
