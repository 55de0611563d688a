#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes pipeline.yaml: tables, packets through them, moves in between, and the counters after.

How a row is told, and where its expected bytes come from: story.py. The rows: *_stories.py.

    generate_pipeline.py           write pipeline.yaml beside this script
    generate_pipeline.py --check   exit 1 and show the difference if it is not what it would be
"""

import pathlib
import sys

import move_stories
import packet_stories
from rows import write_or_check
from sites import stories
from story import PORTS

TARGET = pathlib.Path(__file__).with_name("pipeline.yaml")


def document():
    lines = ["# SPDX-License-Identifier: BSD-3-Clause",
             "# Written by generate_pipeline.py beside this file; change that, not this.",
             "# What keys mean: pipeline_row.hpp. A packet without `out` is left as it came.",
             "# A document for each row, so that one alone is quickly read.",
             "ports:"]
    lines += [f'  - {{role: {p.role}, mac: "{p.mac}", next_hop: "{p.next_hop}", mtu: {p.mtu}}}'
              for p in PORTS]
    for each in stories:
        lines += each.lines()
    return "\n".join(lines) + "\n"


def main():
    packet_stories.tell()
    move_stories.tell()
    names = [each.name for each in stories]
    assert len(names) == len(set(names)), "two rows have one name"
    return write_or_check(TARGET, document(), len(stories), __doc__)


if __name__ == "__main__":
    sys.exit(main())
