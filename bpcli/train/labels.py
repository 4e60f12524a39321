"""What the entries of a per-class metric stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bpcli.data.records import Target

#: In the order of a per-class metric's entries; of several targets, by the name of each.
Labels = list[str] | dict[str, list[str]]


def labels_of(target: Target) -> Labels:
    """The classes, or the 0/1 columns; nothing for values."""
    if target.kind == "several":
        return {name: _labels(part) for name, part in zip(target.names, target.parts, strict=True)}
    return _labels(target)


def _labels(target: Target) -> list[str]:
    return list(target.columns if target.kind == "binary_columns" else target.labels)
