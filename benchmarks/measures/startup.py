"""`bpcli --help` against the `--help` of the smallest possible Typer program."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.measures._finding import Finding, program
from benchmarks.paired import compare, script

SMALLEST = """
import typer
app = typer.Typer()
@app.command()
def hello():
    pass
app()
"""


def find(options: Any) -> Iterable[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "smallest.py"
        peer.write_text(SMALLEST)
        found = compare(
            {"bpcli": [script("bpcli"), "--help"], "typer": [sys.executable, str(peer), "--help"]},
            folder, max(options.repeats, 11),
        )  # fmt: skip
    ours, theirs = found["bpcli"], found["typer"]
    what = "`bpcli --help`"
    smallest = "smallest Typer program"
    yield Finding("startup", what, "ms", ours.seconds * 1e3, smallest, theirs.seconds * 1e3)
    yield Finding("startup", what, "MiB", ours.peak_mib, smallest, theirs.peak_mib)


if __name__ == "__main__":
    program(find)
