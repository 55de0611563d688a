# SPDX-License-Identifier: BSD-3-Clause
"""Replay: files of packets that net_pcap plays for ever from memory (infinite_rx=1), any number of
flows at no system call.

Flows are UDP between the hosts of a prefix and remote hosts, `flows_per_pair` to a pair. A file
holds each flow several times, every time all flows in another order: the gateway places records in
the order in which flows begin, which is the file's, and packets that follow that order would find
four records in each cache line.
"""
import random
import struct

import feed

flows_per_pair = 256
hosts = 250
remote_port = 5201
first_host_port = 1024


def pairs(flows, local, per_pair):
    """Addresses of host and remote host, as many as the flows need. `local`: the first three bytes
    of the host's, or a function of its last one."""
    for i in range((flows + per_pair - 1) // per_pair):
        remote = i // hosts
        host = 1 + i % hosts
        yield f"{local(host) if callable(local) else local}{host}", f"198.18.{remote // 250}.{1 + remote % 250}"


def records(mac, flows, local, inbound, per_pair, size=feed.frame_bytes):
    """A list of pcap records, one for each flow."""
    out = []
    for host, remote in pairs(flows, local, per_pair):
        r = feed.record(mac, *((remote, host) if inbound else (host, remote)), size)
        begin, end = r[:feed.ports_offset], r[feed.ports_offset + 4:]
        for i in range(min(per_pair, flows - len(out))):
            host_port = first_host_port + i
            ports = (remote_port, host_port) if inbound else (host_port, remote_port)
            out.append(begin + struct.pack("!HH", *ports) + end)
    return out


def write(path, mac, flows, copies, seed, local="10.2.0.", inbound=False,
          per_pair=flows_per_pair, part=(0, 1)):
    """`local`: the first three bytes of the hosts' addresses, as they are on that side. Returns how
    many packets the file has."""
    shuffled = records(mac, flows, local, inbound, per_pair)[part[0]::part[1]]
    shuffle = random.Random(seed).shuffle
    with open(path, "wb") as out:
        out.write(feed.file_header)
        for _ in range(copies):
            shuffle(shuffled)
            for i in range(0, len(shuffled), 1 << 16):
                out.write(b"".join(shuffled[i:i + (1 << 16)]))
    return len(shuffled) * copies


# What a simple IMIX has: seven small, four medium, one large packet; without the FCS.
imix = [60] * 7 + [590] * 4 + [1514]


def write_order(path, mac, order, sizes, seed, local="10.2.0.", inbound=False,
                per_pair=flows_per_pair):
    """Packets of the flows in `order`, which is shuffled, of `sizes` by turns, as often each."""
    random_order = random.Random(seed)
    order = list(order)
    random_order.shuffle(order)
    of_size = {size: records(mac, max(order) + 1, local, inbound, per_pair, size)
               for size in set(sizes)}
    turns = sizes * (len(order) // len(sizes) + 1)
    random_order.shuffle(turns)
    with open(path, "wb") as out:
        out.write(feed.file_header)
        for i in range(0, len(order), 1 << 14):
            out.write(b"".join(of_size[size][flow] for flow, size
                               in zip(order[i:i + (1 << 14)], turns[i:i + (1 << 14)])))
