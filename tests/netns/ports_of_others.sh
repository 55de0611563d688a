#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# ports_of_others.sh
#
# Hosts use the ports of the notification (UDP 4720) and of DHCP (67, 68) as any others: what is no
# notification, and not to, from or broadcast at the box, is traffic, and is translated like it.
#
#   ha 10.1.0.10 ──[A] 10.0.1.2 ── r ──[B]── hb 10.9.0.10

SACIP_PEERS=secure
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "hosts that use the ports of notifications and DHCP"
stage uplink
introduce_peers
start_gateways
prepare_moves addr
echo_at() { # NS PORT...: answers "FROM:PORT TEXT"
    local ns=$1
    shift
    spawn "$ns" "echo in $ns" python3 -c '
import selectors, socket, sys
ready = selectors.DefaultSelector()
for port in sys.argv[1:]:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind(("0.0.0.0", int(port)))
    ready.register(end, selectors.EVENT_READ)
print("ready", flush=True)
while True:
    for key, _ in ready.select():
        text, who = key.fileobj.recvfrom(2000)
        key.fileobj.sendto(b"%s:%d " % (who[0].encode(), who[1]) + text, who)' "$@" </dev/null >"$T/echo-$ns.out" 2>"$T/echo-$ns.err"
    eventually 10 grep -q ready "$T/echo-$ns.out" || fail "no echo in $ns"
}
ask() { # NS OWN-PORT TO PORT: the echo of "hello"
    in_ns "$1" python3 -c '
import socket, sys
end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end.bind(("0.0.0.0", int(sys.argv[1])))
end.settimeout(3)
text = b"hello"
try:
    end.sendto(text, (sys.argv[2], int(sys.argv[3])))
    who, heard = end.recv(60000).split(b" ", 1)
    print(who.decode(), "whole" if heard == text else "broken")
except OSError as error:
    print(error)' "${@:2}" 2>&1
}
answered() { # WHAT WANTED HEARD
    [ "$3" = "$2 whole" ] || fail "$1: '$3' instead of an answer to $2"
    good "$1"
}
echo_at hb 53 67
start_capture r toa wan "udp"
answered "from port 4720" 10.0.1.2:4720 "$(ask ha 4720 $remote_host 53)"
for port in 68 67 40067; do
    answered "to a DHCP server from port $port" 10.0.1.2:$port "$(ask ha $port $remote_host 67)"
done
echo_at ha 67 4720
answered "from a relay to a mapped DHCP server" $remote_host:40000 "$(ask hb 40000 10.0.1.2 67)"
answered "to a mapped host's port 4720" $remote_host:40001 "$(ask hb 40001 10.0.1.2 4720)"
stop_captures
leaked=$(tcpdump -nr "$T/wan.pcap" "src net 10.1.0.0/24" 2>/dev/null | wc -l)
[ "$leaked" = 0 ] || fail "$leaked packets with a private source on the wire"
good "nothing on the wire shows the host's own address"
[ "$(refusals a | jq '.notification_malformed // 0')" = 0 ] || fail "taken for notifications: $(refusals a)"
good "nothing was taken for a notification"
the_end
