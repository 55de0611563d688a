# SPDX-License-Identifier: BSD-3-Clause
"""Yardstick: what a packet costs one core of this machine at the very least (floor.cpp), in this run.

Bounds of times and rates are multiples of it, for a bound in seconds tells of the machine.
"""
import json
import os
import statistics
import subprocess

import lab
import subject

flows = 1_000_000  # which no cache holds: tables that large wait for memory, and so does this
flow_bytes = 320


class Floor:
    """The floor with so many flows, on the last of `lcores`. Wants memory_mb() of huge pages."""

    def __init__(self, count, lcores):
        self.count = count
        self.command = [
            str(lab.programs / "bench" / "floor"), "--no-pci", "--no-telemetry", "--in-memory",
            "--log-level", "4", "-m", str(self.memory_mb(count)), "--file-prefix",
            f"sacip-bench-{os.getpid()}-floor", "--lcores", lcores.split(",", 1)[-1], "--",
            str(count)]
        self.io, self.full = [], []

    @staticmethod
    def memory_mb(count):
        return count * flow_bytes // 1_000_000 + 128

    def measure(self):
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        lab.check(done.returncode == 0, f"floor: {done.stderr}")
        cycles = json.loads(done.stdout)
        self.io.append(cycles["io"])
        self.full.append(cycles["full"])

    def work(self):
        """Cycles per packet, devices apart."""
        return statistics.median(self.full) - statistics.median(self.io)

    def packets_in(self, seconds):
        """How many packets it would have worked on in the time."""
        return seconds * subject.tsc_hz() / self.work()

    def note(self):
        return (f"the floor's work on a packet, with {self.count:,} flows: {self.work():.0f} cycles, "
                f"{self.work() / subject.tsc_hz() * 1e9:.0f} ns")


def measured(turns=3):
    """A floor of `flows` that has been measured. While nothing else of the benchmark runs."""
    floor = Floor(flows, "0@0,1@1" if os.cpu_count() > 1 else "0@0,1@0")
    with lab.huge_pages(floor.memory_mb(flows) + 64):
        for _ in range(turns):
            floor.measure()
    return floor
