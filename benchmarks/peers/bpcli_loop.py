"""bpcli as it is shipped: `train` of a config, with scoring, listener, log and checkpoints."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.job import CHECKED, Job
from benchmarks.turns import Done, Turns

PACKAGES = ("bpcli", "numpy")


def run(job: Job, turns: Turns, *, compiled: bool = False) -> None:
    from bpcli.spec.load import load_mapping
    from bpcli.train.session import train

    config = json.loads((job.folder / "config.json").read_text(encoding="utf-8"))
    if compiled:
        config["train"]["compiled"] = True
    loaded = load_mapping(config, folder=job.folder)
    if job.inference:
        _predict(loaded, job, turns)
        return
    before = 0.0

    def listener(event: dict[str, Any]) -> None:
        nonlocal before
        if event["event"] != "step":
            return
        total = event["loss"] * event["batch"]  # the event has the mean over the epoch so far
        loss, before = total - before, total
        turns(lambda: loss)

    with tempfile.TemporaryDirectory(dir=job.folder) as runs:
        train(loaded, runs_dir=Path(runs), listener=listener)
    raise Done


def _predict(loaded: Any, job: Job, turns: Turns) -> None:
    """The forward pass that `predict` and `evaluate` make."""
    from bpcli.core.backend import one_blas_thread
    from bpcli.core.rows import Pool
    from bpcli.train.evaluate import outputs
    from bpcli.train.session import prepared_trainer

    one_blas_thread()
    trainer = prepared_trainer(loaded)
    model, x = trainer.model, trainer.data.train.x
    ctx = model.workspace(pool=Pool(job.threads))
    last: list[float] = []
    with model.backend.quiet():
        for count, rows in enumerate(job.rows()):
            made = outputs(model, x[rows], ctx)
            if count < CHECKED:
                last = [float(abs(y).sum()) for _, y in made]
            else:
                for _ in made:
                    pass
            turns(lambda last=last: sum(last) / (job.batch * job.classes))
