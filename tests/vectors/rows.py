# SPDX-License-Identifier: BSD-3-Clause
"""Files of rows that a generator writes, or compares with what it would write."""

import difflib
import sys


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_or_check(target, text, rows, usage):
    """What a generator does with its document: write it, or with --check compare it."""
    if sys.argv[1:] == ["--check"]:
        there = target.read_text()
        sys.stdout.writelines(difflib.unified_diff(there.splitlines(True), text.splitlines(True),
                                                   target.name, "as generated"))
        return 0 if there == text else 1
    if sys.argv[1:]:
        print(usage, file=sys.stderr)
        return 2
    target.write_text(text)
    print(f"{rows} rows")
    return 0
