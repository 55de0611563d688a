# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154 # lib.sh sets what is only used here
#
# What operators' networks have and the plain stage has not. Sourced after lib.sh; each is called
# after `stage` and before `start_gateways`.
#
#                   gateway A                      router
#   [hx] lan2 ───────┤ethl → lan20                │
#    10.4.0.7        │ 10.4.0.1                   │
#   [relay] vpn ─────┤vpn0, no port of A's        │
#    10.50.0.7       │ 10.50.0.1                  │
#   [ha] eth0 ───────┤ethi → lan0    etho → wan0  ├── toa 10.0.1.1
#    10.1.0.10, .11  │               10.0.1.2     │
#                    │             ethlte → lte0  ├── tol 10.0.3.1
#                    │               10.0.3.2     │

on_a() { ip -n "$P-ga" "$@"; }

# One more port of gateway A; its frames are kept from the kernel.
add_port() { # NUMBER VETH YAML
    more_vdevs[a]+=" --vdev $(device "$1" "$2")"
    in_ns ga nft "add chain netdev sacip port$1 { type filter hook ingress device $2 priority 0; policy drop; }" || fail nft
    sed -i "s|^hosts:|  - {device: ${port_driver}$1, $3}\nhosts:|" "$T/a.yaml"
}

add_host_line() { sed -i "s|^hosts:|hosts:\n  - $1|" "$T/a.yaml"; }

# A second uplink. `lte_default` after start_gateways: Linux's way out where wan has none.
add_lte() { # [MORE OF THE PORT'S CONFIGURATION]
    link r tol ga ethlte
    in_ns r ethtool -K tol tx off gro off >/dev/null
    ip -n "$P-r" addr add 10.0.3.1/24 dev tol
    add_port 2 ethlte "name: lte, role: outside, ${1:+$1, }host_interface: {name: lte0, addresses: [10.0.3.2/24]}"
}
lte_default() { on_a route replace default via 10.0.3.1 dev lte0 metric 200; }

# A second host, mapped to that uplink.
add_lte_host() {
    ip -n "$P-ha" addr add 10.1.0.11/24 dev eth0
    add_host_line '{inside: 10.1.0.11, outside: lte}'
}

# A second LAN, whose host is in no line of `hosts`.
add_lan2() {
    ip netns add "$P-hx" || fail "namespace"
    link hx lan2 ga ethl
    in_ns hx ethtool -K lan2 tx off gro off >/dev/null
    ip -n "$P-hx" addr add 10.4.0.7/24 dev lan2
    ip -n "$P-hx" route add default via 10.4.0.1
    add_port 3 ethl 'name: lan2, role: inside, host_interface: {name: lan20, addresses: [10.4.0.1/24]}'
}

# A neighbour of the host's, 10.1.0.4, in a namespace of its own (hc), by a switch.
add_neighbour() {
    ip -n "$P-ga" link del ethi
    ip netns add "$P-hx" && ip netns add "$P-hc" || fail "namespace"
    ip -n "$P-hx" link add switch up type bridge forward_delay 0
    link hx toa ga ethi
    link hx toha ha eth0
    link hx tohc hc eth0
    local port
    for port in toa toha tohc; do ip -n "$P-hx" link set $port master switch; done
    in_ns ga nft delete table netdev sacip
    silence_kernel ga
    in_ns ga ethtool -K ethi tx off gro off >/dev/null
    for port in ha:10 hc:4; do
        in_ns "${port%:*}" ethtool -K eth0 tx off gro off >/dev/null
        ip -n "$P-${port%:*}" addr add "10.1.0.${port#*:}/24" dev eth0
        ip -n "$P-${port%:*}" route add default via 10.1.0.1
    done
}

# An interface of Linux beside the gateway: a tunnel, a card for management.
add_vpn() {
    ip netns add "$P-relay" || fail "namespace"
    link relay vpn ga vpn0
    in_ns relay ethtool -K vpn tx off gro off >/dev/null
    in_ns ga sysctl -qw net.ipv4.conf.vpn0.forwarding=1 net.ipv4.conf.vpn0.rp_filter=0
    on_a addr add 10.50.0.1/24 dev vpn0
    ip -n "$P-relay" addr add 10.50.0.7/24 dev vpn
    ip -n "$P-relay" link set lo up
    ip -n "$P-relay" route add default via 10.50.0.1
}

# ---------------------------------------------------------------- looking

pings() { # NS PING-ARGUMENTS...: how many of 3 were answered
    local ns=$1
    shift
    in_ns "$ns" ping -c 3 -i 0.2 -W 2 "$@" 2>&1 | sed -n 's/.* \([0-9]*\) received.*/\1/p'
}
is_reached() { in_ns "$1" ping -c 1 -W 1 -q "${@:2}" >/dev/null; } # NS PING-ARGUMENTS...
seen() { tcpdump -nr "$T/$1.pcap" "$2" 2>/dev/null | wc -l; } # CAPTURE FILTER: packets
expect() { # WHAT WANTED SEEN
    [ "$2" = "$3" ] || fail "$1: $3, not $2"
    good "$1: $3"
}
