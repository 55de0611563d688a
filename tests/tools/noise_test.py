#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Is the second implementation right? Published vectors, refusals, and the file that it wrote."""
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import noise

VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors")
failures = 0


def expect(what, condition):
    global failures
    print(("ok: " if condition else "FAILED: ") + what)
    failures += not condition


def is_refused(action):
    try:
        action()
    except noise.Refused:
        return True
    return False


def content_of(name):
    with open(os.path.join(VECTORS, name), encoding="utf-8") as file:
        return file.read()


def session_of(row):
    """Both ends of a vector's handshake, before its first message."""
    def value(name):
        return bytes.fromhex(row[name])
    psk = bytes.fromhex(row["init_psks"][0]) if "init_psks" in row else None
    return [noise.Handshake(True, value("init_prologue"), value("init_static"), value("init_ephemeral"),
                            value("init_remote_static"), psk),
            noise.Handshake(False, value("resp_prologue"), value("resp_static"), value("resp_ephemeral"),
                            None, psk)]


def public_vector_agrees(row):
    ends = session_of(row)
    messages = [(bytes.fromhex(m["payload"]), bytes.fromhex(m["ciphertext"])) for m in row["messages"]]
    agree = True
    for turn, (payload, ciphertext) in enumerate(messages[:2]):
        agree &= ends[turn].write(payload) == ciphertext
        agree &= ends[1 - turn].read(ciphertext) == payload
    agree &= all(end.hash.hex() == row["handshake_hash"] for end in ends)
    agree &= ends[1].remote_static == noise.public_of(bytes.fromhex(row["init_static"]))
    for turn, (payload, ciphertext) in enumerate(messages[2:]):
        agree &= noise.seal(ends[turn % 2].split()[0], turn // 2, b"", payload) == ciphertext
        agree &= noise.unseal(ends[1 - turn % 2].split()[1], turn // 2, b"", ciphertext) == payload
    return agree


def main():
    # RFC 7748 §6.1
    alice = bytes.fromhex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")
    bob = bytes.fromhex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb")
    expect("RFC 7748: public key", noise.public_of(alice).hex()
           == "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a")
    expect("RFC 7748: shared secret, both ways", {noise.shared(alice, noise.public_of(bob)).hex(),
                                                  noise.shared(bob, noise.public_of(alice)).hex()}
           == {"4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"})
    expect("a point of low order is refused", is_refused(lambda: noise.shared(alice, b"\1" + bytes(31))))

    # RFC 8439 §2.8.2, whose nonce is not Noise's
    key = bytes(range(0x80, 0xA0))
    nonce = bytes.fromhex("070000004041424344454647")
    associated = bytes.fromhex("50515253c0c1c2c3c4c5c6c7")
    plain = (b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the "
             b"future, sunscreen would be it.")
    text = noise.chacha20(key, nonce, plain)
    expect("RFC 8439: text", text.hex().startswith("d31a8d34648e60db7b86afbc53ef7ec2"))
    expect("RFC 8439: tag", noise.aead_tag(key, nonce, associated, text).hex()
           == "1ae10b594f09e26a7e902ecbd0600691")

    public = json.loads(content_of("noise_ikpsk2.json"))["vectors"]
    expect("public vectors of Noise_IKpsk2_25519_ChaChaPoly_SHA256, both roles",
           len(public) > 0 and all(public_vector_agrees(row) for row in public))
    first = bytes.fromhex(public[0]["messages"][0]["ciphertext"])
    for at in (0, 31, 32, 79, 80, len(first) - 1):
        changed = first[:at] + bytes([first[at] ^ 0x80]) + first[at + 1:]
        expect(f"message 1 with byte {at} changed is refused",
               is_refused(lambda: session_of(public[0])[1].read(changed)))
    expect("tests/vectors/noise.json is what `noise.py vectors` prints",
           content_of("noise.json") == noise.vectors())
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
