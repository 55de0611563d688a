# SPDX-License-Identifier: BSD-3-Clause
"""Testpmd: dpdk-testpmd on the devices that a gateway is measured on, as the yardstick beside it."""
import os
import pty
import re
import select
import subprocess
import time

import lab


class Testpmd:
    """A running dpdk-testpmd that forwards between two devices; a context manager."""

    def __init__(self, name, memory_mb, devices, packets, lcores, buffer_bytes=256):
        self.name = name
        self.command = [
            "setpriv", "--pdeathsig", "TERM", "dpdk-testpmd", "--no-pci", "--no-telemetry",
            "--in-memory", "--single-file-segments", "-m", str(memory_mb),
            "--file-prefix", f"sacip-bench-{os.getpid()}-{name}", "--lcores", lcores,
            *(word for device in devices for word in ("--vdev", device)), "--", "-i",
            "--nb-cores=1", "--no-lsc-interrupt", f"--mbuf-size={buffer_bytes}",
            f"--total-num-mbufs={packets}"]

    def __enter__(self):
        master, slave = pty.openpty()  # it ends at the end of a file, and wants a terminal
        self.terminal = master
        self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        try:
            self.wait_for_prompt(120)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        lab.end(self.process)
        os.close(self.terminal)

    def wait_for_prompt(self, seconds):
        said = b""
        deadline = time.monotonic() + seconds
        while not said.rstrip().endswith(b"testpmd>"):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError(f"{self.name}: no prompt: " + said[-2000:].decode(errors="replace"))
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    said += os.read(self.terminal, 65536)
                except OSError:  # it has ended
                    time.sleep(0.1)
        return said.decode(errors="replace")

    def say(self, words):
        os.write(self.terminal, (words + "\n").encode())
        return self.wait_for_prompt(20)

    def forward(self, mode):
        self.say("stop")
        self.say(f"set fwd {mode}")
        self.say("start")

    def received(self):
        return sum(map(int, re.findall(r"RX-packets: (\d+)", self.say("show port stats all"))))
