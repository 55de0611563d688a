#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_stolen_address.sh
#
# The address that A has left is given to another host, which opens the same 5-tuples toward the same
# server: no byte of one gets into the other. The newcomer is refused, `sacipctl why` says why, and
# all its other connections work.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "the old address has a new owner, $peers peers"
stage uplink
introduce_peers
start_gateways
prepare_moves addr
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
move addr # to 10.0.2.2
# The new owner of 10.0.1.2 hangs at the router.
ip netns add "$P-hx" || fail "namespace $P-hx"
link r tox hx eth0
in_ns hx ethtool -K eth0 tx off gro off >/dev/null
in_ns r ethtool -K tox tx off gro off >/dev/null
ip -n "$P-hx" addr add "$original/32" dev eth0
ip -n "$P-hx" route add 10.0.1.1/32 dev eth0
ip -n "$P-hx" route add default via 10.0.1.1
ip -n "$P-r" route add "$original/32" dev tox
spawn hb echo python3 -c '
import socket
server = socket.create_server(("10.9.0.10", 7001))
print("listening", flush=True)
while True:
    end, who = server.accept()
    end.sendall(end.recv(100))
    end.close()' >"$T/echo.out" 2>"$T/echo.err"
eventually 5 grep -q listening "$T/echo.out" || fail "the other server did not start"
start_capture hx eth0 newcomer "ip host $remote_host"

port_of() { # tcp|udp: of one of the host's sockets
    in_ns ha ss -nH --"$1" state connected dst $remote_host:$remote_port | awk '{print $(NF-1)}' | head -n 1 | sed 's/.*://'
}
newcomer() { # tcp|udp PORT: what becomes of it, in a word
    in_ns hx python3 - "$1" "$2" "$original" $remote_host $remote_port <<'PYTHON'
import errno, socket, sys
kind, port, ours, theirs, their_port = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], int(sys.argv[5])
end = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
end.setsockopt(socket.SOL_IP, 11, 1)  # IP_RECVERR: ICMP errors of unconnected moments count, too
end.bind((ours, port))
end.settimeout(3)
try:
    end.connect((theirs, their_port))
    for _ in range(20):
        end.send(b"payload of the newcomer, which must not be heard")
    print("heard", len(end.recv(10000)))
except socket.timeout:
    print("silence")
except OSError as error:
    print("refused", errno.errorcode[error.errno])
PYTHON
}
for kind in tcp udp; do
    port=$(port_of $kind)
    [ -n "$port" ] || fail "no $kind socket in the host"
    fate=$(newcomer $kind "$port")
    note "$kind $original:$port > $remote_host:$remote_port by the newcomer: $fate"
    case $fate in
    refused*) good "$kind: refused" ;;
    *) [ "$peers" = basic ] || fail "$kind: $fate instead of a refusal" ;;
    esac
    [ "${fate%% *}" != heard ] || fail "$kind: the newcomer hears the old flow"
    if why=$(ctl b -j why "$original:$port" "$remote_host:$remote_port" $kind 2>&1); then
        [ "$(jq -r .reason <<<"$why")" = flow_conflict ] || fail "why: $why"
        good "why: $(ctl b why "$original:$port" "$remote_host:$remote_port" $kind | tr '\n' ' ')"
    else
        [ "$peers" = basic ] || fail "sacipctl why: $why"
    fi
done
count=$(ctl b -j drops | jq '[.drops[] | select(.reason == "flow_conflict") | .packets] | add // 0')
[ "$count" -gt 0 ] || fail "no flow_conflict is counted: $(ctl b -j drops | jq -c '[.drops[] | select(.packets > 0)]')"
good "counted: $count"
said=$(in_ns hx python3 -c '
import socket
end = socket.create_connection(("10.9.0.10", 7001), 5, ("10.0.1.2", 0))
end.sendall(b"hello")
print(end.recv(100).decode())' 2>&1) || fail "another connection of the newcomer: $said"
[ "$said" = hello ] || fail "another connection of the newcomer hears '$said'"
good "another connection of the newcomer works"
assert_flows_run 2 2
move addr
assert_flows_run 2 2
stop_traffic # flowcheck knows every byte: a foreign one would have broken its flow
stop_captures
heard=$(tcpdump -nr "$T/newcomer.pcap" "src host $remote_host and port $remote_port and (udp or tcp[13] & 4 == 0)" 2>/dev/null | wc -l)
[ "$heard" = 0 ] || fail "$heard packets of the old flows reached the newcomer"
good "the old flows never noticed: $(traffic_summary)"
the_end
