# SPDX-License-Identifier: BSD-3-Clause
"""Mixed: first packets of new flows between packets of established ones, in a file played once.

The established flows begin the file and repeat until the slow path has made them. The same file
with established packets in place of the first ones tells what the device and the worker do without
new flows: the rate that the share is of.
"""
import time

import feed
import lab

established = 256
new = 400_000
mix = 5  # packets of established flows to each first packet
total = 9 * established + new * (mix + 1)


def write(path, with_new):
    def flows(host, count):
        return b"".join(feed.flows_of_pair(lab.pcap_mac, f"10.2.0.{host}", "10.9.0.10", count,
                                           lab.seed))
    size = feed.record_bytes
    known, first = flows(11, established), flows(10, new)
    with open(path, "wb") as out:
        out.write(feed.file_header + known * 9)
        for i in range(new):
            at = i * mix % (established - mix) * size
            out.write(known[at:at + mix * size])
            out.write(first[i * size:(i + 1) * size] if with_new else known[:size])


def run(name, pcap, with_new, lcores, cpu_seconds):
    """One gateway's life. Gives packets/s, flows/s and how many were lost."""
    with lab.Gateway(name, "10.2.0.0/24", 1 << 20, 1024, f"net_pcap0,rx_pcap={pcap}",
                     lcores=lcores) as gateway:
        samples = []
        deadline = time.monotonic() + 20
        while True:
            before = time.monotonic()
            status = gateway.ask("status")
            worker, slow = status["stages"]
            samples.append(((before + time.monotonic()) / 2, worker["received"], status["flows"],
                            cpu_seconds(gateway.process.pid)[0]))
            if worker["received"] == total and slow["received"] == worker["punted"]:
                break
            lab.check(before < deadline, f"{name}: only {worker['received']} of {total}")
            time.sleep(0.005)
    lost = worker["dropped"] + slow["dropped"]
    lab.check(status["balanced"] and worker["forwarded"] + slow["forwarded"] + lost == total,
              f"{name}: packets are missing: {worker} {slow}")
    known = established + (new if with_new else 0)
    lab.check(known - lost <= status["flows"] <= known, f"{name}: {status}")
    seen = [s for s in samples if 0 < s[1] < total]
    lab.check(len(seen) >= 8, f"{name}: over too soon to measure")
    (t0, p0, f0, c0), (t1, p1, f1, c1) = seen[len(seen) // 4], seen[-1]
    return {"packets": (p1 - p0) / (t1 - t0), "flows": (f1 - f0) / (t1 - t0),
            "flows_cpu": (f1 - f0) / (c1 - c0), "lost": lost}
