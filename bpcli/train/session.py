"""`train` and `resume`: from a loaded config, or a run folder, to a finished run."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.core.backend import one_blas_thread
from bpcli.data.inputs import row_shape
from bpcli.data.prepare import prepare
from bpcli.errors import (
    BpcliError,
    BuildError,
    CheckpointError,
    ConfigError,
    DataError,
    Diverged,
    Stopped,
)
from bpcli.files import Files
from bpcli.runs.folder import RunFolder
from bpcli.spec.load import load_resolved, to_yaml
from bpcli.train.average import deployed
from bpcli.train.changes import refuse_changes
from bpcli.train.environment import differences, environment, threads
from bpcli.train.evaluate import baseline, evaluate
from bpcli.train.log import logged
from bpcli.train.model import build
from bpcli.train.progress import Listener, silent
from bpcli.train.trainer import Trainer

if TYPE_CHECKING:
    from bpcli.data.records import Prepared
    from bpcli.losses.base import Loss
    from bpcli.spec.experiment import Experiment
    from bpcli.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `metrics` and `baseline`: part -> metric -> value, those of the best checkpoint."""

    run: Path
    status: str
    metrics: dict[str, dict[str, Any]]
    baseline: dict[str, dict[str, Any]]


@contextmanager
def placed(loaded: Loaded) -> Generator[None]:
    """Gives errors about the net the file, line and column of the YAML node that they are about."""
    try:
        yield
    except BuildError as error:
        raise loaded.places.place_error(error) from None


def train(loaded: Loaded, *, runs_dir: Path = Path("runs"), listener: Listener = silent) -> Outcome:
    """Trains a new run in a new folder. Everything that can be refused is refused before there is one."""
    one_blas_thread()
    experiment = loaded.experiment
    trainer = prepared_trainer(loaded)
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
    folder = RunFolder.create(
        runs_dir, experiment.name, config_text=loaded.text, resolved=to_yaml(experiment), info=info
    )
    with folder:
        folder.write_text("pipeline.json", trainer.data.pipeline.to_json())
        listener = logged(folder, listener)
        listener({"event": "start", "run": str(folder.path), "resumed_from": None})
        for note in trainer.data.notes:
            listener({"event": "note", "message": note})
        return _finish(trainer, folder, listener)


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
        trainer = prepared_trainer(loaded)
        if trainer.data.digest != info["data"]:
            raise DataError(
                "the data is not what this run began with, so it cannot go on",
                hint="bring the old data back, or train a new run",
            )
        if before.experiment.schedule == loaded.experiment.schedule:
            trainer.horizon = info["horizon"]
        if any(folder.has(which) for which in ("last", "prev", "best")):
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
        listener({"event": "start", "run": str(folder.path), "resumed_from": start})
        for note in [*warnings, *(f"{text}: the last bits may differ" for text in changed)]:
            listener({"event": "note", "message": note})
        return _finish(trainer, folder, listener)


def prepared_trainer(loaded: Loaded) -> Trainer:
    """Reads the data, builds the net, checks every option: all that comes before the first step."""
    experiment = loaded.experiment
    with placed(loaded):
        data = prepare(
            experiment.data,
            files=Files(loaded.folder),
            seed=experiment.seed,
            loss=experiment.loss,
            dtype=experiment.train.precision,
        )
        model = build(experiment, data.target, row_shape(data.train.x))
        data = weighted(data, model.loss, model.store.dtype)
        identity = identity_of(experiment, data.pipeline.to_json())
        return Trainer(experiment, model, data, threads=threads(experiment.train.threads), identity=identity)


def weighted(data: Prepared, loss: Loss, dtype: Any) -> Prepared:
    """The same data, checked by the loss, its weights of training rows multiplied into theirs."""
    loss.check(data.train.y, data.target)
    extra = loss.row_weights(data.train.y, data.target)
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


def _finish(trainer: Trainer, folder: RunFolder, listener: Listener) -> Outcome:
    """Runs the loop; whatever happens, run.json and the listener are told how it ended."""
    try:
        status = trainer.fit(folder, listener)
        metrics, base, best_epoch = _result(trainer, folder, listener)
        folder.rebuild_csv()
        folder.update(status=status, metrics=metrics, baseline=base, best_epoch=best_epoch)
    except BaseException as error:
        status = _status(error)
        _note_end(folder, status)
        if isinstance(error, BpcliError):
            listener(error.as_event())
            error.reported = True
        listener({"event": "end", "status": status, "run": str(folder.path), "metrics": trainer.last_metrics})
        raise
    listener(
        {
            "event": "end", "status": status, "run": str(folder.path), "metrics": metrics,
            "baseline": base, "best_epoch": best_epoch,
        }
    )  # fmt: skip
    return Outcome(folder.path, status, metrics, base)


def _status(error: BaseException) -> str:
    if isinstance(error, Diverged):
        return "diverged"
    return "interrupted" if isinstance(error, (Stopped, KeyboardInterrupt)) else "failed"


def _note_end(folder: RunFolder, status: str) -> None:
    """Notes in run.json how it ended; where even that cannot be written, the first error is what counts."""
    try:
        folder.rebuild_csv()
        folder.update(status=status)
    except BpcliError:
        pass


def _result(
    trainer: Trainer, folder: RunFolder, listener: Listener
) -> tuple[dict[str, Any], dict[str, Any], int]:
    """(metrics, baseline, epoch) of the best checkpoint, the test part read for the first time."""
    model, data = trainer.model, trainer.data
    metrics, epoch = trainer.last_metrics, trainer.epoch
    arrays, _ = trainer.state()
    if trainer.monitor.name is not None and folder.has("best"):
        try:
            arrays, meta = folder.load("best")
        except CheckpointError as error:
            listener({"event": "note", "message": f"{error}; the result is that of the last weights"})
            arrays, meta = trainer.state()
        metrics, epoch = meta["metrics"], meta["epoch"]
    w, s = deployed(arrays)
    model.store.w[:] = model.backend.asarray(w)
    model.store.s[:] = model.backend.asarray(s)
    metrics = dict(metrics)
    base: dict[str, dict[str, Any]] = {}
    invert = data.pipeline.invert_target
    with model.backend.quiet():
        for name, part in (("val", data.val), ("test", data.test)):
            if part is not None:
                base[name] = baseline(model, part, trainer.metrics, trainer.eval_ctx, invert)
        if data.test is not None:
            metrics["test"] = evaluate(model, data.test, trainer.metrics, trainer.eval_ctx, invert)
    return metrics, base, epoch


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
