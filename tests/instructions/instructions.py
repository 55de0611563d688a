#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""instructions.py PROBE [--write]

Instructions that the pipeline takes for a packet, beside baseline.json: cycles differ from machine
to machine and from minute to minute, these don't. Ours alone are held to the baseline; those of
rte_hash, in DPDK's library, are printed beside them.

Ends with 1 if a figure has grown by more than 2 %, or shrunk by so much that the baseline no longer
says anything; with 77 (skipped) where there is no valgrind or no AES, which the keyed hash uses.
--write makes what is measured the baseline; say in the commit why.
"""
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

baseline = Path(__file__).with_name("baseline.json")
flows, bursts, burst, turns = 256, 100, 32, 10
slack = 0.02
cases = [" ".join(words) for words in itertools.product(
    ("outbound", "inbound"), ("still", "moved"), ("udp", "tcp"), ("1",))]
cases += ["inbound moved udp 10"]  # ten originals behind a pair
# Of other kinds: rows of pipeline.yaml, and the port whose packets are counted.
rows_file = Path(__file__).parents[1] / "vectors" / "pipeline.yaml"
cases += ["row " + row for row in (
    "tcp_both_moved_original 1", "echo_moved 0", "draining 1", "path_says_hold 0",
    "unknown_outbound 0", "unknown_inbound 1", "fragments_inbound 1", "burst_full_inbound 1")]


def by_object(text):
    """What callgrind wrote -> {path of program or library: instructions}."""
    names, cost, here, of_call = {}, {}, None, False
    for line in text.splitlines():
        if found := re.match(r"(c?)ob=\((\d+)\)(?: (.*))?", line):
            called, number, name = found.groups()
            names.setdefault(number, name)
            here = here if called else names[number]
        elif line.startswith("calls="):
            of_call = True  # the next line repeats what the called function has
        elif found := re.match(r"[+*\-0-9]\S* (\d+)$", line):
            if not of_call:
                cost[here] = cost.get(here, 0) + int(found.group(1))
            of_call = False
    return cost


def measure(probe, case, directory):
    """Instructions per packet: ours, and those of libraries."""
    out = directory / "callgrind.out"
    words = case.split()
    words = [rows_file, *words[1:]] if words[0] == "row" else [flows, *words]
    subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet",
         "--toggle-collect=*judge_burst*", probe, "--no-huge", "-m", "64", "--no-pci",
         "--no-telemetry", "--log-level", "4", "--file-prefix", f"sacip-probe-{os.getpid()}",
         "--lcores", "0@0", "--", *map(str, words), str(bursts)],
        check=True, stdout=subprocess.DEVNULL, timeout=100)
    cost = by_object(out.read_text())
    packets = burst * bursts * turns
    ours = next(n for name, n in cost.items() if name.endswith("/pipeline_probe"))
    return round(ours / packets, 1), round((sum(cost.values()) - ours) / packets, 1)


def main():
    probe, write = sys.argv[1], "--write" in sys.argv[2:]
    if not shutil.which("valgrind") or "aes" not in Path("/proc/cpuinfo").read_text().split():
        print("skipped: needs valgrind, and a processor with AES")
        return 77
    expected = {} if write else json.loads(baseline.read_text())
    measured, wrong = {}, 0
    print(f"{'instructions per packet':31}{'ours':>8}{'baseline':>10}{'libraries':>11}")
    with tempfile.TemporaryDirectory() as directory:
        for case in cases:
            measured[case], libraries = measure(probe, case, Path(directory))
            held = expected.get(case, measured[case])
            good = abs(measured[case] - held) <= slack * held
            wrong += not good
            print(f"{case:31}{measured[case]:8}{held:10}{libraries:11}{'' if good else '  WRONG'}")
    if write:
        baseline.write_text(json.dumps(measured, indent=4) + "\n")
    if wrong:
        print(f"more than {slack:.0%} away; if it is meant: {sys.argv[0]} {probe} --write")
    return 1 if wrong else 0


sys.exit(main())
