"""Results as tables: metrics beside the baseline, and whatever is more than one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpcli.cli.output import bold
from bpcli.cli.text import number, table

Metrics = Mapping[str, Mapping[str, Any]]


def results(metrics: Metrics, baseline: Metrics) -> list[str]:
    """A line for each metric, a column for each part; beside it what a constant guess would get."""
    parts = list(metrics)
    against = next((part for part in ("test", "val") if part in baseline), None)
    names = dict.fromkeys(name for values in metrics.values() for name in values)
    names = sorted(names, key=lambda name: name != "loss")  # a checkpoint has them in alphabetical order
    head = ["", *parts, *([f"baseline ({against})"] if against else [])]
    rows, others = list[list[str]](), list[str]()
    for name in names:
        values = [metrics[part].get(name) for part in parts]
        if any(isinstance(value, (list, dict)) for value in values):
            part = parts[-1]
            others += nested(f"{name} ({part})", metrics[part].get(name))
            continue
        base = [baseline[against].get(name)] if against else []
        rows.append([name, *map(number, [*values, *base])])
    lines = table(head, rows)
    return _indented([bold(lines[0]), *lines[1:]] if lines else []) + others


def one_part(
    metrics: Mapping[str, Any], baseline: Mapping[str, Any], labels: Sequence[str] = ()
) -> list[str]:
    """The same for a single part; `labels` are the classes, in the order of per-class metrics."""
    rows, others = list[list[str]](), list[str]()
    for name, value in metrics.items():
        if isinstance(value, (list, dict)):
            others += nested(name, value, labels)
        else:
            rows.append([name, number(value), number(baseline.get(name))])
    lines = table(["", "value", "baseline"], rows)
    return _indented([bold(lines[0]), *lines[1:]]) + others


def nested(name: str, value: Any, labels: Sequence[str] = ()) -> list[str]:
    """A list of numbers on one line, a list of lists as a table; with labels, each by its label."""
    if isinstance(value, dict):
        return [f"  {name}", *_indented(table((), [[str(k), number(v)] for k, v in value.items()]), 4)]
    if not isinstance(value, list):
        return [f"  {name}: {number(value)}"]
    if value and isinstance(value[0], list):
        if len(labels) != len(value):
            return [f"  {name}", *_indented(table((), [[*map(number, row)] for row in value], left=()), 4)]
        rows = [[label, *map(number, row)] for label, row in zip(labels, value, strict=True)]
        head = ["is \\ taken for", *labels]
        return [f"  {name}", *_indented(table(head, rows), 4)]
    if len(labels) == len(value):
        return nested(name, dict(zip(labels, value, strict=True)))
    return [f"  {name}: {'  '.join(map(number, value))}"]


def _indented(lines: Sequence[str], by: int = 2) -> list[str]:
    return [" " * by + line for line in lines]
