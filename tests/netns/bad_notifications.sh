#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A notification that must not be believed changes nothing: it is counted under its own reason, in
# `sacipctl drops` and in the metrics, and the flows go on. Sent to gateway B by the router.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
say "bad notifications"
stage uplink
start_gateways
start_server
start_client --tcp 4 --udp 4
assert_flows_run 4 4
# A route lets the router send with any source.
in_ns r sysctl -qw net.ipv4.ip_nonlocal_bind=1

bindings() { ctl b -j bindings | jq -c '[.remote[] | [.original, .active]] | sort'; }
drops_of() { ctl b -j drops | jq --arg reason "$1" '[.drops[] | select(.reason == $reason) | .packets] | add // 0'; }
counted_as() { [ "$(drops_of "$1")" = "$2" ]; }

refused() { # REASON WHAT send_notification's arguments...
    local reason=$1 what=$2 before
    shift 2
    before=$(drops_of "$reason")
    in_ns r python3 "$tools/send_notification.py" "$@" || fail "sending"
    eventually 2 counted_as "$reason" $((before + 1)) ||
        fail "$what: $reason is $(drops_of "$reason"), not $((before + 1)): $(ctl b -j drops | jq -c '[.drops[] | select(.packets > 0)]')"
    [ "$(bindings)" = "$untouched" ] || fail "$what changed a binding: $(bindings)"
    local seen
    seen=$(metric b "sacip_notifications_rejected_total{reason=\"$reason\"}")
    [ "$seen" = $((before + 1)) ] || fail "$what: the metric says '$seen'"
    good "$what: $reason"
}

untouched=$(bindings)
active=10.0.1.2
refused notification_length "12 bytes" $active $remote_host 10.0.2.9 --extra 4
refused notification_length "4 bytes" $active $remote_host 10.0.2.9 --cut 4
refused notification_checksum "wrong checksum" $active $remote_host 10.0.2.9 --bad-checksum
refused notification_code "code 7" $active $remote_host 10.0.2.9 --code 7
refused notification_peer "source not in basic_peers" 10.77.0.1 $remote_host 10.0.2.9
refused notification_roam "new address outside roam_to" $active $remote_host 10.44.0.1
refused notification_address "multicast" $active $remote_host 224.0.0.5
refused notification_address "broadcast" $active $remote_host 255.255.255.255
refused notification_address "loopback" $active $remote_host 127.0.0.1
refused notification_own "one of our own" $active $remote_host 10.9.0.10
refused notification_unbound "an address nobody uses" 10.0.1.200 $remote_host 10.0.2.9

assert_flows_run 4 4
stop_traffic
good "the flows went on"
the_end
