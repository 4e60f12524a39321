"""Reads a config's data once and makes of it what training needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpcli.data import pipeline as pipelines
from bpcli.data import several
from bpcli.data.cells import counted, is_number, listed
from bpcli.data.inputs import arrays
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Part, Prepared, Records, Target
from bpcli.data.select import chosen, narrowed
from bpcli.data.sources.base import Layout
from bpcli.data.splits.base import Split
from bpcli.data.target import Kind, as_written, encode, fit_target, target_kind
from bpcli.errors import BuildError, DataError

if TYPE_CHECKING:
    from bpcli.files import Files
    from bpcli.losses.base import Loss
    from bpcli.spec.experiment import DataSection

_NAMES = ("train", "val", "test")
#: Rows are looked for in several parts only where that takes no time: up to this many numbers.
_MAX_COMPARED = 2_000_000
_PLAIN = {"val": "validation", "test": "test"}
_SAID = {"train": "the training part", "val": "the validation part", "test": "the test part"}


def prepare(
    section: DataSection,
    *,
    files: Files,
    seed: int,
    loss: Loss | None = None,
    dtype: DTypeLike = np.float32,
    parts: Collection[str] = _NAMES,
    like: Pipeline | None = None,
) -> Prepared:
    """Reads the source, splits it, fits target and preprocessing on the training part, applies them to all.

    Only the `parts` named are prepared, but the training part always; a part without rows is None. With
    `like`, the preprocessing is not fitted but taken from there. Errors are DataErrors with file, row and
    column.
    """
    divided = _divide(section, files, seed, loss)
    train = divided.records["train"]
    if not len(train):
        raise DataError("the training part has no rows", file=train.file, path="data.split")
    target = _fit_target(train, section, loss, divided.kinds)
    y = None if target.kind == "classes" else encoded(target, train, _SAID["train"])
    pipeline = pipelines.fit(
        train,
        section.preprocess,
        target,
        target_transform=section.target_transform,
        y=y,
        inputs=section.inputs,
        like=like,
    )
    made = {
        name: _part(pipeline, divided.records[name], dtype, _SAID[name], target=True)
        for name in _NAMES
        if (name == "train" or name in parts) and len(divided.records[name])
    }
    return Prepared(
        train=made["train"],
        val=made.get("val"),
        test=made.get("test"),
        target=pipeline.target,
        pipeline=pipeline,
        digest=divided.digest,
        notes=(*divided.notes, *_notes(train, target, section), *_repeated(made)),
    )


def split_part(
    section: DataSection,
    pipeline: Pipeline,
    *,
    files: Files,
    seed: int,
    part: str,
    loss: Loss | None = None,
    dtype: DTypeLike = np.float32,
) -> tuple[Part, str]:
    """(one part of the config's data through a stored pipeline, digest of the data read), for `evaluate`."""
    divided = _divide(section, files, seed, loss)
    records = divided.records[part]
    if not len(records):
        raise DataError(f"there is no {part} part", file=records.file, hint="see data.split")
    return _part(pipeline, records, dtype, _SAID[part], target=True), divided.digest


def read_part(
    section: DataSection,
    pipeline: Pipeline,
    path: str | None = None,
    *,
    files: Files,
    dtype: DTypeLike = np.float32,
    target: bool = True,
) -> Part:
    """All rows of a file through a stored pipeline, for `evaluate --data` and `predict --data`.

    Without a path, the config's own source. With `target=False` the file need not have the target; y is None.
    """
    source = section.source if path is None else section.source.at(path)
    records = source.read_like(files, pipeline.layout, target=target)
    if target and not records.targets:
        raise DataError("the file has no target to compare with", file=records.file)
    return _part(pipeline, records, dtype, "the data", target=target)


@dataclass(frozen=True, slots=True)
class _Divided:
    """The rows of each part, and what was found on the way."""

    records: dict[str, Records]
    kinds: Sequence[Kind]
    digest: str
    notes: tuple[str, ...]


def _divide(section: DataSection, files: Files, seed: int, loss: Loss | None) -> _Divided:
    records = section.source.read(files)
    picked = records if section.select is None else chosen(records, section.select, all_occur=True)
    kinds, why = _kinds(picked, section, loss)
    kind = kinds[0] if len(kinds) == 1 else "values"
    spelt: list[str] = []
    if kind == "classes" and records.targets[0].written is not None:
        records = as_written(records)
        spelt.append(
            f"The labels of '{records.targets[0].name}' are kept as they are written: as numbers, leading "
            "zeros would be lost, or labels that differ be the same."
        )
    own = {"val": section.val_source, "test": section.test_source}
    elsewhere = [name for name, source in own.items() if source is not None]
    split = section.split or _default_split(kind)
    places = split.without(elsewhere).parts(records, seed)
    kept = _without_columns(records, split.consumed())
    layout = Layout(
        {column.name: column.kind for column in (*kept.features, *kept.targets)},
        tuple(column.name for column in kept.targets),
        kept.width,
        kept.weight_name,
    )
    divided: dict[str, Records] = {}
    digests = [records.digest]
    for name, rows in places._asdict().items():
        source = own.get(name)
        if source is None:
            divided[name] = kept.take(rows)
            continue
        if len(rows):
            raise DataError(
                f"the {name} part has a source of its own, and {counted(len(rows), 'row')} in the split",
                path=f"data.{name}_source",
                hint=f"leave out {name}_source, or take these rows from the split",
            )
        divided[name] = source.read_like(files, layout)
        digests.append(divided[name].digest)
    notes = [*_split_notes(divided, records, kinds, why, section), *spelt]
    divided, said = narrowed(divided, section, kinds[0] if len(kinds) == 1 else "several targets", seed)
    return _Divided(divided, kinds, _combined(digests), (*notes, *said))


def _part(pipeline: Pipeline, records: Records, dtype: DTypeLike, said: str, *, target: bool) -> Part:
    """One part's arrays."""
    x = pipeline.apply(records, dtype)
    y = pipeline.targets(encoded(pipeline.target, records, said), dtype) if target else None
    weight = None if records.weight is None else records.weight.astype(dtype)
    return Part(x, y, weight, records.rows)


def _default_split(kind: Kind) -> Split:
    if kind == "classes":
        from bpcli.data.splits.stratified import Stratified

        return Stratified.model_validate({})
    from bpcli.data.splits.random import Random

    return Random.model_validate({})


def _without_columns(records: Records, names: Sequence[str]) -> Records:
    if not names:
        return records
    return replace(records, features=[column for column in records.features if column.name not in names])


def _kinds(records: Records, section: DataSection, loss: Loss | None) -> tuple[Sequence[Kind], str]:
    """(what the target is, why); of several, what each is."""
    if loss is not None and loss.several():
        if section.task != "auto":
            raise BuildError(
                "each of several targets is what its loss takes", ("data", "task"), "leave task out"
            )
        return several.kinds(records, loss.several())
    kind, why = target_kind(records, section.task, _targets_of(loss))
    return [kind], why


def _fit_target(train: Records, section: DataSection, loss: Loss | None, kinds: Sequence[Kind]) -> Target:
    if loss is not None and loss.several():
        return several.fit(train, loss.several(), kinds)
    return fit_target(train, section.task, _targets_of(loss), kind=kinds[0])


def encoded(target: Target, records: Records, said: str) -> NDArray[Any]:
    """y of these rows, of one target or of several."""
    return (several.encode_all if target.kind == "several" else encode)(target, records, said)


def _targets_of(loss: Loss | None) -> tuple[str, ...] | None:
    return None if loss is None else loss.targets


def _combined(digests: Sequence[str]) -> str:
    """One digest for all files read: the only one's own, or that of the list."""
    return digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()).hexdigest()


def _split_notes(
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
    empty = [name for name in ("val", "test") if not len(divided[name])]
    if empty:
        notes.append(f"There is no {' and no '.join(_PLAIN[name] for name in empty)} part.")
    return notes


def _notes(train: Records, target: Target, section: DataSection) -> list[str]:
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


def _repeated(parts: dict[str, Part]) -> list[str]:
    """How many rows of the other parts the net has seen in training, input for input."""
    if sum(array.size for part in parts.values() for array in arrays(part.x)) > _MAX_COMPARED:
        return []
    seen = set(_row_bytes(parts["train"]))
    notes: list[str] = []
    for name in ("val", "test"):
        count = sum(row in seen for row in _row_bytes(parts[name])) if name in parts else 0
        if count:
            verb = "has the same input as a row" if count == 1 else "have the same input as rows"
            notes.append(f"{counted(count, 'row')} of {_SAID[name]} {verb} of the training part.")
    return notes


def _row_bytes(part: Part) -> Iterator[bytes]:
    for rows in zip(*arrays(part.x), strict=True):
        yield b"".join(row.tobytes() for row in rows)


def _constant(values: Any) -> bool:
    return bool((values == values[0]).all())
