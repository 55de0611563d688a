#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A second implementation of what protocol version 3 seals with, to judge the first one by.

Shares nothing with the gateway: the standard library alone, written from the documents (Noise
rev. 34, RFC 7748, RFC 8439, and the heads of lib/sacip_core/wire/{noise,transport,cookie,receipt}.hpp).
Slow, and not in constant time.

  vectors       tests/vectors/noise.json, on standard output
"""
import argparse
import hashlib
import hmac
import ipaddress
import json
import struct

PROTOCOL = b"Noise_IKpsk2_25519_ChaChaPoly_SHA256"
COOKIE_PERIOD = 120


class Refused(Exception):
    """A message that is not what it should be."""


# ---------------------------------------------------------------- X25519 (RFC 7748 §5)

P = 2**255 - 19


def x25519(secret, point):
    k = int.from_bytes(secret, "little") & (2**254 - 8) | 2**254
    x1 = int.from_bytes(point, "little") % 2**255 % P
    low, high = (1, 0), (x1, 1)  # k' * point and (k' + 1) * point, as x : z
    for at in range(254, -1, -1):
        bit = k >> at & 1
        if bit:
            low, high = high, low
        total, less = (low[0] + low[1]) % P, (low[0] - low[1]) % P
        crossed = ((high[0] - high[1]) * total % P, (high[0] + high[1]) * less % P)
        high = ((crossed[0] + crossed[1])**2 % P, x1 * (crossed[0] - crossed[1])**2 % P)
        total, less = total**2 % P, less**2 % P
        e = (total - less) % P
        low = (total * less % P, e * (total + 121665 * e) % P)
        if bit:
            low, high = high, low
    return (low[0] * pow(low[1], P - 2, P) % P).to_bytes(32, "little")


def public_of(secret):
    return x25519(secret, b"\x09" + bytes(31))


def shared(secret, public):
    out = x25519(secret, public)
    if out == bytes(32):
        raise Refused("low order")
    return out


# ---------------------------------------------------------------- ChaCha20-Poly1305 (RFC 8439)

def chacha20_block(key, counter, nonce):
    state = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    work = state[:]

    def quarter(a, b, c, d):
        for to, by, turned, left in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            work[to] = (work[to] + work[by]) & 0xFFFFFFFF
            word = work[turned] ^ work[to]
            work[turned] = (word << left | word >> (32 - left)) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(state, work)))


def chacha20(key, nonce, text):
    out = bytearray()
    for at in range(0, len(text), 64):
        stream = chacha20_block(key, 1 + at // 64, nonce)
        out += bytes(a ^ b for a, b in zip(text[at:at + 64], stream))
    return bytes(out)


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for at in range(0, len(message), 16):
        total = (total + int.from_bytes(message[at:at + 16] + b"\1", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def aead_tag(key, nonce, associated, text):
    def padded(part):
        return part + bytes(-len(part) % 16)
    return poly1305(chacha20_block(key, 0, nonce)[:32], padded(associated) + padded(text)
                    + struct.pack("<QQ", len(associated), len(text)))


def nonce_of(number):
    return bytes(4) + struct.pack("<Q", number)


def seal(key, number, associated, plain):
    text = chacha20(key, nonce_of(number), plain)
    return text + aead_tag(key, nonce_of(number), associated, text)


def unseal(key, number, associated, sealed):
    text, tag = sealed[:-16], sealed[-16:]
    if len(sealed) < 16 or aead_tag(key, nonce_of(number), associated, text) != tag:
        raise Refused("tag")
    return chacha20(key, nonce_of(number), text)


# ---------------------------------------------------------------- Noise, rev. 34

def sha256(data):
    return hashlib.sha256(data).digest()


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def hkdf(chaining_key, data, count):
    temporary, out = hmac256(chaining_key, data), [b""]
    for number in range(1, count + 1):
        out.append(hmac256(temporary, out[-1] + bytes([number])))
    return out[1:]


class Handshake:
    """One end of IKpsk2, walking the tokens of its pattern."""
    MESSAGES = (("e", "es", "s", "ss"), ("e", "ee", "se", "psk"))

    def __init__(self, initiates, prologue, static, ephemeral=None, remote_static=None, psk=None):
        self.initiates, self.static, self.ephemeral = initiates, static, ephemeral
        self.remote_static, self.remote_ephemeral = remote_static, None
        self.psk = psk or bytes(32)
        self.hash = self.chaining_key = sha256(PROTOCOL)
        self.key, self.turn = None, 0
        self.mix_hash(prologue)
        self.mix_hash(remote_static if initiates else public_of(static))

    def mix_hash(self, data):
        self.hash = sha256(self.hash + data)

    def mix_key(self, data):
        self.chaining_key, self.key = hkdf(self.chaining_key, data, 2)

    def mix_key_and_hash(self, data):
        self.chaining_key, to_hash, self.key = hkdf(self.chaining_key, data, 3)
        self.mix_hash(to_hash)

    def mix_token(self, token):
        if token == "psk":
            self.mix_key_and_hash(self.psk)
            return
        # The first letter is the initiator's key, the second the responder's.
        mine, theirs = token if self.initiates else reversed(token)
        self.mix_key(shared(self.static if mine == "s" else self.ephemeral,
                            self.remote_static if theirs == "s" else self.remote_ephemeral))

    def write(self, payload):
        out = b""
        for token in self.MESSAGES[self.turn]:
            if token == "e":
                out += public_of(self.ephemeral)
                self.mix_hash(out)
                self.mix_key(out)
            elif token == "s":
                out += self.encrypt(public_of(self.static))
            else:
                self.mix_token(token)
        self.turn += 1
        return out + self.encrypt(payload)

    def read(self, message):
        for token in self.MESSAGES[self.turn]:
            if token == "e":
                self.remote_ephemeral, message = message[:32], message[32:]
                self.mix_hash(self.remote_ephemeral)
                self.mix_key(self.remote_ephemeral)
            elif token == "s":
                self.remote_static, message = self.decrypt(message[:48]), message[48:]
            else:
                self.mix_token(token)
        self.turn += 1
        return self.decrypt(message)

    # Each key of this pattern seals one text, hence number 0.
    def encrypt(self, plain):
        sealed = seal(self.key, 0, self.hash, plain)
        self.mix_hash(sealed)
        return sealed

    def decrypt(self, sealed):
        plain = unseal(self.key, 0, self.hash, sealed)
        self.mix_hash(sealed)
        return plain

    def split(self):
        """Keys to send with and to receive with."""
        first, second = hkdf(self.chaining_key, b"", 2)
        return (first, second) if self.initiates else (second, first)


# ---------------------------------------------------------------- floods, receipts

def address_bytes(text):
    address = ipaddress.ip_address(text)
    return address.packed if address.version == 6 else bytes(10) + b"\xff\xff" + address.packed


def mac1(receiver, message):
    return hmac256(sha256(b"SACIP3 mac1" + receiver), message)[:16]


def cookie_of(secret, source, seconds):
    return hmac256(secret, struct.pack("!Q", seconds // COOKIE_PERIOD) + address_bytes(source))


def seal_cookie(receiver, nonce, cookie, first_mac):
    return seal(hmac256(sha256(b"SACIP3 cookie" + receiver), nonce), 0, first_mac, cookie)


def mac2(cookie, message):
    return hmac256(cookie, message)[:16]


def receipt(private, peer, address, hour):
    key = hmac256(private, b"SACIP3 receipt")
    return hmac256(key, peer + address_bytes(address) + struct.pack("!I", hour))[:16]


# ---------------------------------------------------------------- vectors

class Supply:
    """Bytes that are the same in every run."""

    def __init__(self, name):
        self.name, self.count = name.encode(), 0

    def take(self, length):
        out = b""
        while len(out) < length:
            out += sha256(self.name + struct.pack("!I", self.count))
            self.count += 1
        return out[:length]


def session_vector(number):
    """As the public vectors have it, and of transport messages the header that is vouched for."""
    supply = Supply(f"session {number}")
    ours, theirs, e_ours, e_theirs, psk = (supply.take(32) for _ in range(5))
    prologue, has_psk = supply.take(7 * (number % 3)), number % 2 == 1
    row = {"init_prologue": prologue, "init_static": ours, "init_ephemeral": e_ours,
           "init_remote_static": public_of(theirs), "resp_prologue": prologue, "resp_static": theirs,
           "resp_ephemeral": e_theirs}
    row = {name: value.hex() for name, value in row.items()}
    if has_psk:
        row |= {"init_psks": [psk.hex()], "resp_psks": [psk.hex()]}
    ends = [Handshake(True, prologue, ours, e_ours, public_of(theirs), psk if has_psk else None),
            Handshake(False, prologue, theirs, e_theirs, None, psk if has_psk else None)]
    row["messages"] = []
    for turn in (0, 1):
        payload = supply.take(number * 13 % 90)
        message = ends[turn].write(payload)
        if ends[1 - turn].read(message) != payload:
            raise Refused("both ends should agree")
        row["messages"].append({"payload": payload.hex(), "ciphertext": message.hex()})
    for turn in range(6):
        header, payload = supply.take(turn * 8), supply.take(turn * number * 11 % 300)
        sealed = seal(ends[turn % 2].split()[0], turn // 2, header, payload)
        row["messages"].append({"associated": header.hex(), "payload": payload.hex(),
                                "ciphertext": sealed.hex()})
    return row


def flood_vector(number):
    supply = Supply(f"flood {number}")
    receiver, secret, nonce, message = (supply.take(n) for n in (32, 32, 32, 20 + number * 40))
    source = ("192.0.2.7", "2001:db8::7")[number % 2]
    seconds = number * 1000 + 119
    first = mac1(receiver, message)
    cookie = cookie_of(secret, source, seconds)
    row = {"receiver": receiver, "secret": secret, "message": message, "mac1": first, "cookie": cookie,
           "nonce": nonce, "sealed": seal_cookie(receiver, nonce, cookie, first),
           "mac2": mac2(cookie, message + first)}
    return {name: value.hex() for name, value in row.items()} | {"source": source, "seconds": seconds}


def receipt_vector(number):
    supply = Supply(f"receipt {number}")
    private, peer = supply.take(32), supply.take(32)
    address = ("203.0.113.9", "2001:db8:1::9")[number % 2]
    hour = 495_000 + number
    return {"private": private.hex(), "peer": peer.hex(), "address": address, "hour": hour,
            "receipt": receipt(private, peer, address, hour).hex()}


def vectors():
    return json.dumps({"made by": "tests/tools/noise.py vectors",
                       "sessions": [session_vector(number) for number in range(8)],
                       "floods": [flood_vector(number) for number in range(4)],
                       "receipts": [receipt_vector(number) for number in range(4)]}, indent=1) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_subparsers(dest="command", required=True).add_parser("vectors")
    parser.parse_args()
    print(vectors(), end="")


if __name__ == "__main__":
    main()
