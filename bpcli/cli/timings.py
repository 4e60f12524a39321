"""What `profile` has found, as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpcli.cli.output import bold
from bpcli.cli.text import duration, plural, short, size, table


def layers(found: Mapping[str, Any]) -> list[str]:
    """A line for forward and one for backward, if it has one; a container's own time is one line."""
    rows: list[list[str]] = []
    for row in found["layers"]:
        names = ["  " * row["depth"] + row["name"].rpartition(".")[2], ""]
        if row["container"]:
            own = row["forward"]["seconds"] + row["backward"]["seconds"]
            rows.append([names[0], "wiring", duration(own), _percent(row["share"]), "", "", ""])
            continue
        for phase in ("forward", "backward"):
            one = row[phase]
            if one["seconds"] > 0:
                rows.append([names.pop(0), phase, *_cost(one)])
    head = ["layer", "", "time", "step", "GFLOP/s", "moved", "limit"]
    lines = table(head, rows, left=(0, 1))
    return [bold(lines[0]), *lines[1:]]


def _cost(one: Mapping[str, Any]) -> list[str]:
    return [
        duration(one["seconds"]),
        _percent(one["share"]),
        short(one["flops_per_second"] / 1e9) if one["flops"] else "",
        size(one["bytes"]) if one["bytes"] else "",
        _percent(one["of_limit"]) if one["bytes"] else "",
    ]


def loop(found: Mapping[str, Any]) -> list[str]:
    """A line for each part of the loop that took time."""
    rows = [
        [row["name"], duration(row["seconds"]), _percent(row["share"])]
        for row in found["loop"]
        if row["seconds"] > 0
    ]
    lines = table(["around the net", "time", "step"], rows)
    return [bold(lines[0]), *lines[1:]]


def totals(found: Mapping[str, Any]) -> list[str]:
    """The step as it is, and with a clock on everything; the machine's limits."""
    machine = found["machine"]
    slower = found["timed_step_seconds"] / found["step_seconds"] - 1
    flops, moved = (short(machine[f"{what}_per_second"] / 1e9) for what in ("flops", "bytes"))
    rows = [
        [
            "step",
            f"{duration(found['step_seconds'])} for {found['rows']:,.5g} rows, "
            f"{found['rows_per_second']:,.0f} rows a second",
        ],
        [
            "with clocks",
            f"{duration(found['timed_step_seconds'])} ({slower:+.1%}), {found['accounted']:.1%} of it above; "
            f"the middle half of {plural(found['steps'], 'step')}",
        ],
        [
            "limit",
            f"{flops} GFLOP/s and {moved} GB/s, {machine['dtype']}, {plural(machine['threads'], 'thread')}",
        ],
    ]
    return table((), rows, left=(0, 1))


def _percent(share: float) -> str:
    return f"{share:.1%}" if share < 0.0995 else f"{share:.0%}"
