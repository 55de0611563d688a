# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# The stage for the stories: five namespaces, two gateways, one router with two subnets on A's side.
#
#  host-a        gateway A            router                 gateway B           host-b
# ┌─────────┐   ┌─────────────┐      ┌─────────────────┐    ┌─────────────┐    ┌─────────┐
# │     eth0├───┤ethi     etho├──────┤toa           tob├────┤etho     ethi├────┤eth0     │
# │10.1.0.10│   │lan0     wan0│      │10.0.1.1 10.0.9.1│    │wan0     lan0│    │10.9.0.10│
# └─────────┘   │      10.0.1.2      │10.0.2.1         │    │10.0.9.2     │    └─────────┘
#               │ .1.1        │      │  (10.2.0.1      │    │     10.9.0.1│
#               └─────────────┘      │   10.7.0.1)     │    └─────────────┘
#                                    └─────────────────┘
#
# ethi/etho are veth ends that the gateway reads by af_packet; lan0/wan0 are its exception
# interfaces (tap), where Linux has its addresses. The way A stands in the path decides what host A
# looks like from outside:
#   uplink  10.1.0.10 <-> wan0's address, in 10.0.1.0/24 or 10.0.2.0/24
#   routed  a whole prefix, 10.2.0.0/24 or 10.7.0.0/24 (inside 10.2.0.0/24 or 10.1.0.0/24)
#   box     gateway A's own sockets, with wan0's address
# B is always routed: 10.9.0.0/24 inside and outside.
#
# A story sources this file, calls `stage WAY`, tells its story, and ends with `the_end`.
# Everything is undone on every way out. After a failure the logs stay, and their place is printed.
#
# With relay_at=a or relay_at=b (before `stage`) the link between the router and that gateway goes through
# a sixth namespace, where impair can spoil it:   router ──┤router [relay] gateway├── etho
#
# Environment: SACIP_GW, SACIPCTL, FLOWCHECK (programs; default: those in SACIP_BUILD, ../../build),
# SACIP_PORT_DRIVER (default net_af_packet), IMPAIR, FORGE likewise, SACIP_WORKERS (default 1), SACIP_PATIENCE (default 1), SACIP_KEEP=1 keeps captures
# and reports of a story that passed, too.

set -u -o pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=${SACIP_BUILD:-$here/../../build}
SACIP_GW=${SACIP_GW:-$build/app/sacip-gw}
SACIPCTL=${SACIPCTL:-$build/app/sacipctl/sacipctl}
[ -x "$SACIPCTL" ] || SACIPCTL=$build/app/sacipctl
FLOWCHECK=${FLOWCHECK:-$build/tests/tools/flowcheck}
IMPAIR=${IMPAIR:-$build/tests/tools/impair}
FORGE=${FORGE:-$build/tests/tools/forge}
tools=$here/../tools

P=sacip$$                     # prefix of the namespaces and of EAL's runtime directories
T=                            # directory of this run: configs, sockets, logs, captures
declare -A gateway_pid=()     # side -> pid
declare -A child=()           # pid -> name, everything else we started
remote_host=10.9.0.10
remote_port=7000
port_driver=${SACIP_PORT_DRIVER:-net_af_packet}
story_failed=0

say() { printf '%s\n' "$*"; }
note() { printf '  %s\n' "$*"; }
good() { printf '  ok: %s\n' "$*"; }
fail() { # the story is lost: say why, keep the logs, leave
    printf '  FAILED: %s\n' "$*" >&2
    story_failed=1
    exit 1
}
skip() {
    printf '\n********** SKIPPED: %s **********\n\n' "$*" >&2
    exit 77
}

# ---------------------------------------------------------------- start and end

need_root_and_tools() {
    [ "$(id -u)" = 0 ] || skip "network namespaces need root"
    local tool
    for tool in ip nft ethtool tcpdump jq python3 ss ping "$@"; do
        command -v "$tool" >/dev/null || skip "$tool is not installed"
    done
    ip netns add "$P-probe" 2>/dev/null || skip "no permission for network namespaces"
    ip netns del "$P-probe"
}

clean_up() {
    local status=$? pid ns told=0
    trap - EXIT INT TERM HUP
    [ $status = 0 ] || save_state
    [ $status = 0 ] && [ $story_failed = 1 ] && status=1
    for pid in "${!child[@]}" "${gateway_pid[@]}"; do
        kill -TERM "$pid" 2>/dev/null && told=1
    done
    for ns in "$P"-{ha,hc,ga,r,gb,hb,relay,hx}; do # whatever daemonised inside our own namespaces
        [ -e "/run/netns/$ns" ] || continue
        for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -TERM "$pid" 2>/dev/null && told=1; done
    done
    [ $told = 0 ] || sleep 0.2
    for ns in "$P"-{ha,hc,ga,r,gb,hb,relay,hx}; do
        [ -e "/run/netns/$ns" ] || continue
        for pid in $(ip netns pids "$ns" 2>/dev/null); do kill -KILL "$pid" 2>/dev/null; done
        ip netns del "$ns" 2>/dev/null
        rm -rf "/etc/netns/$ns"
    done
    wait 2>/dev/null
    rm -rf "/run/dpdk/$P-a" "/run/dpdk/$P-b"
    rmdir /etc/netns 2>/dev/null
    if [ -n "$T" ]; then
        if [ -n "${SACIP_KEEP:-}" ]; then
            say "--- everything is kept in $T"
        elif [ $status != 0 ] && [ $status != 77 ] && [ -z "${SACIP_DISCARD_LOGS:-}" ]; then
            show_logs >&2
        else
            rm -rf "$T"
        fi
    fi
    exit $status
}

# What the gateways say of themselves, before they are ended.
save_state() {
    local side what
    for side in "${!gateway_pid[@]}"; do
        for what in status bindings paths moves drops; do
            timeout 2 "$SACIPCTL" -s "$T/$side.sock" $what >"$T/$side.$what" 2>&1
        done
    done
}

show_logs() {
    local log
    rm -f "$T"/*.fifo
    for log in "$T"/gw-*.log "$T"/*.err; do
        [ -s "$log" ] && { say "--- end of $log"; tail -n 25 "$log"; }
    done
    say "--- logs and captures are kept in $T"
}

# A process in a namespace, ended at clean-up; its pid is in $!. Redirect the call itself.
spawn() { # NS NAME COMMAND...
    local ns=$1 name=$2
    shift 2
    ip netns exec "$P-$ns" "$@" <&0 & # keeps the redirected input, which bash would drop
    child[$!]=$name
}

end_child() { # PID [SIGNAL]; returns its exit status
    local pid=$1
    kill "-${2:-TERM}" "$pid" 2>/dev/null
    unset "child[$pid]"
    wait "$pid"
}

# Runs COMMAND until it succeeds, at most SECONDS long.
# SACIP_PATIENCE is how many times as long a slow build may take.
eventually() { # SECONDS COMMAND...
    local deadline=$((${EPOCHREALTIME/./} + $1 * ${SACIP_PATIENCE:-1} * 1000000))
    shift
    until "$@"; do
        [ "${EPOCHREALTIME/./}" -lt $deadline ] || return 1
        sleep 0.05
    done
}

# ---------------------------------------------------------------- topology

in_ns() { # ha|ga|r|gb|hb COMMAND...
    local ns=$1
    shift
    ip netns exec "$P-$ns" "$@"
}

link() { # NS INTERFACE NS INTERFACE
    ip link add "$2" netns "$P-$1" type veth peer name "$4" netns "$P-$3" || fail "veth"
    ip -n "$P-$1" link set "$2" up
    ip -n "$P-$3" link set "$4" up
}

# The link between the router and a gateway, through the relay if that is where it was asked for.
link_outside() { # a|b ROUTER-INTERFACE
    if [ "${relay_at:-}" != "$1" ]; then
        link r "$2" "g$1" etho
        return
    fi
    ip netns add "$P-relay" || fail "namespace $P-relay"
    in_ns relay sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    link r "$2" relay router
    link relay gateway "g$1" etho
    start_relay
}

# impair, driven by `relay COMMAND`. Direction a is from the router to the gateway.
start_relay() {
    local seed=${SACIP_SEED:-$$}
    mkfifo "$T/relay-in.fifo" "$T/relay-out.fifo"
    exec {relay_in}<>"$T/relay-in.fifo" {relay_out}<>"$T/relay-out.fifo"
    spawn relay relay "$IMPAIR" router gateway --seed "$seed" <&"$relay_in" >&"$relay_out" 2>"$T/relay.err"
    relay_says "impair" >/dev/null
    note "relay before gateway $relay_at, seed $seed"
}

relay() { # COMMAND: prints the answer to `stats`, nothing otherwise
    say "$*" >&"$relay_in"
    if [ "$1" = stats ]; then relay_says "{"; else relay_says ok; fi
}

relay_says() { # HOW-IT-MUST-BEGIN: its next line
    local line
    IFS= read -r -t 5 -u "$relay_out" line || fail "impair does not answer"
    [ "${line#"$1"}" != "$line" ] || fail "impair: $line"
    [ "$line" = ok ] || say "$line"
}

build_topology() {
    local ns end
    for ns in ha ga r gb hb; do
        ip netns add "$P-$ns" || fail "namespace $P-$ns"
        in_ns $ns sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip -n "$P-$ns" link set lo up
    done
    link ha eth0 ga ethi
    link_outside a toa
    link_outside b tob
    link gb ethi hb eth0
    # Frames from a veth with transmit offload carry unfinished checksums, which no wire would.
    for end in "ha eth0" "hb eth0" "r toa" "r tob"; do
        # shellcheck disable=SC2086
        set -- $end
        in_ns "$1" ethtool -K "$2" tx off gro off >/dev/null
    done
    in_ns r sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0 \
        net.ipv4.conf.toa.send_redirects=0 net.ipv4.conf.all.rp_filter=0
    ip -n "$P-r" addr add 10.0.1.1/24 dev toa
    ip -n "$P-r" addr add 10.0.2.1/24 dev toa
    ip -n "$P-r" addr add 10.0.9.1/24 dev tob
    ip -n "$P-r" route add 10.9.0.0/24 via 10.0.9.2
    ip -n "$P-hb" addr add $remote_host/24 dev eth0
    ip -n "$P-hb" route add default via 10.9.0.1
}

# The kernel must not answer frames that the gateway reads from the same interface.
silence_kernel() { # ga|gb
    in_ns "$1" nft -f - <<'NFT' || fail "nft"
table netdev sacip {
    chain inside { type filter hook ingress device "ethi" priority 0; policy drop; }
    chain outside { type filter hook ingress device "etho" priority 0; policy drop; }
}
NFT
}

# way -> what host A's original address is, which namespace its programs run in and which interface
# shows its packets before any rewriting; where_a_lives is the prefix of the host's own address.
set_way() { # uplink|routed|box [mapped]
    way=$1
    case $way in
    uplink) host_ns=ha host_interface=eth0 host_address=10.1.0.10 original=10.0.1.2 ;;
    box) host_ns=ga host_interface=wan0 host_address=10.0.1.2 original=10.0.1.2 ;;
    routed)
        host_ns=ha host_interface=eth0 original=10.2.0.10
        host_address=10.2.0.10
        [ "${2:-}" = mapped ] && host_address=10.1.0.10
        ;;
    *) fail "no such way: $way" ;;
    esac
}

# Gateway A's addresses, its host's, and the router's routes toward the host, by way and variant:
#   plain   Linux has the addresses; routed: wan0 has the transit address and a marker in the prefix
#   dhcp    wan0 gets its address by DHCP; routed: inside 10.1.0.0/24, outside on-link at the router
configure_way() { # WAY [plain|dhcp]
    local variant=${2:-plain}
    if [ "$variant" = dhcp ]; then set_way "$1" mapped; else set_way "$1"; fi
    local lan=10.1.0.1/24 wan='[10.0.1.2/24]' routes='[{to: default, via: 10.0.1.1}]' hosts
    case $way in
    uplink) hosts='- {inside: 10.1.0.10, outside: wan}' ;;
    box) hosts='- {inside: box, outside: wan}' ;;
    routed)
        if [ "$variant" = dhcp ]; then
            hosts='- {inside: 10.1.0.0/24, outside: 10.2.0.0/24}'
            ip -n "$P-r" addr add 10.2.0.1/24 dev toa
            ip -n "$P-r" addr add 10.7.0.1/24 dev toa
        else
            hosts='- {inside: 10.2.0.0/24, outside: 10.2.0.0/24}'
            lan=10.2.0.1/24
            wan='[10.0.1.2/24, 10.2.0.254/32]'
            ip -n "$P-r" route add 10.2.0.0/24 via 10.0.1.2
            ip -n "$P-r" route add 10.7.0.0/24 via 10.0.1.2
        fi
        ;;
    esac
    [ "$variant" = dhcp ] && wan='[]' routes='[]'
    ip -n "$P-ha" addr add "${host_address/10.0.1.2/10.1.0.10}/24" dev eth0
    ip -n "$P-ha" route add default via ${lan%/*}
    cat >"$T/a.yaml" <<YAML
gateway: {name: a, control_socket: $T/a.sock, metrics: "127.0.0.1:9812"}
limits: {flows: ${flow_limit:-4096}, paths: ${path_limit:-65536}}
ports:
  - name: lan
    device: ${port_driver}0
    role: inside
    host_interface: {name: lan0, addresses: [$lan]}
  - name: wan
    device: ${port_driver}1
    role: outside
    host_interface: {name: wan0, addresses: $wan, routes: $routes}
hosts:
  $hosts
basic_peers:
  - {prefix: 10.9.0.0/24, roam_to: [10.9.0.0/24]}
YAML
    cat >"$T/b.yaml" <<YAML
gateway: {name: b, control_socket: $T/b.sock, metrics: "127.0.0.1:9812"}
limits: {flows: ${flow_limit:-4096}, paths: ${path_limit:-65536}}
ports:
  - name: lan
    device: ${port_driver}0
    role: inside
    host_interface: {name: lan0, addresses: [10.9.0.1/24]}
  - name: wan
    device: ${port_driver}1
    role: outside
    host_interface: {name: wan0, addresses: [10.0.9.2/24], routes: [{to: default, via: 10.0.9.1}]}
hosts:
  - {inside: 10.9.0.0/24, outside: 10.9.0.0/24}
basic_peers:
  - {prefix: 10.0.1.0/24, roam_to: [10.0.1.0/24, 10.0.2.0/24]}
  - {prefix: 10.0.2.0/24, roam_to: [10.0.1.0/24, 10.0.2.0/24]}
  - {prefix: 10.2.0.0/24, roam_to: [10.2.0.0/24, 10.7.0.0/24]}
  - {prefix: 10.7.0.0/24, roam_to: [10.2.0.0/24, 10.7.0.0/24]}
YAML
}

# ---------------------------------------------------------------- gateways

# With port_driver=net_pcap (before `stage`) the gateways read the veths by libpcap: af_packet has the
# kernel put fragments together, and shows the gateway none. With net_tap a device that checks and
# fills in checksums stands between, and a line to the veth behind it.
device() { # NUMBER INTERFACE: for --vdev
    case $port_driver in
    net_pcap) say "net_pcap$1,rx_iface_in=$2,tx_iface=$2" ;;
    net_tap) say "net_tap$1,iface=tap-$2" ;;
    *) say "net_af_packet$1,iface=$2${port_options:-}" ;;
    esac
}

start_gateway() { # a|b
    launch_gateway "$1"
    await_gateway "$1"
}

launch_gateway() { # a|b
    local side=$1 lcores="0@(${cpus:-0-1})" worker
    : >>"$T/gw-$side.log"
    for worker in $(seq "${SACIP_WORKERS:-1}"); do lcores+=",$worker@(${cpus:-0-1})"; done
    # shellcheck disable=SC2086 # arguments, if there are any
    ip netns exec "$P-g$side" "$SACIP_GW" --no-pci --no-telemetry --no-huge -m "${memory:-256}" --file-prefix "$P-$side" \
        --lcores "$lcores" --vdev "$(device 0 ethi)" --vdev "$(device 1 etho)" ${more_vdevs[$side]:-} \
        -- --config "$T/$side.yaml" >>"$T/gw-$side.log" 2>&1 &
    gateway_pid[$side]=$!
}

await_gateway() { # a|b
    eventually 20 gateway_answers "$1" "${gateway_pid[$1]}" || fail "gateway $1 did not become ready"
    [ "$port_driver" != net_tap ] || join_taps "$1"
}

join_taps() { # SIDE: each of its taps with the veth of its name
    local interface
    in_ns "g$1" nft -f - <<'NFT' || fail "nft"
table netdev taps {
    chain inside { type filter hook ingress device "tap-ethi" priority 0; policy drop; }
    chain outside { type filter hook ingress device "tap-etho" priority 0; policy drop; }
}
NFT
    for interface in ethi etho; do
        spawn "g$1" "line of $interface" "$IMPAIR" "tap-$interface" $interface </dev/null >/dev/null 2>"$T/line.err"
    done
}

# Ready or dead; the caller of start_gateway sees which. Only this start's line counts.
gateway_answers() { # SIDE PID
    kill -0 "$2" 2>/dev/null || fail "gateway $1 ended at its start"
    local starts
    starts=$(grep -c "^sacip-gw: $1 ready" "$T/gw-$1.log")
    [ "$starts" -ge "$((${gateway_starts[$1]:-0} + 1))" ] || return 1
    gateway_starts[$1]=$starts
}
declare -A gateway_starts=()
declare -A more_vdevs=() # SIDE -> further EAL arguments

stop_gateway() { # SIDE...: each must end cleanly with exit 0
    local side pid status
    for side in "$@"; do
        kill -TERM "${gateway_pid[$side]}" || fail "gateway $side was gone already"
    done
    for side in "$@"; do
        pid=${gateway_pid[$side]}
        unset "gateway_pid[$side]"
        eventually 10 process_ended "$pid" || fail "gateway $side did not end within 10 s of SIGTERM"
        wait "$pid"
        status=$?
        [ $status = 0 ] || fail "gateway $side ended with exit status $status"
    done
}

process_ended() { # PID: gone, or a zombie waiting for us
    local state
    state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null)
    [ -z "$state" ] || [ "$state" = Z ]
}

ctl() { # SIDE ARGUMENTS...
    local side=$1
    shift
    "$SACIPCTL" -s "$T/$side.sock" "$@"
}

query() { # SIDE COMMAND... JQ-FILTER: one value out of a reply
    local side=$1 filter=${*: -1}
    shift
    ctl "$side" -j "${@:1:$#-1}" | jq -r "$filter"
}

metric() { # SIDE NAME{LABELS}: its value, empty if it is not exported
    in_ns "g$1" python3 -c '
import sys, urllib.request
for line in urllib.request.urlopen("http://127.0.0.1:9812/metrics", timeout=5).read().decode().splitlines():
    if line.rsplit(" ", 1)[0] == sys.argv[1]:
        print(int(float(line.rsplit(" ", 1)[1])))' "$2"
}

is_balanced() { # SIDE
    [ "$(query "$1" status .balanced 2>/dev/null)" = true ]
}

# received = forwarded + punted + held + dropped, in every stage of the gateway, after traffic ended.
assert_balanced() { # SIDE...
    local side
    for side in "$@"; do
        eventually 2 is_balanced "$side" ||
            fail "gateway $side does not add up: $(ctl "$side" -j status 2>&1)"
    done
    good "received = forwarded + punted + held + dropped ($*)"
}

# After both gateways ended: no exception interface, no socket, no process may be left.
assert_no_leftovers() {
    local side pids
    for side in a b; do
        [ ! -e "$T/$side.sock" ] || fail "control socket of $side is still there"
        if ip -n "$P-g$side" -o link show | grep -qE ' (lan0|wan0)[:@]'; then
            fail "exception interface of $side is still there"
        fi
        pids=$(ip netns pids "$P-g$side" | xargs -r -n1 sh -c \
            'grep -qx "sacip-gw.*" /proc/$0/comm 2>/dev/null && echo $0')
        [ -z "$pids" ] || fail "processes of $side are still there: $pids"
    done
    good "nothing left behind"
}

# ---------------------------------------------------------------- traffic and captures

start_server() { # extra flowcheck options
    spawn hb server "$FLOWCHECK" server --bind $remote_host --port $remote_port --raw 1 \
        --json "$T/server.json" "$@" >"$T/server.out" 2>"$T/server.err"
    server_pid=$!
    eventually 5 grep -q listening "$T/server.out" || fail "flowcheck server did not start"
}

# A client in the host whose socket is meant to survive, driven by `traffic WORDS`.
start_client() { # flowcheck options
    mkfifo "$T/commands.fifo" "$T/replies.fifo"
    exec 7<>"$T/commands.fifo" 8<>"$T/replies.fifo" # both ways, so that opening never waits
    spawn $host_ns client "$FLOWCHECK" client --to $remote_host:$remote_port --commands \
        --json "$T/client.json" "$@" <&7 >&8 2>"$T/client.err"
    client_pid=$!
}

traffic() { # mark | status: prints the reply;  open KIND N: none
    say "$*" >&7
    [ "$1" = open ] && return
    local line
    IFS= read -r -t 5 -u 8 line || fail "flowcheck did not answer"
    say "$line"
}

flows_run() { # TCP DATAGRAMS
    [ "$(traffic status | jq -c '[.tcp_running, .datagrams_alive]')" = "[$1,$2]" ]
}

assert_flows_run() { # TCP DATAGRAMS
    eventually 10 flows_run "$1" "$2" || fail "expected $1 connections and $2 datagram flows, have $(traffic status)"
}

# Ends client and server. Nothing may have broken; the JSON reports stay in $T.
stop_traffic() {
    local status
    say stop >&7
    unset "child[$client_pid]"
    wait "$client_pid"
    status=$?
    exec 7>&- 8>&-
    rm -f "$T"/*.fifo
    [ $status = 0 ] || fail "client: $(jq -c '[.tcp, .udp, .raw, (.flows | map(select(.state == "broken")) | .[0:3])]' "$T/client.json")"
    end_child "$server_pid" || fail "server: $(jq -c '[.tcp, .udp, .raw, (.flows | map(select(.state == "broken")) | .[0:3])]' "$T/server.json")"
}

start_capture() { # NS INTERFACE NAME [FILTER]
    spawn "$1" "capture $3" tcpdump -Z root -ni "$2" -B 16384 -s 0 -w "$T/$3.pcap" "${4:-ip}" \
        2>"$T/$3.tcpdump"
    capture_pids+=($!)
    eventually 5 grep -q 'listening on' "$T/$3.tcpdump" || fail "capture at $1 did not start"
}
capture_pids=()

stop_captures() {
    local pid
    sleep 1.3 # tcpdump reads a block when it is full or a second old, and leaves the rest at its end
    for pid in "${capture_pids[@]}"; do end_child "$pid" INT; done
    capture_pids=()
}

# `ss` in host and peer must show every flow with the addresses it was set up with.
assert_sockets() { # TCP UDP
    local kind count want
    for kind in tcp udp; do
        want=$1
        [ $kind = udp ] && want=$2
        count=$(in_ns $host_ns ss -nH --$kind state connected src "$host_address" dst $remote_host:$remote_port | wc -l)
        [ "$count" = "$want" ] || fail "the host has $count $kind sockets $host_address > $remote_host, not $want"
        count=$(in_ns hb ss -nH --$kind state connected src $remote_host:$remote_port dst "$original" | wc -l)
        [ "$count" = "$want" ] || fail "the peer has $count $kind sockets $remote_host > $original, not $want"
    done
    good "sockets: host $host_address > $remote_host, peer $remote_host > $original ($1 TCP, $2 UDP)"
}

# ---------------------------------------------------------------- a story's frame

stage() { # WAY [plain|dhcp]
    need_root_and_tools
    trap clean_up EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
    T=$(mktemp -d "${TMPDIR:-/tmp}/sacip-story.XXXXXX") || fail "mktemp"
    build_topology
    configure_way "$@"
    silence_kernel ga
    silence_kernel gb
}

start_gateways() {
    [ -x "$SACIP_GW" ] || fail "no gateway at $SACIP_GW"
    launch_gateway a
    launch_gateway b
    await_gateway a
    await_gateway b
}

the_end() { # traffic has stopped: balance, clean ends
    [ -z "${SACIP_KEEP:-}" ] || save_state
    assert_balanced a b
    stop_gateway a b
    assert_no_leftovers
    say "PASSED"
}
