# SPDX-License-Identifier: BSD-3-Clause
"""Report: joins what the benchmarks said: JSON into a file, tables to standard output.

usage: report.py COMMIT SEED DIRECTORY FILE     (reads DIRECTORY/BENCHMARK.json)
Exit status 1 if a bound is broken.
"""
import datetime
import json
import os
import platform
import sys
from pathlib import Path


def limit(bound):
    return (f"at most {bound['at_most']}" if "at_most" in bound
            else f"at least {bound['at_least']}")


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def cell(value):
    return value if isinstance(value, str) else f"{value:,}"


def table(rows):
    columns = list(rows[0])
    lines = [columns] + [[cell(row[c]) for c in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    return ["  " + "  ".join(text.rjust(width) for text, width in zip(line, widths))
            for line in lines]


def main():
    commit, seed, directory, file = sys.argv[1:]
    benchmarks = {p.stem: json.loads(p.read_text()) for p in sorted(Path(directory).glob("*.json"))}
    result = {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "commit": commit,
        "seed": int(seed),
        "machine": {"cpu": cpu_model(), "cores": os.cpu_count(), "kernel": platform.release(),
                    "load": round(os.getloadavg()[0], 2)},
        "benchmarks": benchmarks,
    }
    Path(file).write_text(json.dumps(result, indent=1) + "\n")

    machine = result["machine"]
    out = [f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, "
           f"load {machine['load']}; commit {commit}, seed {seed}"]
    kept = True
    for name, benchmark in benchmarks.items():
        out += ["", f"{name}: {benchmark['title']}", *table(benchmark["rows"])]
        out += [f"  {note}" for note in benchmark["notes"]]
        for bound in benchmark["bounds"]:
            kept = kept and bound["kept"]
            out.append(f"  {'kept' if bound['kept'] else 'BROKEN'}: {bound['what']} = "
                       f"{bound['value']} ({limit(bound)})")
    print("\n".join(out))
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())
