#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""slow_path.py PROBE [--write]

Instructions that the slow path takes in each case of slow_path_probe, with 10, 1,000 and 60,000
mapped hosts, bindings, far ends, paths, flows, claims and past moves: whoever sends a packet may start none
of them so often that what it costs must grow with these. At 60,000 a case may cost 1.5 times of what
it does at 10, and at 10 no more than slow_path.json says.

Ends with 1 if one is beyond; with 77 (skipped) where there is no valgrind.
--write makes what is measured at 10 the baseline; say in the commit why.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

baseline = Path(__file__).with_name("slow_path.json")
cases = ["known", "stranger", "flow", "middle", "switched", "punt", "tick", "tick_peers", "route",
         "neighbour", "router", "forged", "moved", "bind", "bind_moved", "bind_lost", "claimed",
         "paths"]
sizes = [10, 1000, 60000]
growth, slack = 1.5, 0.1
# meson has the C library write over what it gives and takes back: instructions of nobody.
environment = {name: value for name, value in os.environ.items() if name != "MALLOC_PERTURB_"}


def count(probe, case, size, option):
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "callgrind.out"
        times = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--quiet", option,
             probe, case, str(size)],
            check=True, capture_output=True, text=True, timeout=600, env=environment).stdout
        total = next(line for line in out.read_text().splitlines() if line.startswith("totals:"))
        return round(int(total.split()[1]) / int(times))


def measure(probe, case, size):
    """Instructions for one. The probe itself tells callgrind when to count, if it was built with
    valgrind's headers."""
    return (count(probe, case, size, "--instr-atstart=no")
            or count(probe, case, size, "--toggle-collect=*slow_path_at_work*"))


def main():
    probe, write = sys.argv[1], "--write" in sys.argv[2:]
    if not shutil.which("valgrind"):
        print("skipped: needs valgrind")
        return 77
    expected = {} if write else json.loads(baseline.read_text())
    wrong = 0
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {(case, size): pool.submit(measure, probe, case, size)
                for size in reversed(sizes) for case in cases}
    print(f"{'instructions for one':22}" + "".join(f"{size:>10,}" for size in sizes)
          + f"{'growth':>9}{'baseline':>10}")
    measured = {}
    for case in cases:
        costs = [runs[case, size].result() for size in sizes]
        measured[case] = costs[0]
        held = expected.get(case, costs[0])
        good = costs[-1] <= growth * costs[0] and costs[0] <= (1 + slack) * held
        wrong += not good
        print(f"{case:22}" + "".join(f"{cost:10,}" for cost in costs)
              + f"{costs[-1] / costs[0]:9.2f}{held:10,}{'' if good else '  WRONG'}")
    if write:
        baseline.write_text(json.dumps(measured, indent=4) + "\n")
    if wrong:
        print(f"{wrong} grow beyond {growth} times, or cost more than {slack:.0%} above the baseline;"
              f" if the latter is meant: {sys.argv[0]} {probe} --write")
    return 1 if wrong else 0


sys.exit(main())
