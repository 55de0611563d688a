# SPDX-License-Identifier: BSD-3-Clause
"""Who is where in the rows of pipeline.yaml: addresses, and stories that begin with them."""

from packet import TCP, ether
from story import PORTS, Story

FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
HOST, FAR = "10.1.0.10", "10.9.0.10"
ORIGINAL, NEW, NEWER, FAR_NEW = "10.0.1.2", "172.16.5.9", "100.64.3.1", "192.0.2.200"
ROUTED = dict(host=HOST, local_original=HOST, local_active=HOST,
              remote_original=FAR, remote_active=FAR)
UPLINK = ROUTED | dict(local_original=ORIGINAL, local_active=ORIGINAL)
MOVED = UPLINK | dict(local_active=NEW)
BOTH_MOVED = MOVED | dict(remote_active=FAR_NEW)
BOX = ROUTED | dict(host=NEW, local_original=NEW, local_active=NEW)  # since the move
MODES = ("wire", "original")
stories = []


def story(name, comment=""):
    stories.append(Story(name, comment))
    return stories[-1]


def one_flow(name, comment="", addresses=MOVED, proto=TCP, **path):
    s = story(name, comment)
    return s, s.flow(s.path(addresses, **path), proto=proto)


def hosts_behind(s, count, **path):
    return [s.flow(s.path(MOVED | dict(host=f"10.1.0.{10 + i}"), **path), 40000 + i)
            for i in range(count)]


def from_port(port, packet, **link):
    """A frame that comes in there."""
    return ether(packet, dst=PORTS[port].mac, **link)
