#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# address_in_payload.sh
#
# What the application of a moved session begins toward the address that it knows from that session
# (FTP's active mode, SIP) goes where the session's far end is now, as long as the session lives.
#
#   ha 10.2.0.10 ──[A]── r ──[B]── hb: a session that began before the move, new ones toward 10.2.0.10

SACIP_PEERS=secure
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "new connections to an address that a live session's far end has left"
stage routed
introduce_peers
start_gateways
prepare_moves addr
start_server
start_client --tcp 1 --udp 1
assert_flows_run 1 1
spawn ha echo python3 -c '
import socket
server = socket.create_server(("0.0.0.0", 16384))
print("ready", flush=True)
while True:
    end, who = server.accept()
    end.sendall(end.recv(100))
    end.close()' >"$T/echo.out" 2>"$T/echo.err" </dev/null
eventually 10 grep -q ready "$T/echo.out" || fail "no echo"
data_connection() {
    in_ns hb python3 -c '
import socket
end = socket.create_connection(("10.2.0.10", 16384), 4)
end.sendall(b"data")
print(end.recv(100).decode())' 2>&1 | tail -n 1
}
[ "$(data_connection)" = data ] || fail "no data connection before the move"
move addr
eventually 5 is_remote_active b 10.2.0.10 10.7.0.10 || fail "B was not told"
ip -n "$P-r" route del 10.2.0.0/24
said=$(data_connection)
[ "$said" = data ] || fail "a data connection after the move: $said"
good "a data connection that the session asks for follows it"
assert_flows_run 1 1
ip -n "$P-r" route add 10.2.0.0/24 via 10.0.1.2
stop_traffic
the_end
