"""Results as tables: metrics beside the baseline, and whatever is more than one number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpcli.cli.classes import by_class
from bpcli.cli.output import bold
from bpcli.cli.text import number, short, table

Metrics = Mapping[str, Mapping[str, Any]]
#: Labels of the classes, in the order of per-class metrics; of several targets, by the name of each.
Labels = Sequence[str] | Mapping[str, Sequence[str]]


def results(metrics: Metrics, baseline: Metrics, labels: Labels = ()) -> list[str]:
    """A line for each metric, a column for each part; beside it what a constant guess would get.

    What is more than one number follows, of the last part alone.
    """
    parts = list(metrics)
    against = next((part for part in ("test", "val") if part in baseline), None)
    names = dict.fromkeys(name for values in metrics.values() for name in values)
    names = sorted(names, key=lambda name: name != "loss")  # a checkpoint has them in alphabetical order
    head = ["", *parts, *([f"baseline ({against})"] if against else [])]
    rows = list[list[str]]()
    for name in names:
        values = [metrics[part].get(name) for part in parts]
        if not any(isinstance(value, (list, dict)) for value in values):
            base = [baseline[against].get(name)] if against else []
            rows.append([name, *map(number, [*values, *base])])
    lines = table(head, rows)
    last = parts[-1] if parts else ""
    tables = by_class(metrics.get(last, {}), labels, of=f" ({last})")
    return indented([bold(lines[0]), *lines[1:]] if lines else []) + tables


def one_part(metrics: Mapping[str, Any], baseline: Mapping[str, Any], labels: Labels = ()) -> list[str]:
    """The same for a single part."""
    rows = [
        [name, number(value), number(baseline.get(name))]
        for name, value in metrics.items()
        if not isinstance(value, (list, dict))
    ]
    lines = table(["", "value", "baseline"], rows)
    return indented([bold(lines[0]), *lines[1:]]) + by_class(metrics, labels)


def indented(lines: Sequence[str], by: int = 2) -> list[str]:
    return [" " * by + line for line in lines]


_MOST_LAYERS = 24
#: How many steps of the sequences are told.
_STEPS = 5


def gradients(found: Mapping[str, Any]) -> list[str]:
    """Of each layer the gradient's norm at the first step and in the last epoch; then how far it reaches."""
    columns = [
        (f"step {found['first']['step']}", found["first"], "norms") if found["first"] else None,
        (f"mean of epoch {found['last']['epoch']}", found["last"], "means") if found["last"] else None,
    ]
    there = [column for column in columns if column]
    if not there:
        return []
    rows = [
        [layer, *(short(one[key][layer]) if layer in one[key] else "-" for _, one, key in there)]
        for layer in there[0][1][there[0][2]]
    ]
    lines = table(["gradient norm", *(name for name, _, _ in there)], rows)
    if len(lines) > _MOST_LAYERS + 1:
        half = _MOST_LAYERS // 2
        lines = [*lines[: half + 1], f"… {len(rows) - 2 * half} more layers", *lines[-half:]]
    told = ["", *indented([bold(lines[0]), *lines[1:]])]
    ratios = [f"{short(one['ratio'])} ({name})" for name, one, _ in there if one["ratio"] is not None]
    if found["compared"] and ratios:
        first, last = found["compared"]
        told.append(f"  the gradient norm of {first} over that of {last}: " + ", ".join(ratios))
    for layer in there[0][1].get("through_time", ()):
        told += _through_time({name: one["through_time"].get(layer, []) for name, one, _ in there}, layer)
    return told


def _through_time(norms: Mapping[str, Sequence[float]], layer: str) -> list[str]:
    """Of a recurrent layer the gradient's norm at a few steps of its sequences, first and last among them."""
    steps = max(map(len, norms.values()))
    shown = sorted({round(k * (steps - 1) / (_STEPS - 1)) for k in range(_STEPS)})
    rows = [
        [name, *(short(values[t]) if t < len(values) else "-" for t in shown)]
        for name, values in norms.items()
    ]
    lines = table([f"gradient at {layer}", *(f"t = {t + 1}" for t in shown)], rows)
    return ["", *indented([bold(lines[0]), *lines[1:]])]
