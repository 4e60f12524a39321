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
from bpcli.data.prepare import prepare
from bpcli.errors import BpcliError, BuildError, CheckpointError, DataError, Diverged, Stopped
from bpcli.files import Files
from bpcli.runs.folder import RunFolder
from bpcli.spec.load import load_resolved, to_yaml
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
        model = build(experiment, data.target, data.train.x.shape[1:])
        data = weighted(data, model.loss)
        identity = {"pipeline": sha256(data.pipeline.to_json().encode()).hexdigest()}
        return Trainer(experiment, model, data, threads=threads(experiment.train.threads), identity=identity)


def weighted(data: Prepared, loss: Loss) -> Prepared:
    """The same data, the weights that the loss gives to training rows multiplied into theirs."""
    extra = loss.row_weights(data.train.y, data.target)
    if extra is None:
        return data
    weight = extra if data.train.weight is None else extra * data.train.weight
    return replace(data, train=replace(data.train, weight=weight.astype(data.train.x.dtype)))


def _check(meta: dict[str, Any], trainer: Trainer, folder: RunFolder) -> None:
    if meta.get("layout") != trainer.model.store.layout():
        raise CheckpointError("the checkpoint belongs to another net", file=str(folder.path))
    if meta.get("pipeline") != trainer.identity["pipeline"]:
        raise CheckpointError("the checkpoint belongs to other data or preprocessing", file=str(folder.path))


def _finish(trainer: Trainer, folder: RunFolder, listener: Listener) -> Outcome:
    """Runs the loop; whatever happens, run.json and the listener are told how it ended."""
    try:
        status = trainer.fit(folder, listener)
        metrics, base, best_epoch = _result(trainer, folder)
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


def _result(trainer: Trainer, folder: RunFolder) -> tuple[dict[str, Any], dict[str, Any], int]:
    """(metrics, baseline, epoch) of the best checkpoint, the test part read for the first time."""
    model, data = trainer.model, trainer.data
    metrics, epoch = trainer.last_metrics, trainer.epoch
    if trainer.monitor.name is not None and folder.has("best"):
        arrays, meta = folder.load("best")
        model.store.w[:] = model.backend.asarray(arrays["w"])
        model.store.s[:] = model.backend.asarray(arrays["s"])
        metrics, epoch = meta["metrics"], meta["epoch"]
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


__all__ = ["Outcome", "placed", "prepared_trainer", "resume", "train", "weighted"]
