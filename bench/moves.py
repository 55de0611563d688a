# SPDX-License-Identifier: BSD-3-Clause
"""Moves: several gateways side by side move a prefix there and back, in turns.

Turns, because a shared machine gets slower and faster as it likes: what is to be compared has to be
measured at the same time. The time is the gateway's own, `event_to_flip_us` of each reply: from the
turn of the slow path's loop in which the request came in until the last path was switched.
"""
import contextlib
import os
import random
import statistics
from pathlib import Path

import feed
import lab

home = "10.2.0.0/24"
away = "10.7.0.0/24"
away_begin = "10.7.0."


class Subject:
    """What is measured: a gateway with `flows` flows on `paths` paths, made by `blocks(mac)`."""

    def __init__(self, name, flows, paths, blocks, program=None):
        self.name = name
        self.flows = flows
        self.paths = paths
        self.blocks = blocks
        self.program = program
        self.times_us = []
        self.gateway = None

    def start(self, stack):
        capacity = max(1 << 16, self.flows * 9 // 8)
        memory_mb = 256 + capacity * 112 // 1_000_000  # what rte_hash takes, and packets
        path = Path(os.environ["BENCH_TMP"]) / f"{self.name}.fifo"
        fifo = stack.enter_context(contextlib.closing(feed.Fifo(path)))
        self.gateway = stack.enter_context(
            lab.Gateway(self.name, home, capacity, memory_mb, f"net_pcap0,rx_pcap={path}",
                        program=self.program))
        fifo.send(self.gateway, self.blocks(self.gateway.mac))
        self.gateway.wait_for_flows(self.flows, self.paths)

    def move(self, old, new):
        reply = self.gateway.ask("move", old=old, new=new)
        lab.check(reply["paths"] == self.paths, f"{self.name}: moved {reply['paths']} paths")
        self.times_us.append(reply["event_to_flip_us"])

    def check(self, moves):
        """What the gateway remembers is what we asked for, and it did take place."""
        for move in self.gateway.ctl("moves")["moves"]:
            moved = (move["paths"], move["flows"], move["result"])
            lab.check(moved == (self.paths, self.flows, "switched"), f"{self.name}: {move}")
        lab.check(self.gateway.ctl("status")["moves_total"] == moves, f"{self.name}: moves_total")
        lab.check(self.gateway.ctl("status")["balanced"], f"{self.name}: packets are missing")
        if self.paths <= 1000:
            is_away = {p["local_active"].startswith(away_begin)
                       for p in self.gateway.ctl("paths")["paths"]}
            lab.check(is_away == {moves % 2 == 1}, f"{self.name}: paths are in the wrong place")


def before(subjects):
    """The same of the other build; none where no other is given."""
    return [Subject(f"before-{s.name}", s.flows, s.paths, s.blocks, lab.beside)
            for s in subjects if lab.beside]


def compared(row, subject, former):
    """The row with what a move took beside the other build: the median of the turns' ratios."""
    if former is None:
        return row
    ratios = [now / then for now, then in zip(subject.times_us, former.times_us)]
    return {**row, "before": lab.summary(former.times_us)["median"],
            "median / before": round(statistics.median(ratios), 3)}


def measure(subjects, moves):
    """Fills in times_us of every subject; `moves` odd, so that all end up away."""
    order = list(subjects)
    shuffle = random.Random(lab.seed).shuffle
    lab.end_orderly()
    with contextlib.ExitStack() as stack:
        for subject in subjects:
            subject.start(stack)
        for i in range(moves):
            shuffle(order)
            for subject in order:
                subject.move(*((away, home) if i % 2 else (home, away)))
        for subject in subjects:
            subject.check(moves)
