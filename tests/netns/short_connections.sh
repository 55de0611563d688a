#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# short_connections.sh [MOVES]
#
# Short TCP connections (connect, ask, answer, end), 40 at a time, as fast as they go, while A's
# address moves every half second: a SYN that the word of the move overtakes belongs to the peer that
# sent it. None fails, and none waits for longer than the host's first retransmissions.

SACIP_PEERS=${SACIP_PEERS:-secure} flow_limit=65536
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
moves=${1:-12}
say "short connections across $moves moves, $peers peers"
stage uplink
introduce_peers
start_gateways
prepare_moves addr
spawn hb server python3 -c '
import asyncio
async def answer(reader, writer):
    writer.write(b"answer to " + await reader.readline())
    writer.close()
async def serve():
    async with await asyncio.start_server(answer, "10.9.0.10", 7001, backlog=1024) as server:
        print("listening", flush=True)
        await server.serve_forever()
asyncio.run(serve())' >"$T/server.out" 2>"$T/server.err" </dev/null
eventually 10 grep -q listening "$T/server.out" || fail "the server did not start"
spawn ha client python3 - "$T/enough" >"$T/client.out" 2>"$T/client.err" <<'PYTHON'
import asyncio, itertools, os, sys, time
enough, took, wrong = sys.argv[1], [], []
async def one(number):
    begin = time.monotonic()
    try:
        reader, writer = await asyncio.wait_for(asyncio.open_connection("10.9.0.10", 7001), 20)
        writer.write(b"%d\n" % number)
        if await asyncio.wait_for(reader.read(), 20) != b"answer to %d\n" % number:
            wrong.append(f"{number}: answer cut short")
        writer.close()
    except Exception as error:
        wrong.append(f"{number}: {type(error).__name__} {error}")
    took.append(time.monotonic() - begin)
async def several(numbers):
    for number in numbers:
        if os.path.exists(enough):
            return
        await one(number)
        await asyncio.sleep(0.03) # there are 28,000 ports for one far end
async def all_of_them():
    numbers = itertools.count()
    await asyncio.gather(*(several(numbers) for _ in range(40)))
asyncio.run(all_of_them())
print(len(took), len(wrong), sum(t > 3 for t in took), int(max(took) * 1000), *wrong[:5])
PYTHON
client_pid=$!
for ((moved = 0; moved < moves; moved++)); do
    move addr
    sleep 0.2
    process_ended $client_pid && fail "client: $(tail -n 1 "$T/client.err")"
done
: >"$T/enough"
eventually 30 process_ended $client_pid || fail "the client does not come to its end"
end_child $client_pid || fail "client: $(tail -n 1 "$T/client.err")"
read -r count failed slow worst examples <"$T/client.out"
note "$count connections; $failed failed, $slow took more than 3 s, the slowest $worst ms $examples"
[ "$failed" = 0 ] && [ "$slow" = 0 ] || fail "of $count connections $failed failed and $slow hung"
[ "$count" -ge "$moves" ] || fail "only $count connections"
good "all $count connections came through $moves moves"
the_end
