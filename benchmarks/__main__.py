"""`python -m benchmarks [NAME …]`: bpcli and every installed peer, side by side."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks import machine, measures
from benchmarks.measures._run import run
from benchmarks.peers import PEERS
from benchmarks.runner import SAME, measure
from benchmarks.table import MEASURES, STEPS, disturbed, row, rows
from benchmarks.workloads import chosen, known


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code: 1 where a peer did other work than bpcli."""
    options = _parser().parse_args(argv)
    if options.list:
        _list()
        return 0
    peers = options.peers.split(",")
    if odd := [name for name in peers if name not in PEERS]:
        raise SystemExit(f"there is no peer '{odd[0]}'; there are {', '.join(PEERS)}")
    others = measures.names()
    wanted = [name for name in options.names if name in others] if options.names else others
    steps = [name for name in options.names if name not in others]
    workloads = chosen(steps) if steps or not options.names else []
    if machine.load() > 0.5:
        told = f"warning: the machine is busy (load {machine.load():.1f}); the figures will scatter"
        print(told, file=sys.stderr)
    found: dict[str, Any] = {"machine": machine.facts(), "steps": [], "measures": []}
    threads = [int(count) for count in options.threads.split(",")]
    if workloads:
        print("\n".join(STEPS))
    for workload in workloads:
        for count in [workload.threads] if workload.threads else threads:
            print(f"{workload.name} …", file=sys.stderr, flush=True)
            found["steps"].append(
                measure(workload, peers, threads=count, repeats=options.repeats, seconds=options.seconds)
            )
            print("\n".join(rows(found["steps"][-1])), flush=True)
            _store(found, options.out)
    if wanted:
        print("\n".join(MEASURES))
    for name in wanted:
        print(f"{name} …", file=sys.stderr, flush=True)
        findings = run(name, peers, threads=threads[0], repeats=options.repeats)
        found["measures"] += findings
        print("\n".join(map(row, findings)), flush=True)
        if findings and (said := disturbed(findings[0]["others"])):
            print(f"| {said} | | | | | |")
        _store(found, options.out)
    return int(any(apart > SAME for step in found["steps"] for apart in step["differences"].values()))


def _store(found: dict[str, Any], out: str | None) -> None:
    """As far as it has come: a long run may be cut short."""
    if out:
        Path(out).write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _list() -> None:
    for one in known().values():
        print(f"{one.name:24} {one.what}")
    for name in measures.names():
        told = import_module(f"benchmarks.measures.{name}").__doc__ or ""
        print(f"{name:24} {told.splitlines()[0]}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("names", nargs="*", metavar="NAME", help="workloads, series or measures; default: all but the series")
    add("--peers", default=",".join(PEERS), help="default: %(default)s, as far as they are installed")
    add("--threads", default="2", help="how many, or a list such as 1,2 (default: %(default)s)")
    add("--repeats", type=int, default=5, help="rounds of turns (default: %(default)s)")
    add("--seconds", type=float, default=0.5, help="of each turn (default: %(default)s)")
    add("--out", help="a JSON file for all figures")
    add("--list", action="store_true", help="say what there is, and time nothing")
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # whoever reads has enough; what is still to be written has nowhere to go
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
