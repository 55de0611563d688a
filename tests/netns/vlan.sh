#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# vlan.sh [MOVES]
#   SACIP_PEERS=secure makes the two gateways peers with keys, and checksums are valid on the wire.
#
#  host-a             gateway A                        router                     gateway B
# ┌──────────────┐  ┌───────────────────────────┐    ┌─────────────────────────┐  ┌───────────────────┐
# │eth0 [switch] ╞══╡ethi                  etho ╞════╡toa [switch] [switch] tob╞══╡etho          ethi├─ host-b
# │ └30: v30     │  │ └30: lan0     10: wan0 ─┤ │    │ ├10: v10         v0 :0┤ │  │ ├untagged: wan0   │
# │   10.1.0.10  │  │   10.1.0.1      10.0.1.2│ │    │ │ 10.0.1.1    10.0.9.1│ │  │ │        10.0.9.2 │
# └──────────────┘  │               20: lte0 ─┘ │    │ ├20: v20        v40:40┤ │  │ └40: spare0       │
#                   │                 10.0.2.2  │    │ │ 10.0.2.1   10.40.0.1│ │  │        10.40.0.2  │
#                   └───────────────────────────┘    │ └77: v77        v50:50┘ │  └───────────────────┘
#                                                    └─────────────────────────┘
#
# Each [switch] is vlan_switch: not every kernel has VLANs. Two uplinks of gateway A are VLANs of one
# device, and its inside port is a VLAN, too. TCP and UDP flows live through moves within VLAN 10, to
# VLAN 20 and back; every packet keeps its priority, and packets of 1500 bytes fit beside the tag.
# Frames of a VLAN that nobody has are dropped and counted at A; at B, whose device has an untagged
# port, its Linux gets them, tag and all, and may answer in that VLAN.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
moves=${1:-8}
VLAN_SWITCH=${VLAN_SWITCH:-$build/tests/tools/vlan_switch}
tcp=10 udp=10

say "VLANs: $moves moves, $peers peers"
stage uplink

# The end of a trunk: VLANs of INTERFACE as v10, v20, ... with a priority each for what they send.
trunk() { # NS INTERFACE VLAN[:PRIORITY]...
    local ns=$1 end=$2 vlan name ways=() quiet="\"$2\""
    shift 2
    for vlan; do
        name=${vlan%:*}
        link "$ns" "v$name" "$ns" "s$name"
        in_ns "$ns" ethtool -K "v$name" tx off gro off >/dev/null
        ways+=("$vlan=s$name")
        quiet+=", \"s$name\""
    done
    in_ns "$ns" nft -f - <<NFT || fail "nft"
table netdev trunk-$end { chain in { type filter hook ingress devices = { $quiet } priority 0; policy drop; }; }
NFT
    spawn "$ns" "switch at $end" "$VLAN_SWITCH" "$end" "${ways[@]}" </dev/null >"$T/switch-$end.out" 2>"$T/switch-$end.err"
    eventually 5 grep -q ready "$T/switch-$end.out" || fail "switch at $end: $(cat "$T/switch-$end.err")"
}

# The stage's own addresses were for untagged links.
for ns in ha r; do in_ns $ns sysctl -qw net.ipv4.conf.default.rp_filter=0; done
for end in "ha eth0" "r toa" "r tob"; do ip -n "$P-${end% *}" addr flush dev "${end#* }"; done
trunk ha eth0 30:5
trunk r toa 10:3 20:3 77
trunk r tob 0 40 50
for address in "ha 10.1.0.10 v30" "r 10.0.1.1 v10" "r 10.0.2.1 v20" "r 10.77.0.1 v77" "r 10.0.9.1 v0" \
    "r 10.40.0.1 v40" "r 10.50.0.1 v50"; do
    read -r ns address interface <<<"$address"
    ip -n "$P-$ns" addr add "$address/24" dev "$interface" || fail "$address"
done
ip -n "$P-ha" route add default via 10.1.0.1
ip -n "$P-r" route add 10.9.0.0/24 via 10.0.9.2

cat >"$T/a.yaml" <<YAML
gateway: {name: a, control_socket: $T/a.sock, metrics: "127.0.0.1:9812"}
limits: {flows: 4096}
ports:
  - name: lan
    device: ${port_driver}0
    vlan: 30
    role: inside
    host_interface: {name: lan0, addresses: [10.1.0.1/24]}
  - name: wan
    device: ${port_driver}1
    vlan: 10
    role: outside
    host_interface: {name: wan0, addresses: [10.0.1.2/24], routes: [{to: default, via: 10.0.1.1}]}
  - name: lte
    device: ${port_driver}1
    vlan: 20
    role: outside
    host_interface: {name: lte0, addresses: [10.0.2.2/24]}
hosts:
  - {inside: 10.1.0.10, outside: wan}
basic_peers:
  - {prefix: 10.9.0.0/24, roam_to: [10.9.0.0/24]}
YAML
sed -i "/^hosts:/i\\
  - {name: spare, device: ${port_driver}1, vlan: 40, role: outside,\\
     host_interface: {name: spare0, addresses: [10.40.0.2/24]}}" "$T/b.yaml"
introduce_peers
start_gateways
[ "$(query a ports '[.ports[].vlan] | join(" ")')" = "30 10 20" ] || fail "$(ctl a ports)"
[ "$(query b ports '[.ports[] | .vlan // "-"] | join(" ")')" = "- - 40" ] || fail "$(ctl b ports)"
note "$(grep -m 1 'VLAN tags' "$T/gw-a.log")"

count_of() { query "$1" drops "[.drops[] | select(.reason == \"$2\") | .packets] | add // 0"; } # SIDE REASON
rx_of() { query "$1" ports ".ports[] | select(.name == \"$2\") | .rx_packets"; }                # SIDE PORT

# ---------------------------------------------------------------- VLANs without a port
ping_from() { in_ns "$1" ping -n -q -i 0.01 -W 1 "${@:2}" >"$T/ping.out" 2>&1; } # NS OPTIONS
before=$(count_of a vlan_unknown)
ip -n "$P-r" neigh replace 10.77.0.2 lladdr 02:00:00:00:00:77 dev v77
ping_from r -c 20 -w 3 10.77.0.2 && fail "somebody in VLAN 77 answered"
unknown=$(($(count_of a vlan_unknown) - before))
[ $unknown -ge 20 ] || fail "20 frames of VLAN 77 came, $unknown were dropped as vlan_unknown"
[ "$(metric a 'sacip_packets_dropped_total{reason="vlan_unknown"}')" -ge 20 ] || fail "the metric does not know them"
good "$unknown frames of a VLAN without a port were dropped under that name"

mac_of() { in_ns "$1" cat "/sys/class/net/$2/address"; } # NS INTERFACE
start_capture gb wan0 foreign "vlan 50 and icmp"
start_capture r v50 answers "ether proto 0x88b5"
ip -n "$P-r" neigh replace 10.50.0.2 lladdr "$(mac_of gb wan0)" dev v50
ping_from r -c 20 -w 3 10.50.0.2 && fail "somebody in VLAN 50 answered"
in_ns gb python3 -c '
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(("wan0", 0))
to, ours = (bytes.fromhex(a.replace(":", "")) for a in sys.argv[1:3])
for _ in range(20): # IEEE Std 802 local experimental EtherType 1, in VLAN 50
    s.send(to + ours + b"\x81\x00\x00\x32" + b"\x88\xb5" + bytes(46))
' "$(mac_of r v50)" "$(mac_of gb wan0)" || fail "no raw socket"
stop_captures
frames_in() { tcpdump -enr "$T/$1.pcap" 2>/dev/null | grep -c ethertype; } # NAME
[ "$(frames_in foreign)" -ge 20 ] || fail "Linux at B saw $(frames_in foreign) frames of VLAN 50, not 20"
[ "$(frames_in answers)" = 20 ] || fail "20 frames that Linux sent in VLAN 50 became $(frames_in answers)"
good "where the device has an untagged port, its Linux gets them, tag and all, and can answer"
[ "$(count_of b vlan_unknown)" = 0 ] || fail "B has an untagged port, and dropped frames of a VLAN"
ping_from r -c 20 -w 5 10.40.0.2 || fail "VLAN 40 beside untagged frames: $(cat "$T/ping.out")"
[ "$(rx_of b spare)" -ge 20 ] || fail "$(ctl b ports)"
good "a VLAN beside the untagged frames"

# ---------------------------------------------------------------- flows and moves
prepare_moves addr
start_server
start_capture r toa router "vlan and ip host $remote_host"
start_capture ha eth0 host "vlan and ip host $remote_host"
[ "$peers" = secure ] && start_capture hb eth0 far "ip host $remote_host"
start_client --tcp $tcp --udp $udp
assert_flows_run $tcp $udp
# A whole packet each way: 1518 bytes with the tag.
ping_from ha -c 20 -w 5 -M do -s 1472 $remote_host || fail "1500 bytes do not fit: $(cat "$T/ping.out")"
good "packets of 1500 bytes fit beside the tag"

# wan0 10.0.1.2 > 10.0.1.3 > (the other VLAN) 10.0.2.2 > 10.0.2.3 > (and back) 10.0.1.2 ...
cycle=(10.0.1.2 10.0.1.3 10.0.2.2 10.0.2.3)
interface_of() { case $1 in 10.0.1.*) say wan0 ;; *) say lte0 ;; esac; } # ADDRESS
go() { # OLD NEW
    local begin=$EPOCHREALTIME from to
    from=$(interface_of "$1") to=$(interface_of "$2")
    [ "$2" = 10.0.2.2 ] || on_wan addr add "$2/24" dev "$to" || return 1
    if [ "$from" = "$to" ]; then
        on_wan addr del "$1/24" dev "$from" || return 1
    else
        # The next router before the address: what goes out is to go by the new one.
        on_wan route replace default via "$(router_of "$2")" dev "$to" &&
            ctl a move "$1" "$2" >"$T/move.out" || return 1
        sleep 0.1
        on_wan addr del "$1/24" dev "$from" || return 1
        # Ready for the next time round.
        [ "$1" != 10.0.2.3 ] || on_wan addr add 10.0.2.2/24 dev lte0 || return 1
    fi
    sleep "$pause"
    say "$begin $EPOCHREALTIME $1 $2" >>"$T/timeline"
}
for ((number = 0; number < moves; number++)); do
    old=${cycle[number % 4]} new=${cycle[(number + 1) % 4]}
    go "$old" "$new" || fail "$old > $new: $(cat "$T/move.out")"
    traffic mark >/dev/null
    assert_flows_run $tcp $udp
done
ping_from ha -c 20 -w 5 -M do -s 1472 $remote_host || fail "1500 bytes do not fit: $(cat "$T/ping.out")"
stop_traffic
stop_captures
good "$moves moves within and between VLANs: 0 of $((tcp + udp)) flows broken"

# ---------------------------------------------------------------- what was on the wire
judge=(--router "$T/router.pcap" --host "$T/host.pcap" --timeline "$T/timeline" --first 10.0.1.2
    --peer $remote_host --server-report "$T/server.json")
[ "$peers" = secure ] && judge+=(--sums wire --notes secure --far "$T/far.pcap")
python3 "$tools/wirecheck.py" "${judge[@]}" || fail "the wire does not look as it must"
cat >"$T/tags.py" <<'PYTHON'
# ROUTER.pcap HOST.pcap TIMELINE TOOLS: each packet's tag, by what it must be
import collections, sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[4])
import wirecheck

def tags(path):
    """(time, VID or None, priority, packet)"""
    for time, raw, tci in wirecheck.frames(path):
        yield time, None if tci is None else tci & 0xFFF, (tci or 0) >> 13, raw

moves = [[float(word) for word in line.split()[:2]] for line in open(sys.argv[3])]
uplinks = {bytes([10, 0, 1]): "VLAN 10", bytes([10, 0, 2]): "VLAN 20"}
far = bytes([10, 9, 0, 10])
count, longest = collections.Counter(), collections.Counter()
for time, vid, priority, raw in tags(sys.argv[1]):
    outbound = raw[16:20] == far
    own = uplinks.get(raw[12:15] if outbound else raw[16:19])
    longest[outbound] = max(longest[outbound], int.from_bytes(raw[2:4], "big"))
    # A route changes a moment before the address: then the old one leaves by the new VLAN.
    moving = outbound and any(begin <= time < end - wirecheck.SETTLED for begin, end in moves)
    count[own, "moving" if moving else "right" if own == f"VLAN {vid}" else "wrong"] += 1
    notification = raw[9] == 17 and raw[22:24] == (4720).to_bytes(2, "big") # the gateway's own
    if outbound and raw[9] in (6, 17) and not notification:
        count["to the wire", "kept" if priority == 5 else "lost"] += 1
for _, vid, priority, raw in tags(sys.argv[2]):
    count["VLAN 30", "right" if vid == 30 else "wrong"] += 1
    if raw[12:16] == far and raw[9] in (6, 17):
        count["to the host", "kept" if priority == 3 else "lost"] += 1
for vlan in ("VLAN 10", "VLAN 20", "VLAN 30"):
    print(f"tags: {vlan}: {count[vlan, 'right']} packets with it, {count[vlan, 'wrong']} without, "
          f"{count[vlan, 'moving']} on the move")
for way in ("to the wire", "to the host"):
    print(f"priority {way}: kept in {count[way, 'kept']} packets, lost in {count[way, 'lost']}")
print(f"longest packet: {longest[True]} bytes out, {longest[False]} in")
# Linux forwards what comes while it resolves a neighbour, and knows nothing of priorities.
good = all(count[vlan, "right"] > 100 and count[vlan, "wrong"] == 0 for vlan in ("VLAN 10", "VLAN 20", "VLAN 30"))
good = good and not any(what is None for what, _ in count)
good = good and all(count[way, "kept"] > 99 * count[way, "lost"] for way in ("to the wire", "to the host"))
sys.exit(0 if good and longest[True] == longest[False] == 1500 else 1)
PYTHON
python3 "$T/tags.py" "$T/router.pcap" "$T/host.pcap" "$T/timeline" "$tools" >"$T/tags" || fail "$(tr '\n' ';' <"$T/tags")"
while read -r line; do good "$line"; done <"$T/tags"
the_end
