"""`train` and `resume`: from a loaded config, or a run folder, to a finished run."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.core.backend import one_blas_thread
from bpcli.data.inputs import row_shape
from bpcli.data.prepare import prepare
from bpcli.errors import BuildError, CheckpointError, ConfigError, DataError
from bpcli.files import Files
from bpcli.runs.folder import RunFolder
from bpcli.spec.load import load_resolved, to_yaml
from bpcli.train.changes import refuse_changes
from bpcli.train.environment import differences, environment, threads
from bpcli.train.finish import Outcome, finish
from bpcli.train.log import logged
from bpcli.train.model import build
from bpcli.train.notes import notes
from bpcli.train.progress import Listener, silent
from bpcli.train.settle import settle
from bpcli.train.taken import take_over
from bpcli.train.trainer import Trainer
from bpcli.train.transfer import open_source, own_pipeline, same_source

if TYPE_CHECKING:
    from bpcli.data.pipeline import Pipeline
    from bpcli.data.records import Prepared
    from bpcli.losses.base import Loss
    from bpcli.spec.experiment import Experiment
    from bpcli.spec.load import Loaded
    from bpcli.train.transfer import Source


@contextmanager
def placed(loaded: Loaded) -> Generator[None]:
    """Gives errors about the net the file, line and column of the YAML node that they are about."""
    try:
        yield
    except BuildError as error:
        raise loaded.places.place_error(error) from None


def train(
    loaded: Loaded,
    *,
    runs_dir: Path = Path("runs"),
    listener: Listener = silent,
    source: Source | None = None,
) -> Outcome:
    """Trains a new run in a new folder. Everything that can be refused is refused before there is one.

    `source` is what `open_source` found, where the caller has asked already.
    """
    one_blas_thread()
    experiment = loaded.experiment
    trainer = prepared_trainer(loaded, source or open_source(loaded, runs_dir))
    info: dict[str, Any] = {
        "status": "running",
        "pid": os.getpid(),
        "command": sys.argv,
        "config": str(loaded.file.resolve()) if loaded.file else None,
        "config_folder": str(loaded.folder.resolve()),
        "environment": environment(),
        "data": trainer.data.digest,
        "seed": experiment.seed,
        "parameters": trainer.model.parameters,
        "horizon": trainer.horizon,
    }
    if trainer.origin is not None:
        info["transfer"] = trainer.origin.record
    folder = RunFolder.create(
        runs_dir, experiment.name, config_text=loaded.text, resolved=to_yaml(experiment), info=info
    )
    with folder:
        folder.write_text("pipeline.json", trainer.data.pipeline.to_json())
        listener = logged(folder, listener)
        seed = experiment.seed
        listener({"event": "start", "run": str(folder.path), "seed": seed, "resumed_from": None})
        for note in trainer.data.notes:
            listener({"event": "note", "message": note})
        return finish(trainer, folder, listener)


def resume(
    ref: str, overrides: Sequence[str] = (), *, runs_dir: Path = Path("runs"), listener: Listener = silent
) -> Outcome:
    """Goes on with a run from its newest valid checkpoint, to the same bits as if it had never stopped."""
    one_blas_thread()
    with RunFolder.open(ref, runs_dir, lock=True) as folder:
        info = folder.info
        resolved = folder.path / "resolved.yaml"
        before = load_resolved(resolved, folder=Path(info["config_folder"]))
        loaded = load_resolved(resolved, overrides, folder=Path(info["config_folder"]))
        refuse_changes(before, loaded)
        begun = any(folder.has(which) for which in ("last", "prev", "best"))
        if begun:
            trainer = prepared_trainer(loaded, like=own_pipeline(loaded, folder))
        else:
            trainer = prepared_trainer(loaded, same_source(loaded, info))
        if trainer.data.digest != info["data"]:
            raise DataError(
                "the data is not what this run began with, so it cannot go on",
                hint="bring the old data back, or train a new run",
            )
        if before.experiment.schedule == loaded.experiment.schedule:
            trainer.horizon = info["horizon"]
        if begun:
            arrays, meta, which, warnings = folder.load_newest()
            _check(meta, trainer, folder)
            trainer.restore(arrays, meta)
            _refuse_past(trainer, before)
            if trouble := folder.truncate_metrics(meta["metrics_bytes"]):
                warnings = [*warnings, trouble]
            if which != "last":  # a run with nothing left to do would otherwise end with an older one
                folder.save(arrays, meta, best=False)
        else:
            which, warnings = "the beginning", ["the run has no checkpoint yet, so it starts anew"]
            folder.truncate_metrics(0)
        if overrides:
            folder.write_text("resolved.yaml", to_yaml(loaded.experiment))
        folder.write_text("pipeline.json", trainer.data.pipeline.to_json())
        changed = differences(info["environment"], environment())
        folder.update(status="running", pid=os.getpid(), horizon=trainer.horizon)
        listener = logged(folder, listener)
        start = {"checkpoint": which, "epoch": trainer.epoch, "step": trainer.step}
        seed = loaded.experiment.seed
        listener({"event": "start", "run": str(folder.path), "seed": seed, "resumed_from": start})
        for note in [*warnings, *(f"{text}: the last bits may differ" for text in changed)]:
            listener({"event": "note", "message": note})
        return finish(trainer, folder, listener)


def prepared_trainer(
    loaded: Loaded, source: Source | None = None, *, like: Pipeline | None = None
) -> Trainer:
    """Reads the data, builds the net, checks every option: all that comes before the first step.

    The net begins with the weights of `source`; what preprocessing has learnt is taken from `like`.
    """
    experiment, transfer = loaded.experiment, loaded.experiment.transfer
    if source is not None and transfer is not None and transfer.preprocess:
        like = source.pipeline
    with placed(loaded):
        data = prepare(
            experiment.data,
            files=Files(loaded.folder),
            seed=experiment.seed,
            loss=experiment.loss,
            dtype=experiment.train.precision,
            like=like,
        )
        model = build(experiment, data.target, row_shape(data.train.x), symbols=data.pipeline.symbols)
        data = weighted(data, model.loss, model.store.dtype)
        origin = None
        if source is not None and transfer is not None:
            origin = take_over(model, data, source, transfer)
        troubles = settle(experiment, model, data, taken=origin.names if origin else ())
        identity = identity_of(experiment, data.pipeline.to_json())
        count = threads(experiment.train.threads)
        trainer = Trainer(experiment, model, data, threads=count, identity=identity, origin=origin)
    told = (*data.notes, *(origin.notes if origin else ()), *troubles)
    trainer.data = replace(data, notes=(*told, *notes(experiment, trainer.horizon)))
    return trainer


def weighted(data: Prepared, loss: Loss, dtype: Any) -> Prepared:
    """The same data, checked by the loss, its weights of training rows multiplied into theirs."""
    loss.check(data.train.y, data.target)
    extra = loss.row_weights(data.train.y, data.target, data.train.weight)
    if extra is None:
        return data
    weight = extra if data.train.weight is None else extra * data.train.weight
    return replace(data, train=replace(data.train, weight=weight.astype(dtype)))


def identity_of(experiment: Experiment, pipeline: str) -> dict[str, str]:
    """Digests of what gives a checkpoint its meaning: the net with its loss, the preprocessing."""
    net = f"{experiment.model.model_dump_json()}\n{experiment.loss and experiment.loss.model_dump_json()}"
    return {"net": sha256(net.encode()).hexdigest(), "pipeline": sha256(pipeline.encode()).hexdigest()}


def check_identity(meta: dict[str, Any], identity: dict[str, str], where: str) -> None:
    """CheckpointError where a checkpoint was made by another net, or behind other preprocessing."""
    words = {"net": "another net or loss", "pipeline": "other data or preprocessing"}
    for key, word in words.items():
        if meta.get(key) != identity[key]:
            raise CheckpointError(
                f"the checkpoint belongs to {word}",
                file=where,
                hint="a file of the run folder was changed after training; bring the old one back",
            )


def _check(meta: dict[str, Any], trainer: Trainer, folder: RunFolder) -> None:
    check_identity(meta, trainer.identity, str(folder.path))


def _refuse_past(trainer: Trainer, before: Loaded) -> None:
    """A run cannot be made shorter than it is."""
    wanted = trainer.experiment.train.epochs
    if wanted != before.experiment.train.epochs and wanted < trainer.epoch:
        raise ConfigError(
            f"the run has {trainer.epoch} epochs behind it, and cannot end after {wanted}",
            path="train.epochs",
            hint="give more, or train a new run",
        )


__all__ = [
    "Outcome",
    "check_identity",
    "identity_of",
    "placed",
    "prepared_trainer",
    "resume",
    "train",
    "weighted",
]
