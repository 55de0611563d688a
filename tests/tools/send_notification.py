#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Send one ICMP type 20 message as anybody: the paper's notification, or a spoilt one.

usage: send_notification.py SOURCE TARGET NEW [--code N] [--extra BYTES] [--cut BYTES] [--bad-checksum]
Needs a raw socket (root). The source need not be an address of this machine.
"""
import argparse
import ipaddress
import socket
import struct


def checksum(data):
    return 0xFFFF - int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xFFFF


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=ipaddress.IPv4Address)
    parser.add_argument("target", type=ipaddress.IPv4Address)
    parser.add_argument("new", type=ipaddress.IPv4Address)
    parser.add_argument("--code", type=int, default=0)
    parser.add_argument("--extra", type=int, default=0, help="bytes too many")
    parser.add_argument("--cut", type=int, default=0, help="bytes too few")
    parser.add_argument("--bad-checksum", action="store_true")
    options = parser.parse_args()

    body = struct.pack("!BBH", 20, options.code, 0) + options.new.packed + b"\0" * options.extra
    body = body[:len(body) - options.cut]
    total = checksum(body) ^ (0x1234 if options.bad_checksum else 0)
    body = body[:2] + struct.pack("!H", total) + body[4:]
    # The kernel fills in the header's length, id and checksum.
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_ICMP, 0,
                         options.source.packed, options.target.packed)
    sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    sender.sendto(header + body, (str(options.target), 0))


if __name__ == "__main__":
    main()
