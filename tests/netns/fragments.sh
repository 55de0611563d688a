#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# fragments.sh [MOVES]
#
# Datagrams of 8000 bytes, six fragments each, keep their sequence through moves both ways; and they
# arrive whole if their fragments come in reverse order, before and after a move.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
moves=${1:-8}

say "fragments: datagrams of 8000 bytes, $moves moves, and in reverse order"
port_driver=net_pcap
stage uplink
command -v iperf3 >/dev/null || skip "iperf3 is not installed"
start_gateways
prepare_moves addr

spawn hb server iperf3 -s -1 -B $remote_host >"$T/iperf-server.out" 2>&1
is_listening() { in_ns hb ss -nltH "src $remote_host:5201" | grep -q .; }
eventually 10 is_listening || fail "iperf3 does not listen"
spawn ha client iperf3 -c $remote_host -u -l 8000 -b 16M -t 8 --bidir -J >"$T/iperf.json" 2>"$T/iperf.err"
client=$!
sleep 1
for ((number = 1; number <= moves; ++number)); do move addr; done
unset "child[$client]"
wait "$client" || fail "iperf3: $(jq -r '.error // empty' "$T/iperf.json")"
for direction in sum_received sum_received_bidir_reverse; do # what the receivers saw
    result=$(jq -c ".end.$direction | {packets, lost_packets}" "$T/iperf.json")
    jq -e '.packets > 1900 and .lost_packets * 100 <= .packets' <<<"$result" >/dev/null ||
        fail "iperf3, $direction: $result"
    good "iperf3, $direction: $result"
done
seen=$(jq '[.. | objects | .out_of_order? // 0] | add' "$T/iperf.json")
[ "$seen" = 0 ] && ! grep -q 'OUT OF ORDER' "$T/iperf-server.out" || fail "iperf3: $seen out of order"

cat >"$T/reverse.py" <<'PYTHON'
# receive ADDRESS COUNT | send SOURCE DESTINATION COUNT: datagrams of 8000 bytes that carry their
# number; sent by fragments, the last one first.
import socket, struct, sys, time

def datagram(number):
    return struct.pack("!I", number) + bytes((number + i) % 251 for i in range(7988))

if sys.argv[1] == "receive":
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((sys.argv[2], 7100))
    s.settimeout(10)
    print("listening", flush=True)
    for number in range(int(sys.argv[3])):
        if s.recv(65535) != datagram(number):
            sys.exit(f"datagram {number} is another one")
    print("complete", flush=True)
else:
    source, destination = (socket.inet_aton(a) for a in sys.argv[2:4])
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    for number in range(int(sys.argv[4])):
        data = datagram(number)
        whole = struct.pack("!HHHH", 7100, 7100, 8 + len(data), 0) + data
        for at in reversed(range(0, len(whole), 1480)):
            piece = whole[at:at + 1480]
            more = 0x2000 if at + 1480 < len(whole) else 0
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), 1 + number,
                                 more | at // 8, 64, 17, 0, source, destination)
            s.sendto(header + piece, (sys.argv[3], 0))
        time.sleep(0.01)
PYTHON

reverse() { # FROM-NS SOURCE DESTINATION TO-NS ADDRESS-THERE
    local receiver
    spawn "$4" receiver python3 "$T/reverse.py" receive "$5" 50 >"$T/reverse.out" 2>"$T/reverse.err"
    receiver=$!
    eventually 5 grep -q listening "$T/reverse.out" || fail "the receiver does not start"
    in_ns "$1" python3 "$T/reverse.py" send "$2" "$3" 50 || fail "no raw socket"
    unset "child[$receiver]"
    wait "$receiver" || fail "$1 > $4: $(cat "$T/reverse.err")"
    good "$2 > $3: 50 datagrams in reverse order"
}
reverse ha 10.1.0.10 $remote_host hb $remote_host
reverse hb $remote_host "$(query a bindings '.local[] | select(.host == "10.1.0.10") | .active' | head -n 1)" ha 10.1.0.10
move addr
reverse ha 10.1.0.10 $remote_host hb $remote_host
the_end
