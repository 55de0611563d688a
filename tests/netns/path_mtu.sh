#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# path_mtu.sh [MEGABYTES] [MOVES]
#
# TCP with DF both ways through a link of MTU 1280 between two routers, with moves in between: all
# bytes arrive, and each host sees "fragmentation needed" quote its own packets, also after moves.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/second_router.sh"
megabytes=${1:-20} moves=${2:-6}

say "path MTU discovery: $megabytes MB each way through MTU 1280, $moves moves"
stage uplink
command -v curl >/dev/null || skip "curl is not installed"
add_second_router 1280
start_gateways
prepare_moves addr

# GET gives the file, PUT answers with the checksum of what came.
cat >"$T/server.py" <<'PYTHON'
import hashlib, http.server, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(open(sys.argv[2], "rb").read())

    def do_PUT(self):
        digest, left = hashlib.sha256(), int(self.headers["Content-Length"])
        while left > 0:
            piece = self.rfile.read(min(left, 65536))
            if not piece:
                return
            digest.update(piece)
            left -= len(piece)
        self.answer(digest.hexdigest().encode())

http.server.ThreadingHTTPServer((sys.argv[1], 7000), Handler).serve_forever()
PYTHON
head -c "${megabytes}M" /dev/urandom >"$T/file"
wanted=$(sha256sum <"$T/file" | cut -d' ' -f1)
spawn hb server python3 "$T/server.py" $remote_host "$T/file" >/dev/null 2>"$T/http.err"
server=$!
is_listening() { in_ns hb ss -nltH "src $remote_host:7000" | grep -q .; }
eventually 10 is_listening || fail "the server does not listen"
too_big='icmp[0] = 3 and icmp[1] = 4'
start_capture ha eth0 host "$too_big"
start_capture hb eth0 far "$too_big"

# Else the end that learns the MTU before its second connection asks there for small segments, and
# gets no error.
in_ns ha ip route replace default via 10.1.0.1 advmss 1460
in_ns hb ip route replace default via 10.9.0.1 advmss 1460

# curl takes its time, the kernel would not: with a large buffer all could arrive before the first move.
in_ns ha sysctl -qw net.ipv4.tcp_rmem='4096 131072 1048576'
rate=$((megabytes * 1000 / 6))k # a transfer takes six seconds
transfer=(curl -sS --max-time 120 --limit-rate "$rate" "http://$remote_host:7000/")
spawn ha download "${transfer[@]}" -o "$T/download" 2>"$T/download.err"
download=$!
spawn ha upload "${transfer[@]}" -H 'Expect:' -T "$T/file" -o "$T/digest" 2>"$T/upload.err"
upload=$!
for ((number = 1; number <= moves; ++number)); do
    sleep 0.4
    move addr
    # The hosts learn the MTU anew.
    for ns in ha hb; do in_ns $ns sysctl -qw net.ipv4.route.flush=1; done
done
for pid in $download $upload; do
    unset "child[$pid]"
    wait "$pid" || fail "curl: $(cat "$T"/{down,up}load.err)"
done
[ "$(sha256sum <"$T/download" | cut -d' ' -f1)" = "$wanted" ] || fail "the download is another file"
[ "$(cat "$T/digest")" = "$wanted" ] || fail "the upload is another file"
good "$megabytes MB each way arrived, through $moves moves"
end_child "$server"
stop_captures

# Every error's quote has the addresses of the host's own socket.
assert_quotes() { # CAPTURE FROM TO
    local errors own late
    errors=$(tcpdump -nr "$T/$1.pcap" 2>/dev/null | grep -c 'need to frag (mtu 1280)')
    own=$(tcpdump -nvr "$T/$1.pcap" 2>/dev/null | grep -cE "^[[:space:]]+$2\.[0-9]+ > $3\.[0-9]+:")
    # The second line of each error names the error's own addresses, the last one the quote's.
    late=$(tcpdump -ttnr "$T/$1.pcap" 2>/dev/null |
        awk -v after="$(head -n 1 "$T/timeline" | cut -d' ' -f2)" '$1 > after' | wc -l)
    [ "$errors" -gt 0 ] && [ "$own" = "$errors" ] ||
        fail "$1: $own of $errors errors quote $2 > $3"
    [ "$late" -gt 0 ] || fail "$1: no error after the first move"
    ! tcpdump -nvvr "$T/$1.pcap" 2>/dev/null | grep -qi 'bad cksum\|wrong icmp cksum' ||
        fail "$1: an error with a wrong checksum"
    good "$1: $errors errors, $late of them after the first move, all quote $2 > $3"
}
assert_quotes host 10.1.0.10 $remote_host
assert_quotes far $remote_host 10.0.1.2
the_end
