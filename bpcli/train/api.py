"""The Python API: what the commands do, as functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.train.progress import Listener, silent
from bpcli.train.saved import Saved

if TYPE_CHECKING:
    from bpcli.train.session import Outcome


def train(
    config: str | Path | Mapping[str, Any],
    overrides: Sequence[str] = (),
    *,
    runs_dir: str | Path = "runs",
    listener: Listener = silent,
) -> Outcome:
    """Trains a config: a file, a shipped name, or a mapping of the same keys. Returns how it ended."""
    from bpcli.spec.load import load, load_mapping
    from bpcli.train import session

    if isinstance(config, Mapping):
        if overrides:
            raise TypeError("overrides are for a config file; change the mapping instead")
        loaded = load_mapping(dict(config), folder=Path.cwd())
    else:
        loaded = load(config, overrides)
    return session.train(loaded, runs_dir=Path(runs_dir), listener=listener)


def load(run: str | Path, *, runs_dir: str | Path = "runs", checkpoint: str = "best") -> Saved:
    """A run, to predict and evaluate with: a path, a name, the unique beginning of one, or `latest`."""
    return Saved.open(run, runs_dir, checkpoint)


def predict(
    run: str | Path, rows: Any, *, runs_dir: str | Path = "runs", checkpoint: str = "best"
) -> list[dict[str, Any]]:
    """The predictions of a run for a file, a list of mappings, or an array: see `Saved.predict`."""
    return list(load(run, runs_dir=runs_dir, checkpoint=checkpoint).predict(rows))


def evaluate(
    run: str | Path,
    split: str = "test",
    *,
    data: str | Path | None = None,
    runs_dir: str | Path = "runs",
    checkpoint: str = "best",
) -> dict[str, Any]:
    """The metrics of a run over one of its parts, or over a file."""
    return load(run, runs_dir=runs_dir, checkpoint=checkpoint).evaluate(split, data)
