# SPDX-License-Identifier: BSD-3-Clause
"""Traffic: paced packets through a box and back, from a process of its own on another core.

Generator and box are joined by two net_memif devices, a cable of shared memory with a ring of 1024
packets each way; the box is its server. Any other devices do as well: `devices` are EAL options.
"""
import contextlib
import json
import os
import select
import subprocess
from pathlib import Path

import lab

ring = 1024
program = lab.programs / "bench" / "generator"


def cable(name, role, packets=ring):
    """The two --vdev arguments of one end: lan, wan. `packets`: what a ring has room for."""
    directory = os.environ["BENCH_TMP"]
    return [f"net_memif{i},role={role},id={i},socket={directory}/{name}{i}.memif,"
            f"socket-abstract=no,rsize={packets.bit_length() - 1}" for i in (0, 1)]


def vdevs(devices):
    return [word for device in devices for word in ("--vdev", device)]


def polling_thread(pid):
    """/proc directory of the thread that forwards."""
    return next(task for task in Path(f"/proc/{pid}/task").iterdir()
                if (task / "comm").read_text().startswith(("rte-worker", "lcore-worker",
                                                           "dpdk-worker")))


def stand_apart():
    """This program and its children before other work on the machine, as far as we are allowed to;
    among them nice values rule."""
    try:
        os.setsid()
        Path("/proc/self/autogroup").write_text("-15")
    except OSError:
        pass  # led a session already, or is no root


def prefer(pid):
    """The thread that forwards comes first; a slow path shares the generator's core and has what
    that leaves."""
    with contextlib.suppress(OSError):
        polling = polling_thread(pid).name
        for task in Path(f"/proc/{pid}/task").iterdir():
            if task.name == polling:
                os.setpriority(os.PRIO_PROCESS, int(task.name), -15)
            elif task.name == str(pid):
                os.setpriority(os.PRIO_PROCESS, pid, 19)


class Generator:
    """A running generator; a context manager. `box` is the process id of what is measured, if it
    is on this machine. `local` are the hosts' addresses at the lan and at the wan."""

    ring = ring  # packets that wait while the box has no core

    def __init__(self, name, devices, flows, macs, local=("10.2.0.", "10.2.0."), box=None,
                 core=0, memory_mb=128):
        self.box = box and polling_thread(box)
        self.trials = []
        self.command = [
            "setpriv", "--pdeathsig", "TERM", str(program), "--no-telemetry", "--in-memory",
            "--single-file-segments", "-m", str(memory_mb), "--log-level", "3",
            "--file-prefix", f"sacip-bench-{os.getpid()}-{name}", "--lcores", f"0@{core}",
            *devices, "--", str(flows), *macs, *local]

    def __enter__(self):
        lab.check(program.exists(), f"{program} is not there: ninja -C build bench/generator")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)
        try:
            self.read(30)
        except BaseException:
            self.__exit__()
            raise
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, -15)
        return self

    def __exit__(self, *_):
        lab.end(self.process)

    def read(self, seconds):
        while True:
            ready = select.select([self.process.stdout], [], [], seconds)[0]
            line = self.process.stdout.readline() if ready else ""
            lab.check(line, "the generator has ended" if ready else "the generator says nothing")
            if line.startswith("{"):  # else EAL or a driver
                return json.loads(line)

    def box_waited_us(self):
        """How long the box's polling thread was ready and had no core."""
        return int((self.box / "schedstat").read_text().split()[1]) // 1000 if self.box else 0

    def trial(self, rate, seconds, direction):
        """`rate`: packets a second, or "max". Rates in the answer are of all directions."""
        waited = self.box_waited_us()
        self.process.stdin.write(f"{rate if rate == 'max' else round(rate)} {seconds} {direction}\n")
        self.process.stdin.flush()
        t = self.read(seconds + 30)
        each = t["directions"].values()
        for key in ("sent", "refused", "received", "overtaken"):
            t[key] = sum(d[key] for d in each)
        for key in ("p50_us", "p99_us", "p99.9_us", "max_us"):
            t[key] = max(d[key] for d in each)
        t["offered"] = t["sent"] + t["refused"]
        t["lost"] = t["offered"] - t["received"]
        t["loss"] = t["lost"] / max(t["offered"], 1)
        t["offered_pps"] = t["offered"] / t["seconds"]
        t["received_pps"] = t["received"] / t["seconds"]
        t["box_waited_us"] = self.box_waited_us() - waited
        lab.check(t["received"] <= t["sent"], "more came back than was sent")
        self.trials.append(t)
        return t
