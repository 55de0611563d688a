#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# frames.sh mutated|fragments [COUNT]
#
#  frames ── lan.fifo ──> [net_pcap0: lan]  gateway A  [net_pcap1: wan] <── wan.fifo ── frames
#
# Half of COUNT frames (2,000,000 if not said) comes in on either port as fast as the gateway takes
# them: damaged packets of all kinds, or fragments that never become a datagram. It lives; each frame
# it was given is counted exactly once; then every packet buffer is back, and memory is where it was.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/secure.sh"
what=${1:?mutated or fragments} count=${2:-2000000}
FRAMES=${FRAMES:-$build/tests/tools/frames}
half=$((count / 2))
seed=${SACIP_SEED:-$$}

say "$((2 * half)) frames, $what, seed $seed"
port_driver=net_pcap
peers=secure
stage uplink
introduce_peers
writers=()
mkfifo "$T/lan.fifo" "$T/wan.fifo"
device() { # NUMBER INTERFACE, in place of the stage's own
    local fifo=lan
    [ "$1" = 1 ] && fifo=wan
    say "net_pcap$1,rx_pcap=$T/$fifo.fifo,tx_pcap=/dev/null"
}

resident() { sed -nE 's/^VmRSS:[[:space:]]*([0-9]+) kB/\1/p' "/proc/${gateway_pid[a]}/status"; } # KiB
received() { query a ports '[.ports[].rx_packets] | add'; }
has_received() { [ "$(received)" -ge "$1" ]; }
buffers() { metric a "sacip_mbufs_in_use{pool=\"ports\"}"; }
all_buffers_back() { [ "$(buffers)" = "$at_start" ]; }

# The addresses that net_pcap gives its ports say so: 02:70:63:61:70:0N, "pcap".
for number in 0 1; do
    fifo=lan wire=()
    [ $number = 1 ] && fifo=wan wire=(--wire 10.0.1.2)
    "$FRAMES" "$what" $half --seed $((seed + number)) --mac 02:70:63:61:70:0$number --host 10.1.0.10 \
        --remote 10.9.0.10 "${wire[@]}" --after "$T/go" >"$T/$fifo.fifo" 2>"$T/$fifo.err" &
    child[$!]="frames to $fifo"
    writers+=($!)
done
start_gateway a
mac=$(query a ports '[.ports[].mac] | join(" ")')
[ "$mac" = "02:70:63:61:70:00 02:70:63:61:70:01" ] || fail "net_pcap has other addresses: $mac"
at_start=$(buffers)
began=$EPOCHREALTIME
touch "$T/go"
eventually 120 has_received $half || fail "only $(received) frames came in"
early=$(resident)
for pid in "${writers[@]}"; do
    unset "child[$pid]"
    wait "$pid" || fail "frames: $(cat "$T"/{lan,wan}.err)"
done
eventually 10 has_received $((2 * half)) || fail "$(received) of $((2 * half)) frames came in"
seconds=$(($(milliseconds_since "$began") / 1000 + 1))
good "all $((2 * half)) frames came in, in $seconds s"
eventually 60 all_buffers_back || fail "$(buffers) buffers are in use, at the start it was $at_start"
good "packet buffers in use: $at_start, as at the start"
late=$(resident)
# Buffers and maps are touched for the first time for some seconds; then nothing grows. The address
# sanitizer keeps what was freed for a while: with it the figure says nothing.
room=16384
! ldd "$SACIP_GW" | grep -q libasan || room=1000000
[ "$late" -le $((early + room)) ] || fail "resident memory grew from $early to $late KiB"
good "resident memory: $early KiB after half of them, $late KiB at the end"
assert_balanced a
[ "$(received)" = $((2 * half)) ] || fail "$(received) frames counted"
note "$(ctl a -j drops | jq -r '[.drops[] | select(.packets > 0)] | sort_by(-.packets) | .[:6] | map("\(.reason) \(.packets)") | join(", ")')"
stop_gateway a
assert_no_leftovers
say "PASSED"
