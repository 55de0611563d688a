#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# metrics.sh: what a running gateway exports is what docs/control.md promises, by name, no more and
# no less; all of it from the start; and Linux tells nobody but the box itself.

. "$(dirname "$0")/lib.sh"
say "metrics"
stage uplink
start_gateways
scrape() { in_ns ga python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9812/metrics", timeout=5).read().decode())'; }
exported=$(scrape | sed -nE 's/^# TYPE (sacip_[a-z_]+) .*/\1/p' | sort -u)
documented=$(grep -oE '`sacip_[a-z_{},]+`' "$here/../../docs/control.md" | tr -d '`' |
    while read -r name; do eval "printf '%s\n' $name"; done | sort -u)
[ -n "$exported" ] || fail "nothing is exported"
difference=$(diff <(say "$documented") <(say "$exported"))
[ -z "$difference" ] || fail "documented (<) and exported (>) metrics differ: $difference"
good "$(wc -l <<<"$exported") metrics, as documented"
in_ns r python3 -c '
import socket
try: socket.create_connection(("10.0.1.2", 9812), timeout=1)
except OSError: raise SystemExit(0)
raise SystemExit(1)' || fail "the metrics answer from outside"
good "on loopback only"
the_end
