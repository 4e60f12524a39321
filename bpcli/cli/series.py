"""What several seeds gave, as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpcli.cli.output import bold, width
from bpcli.cli.text import number, plural, table

#: The widest table outside a terminal.
_WIDEST = 110
_ROWS = (("mean", "mean"), ("std", "± std"), ("min", "min"), ("max", "max"))


def series(event: Mapping[str, Any]) -> list[str]:
    """A line for each seed, then mean, sample standard deviation, least and greatest; a column a metric."""
    seeds, metrics = event["seeds"], event["metrics"]
    if not seeds:
        return _without(event)
    columns = [(f"{part} {name}", found) for part, names in metrics.items() for name, found in names.items()]
    lines = [bold(f"{plural(len(seeds), 'seed')}: mean and standard deviation of a sample")]
    whole = _table(columns, seeds)
    if len(metrics) > 1 and max(map(len, whole), default=0) + 2 > (width() or _WIDEST):
        for part, names in metrics.items():
            lines += _table([(f"{part} {name}", found) for name, found in names.items()], seeds)
    else:
        lines += whole
    return lines + _without(event)


def _table(columns: Sequence[tuple[str, Mapping[str, Any]]], seeds: Sequence[int]) -> list[str]:
    head = ["", *(name for name, _ in columns)]
    rows = [
        [f"seed {seed}", *(number(found["values"][at]) for _, found in columns)]
        for at, seed in enumerate(seeds)
    ]
    rows += [[word, *(number(found[key]) for _, found in columns)] for key, word in _ROWS]
    lines = table(head, rows)
    return [f"  {bold(lines[0])}", *(f"  {line}" for line in lines[1:])]


def _without(event: Mapping[str, Any]) -> list[str]:
    """What became of the seeds that have no result."""
    lines = list[str]()
    left = [one["seed"] for one in event["without_result"] if one["status"] == "not begun"]
    for one in event["without_result"]:
        if one["status"] != "not begun":
            word = {"interrupted": "was interrupted"}.get(one["status"], one["status"])
            place = f": {one['run']}" if one["run"] else ""
            lines.append(f"seed {one['seed']} {word} and has no part in this{place}")
    if left:
        lines.append(
            f"not begun: {plural(len(left), 'seed')}; train them with --seed {left[0]} --seeds {len(left)}"
        )
    return lines
