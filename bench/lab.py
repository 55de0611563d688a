# SPDX-License-Identifier: BSD-3-Clause
"""Lab: real sacip-gw processes on virtual devices, and what every benchmark needs around them.

A gateway here has an inside port on net_pcap, whose packets come from a file or a FIFO and whose
replies are dropped by the device, and an outside port on net_null, which drops what it is given.
The hosts at the far ends are basic peers: where nobody can be told of a move, nothing moves.
Neither has a Linux side: no tap, no route, no ARP, no system call per packet, so the figures are
the gateway's own. `run` starts a benchmark in a network namespace of its own, else the machine's
routes would be asked for the way to the remote hosts.

Environment, set by `run`: SACIP_GW, SACIPCTL (programs), BENCH_SEED, BENCH_TMP (a directory that is
taken away afterwards), BENCH_BESIDE (another sacip-gw, or empty).
"""
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

programs = Path(os.environ.get("SACIP_BUILD") or Path(__file__).resolve().parent.parent / "build")
seed = int(os.environ.get("BENCH_SEED", "1"))
beside = os.environ.get("BENCH_BESIDE", "")
pcap_mac = "02:70:63:61:70:00"  # of the first net_pcap device in every process
config = """\
gateway: {{name: {name}, control_socket: {socket}, metrics: off}}
cores: {{idle: {idle}}}
limits: {{flows: {flows}, paths: 131072}}
ports:
  - {{name: lan, device: {lan}, role: inside{mtu},
     host_interface: {{kind: none}}, next_hop_mac: "02:00:00:00:00:01"}}{more_lan}
  - {{name: wan, device: {wan}, role: outside{mtu},
     host_interface: {{kind: none}}, next_hop_mac: "02:00:00:00:00:02"}}
hosts:{hosts}
basic_peers:
  - {{prefix: 198.18.0.0/15, roam_to: [198.18.0.0/15]}}
  - {{prefix: 10.9.0.0/16, roam_to: [10.9.0.0/16]}}
"""
hosts_config = """
  - {{inside: {prefix}, outside: {prefix}}}"""


more_lan_config = """
  - {{name: lan{number}, device: {device}, role: inside{mtu},
     host_interface: {{kind: none}}, next_hop_mac: "02:00:00:00:00:01"}}"""


class Gateway:
    """A running sacip-gw; a context manager. `prefix`: of its hosts; several with spaces between.
    `lan` and `wan` are --vdev arguments. With `packets` it has huge pages, and so many buffers,
    which hold packets of `mtu` bytes."""

    def __init__(self, name, prefix, flows, memory_mb, lan, wan="net_null0,no-rx=1",
                 lcores="0@(0-1),1@(0-1)", packets=0, idle="adaptive",
                 more_lan=(), mtu=106, program=None):
        self.name = name
        self.directory = Path(os.environ["BENCH_TMP"])
        self.socket = self.directory / f"{name}.sock"
        self.log = self.directory / f"{name}.log"
        yaml = self.directory / f"{name}.yaml"
        mtu = f", mtu: {mtu}" if packets else ""
        yaml.write_text(config.format(
            name=name, socket=self.socket, flows=flows, lan=lan.split(",")[0],
            hosts="".join(hosts_config.format(prefix=each) for each in prefix.split()),
            wan=wan.split(",")[0], mtu=mtu, idle=idle,
            more_lan="".join(more_lan_config.format(number=i, device=device.split(",")[0], mtu=mtu)
                             for i, device in enumerate(more_lan, 2))))
        self.plays = lan.startswith("net_pcap")
        # setpriv: should we be killed, the gateway is, too.
        self.command = [
            "setpriv", "--pdeathsig", "TERM", program or os.environ["SACIP_GW"], "--no-pci",
            "--no-telemetry",
            *(["--in-memory", "--single-file-segments"] if packets else ["--no-huge"]),
            "-m", str(memory_mb), "--file-prefix", f"sacip-bench-{os.getpid()}-{name}",
            "--lcores", lcores, *(word for device in (lan, *more_lan, wan)
                                  for word in ("--vdev", device)), "--", "--config", str(yaml),
            *(["--total-num-mbufs", str(packets)] if packets else [])]

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=subprocess.STDOUT,
                                            stdin=subprocess.DEVNULL)
        try:
            self.wait_until(lambda: f"{self.name} ready" in self.log.read_text(), "ready", 120)
            self.mac = self.port("lan")["mac"]
            check(self.mac == pcap_mac or not self.plays,
                  f"net_pcap calls itself {self.mac}, not {pcap_mac}")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        end(self.process)

    def ask(self, command, **args):
        """One exchange over the control socket, for what is asked often."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.socket))
            s.sendall(json.dumps({"command": command, "args": args}).encode() + b"\n")
            with s.makefile("rb") as reply:
                return json.loads(reply.readline())

    def ctl(self, *words):
        """The same through sacipctl, as an operator would."""
        done = subprocess.run([os.environ["SACIPCTL"], "-s", self.socket, "-j", *words],
                              capture_output=True, text=True, timeout=30, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"sacipctl {' '.join(words)}: {done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def slow_path(self):
        return self.ask("status")["stages"][-1]

    def port(self, name):
        return next(p for p in self.ask("ports")["ports"] if p["name"] == name)

    def wait_until(self, true, what, seconds):
        deadline = time.monotonic() + seconds
        while not true():
            if self.process.poll() is not None:
                said = self.log.read_text().splitlines()[-20:]
                raise RuntimeError("\n".join([f"{self.name} ended:", *said]))
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.name}: not {what} after {seconds} s")
            time.sleep(0.02)

    def wait_for_flows(self, flows, paths):
        def there():
            status = self.ask("status")
            return (status["flows"], status["paths"]) == (flows, paths)
        self.wait_until(there, f"at {flows} flows on {paths} paths", 10)


@contextlib.contextmanager
def huge_pages(megabytes):
    """So many megabytes of huge pages free, and afterwards as it was before."""
    setting = Path("/proc/sys/vm/nr_hugepages")
    before = int(setting.read_text())
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    page_mb = int(meminfo["Hugepagesize"].split()[0]) // 1024
    missing = -(-megabytes // page_mb) - int(meminfo["HugePages_Free"])
    try:
        if missing > 0:
            setting.write_text(str(before + missing))
            got = int(setting.read_text()) - before
            check(got >= missing, f"no memory for {missing} more huge pages: {got}")
        yield
    except PermissionError:
        check(False, f"{missing} more huge pages are needed: run it as root, or "
                     f"echo {before + missing} >{setting}")
    finally:
        if missing > 0 and os.access(setting, os.W_OK):
            setting.write_text(str(before))


def end(process):
    """Politely, and for certain."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def check(true, what):
    if not true:
        raise AssertionError(what)


def summary(values):
    """What is reported of repeated measurements."""
    return {"median": round(statistics.median(values), 3), "min": round(min(values), 3),
            "max": round(max(values), 3), "count": len(values)}


def bound(what, value, at_most):
    return {"what": what, "value": round(value, 3), "at_most": at_most, "kept": value <= at_most}


def bound_below(what, value, at_least):
    return {"what": what, "value": round(value, 3), "at_least": at_least,
            "kept": value >= at_least}


def bounds_beside(what, ratios):
    """The bound of a comparison with the other build, if there is one: ratios of costs, ours to
    its, of which the median counts, as each of them is noisy."""
    ratios = [r for r in ratios if r is not None]
    return [bound(f"{what}, median of its cost / before", statistics.median(ratios),
                  1.03)] if ratios else []


def end_orderly():
    """SIGTERM and its like unwind the stack, so that gateways are ended on every way out."""
    def leave(number, _):
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        sys.exit(128 + number)
    signals = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
    for each in signals:
        signal.signal(each, leave)


def report(title, rows, bounds=(), notes=()):
    """Hands the result to `run`: JSON on standard output."""
    json.dump({"title": title, "rows": rows, "bounds": list(bounds), "notes": list(notes)},
              sys.stdout)
