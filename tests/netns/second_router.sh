# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# A second router between the first one and gateway B, and a link between the two whose MTU is the
# story's. Sourced by stories after lib.sh; call add_second_router after `stage`.
#
#   gateway A ── toa ┤ router ├ mid ──────── mid ┤ router 2 ├ tob ── gateway B
#              10.0.1.1    10.0.5.1        10.0.5.2    10.0.9.1
#              10.0.2.1

add_second_router() { # MTU
    local ns
    ip netns add "$P-hx" || fail "namespace $P-hx"
    in_ns hx sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
        net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0
    link r mid hx mid
    ip -n "$P-r" link set tob netns "$P-hx" || fail "router 2 does not get its port"
    for ns in r hx; do
        in_ns $ns ethtool -K mid tx off gro off >/dev/null
        ip -n "$P-$ns" link set mid mtu "$1"
    done
    ip -n "$P-r" addr add 10.0.5.1/30 dev mid
    ip -n "$P-r" route replace 10.9.0.0/24 via 10.0.5.2
    ip -n "$P-r" route add 10.0.9.0/24 via 10.0.5.2
    ip -n "$P-hx" link set tob up
    in_ns hx ethtool -K tob tx off gro off >/dev/null
    ip -n "$P-hx" addr add 10.0.9.1/24 dev tob
    ip -n "$P-hx" addr add 10.0.5.2/30 dev mid
    ip -n "$P-hx" route add default via 10.0.5.1
    ip -n "$P-hx" route add 10.9.0.0/24 via 10.0.9.2
    # Every error counts here; by default Linux sends one a second to each address.
    for ns in ha ga r hx gb hb; do in_ns $ns sysctl -qw net.ipv4.icmp_ratelimit=0; done
}
