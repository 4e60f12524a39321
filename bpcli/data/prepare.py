"""Reads a config's data once and makes of it what training needs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from bpcli.data import fitting, forcing, several
from bpcli.data.cells import counted
from bpcli.data.inputs import row_shape
from bpcli.data.notes import SAID, repeated, split_notes, training_notes, unknown
from bpcli.data.pipeline import Pipeline
from bpcli.data.records import Part, Prepared, Records, Target
from bpcli.data.running import check_known, cut
from bpcli.data.select import chosen, narrowed
from bpcli.data.sequences import check_options, encode_sequence, fit_sequence, is_sequence
from bpcli.data.series import Windows, with_scale
from bpcli.data.sources.base import Layout
from bpcli.data.splits.base import Split
from bpcli.data.target import Kind, as_written, encode, fit_target, target_kind
from bpcli.errors import BuildError, DataError

if TYPE_CHECKING:
    from bpcli.files import Files
    from bpcli.losses.base import Loss
    from bpcli.spec.experiment import DataSection

_NAMES = ("train", "val", "test")


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
    if like is not None:
        check_known(like.merges, train)
    records, merges, said = cut(divided.records, None if like is None else like.merges)
    train = records["train"]
    target = with_scale(_fit_target(train, section, loss, divided.kinds), train)
    y = None if target.kind == "classes" else encoded(target, train, SAID["train"])
    pipeline = fitting.fit(
        train,
        section.preprocess,
        target,
        target_transform=None if is_sequence(train) else section.target_transform,
        y=y,
        inputs=section.inputs,
        like=like,
    )
    made = {
        name: _part(pipeline, records[name], dtype, SAID[name], target=True)
        for name in _NAMES
        if (name == "train" or name in parts) and len(records[name])
    }
    x = made["train"].x
    known = pipeline.vocabularies
    shape = row_shape(forcing.given(x) if target.ends else x)  # as wide as the longest sequence
    pipeline = replace(pipeline, shape=shape, merges=merges)
    return Prepared(
        train=made["train"],
        val=made.get("val"),
        test=made.get("test"),
        target=pipeline.target,
        pipeline=pipeline,
        digest=divided.digest,
        notes=(*divided.notes, *said, *training_notes(train, target), *repeated(made), *unknown(made, known)),
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
    records = cut({part: records}, pipeline.merges)[0][part]
    return _part(pipeline, records, dtype, SAID[part], target=True), divided.digest


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
    if target:
        records = forcing.tokenized(records, section.target_transform)
    records = cut({"the data": records}, pipeline.merges)[0]["the data"]
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
    plain = {column.name: column.kind for column in (*records.features, *records.targets)}
    records = forcing.tokenized(records, section.target_transform)
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
    split = section.split or _default_split(kind, ordered=records.ordered)
    places = split.without(elsewhere).parts(records, seed)
    kept = _without_columns(records, split.consumed())
    layout = Layout(
        {column.name: plain[column.name] for column in (*kept.features, *kept.targets)},
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
        divided[name] = forcing.tokenized(source.read_like(files, layout), section.target_transform)
        digests.append(divided[name].digest)
    notes = [*split_notes(divided, records, kinds, why, section), *spelt]
    divided, said = narrowed(divided, section, kinds[0] if len(kinds) == 1 else "several targets", seed)
    return _Divided(divided, kinds, _combined(digests), (*notes, *said))


def _part(pipeline: Pipeline, records: Records, dtype: DTypeLike, said: str, *, target: bool) -> Part:
    """One part's arrays."""
    x = pipeline.apply(records, dtype)
    y = pipeline.targets(encoded(pipeline.target, records, said), dtype) if target else None
    if y is not None and pipeline.target.ends:
        x = forcing.forced(x, y)
    weight = None if records.weight is None else records.weight.astype(dtype)
    windows = Windows.of(records, pipeline.target.columns)
    naive = None if windows is None else pipeline.targets(windows.to_net(windows.naive()), dtype)
    return Part(x, y, weight, records.rows, windows, naive)


def _default_split(kind: Kind, *, ordered: bool) -> Split:
    if ordered:
        from bpcli.data.splits.chronological import Chronological

        return Chronological.model_validate({})
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
    if is_sequence(records):
        check_options(records, section)
        return ["classes"], "it is a sequence of symbols, a class for each step"
    if records.series is not None and section.task != "classification":
        return ["values"], "it is a series"
    kind, why = target_kind(records, section.task, _targets_of(loss))
    return [kind], why


def _fit_target(train: Records, section: DataSection, loss: Loss | None, kinds: Sequence[Kind]) -> Target:
    if loss is not None and loss.several():
        return several.fit(train, loss.several(), kinds)
    if is_sequence(train):
        return fit_sequence(train, section)
    if section.teacher_forcing:
        raise DataError(
            "teacher_forcing is for a target that is a sequence of symbols",
            file=train.file,
            path="data.teacher_forcing",
            hint="for a column of text, set data.target_transform: {type: tokens}; else leave it out",
        )
    return fit_target(train, section.task, _targets_of(loss), kind=kinds[0])


def encoded(target: Target, records: Records, said: str) -> NDArray[Any]:
    """y of these rows, of one target or of several."""
    if target.positions:
        return encode_sequence(target, records)
    return (several.encode_all if target.kind == "several" else encode)(target, records, said)


def _targets_of(loss: Loss | None) -> tuple[str, ...] | None:
    return None if loss is None else loss.targets


def _combined(digests: Sequence[str]) -> str:
    """One digest for all files read: the only one's own, or that of the list."""
    return digests[0] if len(digests) == 1 else sha256("\n".join(digests).encode()).hexdigest()
