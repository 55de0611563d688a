#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# A second gateway is started beside A with something of A's: its file prefix, metrics port, control
# socket or interface name. Each time it ends with a line that names what to change, and A runs on.
# So does a start with a pipe for a configuration that nobody writes to.
. "$(dirname "$0")/lib.sh"
say "a second gateway that wants what the first one has"
stage uplink
start_gateways
sed "s|$port_driver|net_null|; s|lan0|lan1|; s|wan0|wan1|; s|10\.0\.1\.|10.0.5.|g; s|10\.1\.0\.|10.3.0.|g
    s|, routes: .*\]||; s|name: a,|name: c,|; s|a\.sock|c.sock|; s|:9812|:9999|" "$T/a.yaml" >"$T/c.yaml"
second() { # WHAT FILE-PREFIX CONFIGURATION HOW-ITS-LINE-IS
    local status
    timeout -k 2 $((20 * ${SACIP_PATIENCE:-1})) ip netns exec "$P-ga" "$SACIP_GW" --no-pci --no-telemetry --no-huge -m 128 \
        --file-prefix "$2" --lcores '0@(0-1),1@(0-1)' --vdev net_null0 --vdev net_null1 \
        -- --config "$3" >"$T/second.err" 2>&1
    status=$?
    rm -rf "/run/dpdk/$P-c"
    [ $status = 1 ] || fail "$1: exit status $status"
    grep -qE "^(sacip-gw: |$T).*$4" "$T/second.err" || fail "$1: no line that says $4"
    good "$1"
}
second "file prefix" "$P-a" "$T/c.yaml" "--file-prefix in use"
sed 's|:9999|:9812|' "$T/c.yaml" >"$T/metrics.yaml"
second "metrics port" "$P-c" "$T/metrics.yaml" "metrics 127.0.0.1:9812: .*set gateway.metrics"
sed 's|c\.sock|a.sock|' "$T/c.yaml" >"$T/socket.yaml"
second "control socket" "$P-c" "$T/socket.yaml" "a.sock: .*set another gateway.control_socket"
sed 's|lan1|lan0|' "$T/c.yaml" >"$T/interface.yaml"
second "interface name" "$P-c" "$T/interface.yaml" "lan0: an interface of this name exists already"
mkfifo "$T/pipe.fifo"
second "a pipe without a writer" "$P-c" "$T/pipe.fifo" "a pipe, and nobody writes to it"
rm "$T/pipe.fifo"
ctl a status >/dev/null || fail "gateway A does not answer any more"
eventually 10 in_ns ha ping -c 1 -W 1 -q $remote_host >/dev/null || fail "gateway A forwards no more"
good "gateway A runs on"
the_end
