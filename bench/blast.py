#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""blast.py INTERFACE DESTINATION-MAC SOURCE DESTINATION FLOWS SECONDS

Blast: packets of 64 bytes into the receive path of an interface, as its driver would hand them in,
on the CPU this runs on: what they cost from there on, that CPU pays. Prints how many there were.

Linux runs an XDP program for each of them (BPF_PROG_TEST_RUN with live frames, Linux 5.18). A frame
comes back as the stack has left it, so the program writes all headers anew each time, with ports
picked at random among FLOWS, a power of two. The UDP checksum is 0: none.
"""
import ctypes
import os
import socket
import struct
import sys
import time

frame_bytes = 60  # 64 with the FCS
repeat = 1 << 16
prog_load, prog_test_run, link_create = 5, 10, 28
type_xdp, attach_xdp = 6, 37
live_frames = 2
ports_of_a_host = 1 << 15  # from 1024 on; the far end's count on from 5201
syscall_numbers = {"x86_64": 321, "aarch64": 280}


def insn(code, dst=0, src=0, off=0, imm=0):
    return struct.pack("<BBhi", code, dst | src << 4, off, imm)


def checksum(header):
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def headers(mac, source, destination):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, frame_bytes - 14, 0, 0x4000, 64, socket.IPPROTO_UDP,
                     0, socket.inet_aton(source), socket.inet_aton(destination))
    ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
    ether = bytes.fromhex(mac.replace(":", "")) + bytes.fromhex("020000000099") + b"\x08\x00"
    return ether + ip + struct.pack("!HHHH", 0, 0, frame_bytes - 34, 0)


def program(header, flows):
    """The XDP program: r6 is where the frame begins, r0 what tells its flow."""
    st32, stx16, ldx32 = 0x62, 0x6B, 0x61
    move, add, add_k, and_k, shift_right_k, to_be = 0xBF, 0x0F, 0x07, 0x57, 0x77, 0xDC
    jump_greater, call, leave, move_k = 0x2D, 0x85, 0x95, 0xB7
    words = [header[i:i + 4].ljust(4, b"\0") for i in range(0, len(header), 4)]
    stores = b"".join(insn(st32, 6, off=4 * i, imm=struct.unpack("<i", word)[0])
                      for i, word in enumerate(words))
    fill = (stores + insn(call, imm=7) +  # bpf_get_prandom_u32
            insn(and_k, 0, imm=flows - 1) +
            insn(move, 1, 0) + insn(and_k, 1, imm=ports_of_a_host - 1) + insn(add_k, 1, imm=1024) +
            insn(to_be, 1, imm=16) + insn(stx16, 6, 1, off=34) +
            insn(shift_right_k, 0, imm=ports_of_a_host.bit_length() - 1) + insn(add_k, 0, imm=5201) +
            insn(to_be, 0, imm=16) + insn(stx16, 6, 0, off=36))
    return (insn(ldx32, 6, 1, off=0) + insn(ldx32, 7, 1, off=4) +
            insn(move, 2, 6) + insn(add_k, 2, imm=frame_bytes) +
            insn(jump_greater, 2, 7, off=len(fill) // 8) + fill +
            insn(move_k, 0, imm=2) + insn(leave))  # XDP_PASS


libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    room = ctypes.create_string_buffer(attributes.ljust(128, b"\0"), 128)
    result = libc.syscall(syscall_numbers[os.uname().machine], command, room, len(room))
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"bpf command {command}: {os.strerror(number)}")
    return result


def main():
    interface, mac, source, destination, flows, seconds = sys.argv[1:]
    index = socket.if_nametoindex(interface)
    header = headers(mac, source, destination)
    code = ctypes.create_string_buffer(program(header, int(flows)))
    license_text = ctypes.create_string_buffer(b"Dual BSD/GPL")
    loaded = bpf(prog_load, struct.pack("<IIQQ", type_xdp, (len(code) - 1) // 8,
                                        ctypes.addressof(code), ctypes.addressof(license_text)))
    # The queue takes such frames only where a program is attached. It goes when we do.
    bpf(link_create, struct.pack("<IIII", loaded, index, attach_xdp, 0))
    frame = ctypes.create_string_buffer(header.ljust(frame_bytes, b"\0"), frame_bytes)
    context = ctypes.create_string_buffer(struct.pack("<6I", 0, frame_bytes, 0, index, 0, 0), 24)
    run = struct.pack("<IIIIQQIIIIQQIII", loaded, 0, frame_bytes, 0, ctypes.addressof(frame), 0,
                      repeat, 0, 24, 0, ctypes.addressof(context), 0, live_frames, 0, 64)
    sent, end = 0, time.monotonic() + float(seconds)
    while time.monotonic() < end:
        bpf(prog_test_run, run)
        sent += repeat
    print(sent)


main()
