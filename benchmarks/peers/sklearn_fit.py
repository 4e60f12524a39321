"""scikit-learn's MLP: `partial_fit` over as many rows as make some batches, in their order."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.job import CHECKED, Job
from benchmarks.turns import Turns

PACKAGES = ("scikit-learn",)


def refuses(job: Job) -> str | None:
    plain = all(layer["type"] == "dense" for layer in job.layers)
    if not plain or job.x.ndim != 2:
        return "has dense layers only"
    return "has one output for two classes" if job.classes == 2 and not job.inference else None


def run(job: Job, turns: Turns) -> None:
    net = _network(job)
    coefs = [job.weights[f"{layer['name']}.W"].copy() for layer in job.layers]
    intercepts = [job.weights[f"{layer['name']}.b"].copy() for layer in job.layers]
    _begin(net, job)
    for place, values in zip(net.coefs_ + net.intercepts_, coefs + intercepts, strict=True):
        place[...] = values  # the optimizer holds these very arrays
    if job.inference:
        _predict(net, job, turns)
    optimizer = net._optimizer
    optimizer.t = 0
    for name in ("ms", "vs", "velocities"):
        for slot in getattr(optimizer, name, ()):
            slot[...] = 0
    steps = _chunk(job)
    starts = range(0, len(job.order), steps * job.batch)
    while True:
        for start in starts:
            rows = job.order[start : start + steps * job.batch]
            net.partial_fit(np.take(job.x, rows, 0), np.take(job.y, rows, 0))
            turns(lambda: net.loss_, steps)


def _network(job: Job) -> Any:
    nets: Any = import_module("sklearn.neural_network")
    kind = nets.MLPClassifier if job.loss == "cross_entropy" else nets.MLPRegressor
    return kind(
        [layer["units"] for layer in job.layers[:-1]],
        solver=job.optimizer,
        alpha=0.0,
        batch_size=job.batch,
        learning_rate_init=job.lr,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )


def _begin(net: Any, job: Job) -> None:
    """One batch, after which there are weights to set."""
    classes = {"classes": np.arange(job.classes)} if job.loss == "cross_entropy" else {}
    net.partial_fit(job.x[: job.batch], job.y[: job.batch], **classes)


def _chunk(job: Job) -> int:
    """Steps in one call: those whose losses are compared, as long as they divide an epoch."""
    batches = len(job.order) // job.batch
    return next(steps for steps in range(max(CHECKED, 1), batches + 1) if batches % steps == 0)


def _predict(net: Any, job: Job, turns: Turns) -> None:
    """Probabilities, where the others give logits: nothing to compare."""
    for rows in job.rows():
        net.predict_proba(job.x[rows])
        turns(lambda: None)
