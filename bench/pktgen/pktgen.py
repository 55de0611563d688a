# SPDX-License-Identifier: BSD-3-Clause
"""Pktgen: Pktgen-DPDK as the generator of a search, through the commands that an operator would type.

It counts out packets at a share of its port's nominal rate (net_memif: 100 Gbit/s). What arrived and
what was forwarded is read off the gateway, whose counters the same machine can ask.
"""
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

import lab
import traffic

memory_mb = 3900  # it has pools for everything it could do
ring = 16_384  # it and the slow path share a core: what comes meanwhile has to wait
nominal_pps = 100e9 / (84 * 8)
quiet = 0.3  # seconds without a packet: the trial is over


class Pktgen:
    """A running one beside a gateway; a context manager."""

    ring = ring  # packets that wait while the box has no core

    def __init__(self, program, box, devices):
        self.box = box
        self.command = [
            "setpriv", "--pdeathsig", "TERM", program, "--no-pci", "--no-telemetry", "--in-memory",
            "--single-file-segments", "-m", str(memory_mb), "--file-prefix",
            f"sacip-bench-{os.getpid()}-pktgen", "--lcores", "0@0,1@0", *traffic.vdevs(devices),
            "--", "-P", "-T", "-m", "[1].0,[1].1"]

    def __enter__(self):
        self.terminal, slave = pty.openpty()  # it wants a terminal, and one of some size
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
        self.process = subprocess.Popen(self.command, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        try:
            self.wait_for(b"Pktgen:/>", 60)
            for words in (f"dst mac {self.box.mac}", "src ip 10.2.0.1/24", "dst ip 10.9.0.1",
                          "proto udp", "size 64"):
                self.say(f"set 0 {words}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        lab.end(self.process)
        os.close(self.terminal)

    def read(self, seconds):
        if not select.select([self.terminal], [], [], seconds)[0]:
            return b""
        try:
            return os.read(self.terminal, 65536)
        except OSError:  # it has ended
            time.sleep(seconds)
            return b""

    def wait_for(self, text, seconds):
        said, deadline = b"", time.monotonic() + seconds
        while text not in said:
            said += self.read(0.1)
            lab.check(self.process.poll() is None and time.monotonic() < deadline,
                      "Pktgen does not start: " + said[-1500:].decode(errors="replace"))

    def say(self, words):
        os.write(self.terminal, (words + "\r").encode())
        self.read(0.2)

    def worker(self):
        return self.box.ask("status")["stages"][0]

    def waited_us(self):
        thread = traffic.polling_thread(self.box.process.pid)
        return int((Path(thread) / "schedstat").read_text().split()[1]) / 1000

    def trial(self, rate, seconds, direction):
        """As generator.cpp's trials are told (traffic.py), for one flow, outbound."""
        lab.check(direction == "out", "Pktgen sends outbound only")
        rate = nominal_pps if rate == "max" else rate
        wanted = max(64, int(min(rate, 20e6) * seconds))
        self.say(f"set 0 rate {min(100.0, 100 * rate / nominal_pps):.4f}")
        self.say(f"set 0 count {wanted}")
        before, waited = self.worker(), self.waited_us()
        os.write(self.terminal, b"start 0\r")
        began = ended = None
        last, deadline = before["received"], time.monotonic() + 10 + 20 * seconds
        while ended is None or time.monotonic() - ended < quiet:
            now = self.worker()["received"]
            if now != last:
                ended = time.monotonic()
                began = began or ended
            last = now
            self.read(0.01)
            lab.check(time.monotonic() < deadline, "Pktgen sent nothing, or does not stop")
        after = self.worker()
        sent = after["received"] - before["received"]
        received = after["forwarded"] - before["forwarded"]
        lab.check(sent <= wanted, f"more packets than Pktgen sent: {sent} of {wanted}")
        took = max(ended - began, seconds / 2)  # the counters are read now and then
        return {"sent": wanted, "received": received, "lost": wanted - received,
                "loss": (wanted - received) / wanted, "seconds": took,
                "offered_pps": wanted / took, "received_pps": received / took,
                "box_waited_us": self.waited_us() - waited, "waited_us": 0}
