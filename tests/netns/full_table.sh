#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A full flow table drops nothing (fail open): with room for 16 flows, 60 flows all work. Those
# without a place in the table only lose their mobility, which is counted.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
say "full flow table"
flow_limit=16
stage uplink
start_gateways
start_server
start_client --tcp 30 --udp 30
assert_flows_run 30 30
sleep 1
assert_flows_run 30 30
flows=$(query a status .flows)
[ "$flows" -le 16 ] || fail "$flows flows in a table for 16"
good "60 flows work, $flows of them in the table"
untracked=$(in_ns ga python3 -c '
import urllib.request
text = urllib.request.urlopen("http://127.0.0.1:9812/metrics", timeout=5).read().decode()
print(sum(int(float(line.rsplit(" ", 1)[1])) for line in text.splitlines()
          if line.startswith("sacip_flows_untracked_total{")))')
[ "$untracked" -gt 0 ] || fail "flows without mobility are not counted"
good "counted: $untracked"
stop_traffic
the_end
