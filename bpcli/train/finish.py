"""How a run ends: with the weights that count, their metrics, and a word for whoever listens."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.errors import BpcliError, CheckpointError, Diverged, Stopped
from bpcli.train.average import deployed
from bpcli.train.evaluate import baseline, evaluate
from bpcli.train.intervals import keep
from bpcli.train.labels import labels_of

if TYPE_CHECKING:
    from bpcli.runs.folder import RunFolder
    from bpcli.train.progress import Listener
    from bpcli.train.trainer import Trainer


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `metrics` and `baseline`: part -> metric -> value, those of the best checkpoint."""

    run: Path
    status: str
    metrics: dict[str, dict[str, Any]]
    baseline: dict[str, dict[str, Any]]


def finish(trainer: Trainer, folder: RunFolder, listener: Listener) -> Outcome:
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
            "labels": labels_of(trainer.model.target), "baseline": base, "best_epoch": best_epoch,
            **trainer.hooks.of_run(),
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
    metrics, epoch, step = trainer.last_metrics, trainer.epoch, trainer.step
    arrays, _ = trainer.state()
    if trainer.monitor.name is not None and folder.has("best"):
        try:
            arrays, meta = folder.load("best")
        except CheckpointError as error:
            listener({"event": "note", "message": f"{error}; the result is that of the last weights"})
            arrays, meta = trainer.state()
        metrics, epoch, step = meta["metrics"], meta["epoch"], meta["step"]
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
        keep(trainer, folder, listener, step)
    order = [metric.label() for metric in trainer.metrics]  # a checkpoint has them in that of the alphabet
    metrics = {
        part: {label: values[label] for label in order if label in values} for part, values in metrics.items()
    }
    return metrics, base, epoch
