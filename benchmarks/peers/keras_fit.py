"""Keras, on JAX where it is installed and else on PyTorch: `fit`, with a callback after each batch."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from benchmarks.job import Job
from benchmarks.turns import Turns

PACKAGES = ("keras",)
_KNOWN = ("dense", "conv2d", "max_pool2d", "flatten", "embedding", "lstm", "gru")
#: Keras adds epsilon before it corrects for the start at zero, where it weighs more than others' 1e-8 after.
_SLIGHT: dict[str, dict[str, float]] = {"adam": {"epsilon": 1e-9}, "sgd": {}}


def refuses(job: Job) -> str | None:
    odd = sorted({layer["type"] for layer in job.layers} - {*_KNOWN})
    return f"not written for {', '.join(odd)}" if odd else None


def run(job: Job, turns: Turns) -> None:
    os.environ["KERAS_BACKEND"] = "jax" if find_spec("jax") else "torch"
    keras: Any = import_module("keras")

    net = keras.Sequential([keras.Input(job.x.shape[1:]), *(_layer(keras, one) for one in job.layers)])
    _set_weights(net, job)
    if job.inference:
        for rows in job.rows():
            made = net.predict_on_batch(job.x[rows])
            turns(lambda made=made: float(abs(made).mean()))
    logits = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    net.compile(
        kinds[job.optimizer](job.lr, **_SLIGHT[job.optimizer]), "mse" if job.loss == "mse" else logits
    )

    class Tick(keras.callbacks.Callback):
        before = 0.0

        def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
            total = float((logs or {})["loss"]) * (batch + 1)  # the mean over the epoch so far
            loss, self.before = total - self.before, total
            turns(lambda: loss)

    net.fit(
        job.x[job.order], job.y[job.order], batch_size=job.batch, epochs=1_000_000, shuffle=False, verbose=0,
        callbacks=[Tick()],
    )  # fmt: skip


def _layer(keras: Any, layer: dict[str, Any]) -> Any:
    make, active = keras.layers, layer.get("activation")
    kind, name = layer["type"], layer["name"]
    if kind == "dense":
        return make.Dense(layer["units"], activation=active, name=name)
    if kind == "conv2d":
        return make.Conv2D(
            layer["filters"], layer["kernel"], layer.get("stride", 1), "same", activation=active, name=name
        )
    if kind == "max_pool2d":
        return make.MaxPooling2D(2, name=name)
    if kind == "flatten":
        return make.Flatten(name=name)
    if kind == "embedding":
        return make.Embedding(layer["symbols"], layer["units"], name=name)
    cells = {"lstm": make.LSTM, "gru": make.GRU}
    fields = {"bias_constraint": _one_bias(keras, layer["units"])} if kind == "gru" else {}
    every = layer.get("return_sequences", False)
    return cells[kind](layer["units"], return_sequences=every, name=name, **fields)


def _one_bias(keras: Any, units: int) -> Any:
    """Keras has two biases for each gate of a GRU; the second stays zero where bpcli has only one."""

    class OneBias(keras.constraints.Constraint):
        def __call__(self, b: Any) -> Any:
            own = [[1.0] * 3 * units, [0.0] * 2 * units + [1.0] * units]
            return b * keras.ops.convert_to_tensor(own, b.dtype)

    return OneBias()


def _set_weights(net: Any, job: Job) -> None:
    """Keras' gates are i f g o and z r n; its gates keep where PyTorch's and bpcli's z does."""
    import numpy as np

    for layer in job.layers:
        own = {
            name.rpartition(".")[2]: a
            for name, a in job.weights.items()
            if name.startswith(f"{layer['name']}.")
        }
        if not own:
            continue
        values = [own[name] for name in ("W", "U", "b") if name in own]
        order = {"lstm": (0, 1, 3, 2), "gru": (1, 0, 2)}.get(layer["type"])
        if order:
            units = layer["units"]
            values = [
                np.concatenate([a[..., k * units : (k + 1) * units] for k in order], -1) for a in values
            ]
        if layer["type"] == "gru":
            second = np.zeros_like(values[2])
            second[2 * layer["units"] :] = own["a"]
            values[2] = np.stack([values[2], second])
        net.get_layer(layer["name"]).set_weights(values)
