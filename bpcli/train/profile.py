"""Where the time of a training step goes: layer by layer, forward and backward, and the rest of the loop."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcli.core.backend import one_blas_thread
from bpcli.errors import DataError, Stopped, UsageError
from bpcli.runs.folder import RunFolder
from bpcli.spec.load import to_yaml
from bpcli.train.limits import Limits, measure
from bpcli.train.log import logged
from bpcli.train.progress import silent
from bpcli.train.session import prepared_trainer
from bpcli.train.stopwatch import Stopwatch
from bpcli.train.timed_steps import LOOP, PHASES, SETTLE, Lap, TimedSteps
from bpcli.train.transfer import open_source

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.spec.load import Loaded
    from bpcli.train.trainer import Trainer


def profile(
    loaded: Loaded, *, steps: int = 100, warmup: int = 10, runs_dir: Path = Path("runs")
) -> dict[str, Any]:
    """Trains for some steps, in the shipped loop and a folder that is removed: where their time went.

    After `warmup` steps come `steps` without a clock but for the step's own, and then as many with one on
    every layer. Of these the middle half counts, by the time that they took, and times are means over it: as
    little moved by a few slow steps as medians are, but those of the parts add up to the whole.

    FLOPs are those that a layer counts for forward; for backward as many for the gradient of the parameters,
    and as many again for that of the input where it is wanted. Bytes are the fewest that could be moved: what
    comes in, the parameters and what goes out, once each. `of_limit` is the least time in which the machine
    could do both, over the time that was taken; above 1 the data came from the caches.
    """
    one_blas_thread()
    if loaded.experiment.train.device != "cpu":
        raise UsageError("the clock is that of the processor, not of a GPU", hint="set train.device=cpu")
    trainer = prepared_trainer(loaded, open_source(loaded, runs_dir))
    _lengthen(trainer, warmup + 2 * steps + SETTLE)
    pool, dtype = trainer.ctx.shared.pool, trainer.model.store.dtype
    limits = measure(pool, dtype)
    with Stopwatch() as watch:
        timed = TimedSteps(trainer, watch, steps, warmup)
        _fit(trainer)
    if not timed.laps:
        raise DataError("training ended before a step was timed", hint="lower --warmup and --steps")
    return _told(trainer, timed, limits.best(measure(pool, dtype)))


def _lengthen(trainer: Trainer, steps: int) -> None:
    """As many epochs as these steps take, if there are fewer, and no end by the clock."""
    train = trainer.experiment.train
    epochs = max(train.epochs, -(-steps // trainer.steps_per_epoch) + 1)
    changed = train.model_copy(update={"epochs": epochs, "max_time": None})
    trainer.experiment = trainer.experiment.model_copy(update={"train": changed})
    trainer.horizon = max(trainer.horizon, steps)


def _fit(trainer: Trainer) -> None:
    experiment = trainer.experiment
    with TemporaryDirectory(prefix="bpcli-profile-") as place:
        folder = RunFolder.create(
            Path(place), experiment.name, config_text="", resolved=to_yaml(experiment), info={}
        )
        with folder:
            try:
                trainer.fit(folder, logged(folder, silent))
            except Stopped as stop:
                raise Stopped("stopped by a signal", stop.signal_number) from None


def _told(trainer: Trainer, timed: TimedSteps, limits: Limits) -> dict[str, Any]:
    laps, plain = _middle(timed.laps), _middle(timed.plain)
    total = _mean([lap.seconds for lap in laps])
    depths = {built.path: built.depth for built in trainer.model.built}
    layers: list[dict[str, Any]] = []
    for path, layer in timed.layers.items():
        costs = {phase: _cost(laps, (phase, path), limits, total) for phase in PHASES}
        layers.append(
            {
                "name": ".".join(path) or "net",
                "type": layer.type,
                "depth": depths.get(path, 0),
                "container": bool(layer.children()),
                **costs,
                "share": sum(float(cost["share"]) for cost in costs.values()),
                "buffers": 0 if layer.children() else _workspace(trainer.ctx.child("net"), path).nbytes(),
            }
        )
    parts: list[dict[str, Any]] = []
    for name in LOOP:
        seconds = _mean([lap.times.get(name, 0) for lap in laps]) / 1e9
        parts.append({"name": name, "seconds": seconds, "share": seconds / total})
    return {
        "name": trainer.experiment.name,
        "steps": len(timed.laps),
        "rows": _mean([lap.rows for lap in plain]),
        "step_seconds": _mean([lap.seconds for lap in plain]),
        "rows_per_second": sum(lap.rows for lap in plain) / sum(lap.seconds for lap in plain),
        "timed_step_seconds": total,
        "accounted": sum(float(row["share"]) for row in (*layers, *parts)),
        "layers": layers,
        "loop": parts,
        "machine": {
            "threads": trainer.ctx.shared.pool.threads,
            "dtype": trainer.model.store.dtype.name,
            "flops_per_second": limits.flops,
            "bytes_per_second": limits.bytes,
        },
    }


def _cost(laps: list[Lap], key: tuple[str, tuple[str, ...]], limits: Limits, total: float) -> dict[str, Any]:
    """Of a layer's forward or backward pass."""
    seconds = _mean([lap.times.get(key, 0) for lap in laps]) / 1e9
    work = [lap.work(key) for lap in laps]
    flops, moved = _mean([one.flops for one in work]), _mean([one.moved for one in work])
    return {
        "seconds": seconds,
        "share": seconds / total,
        "flops": round(flops),
        "bytes": round(moved),
        "flops_per_second": flops / seconds if seconds else 0.0,
        "bytes_per_second": moved / seconds if seconds else 0.0,
        "of_limit": limits.seconds(flops, moved) / seconds if seconds else 0.0,
    }


def _middle(laps: list[Lap]) -> list[Lap]:
    """The middle half of some steps, by the time that they took."""
    laps = sorted(laps, key=lambda lap: lap.seconds)
    return laps[len(laps) // 4 : len(laps) - len(laps) // 4]


def _mean(values: list[float] | list[int]) -> float:
    return float(np.mean(values))


def _workspace(ctx: Ctx, path: tuple[str, ...]) -> Ctx:
    for key in path:
        ctx = ctx.child(key)
    return ctx
