# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
#
# Ways to change gateway A's address. `prepare_moves TRIGGER` once, then `move TRIGGER` each time:
# it goes to the next address of a cycle and writes one line to $T/timeline:
#   BEGIN END OLD NEW     (seconds; active wire addresses of the host before and after)
# Sourced by stories after lib.sh; uses its variables.

# The cycle of wan0's addresses: another subnet, a neighbour in the same subnet (Linux makes it a
# secondary and promotes it), back to the first subnet, and home.
uplink_cycle=(10.0.1.2 10.0.2.2 10.0.2.3 10.0.1.3)
prefix_cycle=(10.2.0 10.7.0)
position=0
pause=${SACIP_PAUSE:-0.$((3 * ${SACIP_PATIENCE:-1}))} # between moves; what is under way arrives meanwhile

router_of() { # ADDRESS: the router's address in its /24
    say "${1%.*}.1"
}

on_wan() { ip -n "$P-ga" "$@"; }

prepare_moves() { # TRIGGER
    : >"$T/timeline"
    case $1:$way in
    sacipctl:routed) ;; # both prefixes are routed to A already
    sacipctl:*) # Linux has every address from the start; what is active is the gateway's choice
        local address
        for address in "${uplink_cycle[@]:1}"; do on_wan addr add "$address/24" dev wan0; done
        ;;
    dhcp:*) start_dhcp ;;
    addr:*) ;;
    *) fail "no such trigger: $1" ;;
    esac
}

move() { # TRIGGER
    local begin old new
    begin=$EPOCHREALTIME
    if [ "$way" = routed ]; then
        old=${prefix_cycle[position]}
        position=$(((position + 1) % ${#prefix_cycle[@]}))
        new=${prefix_cycle[position]}
        "move_prefix_by_$1" "$old" "$new" || fail "$1: $old.0/24 > $new.0/24"
        old=$old.10 new=$new.10
    else
        old=${uplink_cycle[position]}
        position=$(((position + 1) % ${#uplink_cycle[@]}))
        new=${uplink_cycle[position]}
        "move_address_by_$1" "$old" "$new" || fail "$1: $old > $new"
    fi
    sleep "$pause"
    say "$begin $EPOCHREALTIME $old $new" >>"$T/timeline"
}

# The paper's own trigger (§3.4): add the new address, delete the old one.
move_address_by_addr() { # OLD NEW
    on_wan addr add "$2/24" dev wan0 &&
        on_wan route replace default via "$(router_of "$2")" &&
        on_wan addr del "$1/24" dev wan0
}

move_prefix_by_addr() { # OLD NEW (first three bytes)
    on_wan addr add "$2.254/32" dev wan0 && on_wan addr del "$1.254/32" dev wan0
}

move_address_by_sacipctl() { ctl a move "$1" "$2" >"$T/move.out"; }
move_prefix_by_sacipctl() { ctl a move "$1.0/24" "$2.0/24" >"$T/move.out"; }

# ---------------------------------------------------------------- DHCP
# One server with a static lease for wan0 that is changed and re-read: the client's next renewal
# (after 1 s) is refused, and it asks anew, as when a provider renumbers.

dhcp_address() { # what the server is to give next
    local mac
    mac=$(in_ns ga cat /sys/class/net/wan0/address)
    say "$mac,$1" >"$T/dhcp.hosts"
}

start_dhcp() {
    command -v dnsmasq >/dev/null && command -v dhclient >/dev/null ||
        skip "dnsmasq and dhclient are needed"
    local first=${uplink_cycle[0]} subnet ranges=()
    [ "$way" = routed ] && first=${prefix_cycle[0]}.50
    for subnet in 10.0.1 10.0.2 10.2.0 10.7.0; do
        ranges+=(--dhcp-range="set:n$subnet,$subnet.0,static,255.255.255.0,2m"
            --dhcp-option="tag:n$subnet,3,$subnet.1")
    done
    dhcp_address "$first"
    spawn r dnsmasq dnsmasq -d -p 0 --conf-file=/dev/null -i toa --bind-interfaces --dhcp-authoritative \
        --no-ping --dhcp-leasefile="$T/leases" --dhcp-hostsfile="$T/dhcp.hosts" --user=root \
        "${ranges[@]}" --dhcp-option=6 \
        --dhcp-lease-max=10 >"$T/dnsmasq.log" 2>&1
    dnsmasq_pid=$!
    # dhclient's script rewrites resolv.conf: in this namespace it must be a copy.
    mkdir -p "/etc/netns/$P-ga"
    : >"/etc/netns/$P-ga/resolv.conf"
    printf 'request subnet-mask, broadcast-address, routers, dhcp-renewal-time, dhcp-rebinding-time;\nsupersede dhcp-renewal-time 1;\ntimeout 10;\nretry 1;\n' >"$T/dhclient.conf"
    : >"$T/dhclient.leases"
    spawn ga dhclient dhclient -d -4 -v -cf "$T/dhclient.conf" -lf "$T/dhclient.leases" \
        -pf "$T/dhclient.pid" wan0 >"$T/dhclient.log" 2>&1
    eventually 10 has_address "$first" || fail "no lease for $first: $(tail -n 5 "$T/dhclient.log")"
    eventually 5 has_default_route || fail "DHCP brought no default route"
    sleep 0.2
}

has_address() { on_wan -4 -o addr show dev wan0 | grep -q "inet $1/"; }
has_default_route() { on_wan route show default | grep -q .; }

renumber() { # OLD NEW
    dhcp_address "$2"
    kill -HUP "$dnsmasq_pid" || return 1
    eventually 15 has_address "$2" && eventually 5 has_default_route &&
        eventually 5 lacks_address "$1"
}
lacks_address() { ! has_address "$1"; }

move_address_by_dhcp() { renumber "$1" "$2"; }
move_prefix_by_dhcp() { renumber "$1.50" "$2.50"; }
