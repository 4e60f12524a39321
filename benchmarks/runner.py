"""Times a workload in every peer, each in a process of its own, in turns: all see the same machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from benchmarks import job
from benchmarks.machine import Watch
from benchmarks.peers import PEERS
from benchmarks.peers.sgemm import FLOPS
from benchmarks.workload import Workload

#: Largest difference between losses, relative to the largest of them, that counts as the same work.
#: Rounding makes 1e-7 to 1e-4; one ReLU whose input is 0 but for rounding has made 2e-4; a gate in the
#: wrong place 2e-3.
SAME = 1e-3
ROOT = Path(__file__).resolve().parent.parent


class Worker:
    """One peer's process. `absent` says why it is not there; `losses` are those of its first steps."""

    def __init__(self, name: str, module: str, folder: Path, threads: int) -> None:
        self.name = name
        self.absent: str | None = None
        self.block = 1
        self.rounds: list[list[float]] = []
        self.peak = self.cpu = 0.0
        self.steps = 0
        self.versions: dict[str, str] = {}
        self.losses: list[float] = []
        self._errors = (folder / f"{module}.txt").open("w+", encoding="utf-8")
        count = str(threads)
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
        environment = {**os.environ, **dict.fromkeys(names, count), "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", module, str(folder)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True, env=environment,
        )  # fmt: skip
        for wanted in ("versions", "losses"):
            told = self._read()
            self.absent = told.get("absent")
            if self.absent:
                return
            setattr(self, wanted, told[wanted])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            text = self._errors.read().strip()
            print(f"{self.name} failed:\n{text[-3000:]}", file=sys.stderr)
            return {"absent": f"failed: {text.splitlines()[-1][:100] if text else 'without a word'}"}
        return json.loads(line)

    def turn(self, seconds: float, *, counts: bool) -> None:
        """Lets it train for this long; the first turn finds out how many steps make a block."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"seconds": seconds, "block": self.block}) + "\n")
        self._process.stdin.flush()
        told = self._read()
        self.block, self.peak = told["block"] if not counts else self.block, told["peak_mib"]
        if counts:
            self.cpu, self.steps = self.cpu + told["cpu"], self.steps + told["steps"]
            self.rounds.append(told["times"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._errors.close()

    def found(self) -> dict[str, Any]:
        """Medians of the rounds' medians, in ms, and the quartiles of all blocks."""
        every = [t * 1e3 for times in self.rounds for t in times]
        cuts = quantiles(every, n=4) if len(every) > 1 else every * 3
        return {
            "ms": median(median(times) for times in self.rounds) * 1e3,
            "cpu_ms": self.cpu / self.steps * 1e3, "low": cuts[0], "high": cuts[2],
            "rounds": [round(median(times) * 1e3, 6) for times in self.rounds],
            "peak_mib": self.peak, "losses": self.losses, "versions": self.versions,
        }  # fmt: skip


def measure(
    workload: Workload, peers: Sequence[str], *, threads: int, repeats: int, seconds: float
) -> dict[str, Any]:
    """All that the table says of one workload."""
    with tempfile.TemporaryDirectory(prefix="bpcli-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        told = job.prepare(workload, folder, threads)
        workers: list[Worker] = []
        absent: dict[str, str] = {}
        for peer, module in [("sgemm", "sgemm"), *((peer, PEERS[peer]) for peer in peers)]:
            worker = Worker(peer, module, folder, threads)
            stack.callback(worker.close)
            if worker.absent:
                absent[peer] = worker.absent
            else:
                workers.append(worker)
        for worker in workers:
            worker.turn(seconds, counts=False)
        watch = Watch()
        for k in range(repeats):
            at = k % len(workers)
            for worker in workers[at:] + workers[:at]:
                worker.turn(seconds, counts=True)
        others = watch.others(sum(worker.cpu for worker in workers))
        found = {worker.name: worker.found() for worker in workers}
    limit = found.pop("sgemm")
    return {
        "name": workload.name, "what": workload.what, "family": workload.family, "at": workload.at,
        "threads": threads, "batch": workload.batch, "inference": workload.inference, **told,
        "sgemm_gflops": FLOPS / limit["ms"] / 1e6,
        "others": others, "absent": absent, "peers": found,
        "differences": _differences(found),
    }  # fmt: skip


def _differences(found: dict[str, Any]) -> dict[str, float]:
    """How far each peer's first losses are from bpcli's, relative to the largest of these."""
    ours = found.get("bpcli", {}).get("losses")
    if not ours:
        return {}
    apart: dict[str, float] = {}
    for name, peer in found.items():
        theirs, mine = peer["losses"], ours
        if len(theirs) == 1 != len(ours):  # the mean over all of them
            mine = [fmean(ours)]
        if name != "bpcli" and theirs:
            pairs = zip(mine, theirs, strict=False)
            apart[name] = max(abs(a - b) for a, b in pairs) / max(map(abs, mine))
    return apart
