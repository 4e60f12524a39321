"""Taking over the weights of another run: of each layer all that is asked for, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bpcli.errors import BuildError, closest
from bpcli.train.groups import matches

if TYPE_CHECKING:
    from bpcli.core.store import Param, State
    from bpcli.data.records import Prepared
    from bpcli.spec.experiment import TransferSection
    from bpcli.train.model import Model
    from bpcli.train.transfer import Source

_EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Taken:
    """The names of what was taken over, words for the user, and a record for run.json."""

    names: frozenset[str]
    notes: tuple[str, ...]
    record: dict[str, Any]


def take_over(model: Model, data: Prepared, source: Source, section: TransferSection) -> Taken:
    """Sets the weights and states of each layer that the other net has under the same name and shape.

    A layer of which one array does not fit keeps all of its own. BuildError where a pattern names nothing
    here, where what a pattern other than * names does not fit, and where nothing is left to take.
    """
    store, asarray = model.store, model.backend.asarray
    place = {built.path: number for number, built in enumerate(model.built)}
    known = sorted((*store.params, *store.states), key=lambda entry: place[entry.path])
    entries: dict[str, Param | State] = {_name(entry): entry for entry in known}
    _check_patterns(section, list(entries))
    asked = {
        name: entry
        for name, entry in entries.items()
        if _first(name, section.match) is not None and _first(name, section.skip) is None
    }
    misfits = {name: why for name, entry in asked.items() if (why := _misfit(name, entry, source))}
    _refuse_misfits(misfits, source, section)
    broken = {entries[name].path for name in misfits}
    taken = [name for name, entry in asked.items() if entry.path not in broken]
    if not taken:
        raise BuildError(
            f"nothing of {source.name} has the name and the shape of what is here",
            ("transfer", "from"),
            f"it has {_listed(list(source.arrays))}",
        )
    states = {_name(state) for state in store.states}
    for name in taken:
        vector = store.s if name in states else store.w
        vector[entries[name].slice] = asarray(source.arrays[name].astype(store.dtype).ravel())
    kept = [name for name in entries if name not in taken]
    record = {
        "run": source.name, "path": str(source.path), "checkpoint": source.checkpoint,
        "epoch": source.epoch, "digest": source.digest, "taken": taken, "kept": kept,
    }  # fmt: skip
    note = f"taken over from {source.name} ({source.checkpoint}, epoch {source.epoch}): "
    note += ", ".join(_layers(taken, kept))
    if kept:
        note += f"; with first values of their own: {', '.join(_reasons(kept, taken, misfits))}"
    notes = (f"{note}.", *_doubts(model, data, source, taken))
    return Taken(frozenset(taken), notes, record)


def _name(entry: Param | State) -> str:
    return ".".join((*entry.path, entry.name))


def _first(name: str, patterns: Sequence[str]) -> int | None:
    return next((number for number, pattern in enumerate(patterns) if matches(name, pattern)), None)


def _check_patterns(section: TransferSection, names: Sequence[str]) -> None:
    for key, patterns in (("match", section.match), ("skip", section.skip)):
        for number, pattern in enumerate(patterns):
            if not any(matches(name, pattern) for name in names):
                near = closest(pattern, [*names, *map(_layer, names)])
                hint = f"did you mean '{near}'?" if near else f"there are {_listed(names)}"
                raise BuildError(f"nothing here is named like '{pattern}'", ("transfer", key, number), hint)


def _misfit(name: str, entry: Param | State, source: Source) -> str | None:
    """Why an array cannot be taken, or None."""
    there = source.arrays.get(name)
    if there is None:
        return "not there"
    return None if there.shape == entry.shape else f"{_shape(entry.shape)} here, {_shape(there.shape)} there"


def _refuse_misfits(misfits: dict[str, str], source: Source, section: TransferSection) -> None:
    for name, why in misfits.items():
        for number, pattern in enumerate(section.match):
            if pattern != _EVERYTHING and matches(name, pattern):
                raise BuildError(
                    f"'{pattern}' names {name}, which cannot be taken from {source.name}: {why}",
                    ("transfer", "match", number),
                    "leave it out with transfer.skip, or write match: '*' for what fits",
                )


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _layers(names: Sequence[str], others: Sequence[str]) -> list[str]:
    """The layers of these arrays, once each; where `others` have arrays of the same layer, the arrays."""
    shared = set(map(_layer, others))
    return list(dict.fromkeys(name if _layer(name) in shared else _layer(name) for name in names))


def _reasons(kept: Sequence[str], taken: Sequence[str], misfits: dict[str, str]) -> list[str]:
    """head (5 × 32 here, 10 × 32 there): a layer, and the first thing about it that did not fit."""
    told: list[str] = []
    for shown in _layers(kept, taken):
        why = next((why for name, why in misfits.items() if shown in (name, _layer(name))), None)
        told.append(shown if why is None else f"{shown} ({why})")
    return told


def _doubts(model: Model, data: Prepared, source: Source, taken: Sequence[str]) -> list[str]:
    """What was taken over and means something else here."""
    notes: list[str] = []
    if source.pipeline.outputs != data.pipeline.outputs:
        notes.append(f"The inputs have not the names, or not the order, that they have in {source.name}.")
    last = ".".join(model.built[-1].path)
    theirs, labels = source.pipeline.target.labels, data.target.labels
    if labels != theirs and any(matches(name, last) for name in taken):
        notes.append(
            f"{last} was trained for {_listed(theirs, 6) or 'values'}, and is now for "
            f"{_listed(labels, 6) or 'values'}; transfer.skip: {last} would leave it out."
        )
    return notes


def _listed(names: Sequence[str], limit: int = 12) -> str:
    return ", ".join(names[:limit]) + (", …" if len(names) > limit else "")


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape)) or "1"
