# SPDX-License-Identifier: BSD-3-Clause
"""Mixed: first packets of new flows beside established traffic that goes on at full speed.

The worker serves two inside ports and an outside one that play packets of established flows for
ever, so that it is never idle, and one more inside port that plays a file once; each port up to a
burst in turn. In each burst of the file are some first packets, the rest repeats established flows;
how many there are decides how many new flows the slow path is offered a second. The file begins
with established packets only, until everything is warm. What established traffic is measured by is
what the same worker forwards when the file is over: nothing then but established packets, which
come at no cost.
"""
import contextlib
import os
import time
from pathlib import Path

import feed
import lab
import replay
import traffic

established = 4096
burst = feed.burst
new_per_burst = 14
new = 70_000 * new_per_burst
warm_up = 2_000_000  # packets


def write(path):
    """Returns how many packets the file has."""
    records = b"".join(replay.records(lab.pcap_mac[:-1] + "1", established, "10.2.0.", False,
                                      replay.flows_per_pair))
    size = feed.record_bytes
    old = records * (2 + burst // 8)
    first = b"".join(feed.flows_of_pair(lab.pcap_mac[:-1] + "1", "10.2.0.251", "10.9.0.10", new,
                                        lab.seed))
    bursts = new // new_per_burst
    with open(path, "wb") as out:
        out.write(feed.file_header)
        for _ in range(warm_up // established):
            out.write(records)
        for i in range(bursts):
            at = i * burst % established * size
            out.write(first[i * new_per_burst * size:(i + 1) * new_per_burst * size])
            out.write(old[at:at + (burst - new_per_burst) * size])
    return warm_up // established * established + bursts * burst


class Run:
    """One gateway's life, sampled."""

    def __init__(self, name, replayed, replayed_too, answers, played, total, lcores, cpu_seconds,
                 program):
        buffers = 3 * 2 * established + 40_000
        with contextlib.ExitStack() as stack:
            stack.enter_context(lab.huge_pages(640))
            gateway = stack.enter_context(lab.Gateway(
                name, "10.2.0.0/24", 1 << 20, 512, f"net_pcap0,rx_pcap={replayed},infinite_rx=1",
                f"net_pcap3,rx_pcap={answers},infinite_rx=1", lcores=lcores, packets=buffers,
                program=program,
                more_lan=(f"net_pcap1,rx_pcap={played}",
                          f"net_pcap2,rx_pcap={replayed_too},infinite_rx=1")))
            self.name, self.samples, over = name, [], 0
            worker_stat = traffic.polling_thread(gateway.process.pid) / "schedstat"
            deadline = time.monotonic() + 30
            while over < 20:  # samples with nothing but established packets
                before = time.monotonic()
                status = gateway.ask("status")
                played_now = gateway.port("lan2")["rx_packets"]
                ran, waited = cpu_seconds(gateway.process.pid)
                worker, slow = status["stages"]
                self.samples.append({
                    "time": (before + time.monotonic()) / 2, "received": worker["received"],
                    "lost": worker["dropped"] + slow["dropped"], "flows": status["flows"],
                    "played": played_now, "ran": ran, "waited": waited,
                    "worker ran": int(worker_stat.read_text().split()[0]) / 1e9})
                over += played_now == total and slow["received"] == worker["punted"]
                lab.check(before < deadline, f"{name}: only {played_now} of {total}")
                time.sleep(0.02)  # it shares the cores
            # What is known goes round no ring, so what a full one lost were first packets.
            self.known_lost = sum(d["packets"] for d in gateway.ask("drops")["drops"]
                                  if d["reason"] not in ("punt_ring_full", "first_packet_full"))

    def between(self, begin, end):
        """Rates while the file was between two of its packets: of established packets by the worker's
        time, of new flows by wall time and by the slow path's; its share of waiting for a core; packets
        lost."""
        inside = [s for s in self.samples if begin <= s["played"] <= end]
        lab.check(len(inside) >= 8, f"{self.name}: over too soon to measure")
        took = {key: inside[-1][key] - inside[0][key] for key in inside[0]}
        return {"established": (took["received"] - took["flows"]) / took["worker ran"],
                "flows": took["flows"] / took["time"],
                "flows_cpu": took["flows"] / max(took["ran"], 1e-9),
                "waited": took["waited"] / took["time"], "lost": took["lost"],
                "made": inside[-1]["flows"]}


def measure(runs, lcores, cpu_seconds):
    """What so many runs showed, and as many of the other build in turns with them, if there is one."""
    directory = Path(os.environ["BENCH_TMP"])
    replayed, replayed_too, answers, played = (
        directory / f"{n}.pcap" for n in ("out", "out-too", "in", "mixed"))
    replay.write(replayed, lab.pcap_mac, established, 2, lab.seed)
    replay.write(replayed_too, lab.pcap_mac[:-1] + "2", established, 2, lab.seed)
    replay.write(answers, lab.pcap_mac[:-1] + "3", established, 2, lab.seed, inbound=True)
    total = write(played)

    def seen_by(name, program):
        run = Run(name, replayed, replayed_too, answers, played, total, lcores, cpu_seconds,
                  program)
        warm = warm_up // established * established
        whole = run.between(warm // 2, total)
        lab.check(whole["made"] + whole["lost"] >= established + new, f"flows are missing: {whole}")
        return {"peace": run.between(total, total), "known lost": run.known_lost,
                "first lost": whole["lost"],
                "busy": run.between(warm + 2000 * burst, total - burst)}

    out, former = [], []
    for i in range(runs):
        out.append(seen_by(f"mixed-{i}", None))
        if lab.beside:
            former.append(seen_by(f"mixed-{i}-before", lab.beside))
    return out, former
