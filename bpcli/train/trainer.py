"""The training loop, and the state that a resume needs."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import closing
from functools import partial
from itertools import islice
from math import isfinite
from typing import TYPE_CHECKING, Any

from bpcli.callbacks.base import StopTraining
from bpcli.core.ctx import Ctx, Pass
from bpcli.core.rows import Pool
from bpcli.data.batches import batch_count
from bpcli.data.records import Batch
from bpcli.errors import Diverged, Stopped
from bpcli.metrics._prediction import Prediction
from bpcli.schedules.base import Clock
from bpcli.train.average import Average
from bpcli.train.clip import clip
from bpcli.train.diagnose import diagnose
from bpcli.train.evaluate import chosen_metrics, evaluate
from bpcli.train.feed import Feed
from bpcli.train.hooks import Hooks
from bpcli.train.monitor import Monitor
from bpcli.train.penalties import Penalties
from bpcli.train.saver import Saver
from bpcli.train.scores import Scores
from bpcli.train.signals import Signals
from bpcli.train.update import Update, loss_now

if TYPE_CHECKING:
    from bpcli.data.records import Prepared
    from bpcli.data.series import Windows
    from bpcli.layers.base import Layer
    from bpcli.runs.folder import RunFolder
    from bpcli.spec.experiment import Experiment
    from bpcli.train.model import Model
    from bpcli.train.progress import Listener
    from bpcli.train.taken import Taken

Meta = dict[str, Any]


class Trainer:
    """One run in progress. Everything that a resume needs goes through `state` and `restore`."""

    def __init__(
        self,
        experiment: Experiment,
        model: Model,
        data: Prepared,
        *,
        threads: int,
        identity: Meta,
        origin: Taken | None = None,
    ) -> None:
        """`origin`: what was taken over from another run, where that is how this one begins."""
        self.experiment, self.model, self.data, self.identity = experiment, model, data, identity
        self.batch_size = experiment.data.batch_size
        self.feed = Feed(experiment, model, data, threads=threads)
        self.batches_per_epoch = batch_count(len(data.train), self.batch_size, experiment.data.shuffle)
        self.steps_per_epoch = -(-self.batches_per_epoch // experiment.train.accumulate)
        self.horizon = self.steps_per_epoch * experiment.train.epochs
        shared = Pass(model.backend, seed=experiment.seed, training=True, pool=Pool(threads))
        self.ctx = Ctx(shared)
        self.ctx.child("net").need_dx = False
        self.eval_ctx = Ctx(Pass(model.backend, pool=shared.pool))
        self.update = Update(experiment, model.store, whole=self.steps_per_epoch == 1)
        self.slots = self.update.slots
        self.average = Average(experiment.train.average, model)
        self.metrics = chosen_metrics(experiment, model.target)
        self.scores = Scores([metric for metric in self.metrics if not metric.whole], model.target)
        self.penalties = Penalties(experiment.regularize, model.store)
        self.hooks = Hooks(experiment)
        self.monitor = Monitor(
            experiment.checkpoint, self.metrics, has_val=data.val is not None, follow=self.hooks.watched
        )
        self.hooks.check(self.monitor.names, self.trained_layers)
        self.epoch = 0  # epochs completed
        self.batch = 0  # batches of the epoch in progress that are done
        self.step = 0  # updates done
        self.last_metrics: dict[str, dict[str, Any]] = {}
        self.origin = origin
        self.gradient_norm = 0.0
        experiment.schedule.check(self.monitor.directions)
        self.schedule_memory = experiment.schedule.memory()
        self.rate = experiment.schedule.rate(experiment.optimizer.lr, self.clock())

    # --- the loop -----------------------------------------------------------------------------------

    def fit(self, folder: RunFolder, listener: Listener) -> str:
        """Trains until the last epoch, or until a callback, the clock or a signal stops it: the status."""
        self.folder, self.listener = folder, listener
        self.saver = Saver(folder, self.experiment.checkpoint.every)
        self._started = time.monotonic()
        with Signals() as self._signals, self.model.backend.quiet():
            try:
                self.hooks.before_training(self)
                if self.origin is not None and not folder.has("last"):
                    self.save()  # from here on, a resume does without the other run
                while self.epoch < self.experiment.train.epochs:
                    self.hooks.before_epoch(self)
                    with closing(self._windows()) as windows:
                        for window in windows:
                            self._update(window)
                            self._after_step()
                    self._end_epoch()
            except StopTraining as stop:
                return str(stop)
            finally:
                self.saver.flush()
        return "completed"

    def _update(self, window: list[Batch]) -> None:
        """One step: forward, loss, backward for each micro-batch of the window, then the update."""
        model, store, ctx = self.model, self.model.store, self.ctx
        ctx.shared.step, ctx.shared.rows = self.step, sum(map(len, window))
        norms = [model.loss.weight(batch) for batch in window]
        weight = sum(norms)
        norm = weight or 1.0  # all weights zero: a step that learns nothing
        total = 0.0
        for k, batch in enumerate(window):
            ctx.shared.micro, ctx.shared.begins = k, self.batch == k == 0
            value, y = self.experiment.method.gradient(model, batch, norm, ctx)
            store.sum_up(k, len(window))
            if ctx.shared.pending:
                ctx.child("net").commit(model.p)
            total += value
            self._score(batch, y, value * weight, norms[k], self.feed.windows(self.batch + k))
        penalty = self.penalties.add_to_gradient(ctx.child("penalties"))
        if penalty:
            self.scores.add_to("loss", (penalty * weight, 0.0))
        store.spare_frozen()
        self.hooks.after_gradient(self)
        self.gradient_norm = clip(store, self.experiment.train)
        if not (isfinite(total + penalty) and isfinite(self.gradient_norm)):
            raise Diverged(diagnose(model, total + penalty, self.step + 1, self.epoch + 1))
        self.rate = self.experiment.schedule.rate(self.experiment.optimizer.lr, self.clock())
        now = partial(loss_now, self, window, norm)
        self.update(self.rate, self.step + 1, ctx.child("optimizer"), total + penalty, now)
        self.step += 1
        self.batch += len(window)

    def rehearse(self) -> None:
        """One forward and backward pass of the first batch, whose gradient is thrown away."""
        with closing(self._windows()) as windows:
            batch = next(windows)[0]
        with self.model.backend.quiet():
            norm = self.model.loss.weight(batch) or 1.0
            self.experiment.method.gradient(self.model, batch, norm, self.ctx)
        self.ctx.shared.pending.clear()

    def clock(self) -> Clock:
        return Clock(self.step, self.steps_per_epoch, self.horizon, self.schedule_memory)

    def _windows(self) -> Generator[list[Batch]]:
        """The epoch's batches from where it stands, as many at a time as one update takes."""
        count = self.experiment.train.accumulate
        with closing(self.feed.batches(self.epoch, self.batch)) as stream:
            while window := list(islice(stream, count)):
                yield window

    def _score(self, batch: Batch, y: Any, loss_sum: float, norm: float, at: Windows | None) -> None:
        host = self.model.backend.to_host
        t = host(batch.y)
        if self.model.target.kind == "classes" and t.ndim > 1 and t.dtype.kind == "f":
            t = t.argmax(axis=1)  # mixed rows count as what they are most
        invert = self.data.pipeline.invert_target
        self.scores.add(Prediction(host(y), t, self.model.loss, loss_sum, norm, invert, at))

    # --- around the loop ----------------------------------------------------------------------------

    def _after_step(self) -> None:
        self.average.follow(self.epoch)
        self.hooks.after_step(self)
        self.listener(
            {
                "event": "step", "epoch": self.epoch + 1, "epochs": self.experiment.train.epochs,
                "step": self.step, "batch": self.batch, "batches": self.batches_per_epoch,
                "loss": self.scores.value("loss"), "rate": self.rate, "gradient_norm": self.gradient_norm,
            }
        )  # fmt: skip
        now = time.monotonic()
        limit = self.experiment.train.max_time
        if self._signals.caught is not None:
            self.save()
            raise Stopped("stopped by a signal; the run can be resumed", self._signals.caught)
        if limit is not None and now - self._started >= limit:
            self.save()
            raise StopTraining("time_limit")
        if self.saver.due:
            self.save()

    def _end_epoch(self) -> None:
        """The epoch's metrics, what callbacks make of them, and the checkpoint."""
        self._refuse_infinite()
        self.average.end_epoch(self)
        self.last_metrics = {"train": self.scores.values()}
        if (val := self.data.val) is not None:
            invert = self.data.pipeline.invert_target
            with self.average.deployed():
                self.last_metrics["val"] = evaluate(self.model, val, self.metrics, self.eval_ctx, invert)
        self.epoch += 1
        self.batch = 0
        self.scores.clear()
        self.experiment.schedule.observe(self.last_metrics, self.monitor.directions, self.schedule_memory)
        self.hooks.after_epoch(self)
        self.folder.log_metrics({"epoch": self.epoch, "step": self.step, **self.last_metrics})
        self.folder.log_timing(
            {"epoch": self.epoch, "step": self.step, "seconds": round(time.monotonic() - self._started, 3)}
        )
        best = self.monitor.observe(self.last_metrics, self.epoch)
        self.saver.keep(self.state(), best=best)
        self.listener(
            {
                "event": "epoch", "epoch": self.epoch, "step": self.step, "metrics": self.last_metrics,
                "rate": self.rate, "gradient_norm": self.gradient_norm, **self.hooks.of_epoch(),
            }
        )  # fmt: skip

    @property
    def trained_layers(self) -> dict[str, Layer]:
        """The layers with parameters that are not frozen, in the net's order, by their names."""
        trained = {param.path for param in self.model.store.params if not param.frozen}
        return {".".join(built.path): built.layer for built in self.model.built if built.path in trained}

    def higher_is_better(self, monitor: str) -> bool:
        """The direction of a metric named as in `val.accuracy`."""
        return self.monitor.higher_is_better(monitor)

    # --- what a resume needs ------------------------------------------------------------------------

    def save(self) -> None:
        """Writes a checkpoint of this very moment; a net that is no longer finite is never saved."""
        self._refuse_infinite()
        self.saver.write(self.state())

    def _refuse_infinite(self) -> None:
        store = self.model.store
        if not isfinite(float(store.w.sum()) + float(store.s.sum())):
            raise Diverged(diagnose(self.model, self.scores.value("loss"), self.step, self.epoch + 1))

    def state(self) -> tuple[dict[str, Any], Meta]:
        """(arrays, meta) of a checkpoint. Equal runs have equal ones, whenever and however they got there."""
        host = self.model.backend.to_host
        arrays = {"w": host(self.model.store.w), "s": host(self.model.store.s)}
        arrays |= {f"optimizer.{name}": host(slot) for name, slot in self.slots.items()}
        arrays |= {name: host(mean) for name, mean in self.average.arrays.items()}
        arrays |= {f"epoch.{label}": sums for label, sums in self.scores.arrays().items()}
        meta: Meta = {
            "epoch": self.epoch,
            "batch": self.batch,
            "step": self.step,
            "metrics": self.last_metrics,
            "metrics_bytes": self.folder.metrics_length,
            "best": self.monitor.state(),
            "callbacks": self.hooks.state(),
            "schedule": {"type": self.experiment.schedule.type, "memory": dict(self.schedule_memory)},
            "layout": self.model.store.layout(),
            **self.identity,
        }
        return arrays, meta

    def restore(self, arrays: dict[str, Any], meta: Meta) -> None:
        """Takes up the state of a checkpoint that `state` made for the same net and optimizer."""
        asarray = self.model.backend.asarray
        self.model.store.w[:] = asarray(arrays["w"])
        self.model.store.s[:] = asarray(arrays["s"])
        for name, slot in self.slots.items():
            slot[:] = asarray(arrays[f"optimizer.{name}"])
        for name, mean in self.average.arrays.items():
            mean[:] = asarray(arrays[name])
        sums = {name.removeprefix("epoch."): a for name, a in arrays.items() if name.startswith("epoch.")}
        self.scores.restore(sums)
        self.epoch, self.batch, self.step = meta["epoch"], meta["batch"], meta["step"]
        self.last_metrics = meta["metrics"]
        self.monitor.restore(meta["best"])
        if (kept := meta.get("schedule", {})).get("type") == self.experiment.schedule.type:
            self.schedule_memory.update(kept["memory"])
        self.hooks.restore(meta["callbacks"])
