#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# no_gateway_there.sh none|basic|secure: what A's configuration says of the far end
#
# The far end is behind a plain Linux router: nobody can be told of a move. Connections stay on the old
# address as long as that serves; when it is gone their host hears of it at once, whether it writes or
# only reads, and new connections work. So it is, too, if A expects a peer that is not there.
#
#   ha ──[A] 10.0.1.2 ── r ── gb (Linux routes) ── hb 10.9.0.10

who=$1
SACIP_PEERS=$who
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "no gateway at the far end; peers of A: $who"
stage uplink
introduce_peers
[ "$who" != none ] || sed -i '/^basic_peers:/,$d' "$T/a.yaml"
in_ns gb nft delete table netdev sacip
ip -n "$P-gb" addr add 10.9.0.1/24 dev ethi
ip -n "$P-gb" addr add 10.0.9.2/24 dev etho
ip -n "$P-gb" route add default via 10.0.9.1
in_ns gb sysctl -qw net.ipv4.ip_forward=1
for end in ethi etho; do in_ns gb ethtool -K $end tx off gro off >/dev/null; done
start_gateway a
prepare_moves addr
spawn hb echo python3 -c '
import asyncio
async def echo(reader, writer):
    while text := await reader.readline():
        writer.write(text)
async def serve():
    async with await asyncio.start_server(echo, "10.9.0.10", 7001) as server:
        print("ready", flush=True)
        await server.serve_forever()
asyncio.run(serve())' >"$T/echo.out" 2>"$T/echo.err" </dev/null
eventually 10 grep -q ready "$T/echo.out" || fail "no echo"

# A connection each; a line on its standard input is sent and the echo printed, "wait" only reads.
open_connection() { # NAME
    mkfifo "$T/$1-in.fifo" "$T/$1-out.fifo"
    exec {in}<>"$T/$1-in.fifo" {out}<>"$T/$1-out.fifo"
    spawn ha "connection $1" python3 -c '
import errno, socket, sys
end = socket.create_connection(("10.9.0.10", 7001), 5)
end.settimeout(20)
print("connected", flush=True)
for line in sys.stdin:
    try:
        if line != "wait\n":
            end.sendall(line.encode())
        print(end.recv(100).decode().strip() or "end of file", flush=True)
    except OSError as error:
        print(errno.errorcode.get(error.errno, "silence"), flush=True)' <&"$in" >&"$out" 2>"$T/$1.err"
    input[$1]=$in output[$1]=$out
    heard "$1" connected
}
declare -A input=() output=()
tell() { say "$2" >&"${input[$1]}"; }
heard() { # NAME WANTED [SECONDS]
    local line
    IFS= read -r -t "${3:-8}" -u "${output[$1]}" line || line="nothing in ${3:-8} s"
    [ "$line" = "$2" ] || fail "$1: '$line' instead of '$2'"
}
for name in writer reader; do
    open_connection $name
    tell $name hello
    heard $name hello
done
on_wan addr add 10.0.1.3/24 dev wan0
ctl a move 10.0.1.2 10.0.1.3 >/dev/null || fail "move by hand"
for name in writer reader; do
    tell $name "moved by hand"
    heard $name "moved by hand"
done
good "both stay on the old address while it serves"
open_connection fresh
tell fresh new
heard fresh new
[ "$(in_ns hb ss -nHt state connected dst 10.0.1.3 | wc -l)" = 1 ] || fail "the new connection is not seen at 10.0.1.3"
good "a new connection has the new address"
tell reader wait
begin=$EPOCHREALTIME
on_wan addr del 10.0.1.2/24 dev wan0
on_wan route replace default via 10.0.1.1
heard reader ECONNRESET 10
good "who only reads hears that it is gone after $((${EPOCHREALTIME/./} / 1000 - ${begin/./} / 1000)) ms"
tell writer "and now"
heard writer ECONNRESET 10
good "and so does who writes"
tell fresh "still here"
heard fresh "still here"
says_ended() { ctl a events | grep -q ended; }
[ "$who" = secure ] || eventually 5 says_ended || fail "no event: $(ctl a events)"
assert_balanced a
stop_gateway a
say "PASSED"
