# SPDX-License-Identifier: BSD-3-Clause
"""Subject: a program that forwards on devices which always have packets. Several are there all the
time, but only one runs: a shared machine gets slower and faster as it likes, so each gets a short
turn, many times.

What counts is the CPU time that the forwarding threads had, as the kernel's scheduler counts it, so
that other processes on their cores do not.
"""
import os
import random
import signal
import time
from pathlib import Path

import lab

home, away = "10.2.0.0/24", "10.7.0.0/24"


def tsc_hz():
    """As Linux has found it out."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("bogomips"):
            return float(line.split(":")[1]) * 1e6 / 2
    raise RuntimeError("no bogomips in /proc/cpuinfo")


class Subject:
    """`received` gives how many packets each of the threads has received so far."""

    def __init__(self, name, program, received, prepare=lambda: None):
        self.name, self.program, self.received, self.prepare = name, program, received, prepare
        self.cycles = []  # a packet, of each turn; with several threads of all of them together
        names = {task: (task / "comm").read_text().strip()
                 for task in Path(f"/proc/{program.process.pid}/task").iterdir()}
        self.threads = sorted((task for task, name in names.items()
                               if name.startswith(("rte-worker", "lcore-worker", "dpdk-worker"))),
                              key=names.get)

    def stop(self):
        os.kill(self.program.process.pid, signal.SIGSTOP)

    def go(self):
        os.kill(self.program.process.pid, signal.SIGCONT)

    def sample(self):
        return list(zip(self.received(), (int((thread / "schedstat").read_text().split()[0])
                                          for thread in self.threads)))

    def measure(self, seconds):
        self.go()
        self.prepare()
        time.sleep(0.05)
        before = self.sample()
        time.sleep(seconds)
        after = self.sample()
        self.stop()
        a_second = sum((packets - packets_before) / ((ran - ran_before) / 1e9)
                       for (packets_before, ran_before), (packets, ran) in zip(before, after))
        self.cycles.append(tsc_hz() / a_second)


def workers(gateway):
    return gateway.ask("status")["stages"][:-1]


def of_gateway(name, gateway, flows, paths=None):
    """As soon as it knows all flows; moved if `paths`, so many, shall be."""
    gateway.wait_until(lambda: gateway.ask("status")["flows"] == flows, f"at {flows} flows", 120)
    if paths:
        reply = gateway.ctl("move", home, away)
        lab.check(reply["paths"] == paths, f"{name}: moved {reply['paths']} of {paths} paths")
    return Subject(name, gateway, lambda: [w["received"] for w in workers(gateway)])


def take_turns(subjects, rounds, seconds, between=lambda i: None):
    """Each of them measures for so many seconds in each round, in orders that the seed shuffles, and
    is stopped again. `between` is called before each round, with its number."""
    order = list(subjects)
    for i in range(rounds):
        between(i)
        random.Random(lab.seed + i).shuffle(order)
        for each in order:
            each.measure(seconds)


def check_all(gateways):
    """check() of each, which is stopped before and afterwards."""
    for each in gateways:
        each.go()
        check(each)
        each.stop()


def check(subject):
    """Everything that came to a gateway went out again."""
    before = workers(subject.program)
    time.sleep(0.2)
    for i, (old, new) in enumerate(zip(before, workers(subject.program))):
        forwarded, punted, dropped = (new[k] - old[k] for k in ("forwarded", "punted", "dropped"))
        lab.check(forwarded > 0 and punted == dropped == 0,
                  f"{subject.name}, worker {i}: {forwarded} packets went out, {punted} to the slow "
                  f"path, {dropped} nowhere")
