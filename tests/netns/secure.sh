# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash disable=SC2154 # lib.sh and moves.sh set what is only used here
#
# What the stories of the secure protocol have in common. Sourced after lib.sh and moves.sh.
#
# `introduce_peers` after `stage` turns the two gateways from speakers of the paper's message into
# peers with keys; SACIP_PEERS=basic leaves them as they are, to try a story's own machinery with.

notes_tool=$tools/secure_notification.py
peers=${SACIP_PEERS:-basic}
actives_of_a='[10.0.1.0/24, 10.0.2.0/24, 10.2.0.0/24, 10.7.0.0/24]'
actives_of_b='[10.9.0.0/24, 10.8.0.0/24]'
peer_options= # more keys of every peer, e.g. ', path_validation: always'

make_keys() {
    local side
    for side in a b; do
        (umask 077 && "$SACIPCTL" genkey >"$T/$side.key") || fail "sacipctl genkey"
        "$SACIPCTL" pubkey <"$T/$side.key" >"$T/$side.pub" || fail "sacipctl pubkey"
    done
}

introduce_peers() {
    [ "$peers" = secure ] || return 0
    make_keys
    introduce a b "$actives_of_b"
    introduce b a "$actives_of_a"
}

introduce() { # TO WHOM ITS-PREFIXES: `basic_peers` is the end of the file
    sed -i '/^basic_peers:/,$d' "$T/$1.yaml"
    cat >>"$T/$1.yaml" <<YAML
identity: {private_key_file: $T/$1.key}
peers:
  - {name: $2, public_key: "$(cat "$T/$2.pub")", addresses: $3, roam_to: $3$peer_options}
checksum: {l4: wire}
YAML
}

# Gateway B's prefix can move as well, between 10.9.0.0/24 and 10.8.0.0/24. Before start_gateways.
far_cycle=(10.9.0 10.8.0)
far_position=0
let_b_move() {
    sed -i 's|\[10.0.9.2/24\]|[10.0.9.2/24, 10.9.0.254/32]|' "$T/b.yaml"
    sed -i 's|prefix: 10.9.0.0/24, roam_to: .*|prefix: 10.8.0.0/15, roam_to: [10.8.0.0/15]}|' "$T/a.yaml"
    ip -n "$P-r" route add 10.8.0.0/24 via 10.0.9.2
}

# A move in two steps with a pause between them: with `overlap` the new address comes first, with
# `gap` the old one goes first. next_a and next_b say what comes and goes in the side's next move, and
# change_* do it; apart from one another, so that a change may run in the background.
next_b() {
    local old=${far_cycle[far_position]} new
    far_position=$(((far_position + 1) % 2))
    new=${far_cycle[far_position]}
    going_b=$old.254/32 coming_b=$new.254/32
}

next_a() { # A stands behind an uplink, is the box, or is routed
    if [ "$way" = routed ]; then
        going_a=${prefix_cycle[position]}.254/32
        position=$(((position + 1) % 2))
        coming_a=${prefix_cycle[position]}.254/32
    else
        going_a=${uplink_cycle[position]}/24
        position=$(((position + 1) % ${#uplink_cycle[@]}))
        coming_a=${uplink_cycle[position]}/24
    fi
}

change_a() { change "$1" "$2" come_to_a go_from_a; } # overlap|gap SECONDS
change_b() { change "$1" "$2" come_to_b go_from_b; }
go_from_a() { on_wan addr del "$going_a" dev wan0; }
come_to_b() { ip -n "$P-gb" addr add "$coming_b" dev wan0; }
go_from_b() { ip -n "$P-gb" addr del "$going_b" dev wan0; }
come_to_a() { # and the way out with it
    on_wan addr add "$coming_a" dev wan0 || return 1
    [ "$way" = routed ] || on_wan route replace default via "$(router_of "${coming_a%/*}")"
}

change() { # overlap|gap SECONDS COME GO
    local first=$3 second=$4
    [ "$1" = gap ] && first=$4 second=$3
    $first || fail "$first"
    sleep "$2"
    $second || fail "$second"
}

# Where B sends what is meant for A's host, and A what is meant for B's: a remote binding.
remote_active() { # SIDE ORIGINAL
    query "$1" bindings "[.remote[] | select(.original == \"$2\") | .active][0]" 2>/dev/null
}
is_remote_active() { [ "$(remote_active "$1" "$2")" = "$3" ]; } # SIDE ORIGINAL ACTIVE

# The far gateway's idea of A's active address, as a word for `eventually`.
a_active() {
    if [ "$way" = routed ]; then say "${prefix_cycle[position]}.${original##*.}"; else say "${uplink_cycle[position]}"; fi
}
b_active() { say "${far_cycle[far_position]}.${remote_host##*.}"; }

milliseconds_since() { # BEGIN (from EPOCHREALTIME)
    say $(((${EPOCHREALTIME/./} - ${1/./}) / 1000))
}

# Notifications of a capture as JSON lines, their tags judged by the keys of both.
read_notes() { # CAPTURE
    if [ "$peers" = secure ]; then
        python3 "$notes_tool" read "$T/$1.pcap" --key "$T/a.key" --peer "$(cat "$T/b.pub")"
    else
        python3 "$notes_tool" read "$T/$1.pcap"
    fi
}

# {reason: packets} of all reasons about notifications, full rings included, and the sum of them.
refusals() { # SIDE
    ctl "$1" -j drops | jq -c '[.drops[] | select(.reason | startswith("notification_") or endswith("ring_full"))
        | select(.packets > 0) | {(.reason): .packets}] | add // {}'
}
refused_in_all() { refusals "$1" | jq 'add // 0'; }

# The whole client report in one line, for the story's last words.
traffic_summary() {
    jq -r '"TCP \(.tcp.finished) of \(.tcp.opened) whole, UDP lost \(.udp.lost + .udp.peer_lost) of " +
        "\(.udp.sent + .udp.peer_received), twice \(.udp.duplicated), out of order \(.udp.reordered)"' "$T/client.json"
}
