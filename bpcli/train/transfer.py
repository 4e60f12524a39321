"""The run that another one begins with: found, read and verified."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.pipeline import Pipeline
from bpcli.errors import BuildError, CheckpointError
from bpcli.runs.checkpoint import digest
from bpcli.runs.find import LATEST, find_run, is_run
from bpcli.runs.folder import RunFolder, Which
from bpcli.train.average import deployed

if TYPE_CHECKING:
    from bpcli.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class Source:
    """The checkpoint of another run: its arrays by name, and what came before its net."""

    path: Path
    checkpoint: Which
    epoch: int
    digest: str
    arrays: dict[str, NDArray[Any]]
    pipeline: Pipeline

    @property
    def name(self) -> str:
        return self.path.name


def open_source(loaded: Loaded, runs_dir: Path) -> Source | None:
    """What the config's `transfer` names, read and verified; None where it has none.

    The run is a path from the config's folder or the working directory, or one of `runs_dir` by its name, the
    beginning of it, or as `latest`. ConfigError where there is none such, CheckpointError for a damaged one.
    """
    section = loaded.experiment.transfer
    if section is None:
        return None
    try:
        path = _find(section.from_, loaded.folder, runs_dir).resolve()
    except CheckpointError as error:
        found = error.problems[0]
        message = f"{found.file}: {found.message}" if found.file else found.message
        raise loaded.places.place_error(BuildError(message, ("transfer", "from"), found.hint)) from None
    return _read(path, section.checkpoint)


def _read(path: Path, asked: Which) -> Source:
    with RunFolder.open(str(path), path.parent, lock=False) as folder:
        which: Which = asked if folder.has(asked) else "last"
        arrays, meta = folder.load(which)
        if which != asked and meta.get("best", {}).get("monitor") is not None:
            raise CheckpointError(
                "the run's checkpoint 'best' is gone",
                file=str(path),
                hint="take the last one: transfer.checkpoint: last",
            )
        text = folder.read_text("pipeline.json")
    if sha256(text.encode()).hexdigest() != meta.get("pipeline"):
        raise CheckpointError(
            "the checkpoint belongs to other data or preprocessing",
            file=str(path),
            hint="a file of the run folder was changed after training; bring the old one back",
        )
    named = dict(_named(arrays, meta.get("layout"), str(path)))
    return Source(path, which, meta.get("epoch", 0), digest(arrays, meta), named, Pipeline.from_json(text))


def _find(ref: str, folder: Path, runs_dir: Path) -> Path:
    own = folder / Path(ref).expanduser()
    return own if ref != LATEST and is_run(own) else find_run(ref, runs_dir)


def _named(arrays: dict[str, NDArray[Any]], layout: Any, where: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Each array of the net by its name, those with which it predicts where weights were averaged."""
    w, s = deployed(arrays)
    try:
        entries = [(str(name), tuple(map(int, shape))) for name, shape in layout]
        if sum(prod(shape) for _, shape in entries) != len(w) + len(s):
            raise ValueError
    except (TypeError, ValueError):
        raise CheckpointError("the checkpoint does not say what its numbers are", file=where) from None
    start, both = 0, np.concatenate([w, s])
    for name, shape in entries:
        size = prod(shape)
        yield name, both[start : start + size].reshape(shape)
        start += size


def same_source(loaded: Loaded, info: Mapping[str, Any]) -> Source | None:
    """The source of a run that was stopped before its first checkpoint; it must be what it was then."""
    section = loaded.experiment.transfer
    if section is None:
        return None
    record = info["transfer"]
    path = Path(str(record.get("path")))  # not by its name: `latest` may be another one by now
    source = _read(path, section.checkpoint) if is_run(path) else None
    if source is None or source.digest != record.get("digest"):
        raise CheckpointError(
            "the run that this one was to begin with is gone or has changed, and there is no checkpoint yet",
            file=str(path),
            hint="train it anew",
        )
    return source


def own_pipeline(loaded: Loaded, folder: RunFolder) -> Pipeline | None:
    """Preprocessing that was once taken over, from the run's own folder; None where it was fitted."""
    transfer = loaded.experiment.transfer
    if transfer is None or not transfer.preprocess:
        return None
    return Pipeline.from_json(folder.read_text("pipeline.json"))
