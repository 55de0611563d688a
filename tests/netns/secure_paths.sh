#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_paths.sh [ADDRESSES]
#
# A site with 1,024 paths to one peer (32 x 32 addresses) moves: one BIND is sent, and its retries,
# not one for each path. Every path carries packets from the new prefix.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
addresses=${1:-32}
want=$((addresses * addresses))
say "one move of $want paths, $peers peers"
stage routed
introduce_peers
for ((i = 1; i < addresses; ++i)); do
    ip -n "$P-ha" addr add "10.2.0.$((10 + i))/24" dev eth0
    ip -n "$P-hb" addr add "10.9.0.$((10 + i))/24" dev eth0
done
start_gateways
cat >"$T/pairs.py" <<'PYTHON'
# One datagram from each address to each, echoed; `pairs.py echo N` or `pairs.py ask N`.
import select, socket, sys
count = int(sys.argv[2])
def opened(prefix, port):
    ends = []
    for i in range(count):
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        end.bind((f"{prefix}.{10 + i}", port))
        ends.append(end)
    return ends
if sys.argv[1] == "echo":
    ends = opened("10.9.0", 7002)
    print("listening", flush=True)
    while True:
        for end in select.select(ends, [], [])[0]:
            data, who = end.recvfrom(2000)
            end.sendto(data, who)
ends = opened("10.2.0", 7003)
print("listening", flush=True)
for line in sys.stdin:  # each line: a round; prints how many pairs answered
    answered = set()
    for _ in range(3):
        for i, end in enumerate(ends):
            for j in range(count):
                if (i, j) not in answered:
                    end.sendto(b"%d %d" % (i, j), (f"10.9.0.{10 + j}", 7002))
            while select.select(ends, [], [], 0.02 if i + 1 < count else 0.5)[0]:
                for ready in select.select(ends, [], [], 0)[0]:
                    answered.add(tuple(map(int, ready.recv(100).split())))
        if len(answered) == count * count:
            break
    print(len(answered), flush=True)
PYTHON
spawn hb echo python3 "$T/pairs.py" echo "$addresses" >"$T/echo.out" 2>"$T/echo.err"
mkfifo "$T/ask-in.fifo" "$T/ask-out.fifo"
exec {ask_in}<>"$T/ask-in.fifo" {ask_out}<>"$T/ask-out.fifo"
spawn ha ask python3 "$T/pairs.py" ask "$addresses" <&"$ask_in" >&"$ask_out" 2>"$T/ask.err"
eventually 5 grep -q listening "$T/echo.out" || fail "echo did not start"
IFS= read -r -t 5 -u "$ask_out" line || fail "ask did not start"
round() { # all pairs answer
    say again >&"$ask_in"
    IFS= read -r -t 30 -u "$ask_out" line || fail "no answer from ask: $(cat "$T/ask.err")"
    [ "$line" = "$want" ] || fail "$1: $line of $want pairs are answered"
}
round "before the move"
paths=$(query a status .paths)
[ "$paths" -ge "$want" ] || fail "gateway A has $paths paths, not $want"
prepare_moves addr
start_capture r toa notes "udp port 4720 or icmp[0] == 20"
start_capture r tob data "udp port 7002"
move addr
round "after the move"
stop_captures
old=$(tcpdump -nr "$T/data.pcap" 'net 10.2.0.0/24' 2>/dev/null | wc -l)
[ "$old" = 0 ] || fail "$old packets after the move still have the old prefix"
good "$want paths carry packets from the new prefix"
moved=$(query a moves '.moves[-1] | [.paths, .notifications]' | jq -c .)
note "sacipctl moves: [paths, notifications] = $moved"
[ "$(jq '.[0]' <<<"$moved")" -ge "$want" ] || fail "the move says it touched $(jq '.[0]' <<<"$moved") paths"
if [ "$peers" = secure ]; then
    read_notes notes | jq -s --arg s "$(python3 "$notes_tool" sender-id "$(cat "$T/a.pub")")" '[.[] | select(.kind == "BIND" and .sender == $s)]' >"$T/binds.json"
    jq -e 'length > 0 and all(.[]; .tag)' "$T/binds.json" >/dev/null || fail "no genuine BIND: $(jq -c . "$T/binds.json")"
    different=$(jq '[.[] | [.epoch, .sequence]] | unique | length' "$T/binds.json")
    states=$(jq '[.[] | .entries] | unique | length' "$T/binds.json")
    tries=$(query a moves '.moves[-1].tries')
    # By two carriers until one is acknowledged, to every known address of the peer.
    [ "$states" = 1 ] && [ "$different" -le "$tries" ] ||
        fail "$(jq length "$T/binds.json") BINDs, $different different ones, of $states states, in $tries tries: $(jq -c '.[0:3]' "$T/binds.json")"
    good "one state in $(jq length "$T/binds.json") packets: $different numbers, $tries tries, two carriers"
else
    note "basic peers: $(tcpdump -nr "$T/notes.pcap" 2>/dev/null | wc -l) notifications"
fi
the_end
