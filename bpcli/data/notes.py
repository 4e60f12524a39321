"""What is worth knowing of the data before training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bpcli.data.cells import counted, is_number, listed
from bpcli.data.inputs import arrays
from bpcli.data.records import Part, Records, Target
from bpcli.data.series import overlap_notes
from bpcli.data.target import Kind
from bpcli.data.vocabulary import UNKNOWN_NUMBER

if TYPE_CHECKING:
    from bpcli.spec.experiment import DataSection

#: Rows are looked for in several parts only where that takes no time: up to this many numbers.
_MAX_COMPARED = 2_000_000
_PLAIN = {"val": "validation", "test": "test"}
#: How a part is called in a sentence.
SAID = {"train": "the training part", "val": "the validation part", "test": "the test part"}


def split_notes(
    divided: dict[str, Records], records: Records, kinds: Sequence[Kind], why: str, section: DataSection
) -> list[str]:
    notes: list[str] = []
    if len(kinds) > 1:
        notes.append(f"There are {len(kinds)} targets: {why}.")
    elif section.task == "auto":
        kind = kinds[0]
        said = {"classes": "classes", "binary_columns": "0/1 columns", "values": "values"}[kind]
        notes.append(f"The target is read as {said}: {why}.")
    own = {"val": section.val_source, "test": section.test_source}
    used = sum(len(part) for name, part in divided.items() if own.get(name) is None)
    if used < len(records):
        notes.append(
            f"{counted(len(records) - used, 'row')} of {len(records):,} are in no part of the split."
        )
    notes += overlap_notes(divided)
    empty = [name for name in ("val", "test") if not len(divided[name])]
    if empty:
        notes.append(f"There is no {' and no '.join(_PLAIN[name] for name in empty)} part.")
    return notes


def training_notes(train: Records, target: Target) -> list[str]:
    notes: list[str] = []
    for one in target.parts or (target,):
        notes += _target_notes(one)
    names = [column.name for column in (*train.features, *train.targets)]
    if train.named and all(map(is_number, names)):
        notes.append(
            f"The first line ({listed(names, 5)}) is taken as the columns' names; "
            "set header: false if it is data."
        )
    flat = [column.name for column in train.features if column.kind != "array" and _constant(column.values)]
    if flat:
        word = "columns" if len(flat) > 1 else "column"
        notes.append(f"Constant in the training part, so of no use: {word} {listed(flat)}.")
    return notes


def _target_notes(target: Target) -> list[str]:
    notes: list[str] = []
    if target.positions:
        return notes
    rare = [
        f"{label!r} ({count})"
        for label, count in zip(target.labels, target.counts, strict=False)
        if target.kind == "classes" and count < 5
    ]
    if rare:
        notes.append(f"Classes with fewer than 5 training rows: {listed(rare)}.")
    if target.kind == "binary_columns":
        one = [
            name
            for name, count in zip(target.columns, target.counts, strict=True)
            if count in (0, target.rows)
        ]
        if one:
            notes.append(f"Target columns that never change in the training part: {listed(one)}.")
    return notes


def repeated(parts: dict[str, Part]) -> list[str]:
    """How many rows of the other parts the net has seen in training, input for input."""
    if sum(array.size for part in parts.values() for array in arrays(part.x)) > _MAX_COMPARED:
        return []
    seen = set(_row_bytes(parts["train"]))
    notes: list[str] = []
    for name in ("val", "test"):
        count = sum(row in seen for row in _row_bytes(parts[name])) if name in parts else 0
        if count:
            verb = "has the same input as a row" if count == 1 else "have the same input as rows"
            notes.append(f"{counted(count, 'row')} of {SAID[name]} {verb} of the training part.")
    return notes


def unknown(parts: dict[str, Part], vocabularies: Sequence[Sequence[str]]) -> list[str]:
    """How many symbols of the other parts training has not shown, which all count as one."""
    notes: list[str] = []
    for name in ("val", "test"):
        if name not in parts:
            continue
        inputs = [x for x, known in zip(arrays(parts[name].x), vocabularies, strict=False) if known]
        strange = sum(int((x == UNKNOWN_NUMBER).sum()) for x in inputs)
        if strange:
            total = sum(int((x > 0).sum()) for x in inputs)
            notes.append(
                f"{counted(strange, 'symbol')} of {total:,} in {SAID[name]} are unknown: training has not "
                "shown them, or too seldom."
            )
    return notes


def _row_bytes(part: Part) -> Iterator[bytes]:
    for rows in zip(*arrays(part.x), strict=True):
        yield b"".join(row.tobytes() for row in rows)


def _constant(values: Any) -> bool:
    return bool((values == values[0]).all())
