# SPDX-License-Identifier: BSD-3-Clause
"""Feed: packets of many flows for a gateway's net_pcap port, from a file or through a FIFO.

All flows of a pair of hosts are UDP and differ only in their ports, so a block of records is one
template repeated, with the port bytes laid over it by strided slices: millions a second in plain
Python.

Through a FIFO the feed is lossless: net_pcap reads a FIFO as it reads a file, so we write only as
many packets as the ring to the slow path holds, wait until the slow path has had them all, and go
on. Two traps:
- While the FIFO is open and empty the worker is stuck in a read, and whoever waits for the worker
  (a move does) waits, too. Close the feed before moving anything.
- The worker works on a burst only when it is full. A chunk is a whole number of bursts; what is
  over comes with the end of file.
"""
import fcntl
import ipaddress
import os
import random
import struct
import time

file_header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
frame_bytes = 60  # 64 on a wire, with the FCS
record_bytes = 16 + frame_bytes
ports_offset = 16 + 14 + 20

burst = 64  # of the worker
chunk = 16 * burst  # half of the ring to the slow path
first_port = 1024
ports = 50_000  # source ports in use, each with as many destination ports as needed


def ipv4_checksum(header):
    return 0xFFFF - int.from_bytes(header, "big") % 0xFFFF


def record(mac, source, destination, size=frame_bytes):
    """One pcap record: a UDP frame without checksum to `mac` ("02:00:…"), ports still 0."""
    address = ipaddress.IPv4Address
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size - 14, 0, 0x4000, 64, 17, 0,
                     address(source).packed, address(destination).packed)
    ip = ip[:10] + struct.pack("!H", ipv4_checksum(ip)) + ip[12:]
    ether = bytes.fromhex(mac.replace(":", "")) + b"\x02\0\0\0\0\x99" + b"\x08\0"
    udp = struct.pack("!HHHH", 0, 0, size - 34, 0)
    return struct.pack("<IIII", 0, 0, size, size) + (ether + ip + udp).ljust(size, b"\0")


def flows_of_pair(mac, source, destination, count, seed):
    """Yields blocks of records: `count` flows between two hosts, source ports in random order."""
    order = list(range(first_port, first_port + ports))
    random.Random(seed).shuffle(order)
    block = bytearray(record(mac, source, destination) * min(count, ports))
    records = len(block) // record_bytes
    block[ports_offset::record_bytes] = bytes(p >> 8 for p in order[:records])
    block[ports_offset + 1::record_bytes] = bytes(p & 0xFF for p in order[:records])
    for i in range(0, count, ports):
        destination_port = first_port + i // ports
        block[ports_offset + 2::record_bytes] = bytes([destination_port >> 8]) * records
        block[ports_offset + 3::record_bytes] = bytes([destination_port & 0xFF]) * records
        yield bytes(block[:min(ports, count - i) * record_bytes])


def one_flow_per_pair(mac, sources, destinations):
    """Yields one block of records: one flow for each source and destination."""
    flow = struct.pack("!HH", first_port, first_port)
    out = []
    for source in sources:
        for destination in destinations:
            r = record(mac, source, destination)
            out.append(r[:ports_offset] + flow + r[ports_offset + 4:])
    yield b"".join(out)


class Fifo:
    """The sending end. Make it before the gateway starts, which waits for the file's header."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.file = os.open(path, os.O_RDWR)  # so that neither side waits for the other
        fcntl.fcntl(self.file, fcntl.F_SETPIPE_SZ, 1 << 20)
        os.write(self.file, file_header)

    def close(self):
        if self.file is not None:
            os.close(self.file)
            self.file = None

    def send(self, gateway, blocks, seconds=60):
        """Sends first packets, all of them to the slow path of `gateway`, and closes the feed."""
        writer = os.open(self.path, os.O_WRONLY)
        self.close()  # from here on a gateway that dies breaks the pipe
        self.file = writer
        deadline = time.monotonic() + seconds
        sent = 0
        for block in blocks:
            for start in range(0, len(block), chunk * record_bytes):
                part = memoryview(block)[start:start + chunk * record_bytes]
                sent += len(part) // record_bytes
                while part:
                    part = part[os.write(writer, part):]
                while gateway.slow_path()["received"] < sent - sent % burst:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"{gateway.name}: the slow path got only "
                                           f"{gateway.slow_path()['received']} of {sent} packets")
                    time.sleep(0.0005)
        self.close()
