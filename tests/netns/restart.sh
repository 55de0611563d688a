#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# SIGTERM ends a gateway cleanly: exit 0, no exception interface, no socket, no process. After
# kill -9 a second start works at once.

. "$(dirname "$0")/lib.sh"
say "ends and starts"
stage uplink
start_gateways
reachable() { in_ns ha ping -c 1 -W 1 -q $remote_host >/dev/null; }
eventually 5 reachable || fail "no path"

stop_gateway a
stop_gateway b
assert_no_leftovers
start_gateways
eventually 5 reachable || fail "no path after an orderly restart"
good "an orderly end and a new start"

pid=${gateway_pid[a]}
unset 'gateway_pid[a]'
kill -KILL "$pid"
wait "$pid" 2>/dev/null
begin=${EPOCHREALTIME/./}
start_gateway a
eventually 5 reachable || fail "no path after kill -9"
good "works $(((${EPOCHREALTIME/./} - begin) / 1000)) ms after the start that followed kill -9"

mode=$(stat -c %a "$T/a.sock")
[ "$mode" = 660 ] || fail "control socket has mode $mode"
the_end
