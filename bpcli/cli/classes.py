"""Metrics of each class as one table, and the confusion matrix, or the most of it that can be read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bpcli.cli.output import bold, width
from bpcli.cli.text import number, plural, table

_PER_CLASS = "_per_class"
#: The widest table outside a terminal, the shortest that a label at the head of a column is cut to, and how
#: many confusions are told where the matrix is too wide.
_WIDEST = 160
_SHORTEST = 6
_MOST = 12

Labels = Sequence[str] | Mapping[str, Sequence[str]]


def by_class(metrics: Mapping[str, Any], labels: Labels, of: str = "") -> list[str]:
    """Everything among the metrics that is more than one number; `of` follows each title."""
    lines = list[str]()
    several = isinstance(labels, Mapping)
    for target in labels if isinstance(labels, Mapping) else ("",):
        prefix = f"{target}." if several else ""
        own = {name.removeprefix(prefix): v for name, v in metrics.items() if name.startswith(prefix)}
        names = labels[target] if isinstance(labels, Mapping) else labels
        where = of if not several else f" of {target}{of}"
        lines += _of_target(own, list(names), where)
    return lines


def _of_target(metrics: Mapping[str, Any], labels: Sequence[str], of: str) -> list[str]:
    """The tables of one target."""
    tables: dict[str, Any] = {
        name: value for name, value in metrics.items() if isinstance(value, (list, dict)) and value
    }
    matrices = {name: value for name, value in tables.items() if _is_matrix(value)}
    scores = {
        name: value
        for name, value in tables.items()
        if isinstance(value, list) and name not in matrices and len(value) == len(labels)
    }
    lines = _scores(scores, next(iter(matrices.values()), None), labels, of) if scores else []
    for name, value in tables.items():
        if name in matrices:
            lines += _matrix(name, value, labels, of)
        elif isinstance(value, dict):
            lines += [f"  {name}{of}", *_indented(table((), [[str(k), number(v)] for k, v in value.items()]))]
        elif name not in scores:
            lines.append(f"  {name}{of}: {'  '.join(map(number, value))}")
    return lines


def _scores(
    scores: Mapping[str, Sequence[Any]],
    matrix: Sequence[Sequence[int]] | None,
    labels: Sequence[str],
    of: str,
) -> list[str]:
    """A line for each class, a column for each metric, and how many rows it has, where that is known."""
    head = [f"class{of}", *(name.removesuffix(_PER_CLASS) for name in scores)]
    rows = [[label, *(number(values[i]) for values in scores.values())] for i, label in enumerate(labels)]
    if matrix is not None and len(matrix) == len(labels):
        head.append("rows")
        rows = [[*row, number(sum(counts))] for row, counts in zip(rows, matrix, strict=True)]
    lines = table(head, rows)
    return ["", f"  {bold(lines[0])}", *_indented(lines[1:], 2)]


def _matrix(name: str, counts: Sequence[Sequence[Any]], labels: Sequence[str], of: str) -> list[str]:
    """The whole matrix where it fits, its column heads cut short if they must be; else the worst of it."""
    if len(labels) != len(counts):
        return [f"  {name}{of}", *_indented(table((), [list(map(number, row)) for row in counts], left=()))]
    room = (width() or _WIDEST) - 5
    cells = [["." if not count else number(count) for count in row] for row in counts]
    for heads in (list(labels), [_cut(label) for label in labels]):
        rows = [[label, *row] for label, row in zip(labels, cells, strict=True)]
        lines = table(["is \\ taken for", *heads], rows)
        if max(map(len, lines)) <= room:
            return ["", f"  {bold(f'{name}{of}')}", *_indented(lines)]
    return ["", *_confusions(name, counts, labels, of)]


def _confusions(name: str, counts: Sequence[Sequence[Any]], labels: Sequence[str], of: str) -> list[str]:
    wrong = sorted(
        (
            (-count, is_, taken)
            for is_, row in enumerate(counts)
            for taken, count in enumerate(row)
            if count and is_ != taken
        ),
    )
    rows = [[labels[is_], labels[taken], number(-count)] for count, is_, taken in wrong[:_MOST]]
    total = plural(sum(-count for count, _, _ in wrong), "row")
    lines = [f"  {bold(f'{name}{of}')}: {total} taken for another class; --json has the whole table"]
    return lines + (_indented(table(["is", "taken for", "rows"], rows, left=(0, 1))) if rows else [])


def _cut(label: str) -> str:
    return label if len(label) <= _SHORTEST else label[: _SHORTEST - 1] + "…"


def _is_matrix(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, list) for row in value)


def _indented(lines: Sequence[str], by: int = 4) -> list[str]:
    return [" " * by + line for line in lines]
