"""JAX: one jitted step, its weights donated, the batch an argument (closed over, it would be a constant)."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.job import Job
from benchmarks.peers.jax_net import forward
from benchmarks.turns import Turns

PACKAGES = ("jax", "jaxlib")


def run(job: Job, turns: Turns) -> None:
    p = {name: jnp.asarray(array) for name, array in job.weights.items()}
    x, y = job.x, job.y
    if job.inference:
        _predict(p, job, turns)

    def loss(p: Any, given: Any, wanted: Any) -> Any:
        made = forward(job.layers, p, given)
        if job.loss == "mse":
            return ((made - wanted) ** 2).mean()
        logs = jax.nn.log_softmax(made)
        return -jnp.take_along_axis(logs, wanted[..., None], -1).mean()

    def step(p: Any, slots: Any, t: Any, given: Any, wanted: Any) -> Any:
        value, g = jax.value_and_grad(loss)(p, given, wanted)
        p, slots = _UPDATES[job.optimizer](p, g, slots, t + 1, job.lr)
        return p, slots, t + 1, value

    jitted = jax.jit(step, donate_argnums=(0, 1, 2))
    slots = [jax.tree.map(jnp.zeros_like, p) for _ in range({"adam": 2, "sgd": 0}[job.optimizer])]
    t = jnp.zeros((), jnp.float32)
    for rows in job.rows():
        # A new array each time: JAX may use the memory of what it is given, as long as it computes with it.
        p, slots, t, value = jitted(p, slots, t, np.take(x, rows, 0), np.take(y, rows, 0))
        turns(lambda value=value, p=p: float(jax.block_until_ready((value, p))[0]))


def _sgd(p: Any, g: Any, slots: Any, t: Any, rate: float) -> Any:
    return jax.tree.map(lambda w, d: w - rate * d, p, g), slots


def _adam(p: Any, g: Any, slots: Any, t: Any, rate: float) -> Any:
    m = jax.tree.map(lambda m, d: 0.9 * m + 0.1 * d, slots[0], g)
    v = jax.tree.map(lambda v, d: 0.999 * v + 0.001 * d * d, slots[1], g)
    root = jnp.sqrt(1 - 0.999**t)
    scale = rate * root / (1 - 0.9**t)
    return jax.tree.map(lambda w, m, v: w - scale * m / (jnp.sqrt(v) + 1e-8 * root), p, m, v), [m, v]


_UPDATES: dict[str, Any] = {"adam": _adam, "sgd": _sgd}


def _predict(p: Any, job: Job, turns: Turns) -> None:
    net = jax.jit(lambda p, given: forward(job.layers, p, given))
    for rows in job.rows():
        made = net(p, np.take(job.x, rows, 0))
        turns(lambda made=made: float(np.abs(np.asarray(made)).mean()))
