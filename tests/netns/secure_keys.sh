#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
#
# secure_keys.sh
#
# Keys: those of sacipctl are those of the second implementation, a key file that others can read is
# refused, and no secret shows in a log, the metrics, any answer of the control socket or a core dump.

SACIP_PEERS=${SACIP_PEERS:-secure}
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/moves.sh"
. "$(dirname "$0")/secure.sh"
say "keys and secrets"
stage uplink
introduce_peers
for side in a b; do
    [ "$(python3 "$notes_tool" pubkey <"$T/$side.key")" = "$(cat "$T/$side.pub")" ] || fail "sacipctl pubkey is wrong"
    [ "$(wc -c <"$T/$side.key")" = 45 ] || fail "a key is 44 characters and an end of line"
done
good "genkey and pubkey agree with the second implementation"
for mode in 604 640 644; do
    chmod $mode "$T/a.key"
    "$SACIP_GW" -- --config "$T/a.yaml" --check >"$T/check.out" 2>&1 && fail "--check takes a key file of mode $mode"
    grep -q private_key_file "$T/check.out" || fail "the refusal does not name the key: $(cat "$T/check.out")"
done
chmod 600 "$T/a.key"
"$SACIP_GW" -- --config "$T/a.yaml" --check >"$T/check.out" 2>&1 || fail "--check: $(cat "$T/check.out")"
good "key files that others can read are refused"
start_gateways
prepare_moves addr
start_server
start_client --tcp 2 --udp 2
assert_flows_run 2 2
move addr
move addr
# Private keys, what is agreed on, and what is derived, in base64, hex and raw bytes.
for side in a b; do
    other=b
    [ $side = b ] && other=a
    for what in status ports peers flows paths bindings moves drops; do
        ctl $side -j $what >>"$T/said-$side.txt" 2>&1
        ctl $side $what >>"$T/said-$side.txt" 2>&1
    done
    in_ns "g$side" python3 -c '
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:9812/metrics", timeout=5).read().decode())' >>"$T/said-$side.txt"
    cat "$T/gw-$side.log" "$T/$side.yaml" >>"$T/said-$side.txt"
    python3 - "$notes_tool" "$T/$side.key" "$T/$other.pub" "$T/said-$side.txt" <<'PYTHON' || fail "gateway $side tells a secret"
import base64, json, subprocess, sys
tool, key, peer, said = sys.argv[1:]
private = open(key).read().strip()
vectors = json.loads(subprocess.run([sys.executable, tool, "vectors", private, open(peer).read().strip()],
                                    capture_output=True, check=True).stdout)
secrets = [base64.b64decode(private)] + [bytes.fromhex(vectors[name]) for name in ("shared", "key_to_peer", "key_from_peer")]
text = open(said, "rb").read()
found = [s for s in secrets if s in text or s.hex().encode() in text.lower() or base64.b64encode(s)[:40] in text]
sys.exit(1 if found else 0)
PYTHON
    [ "$(awk '/^VmFlags/ {print}' "/proc/${gateway_pid[$side]}/smaps" | grep -c ' dd')" -gt 0 ] ||
        [ "$(awk '/Max core file size/ {print $5}' "/proc/${gateway_pid[$side]}/limits")" = 0 ] ||
        fail "nothing of gateway $side is kept out of core dumps"
done
good "no secret in logs, metrics or answers; keys are kept out of core dumps"
stop_traffic
the_end
