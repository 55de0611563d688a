#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# rtnl_held.sh: another process holds RTNL, Linux's lock on its network configuration, for 3 s, as a
# slow network card's driver does. Nobody gets an answer about links, addresses or routes then.
#
#   host ── lan0 ┤ gateway A ├ wan0 10.0.1.2, 10.0.2.2 ── router ── B ── 10.9.0.10
#                └─ Linux: RTNL ◄── rtnl_hold 3000
#
# - by hand: A has just had to ask Linux for a neighbour, when an operator moves it from 10.0.1.2 to
#   10.0.2.2;
# - by event: the network takes 10.0.2.2 away and it is deleted, and the lock taken before A has read
#   of it.
# Each time B hears of it while the lock is still held, packets go on, a new flow begins, nothing that
# waits is lost, and sacipctl answers at once and says whom we wait for.
# - the port's Ethernet address: changed in Linux before, given to the device when Linux lets us; what
#   comes and goes has it at once.
# - the end: A ends when the lock is let go, and says why not before.

SACIP_PEERS=secure
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
RTNL_HOLD=${RTNL_HOLD:-$build/tests/tools/rtnl_hold}
hold_ms=$((${SACIP_PATIENCE:-1} > 1 ? 6000 : 3000)) # a sanitised gateway takes its time
gap_limit=$((hold_ms / 3)) # who waits for the lock is silent for all of it
answer_limit=$((hold_ms / 6))
bad=0 still_ms=0
worse() { # what is wrong; the rest is measured all the same
    note "WRONG: $*"
    bad=$((bad + 1))
}
say "RTNL held for $hold_ms ms by another process, during a move"
stage uplink
introduce_peers
mkfifo "$T/holder.fifo"
exec {holder}<>"$T/holder.fifo"
take_rtnl() {
    spawn r rtnl_hold "$RTNL_HOLD" $hold_ms >&"$holder" 2>"$T/holder.err"
    holder_pid=$!
    taken_at=$EPOCHREALTIME
    holder_says taken
}
holder_says() { # WORD...
    IFS= read -r -t 30 -u "$holder" line && [ "${line#"$1"}" != "$line" ] && return
    kill "$holder_pid" 2>/dev/null
    wait "$holder_pid"
    [ $? != 77 ] || skip "$(cat "$T/holder.err")"
    fail "rtnl_hold does not say $1: $line $(cat "$T/holder.err")"
}
rtnl_is_held() { holder_says held; } # for long enough to be sure of it
rtnl_is_let_go() {
    holder_says 'let go'
    wait "$holder_pid"
    unset "child[$holder_pid]"
    note "RTNL: $line"
}
ms_held() { milliseconds_since "$taken_at"; }

slow_answer() { # of `sacipctl status` until the lock has been held this long: the slowest but one, in ms
    local begin took=()
    while [ "$(ms_held)" -lt "$1" ]; do
        begin=$EPOCHREALTIME
        ctl a status >"$T/status.now" 2>&1
        took+=("$(milliseconds_since "$begin")")
        sleep 0.1
    done
    # A loaded machine may be long about one; who waits for Linux is so about each.
    printf '%s\n' "${took[@]:-99999}" | sort -n | tail -n 2 | head -n 1
}

while_held() { # NEW-ADDRESS: what must be seen before the lock is let go
    local heard worst waited
    if eventually 1 is_remote_active b "$original" "$1" && heard=$(ms_held) && [ "$heard" -lt $hold_ms ]; then
        good "B has A at $1 after $heard ms of $hold_ms"
    else
        worse "B has A at $(remote_active b "$original") after $(ms_held) ms"
    fi
    rtnl_is_held
    worst=$(timeout 2 ip netns exec "$P-ha" ping -n -c 3 -i 0.1 -W 1 $remote_host | grep -c 'bytes from')
    [ "$worst" = 3 ] || worse "answers to a new flow while RTNL is held: $worst of 3"
    note "a new flow: $worst answers, after $(ms_held) ms"
    worst=$(slow_answer $((hold_ms / 2)))
    [ "$worst" -le $answer_limit ] || worse "sacipctl status took $worst ms"
    grep -qE 'Linux has not answered for [0-9]+ s: another process holds its tables \(RTNL\)' "$T/status.now" ||
        worse "no warning in: $(cat "$T/status.now")"
    waited=$(kernel_wait)
    note "sacip_kernel_wait_seconds: $waited, after $(ms_held) ms"
    [ "${waited:-0}" -ge 1 ] || worse "sacip_kernel_wait_seconds: $waited"
    [ "$(ms_held)" -lt $hold_ms ] || worse "all this only after the lock was let go"
    note "sacipctl status took $worst ms"
}
kernel_wait() { # in whole seconds; quicker than `metric`
    in_ns ga bash -c 'exec 3<>/dev/tcp/127.0.0.1/9812 && printf "GET /metrics HTTP/1.0\r\n\r\n" >&3 && cat <&3' |
        sed -nE 's/^sacip_kernel_wait_seconds ([0-9]+).*/\1/p'
}
gap_of() { jq '[.datagram_gap_ms, .peer_datagram_gap_ms] | max'; }
afterwards() { # what is to be judged at the end of a round
    rtnl_is_let_go
    local gap reason lost
    gap=$(traffic mark | gap_of)
    note "longest gap of the datagrams: $gap ms"
    [ "$(jq -n "$gap <= $gap_limit + $still_ms")" = true ] || worse "more than $gap_limit ms and the $still_ms it stood still"
    for reason in hold_overflow hold_expired; do
        lost=$(query a drops "[.drops[] | select(.reason == \"$reason\") | .packets] | add // 0")
        [ "$lost" = 0 ] || worse "$lost packets dropped as $reason"
    done
    assert_flows_run 2 2
    eventually 2 no_warning || worse "still: $(ctl a status)"
}
no_warning() { ! ctl a status | grep -q 'Linux has not answered'; }
calm() {
    traffic mark >/dev/null
    sleep 1
    note "longest gap without all that: $(traffic mark | gap_of) ms"
}

change_unseen() { # COMMAND: then RTNL is taken before A can have read of it
    local stopped=$EPOCHREALTIME
    kill -STOP "${gateway_pid[a]}"
    "$@"
    take_rtnl
    kill -CONT "${gateway_pid[a]}"
    still_ms=$(milliseconds_since "$stopped")
    note "gateway A stood still for $still_ms ms"
}

start_gateways
on_wan addr add 10.0.2.2/24 dev wan0
start_server
start_client --tcp 2 --udp 2 --udp-rate 200
assert_flows_run 2 2
eventually 5 is_remote_active b "$original" 10.0.1.2 || fail "B does not know A"
calm

say "by hand"
take_rtnl
spawn ha ping ping -n -c 1 -W 1 10.0.1.99 >/dev/null # nobody has this address
sleep 0.1
begin=$EPOCHREALTIME
ctl a move 10.0.1.2 10.0.2.2 >"$T/move.out" 2>&1 || worse "move: $(cat "$T/move.out")"
note "sacipctl move took $(milliseconds_since "$begin") ms"
while_held 10.0.2.2
afterwards

say "by an event that waits while the lock is taken"
calm
ip -n "$P-r" route add blackhole 10.0.2.2/32
change_unseen on_wan addr del 10.0.2.2/24 dev wan0
while_held 10.0.1.2
afterwards

say "the port's Ethernet address"
calm
change_unseen on_wan link set wan0 address 02:00:00:00:0a:77
has_new_mac() { [ "$(query a ports '.ports[1].mac')" = 02:00:00:00:0a:77 ]; }
eventually 1 has_new_mac || worse "the port has $(query a ports '.ports[1].mac')"
[ "$(ms_held)" -lt $hold_ms ] || worse "only after the lock was let go"
note "the port has its new address after $(ms_held) ms"
while_held 10.0.1.2
afterwards

[ $bad = 0 ] || fail "$bad wrong, as said above"
good "a move does not wait for Linux"
note "kernel: $(metric a sacip_kernel_dumps_total) dumps, $(metric a sacip_kernel_overruns_total) overruns, $(metric a sacip_kernel_failed_dumps_total) failed"
stop_traffic
assert_balanced a b

say "the end"
take_rtnl
spawn ha ping ping -n -c 1 -W 1 10.0.1.98 >/dev/null # so that A asks Linux for something
sleep 0.1
stop_gateway a
note "A ended after $(ms_held) ms"
grep -q 'waiting for Linux: another process holds its tables (RTNL)' "$T/gw-a.log" ||
    fail "A does not say whom it waits for: $(tail -n 3 "$T/gw-a.log")"
rtnl_is_held
rtnl_is_let_go
stop_gateway b
assert_no_leftovers
say "PASSED"
