# SPDX-License-Identifier: BSD-3-Clause
"""NDR: the greatest rate at which a box loses nothing (RFC 2544's throughput), and PDR, at which it
loses at most 0.5 %, as CSIT has them.

A search halves the span between a rate that passes and one that fails until they are `precision`
apart. A rate passes if most of three trials do (one trial tells little where other work shares the
machine), and the result is confirmed by most of five; it steps down until they pass.

A trial with loss is void if the box's thread had to wait for its core for longer than a ring lasts,
or the generator's for 5 % of the time: the machine lost those packets. It is repeated, a few times;
then it counts.
"""
goals = {"NDR": 0.0, "PDR": 0.005}
precision = 0.03
repeats, confirmations = 3, 5
step_down = 0.05
voids = 3
short_of = 0.95  # a generator that offers less than this share of the rate is too slow


class Search:
    """One box and one direction. `say` is told of each trial."""

    def __init__(self, generator, direction, seconds=0.1, say=lambda text: None):
        self.generator, self.direction, self.seconds, self.say = generator, direction, seconds, say
        self.void = self.counted = 0
        self.by_generator = False  # it is what could go no faster
        flat_out = generator.trial("max", seconds, direction)
        self.flat_out = flat_out["received_pps"]
        say(f"max: sent {flat_out['sent'] / flat_out['seconds'] / 1e6:.3f} Mpps, came back "
            f"{self.flat_out / 1e6:.3f}")

    def trial(self, rate):
        for attempt in range(voids + 1):
            t = self.generator.trial(rate, self.seconds, self.direction)
            late = (t["box_waited_us"] > self.generator.ring / rate * 1e6 or
                    t["waited_us"] > 0.05 * self.seconds * 1e6)
            short = t["offered_pps"] < short_of * rate
            if attempt < voids and (short or (t["lost"] and late)):
                self.void += 1
                continue
            self.counted += 1
            self.say(f"  {rate / 1e6:.3f} Mpps for {self.seconds} s: offered "
                     f"{t['offered_pps'] / 1e6:.3f}, lost {t['lost']} ({t['loss']:.4%})"
                     + (", generator too slow" if short else "") + (f", {attempt} void" * bool(attempt)))
            return t, short

    def passes(self, rate, loss, trials=repeats):
        """Most of the trials have at most that loss."""
        good = bad = 0
        while good <= trials // 2 and bad <= trials // 2:
            t, short = self.trial(rate)
            if short and t["loss"] <= loss:
                self.by_generator = True
                return False
            good, bad = good + (t["loss"] <= loss), bad + (t["loss"] > loss)
        return good > bad

    def find(self, loss):
        """Packets a second."""
        low, high = 0.0, self.flat_out * 1.1
        guess = self.flat_out * 0.9  # near it, most often
        while high - low > precision * high:
            if self.passes(guess, loss):
                low = guess
            else:
                high = guess
            guess = (low + high) / 2 if low else high * 0.8
            if high < 1000:
                return 0.0
        while low > 1000 and not self.passes(low, loss, confirmations):
            low *= 1 - step_down
        return low

    def run(self):
        out = {}
        for name, loss in goals.items():
            self.say(f"{name} (loss at most {loss:.1%}):")
            out[name] = self.find(loss)
        return out
