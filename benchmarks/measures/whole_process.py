"""`bpcli train digits-mlp` against the same net in each peer, as whole processes from cold start to exit.

As many rows in the training part, the same layers, batch size, epochs and optimizer. bpcli also measures a
validation part each epoch, saves checkpoints and writes its logs; the peers' programs (benchmarks/digits)
fit and print the accuracy.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.measures._finding import Finding, program
from benchmarks.paired import compare, script

HERE = Path(__file__).resolve().parent.parent
ROWS = 1258  # of the 1,797 in the shipped config's training part
MODULES = {"sklearn": "sklearn", "torch": "torch", "keras": "keras", "jax": "jax"}


def find(options: Any) -> Iterable[Finding]:
    digits = HERE.parent / "datasets" / "digits.csv"
    commands = {"bpcli": [script("bpcli"), "train", "digits-mlp", f"train.threads={options.threads}"]}
    for peer in options.peers:
        file = HERE / "digits" / f"{peer}_digits.py"
        if file.exists() and find_spec(MODULES[peer]):
            commands[peer] = [sys.executable, "-W", "ignore", str(file), str(digits), str(ROWS)]
    with tempfile.TemporaryDirectory() as folder:
        found = compare(commands, folder, options.repeats, options.threads)
    ours = found.pop("bpcli")
    for peer, theirs in found.items():
        what = "digits MLP, 50 epochs, whole process"
        yield Finding("whole_process", f"{what}: time", "s", ours.seconds, peer, theirs.seconds)
        yield Finding("whole_process", f"{what}: CPU time", "s", ours.cpu_seconds, peer, theirs.cpu_seconds)
        yield Finding("whole_process", f"{what}: peak memory", "MiB", ours.peak_mib, peer, theirs.peak_mib)


if __name__ == "__main__":
    program(find)
