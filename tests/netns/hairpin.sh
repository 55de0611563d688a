#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# Hosts inside reach each other by the addresses that stand for them outside.
#
#   [ha] 10.1.0.10 ──┐
#                    ├─ lan0 ┤ gateway A ├ wan0 10.0.1.2     {inside: 10.1.0.10, outside: wan}, then
#   [hc] 10.1.0.4  ──┘ switch                                {inside: 10.1.0.0/24, outside: 203.0.113.0/24}
#
# By a mapped prefix each sees the other's outside address; a host that is not mapped is seen as the
# one that it called. A connection outlives the outside address by which it was begun.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/networks.sh"
say "hosts inside by their outside addresses"
stage uplink
add_neighbour
start_gateways
reaches_gateway() { eventually 10 is_reached hc 10.1.0.1 || fail "no answer from the gateway"; }
reaches_gateway
prepare_moves addr

# Answers each line with the address that it sees, for ever.
spawn ha server python3 -c '
import socketserver
class Answer(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(self.client_address[0].encode() + b" " + line)
socketserver.ThreadingTCPServer.allow_reuse_address = True
with socketserver.ThreadingTCPServer(("10.1.0.10", 7000), Answer) as server:
    print("listening", flush=True)
    server.serve_forever()' >"$T/server.out" 2>"$T/server.err"
eventually 10 grep -q listening "$T/server.out" || fail "the server did not start"
ask() { # NS ADDRESS: what the server says
    in_ns "$1" timeout 10 python3 -c '
import socket, sys
with socket.create_connection((sys.argv[1], 7000), 5) as s:
    s.sendall(b"hello\n")
    print(s.makefile().readline().strip())' "$2" 2>&1 | tail -n 1
}

expect "a host that is not mapped" "10.0.1.2 hello" "$(ask hc 10.0.1.2)"
expect "pings of it" 3 "$(pings hc 10.0.1.2)"
expect "a host and itself" "10.0.1.2 hello" "$(ask ha 10.0.1.2)"

# One connection, that is asked again after its outside address has gone.
mkfifo "$T/questions"
spawn hc session python3 -c '
import socket, sys
with socket.create_connection(("10.0.1.2", 7000), 5) as s:
    answers = s.makefile()
    for line in open(sys.argv[1]):
        s.sendall(line.encode())
        print(answers.readline().strip(), flush=True)' "$T/questions" >"$T/session.out" 2>"$T/session.err"
session_pid=$!
exec 9>"$T/questions"
answered() { [ "$(tail -n 1 "$T/session.out")" = "10.0.1.2 $1" ]; }
say before >&9
eventually 5 answered before || fail "before the move: $(cat "$T/session.out" "$T/session.err")"
move addr
say after >&9
eventually 5 answered after || fail "after the move: $(cat "$T/session.out" "$T/session.err")"
exec 9>&-
end_child $session_pid 0 || fail "session: $(tail -n 1 "$T/session.err")"
good "a connection lives through a move of the address that it was begun with"
expect "by the new one" "10.0.2.2 hello" "$(ask hc 10.0.2.2)"

stop_gateway a
sed -i 's|{inside: 10.1.0.10, outside: wan}|{inside: 10.1.0.0/24, outside: 203.0.113.0/24}|' "$T/a.yaml"
start_gateway a
reaches_gateway
expect "by a mapped prefix" "203.0.113.4 hello" "$(ask hc 203.0.113.10)"
expect "pings of it" 3 "$(pings hc 203.0.113.10)"
[ "$(query a flows '[.flows[] | select(.proto == "tcp")] | length')" -ge 2 ] || fail "$(ctl a flows)"
the_end
