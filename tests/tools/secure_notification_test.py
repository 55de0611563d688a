#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Is the second implementation right? Published vectors, OpenSSL where it is installed, a round trip."""
import base64
import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import secure_notification as notes

failures = 0


def expect(what, condition):
    global failures
    print(("ok: " if condition else "FAILED: ") + what)
    failures += not condition


def openssl_agrees():
    """Shared secret by `openssl pkeyutl`, keys wrapped in their DER frames (RFC 8410)."""
    private_frame = bytes.fromhex("302e020100300506032b656e04220420")
    public_frame = bytes.fromhex("302a300506032b656e032100")
    ours, theirs = os.urandom(32), os.urandom(32)
    with tempfile.TemporaryDirectory() as directory:
        with open(directory + "/own", "wb") as file:
            file.write(private_frame + ours)
        with open(directory + "/peer", "wb") as file:
            file.write(public_frame + notes.public_of(theirs))
        done = subprocess.run(["openssl", "pkeyutl", "-derive", "-keyform", "DER", "-inkey", directory + "/own",
                               "-peerform", "DER", "-peerkey", directory + "/peer"], capture_output=True)
        shared = notes.x25519(ours, notes.public_of(theirs))
        if done.stdout != shared:
            return False
        done = subprocess.run(["openssl", "kdf", "-keylen", "32", "-kdfopt", "digest:SHA256", "-binary",
                               "-kdfopt", "hexkey:" + shared.hex(), "-kdfopt", "hexsalt:" + b"SACIP2".hex(),
                               "-kdfopt", "hexinfo:" + (b"SACIP2 message key" + notes.public_of(ours)
                                                        + notes.public_of(theirs)).hex(), "HKDF"],
                              capture_output=True)
        return done.stdout == notes.message_key(ours, notes.public_of(theirs), notes.public_of(ours),
                                                notes.public_of(theirs))


def vectors_agree(path):
    """The vectors of tests/vectors, which a third program wrote: keys, and that every tag holds."""
    with open(path) as file:
        text = file.read()
    value = dict(re.findall(r'^ *(\w+): "([^"]*)"$', text.split("addresses:")[0], re.M))
    parts = re.search(r"^a:\n(.*?)^b:\n(.*?)^shared", text, re.M | re.S)
    secret = [bytes.fromhex(re.search(r'private: "(\w+)"', part).group(1)) for part in parts.groups()]
    public = [notes.public_of(key) for key in secret]
    keys = {notes.sender_id(public[i]): notes.message_key(secret[i], public[1 - i], public[i], public[1 - i])
            for i in (0, 1)}
    agree = notes.x25519(secret[0], public[1]).hex() == value["shared"]
    agree &= [key.hex() for key in keys.values()] == [value["key_a_to_b"], value["key_b_to_a"]]
    ends = [ipaddress.IPv4Address(re.search(rf'^  {end}: "([0-9.]+)"$', text, re.M).group(1)) for end in "ab"]
    count = 0
    for name, body in re.findall(r"^  (\w+): >-\n((?:    .*\n?)+)", text, re.M):
        message = bytes.fromhex(body)
        if message[0] == 0x45:  # a whole packet
            source, target = (ipaddress.IPv4Address(message[at:at + 4]) for at in (12, 16))
            carrier, message = ("udp", message[28:]) if message[9] == 17 else ("icmp", message[24:])
            agree &= notes.packet(source, target, message, carrier)[20:] == bytes.fromhex(body)[20:]
        else:
            source, target = ends if message[8:16] == notes.sender_id(public[0]) else reversed(ends)
        note = notes.decode(source, target, message, keys)
        if note.get("tag") is not True or "malformed" in note:
            print(f"   {name}: {note}")
            agree = False
        count += 1
    return agree and count > 0


def main():
    # RFC 7748 §6.1
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    expect("RFC 7748: Alice's public key", notes.public_of(alice).hex()
           == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    shared = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"
    expect("RFC 7748: shared secret, both ways", notes.x25519(alice, notes.public_of(bob)).hex() == shared
           and notes.x25519(bob, notes.public_of(alice)).hex() == shared)
    if shutil.which("openssl"):
        expect("OpenSSL derives the same keys", all(openssl_agrees() for _ in range(5)))

    vectors = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "secure.yaml")
    if os.path.exists(vectors):
        expect("the vectors of the gateway's own tests", vectors_agree(vectors))

    with tempfile.TemporaryDirectory() as directory:
        for name, key in (("alice", alice), ("bob", bob)):
            with open(f"{directory}/{name}", "w") as file:
                file.write(notes.encode_key(key) + "\n")
        public = {name: notes.encode_key(notes.public_of(key)) for name, key in (("alice", alice), ("bob", bob))}

        def run(*words):
            done = subprocess.run([sys.executable, notes.__file__, *words], capture_output=True, text=True)
            return [json.loads(line) for line in done.stdout.splitlines()]

        seal = ["seal", "--key", directory + "/alice", "--peer", public["bob"], "--from", "10.0.1.2", "--to",
                "10.9.0.10", "--epoch", "77", "--sequence", "5", "--entry", "10.0.1.2", "10.0.2.2", "60",
                "--entry", "10.2.0.0/24", "10.7.0.0/24", "--carrier", "both", "--pcap", directory + "/pcap"]
        run(*seal)
        seen = run("read", directory + "/pcap", "--key", directory + "/bob", "--peer", public["alice"])
        expect("the receiver's key opens what the sender's sealed, by both carriers",
               [(note["carrier"], note["tag"]) for note in seen] == [("icmp", True), ("udp", True)])
        expect("and finds what was put in", seen[0]["epoch"] == 77 and seen[0]["sequence"] == 5 and
               [(entry["original"], entry["active"], entry["lifetime"]) for entry in seen[0]["entries"]]
               == [("10.0.1.2/32", "10.0.2.2/32", 60), ("10.2.0.0/24", "10.7.0.0/24", 3600)])
        run(*seal, "--spoil", "tag")
        seen = run("read", directory + "/pcap", "--key", directory + "/bob", "--peer", public["alice"])
        expect("a spoilt tag does not hold", [note["tag"] for note in seen] == [False, False])

    # Every checksum of a packet holds, for odd and even lengths.
    source, target = ipaddress.IPv4Address("10.0.1.2"), ipaddress.IPv4Address("10.9.0.10")
    good = True
    for length in range(64):
        message = os.urandom(length)
        for carrier in ("icmp", "udp"):
            raw = notes.packet(source, target, message, carrier)
            body = raw[20:] + b"\0" * (len(raw) % 2)
            pseudo = raw[12:20] + bytes([0, 17]) + (len(raw) - 20).to_bytes(2, "big") if carrier == "udp" else b""
            good &= int.from_bytes(raw[:20], "big") % 0xFFFF == 0
            good &= int.from_bytes(pseudo + body, "big") % 0xFFFF == 0
    expect("checksums of the packets", good)
    expect("base64 keys", base64.b64decode(notes.encode_key(alice)) == alice)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
