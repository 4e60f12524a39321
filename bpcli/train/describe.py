"""What a config would train, before anything is trained: layers, shapes, parameters, cost, data."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import TYPE_CHECKING, Any, cast

from bpcli.core.backend import one_blas_thread
from bpcli.data.batches import Shuffle, batch_count
from bpcli.data.inputs import arrays, row_shape
from bpcli.errors import dotted
from bpcli.layers.base import Shape
from bpcli.train.session import prepared_trainer

if TYPE_CHECKING:
    from bpcli.core.store import Built
    from bpcli.data.records import Part, Prepared, Target
    from bpcli.spec.load import Loaded
    from bpcli.train.model import Model
    from bpcli.train.trainer import Trainer


def summary(loaded: Loaded) -> dict[str, Any]:
    """Layers with shapes, parameters and FLOPs; the memory of a training step; the data's parts and health.

    Every check that `train` makes before its first step is made here too.
    """
    one_blas_thread()
    trainer = prepared_trainer(loaded)
    model = trainer.model
    layers = [_layer(built, model) for built in model.built]
    return {
        "ok": True,
        "name": loaded.experiment.name,
        "parameters": model.parameters,
        "flops_per_example": sum(layer["flops"] for layer in layers),
        "memory_bytes": memory(trainer),
        "input": list(model.input),
        "output": list(model.output),
        "loss": model.loss.short(),
        "optimizer": loaded.experiment.optimizer.short(),
        "schedule": loaded.experiment.schedule.short(),
        "metrics": [metric.label() for metric in trainer.metrics],
        "steps_per_epoch": trainer.steps_per_epoch,
        "steps": trainer.horizon,
        "layers": layers,
        "data": _data(trainer.data, trainer.batch_size, loaded.experiment.data.shuffle),
    }


def memory(trainer: Trainer) -> int:
    """Bytes of arrays in training: data, the Store's vectors, and one step's buffers, measured by running it.

    The step's gradient is computed and thrown away; no parameter changes.
    """
    model, data = trainer.model, trainer.data
    sizes = [
        array.nbytes
        for part in (data.train, data.val, data.test)
        if part is not None
        for array in arrays(part.x)
    ]
    vectors = (2 + len(trainer.slots)) * model.store.w.nbytes + model.store.s.nbytes
    averages = sum(int(mean.nbytes) for mean in trainer.average.arrays.values())
    trainer.rehearse()
    return sum(sizes) + vectors + averages + trainer.ctx.nbytes()


def _layer(built: Built, model: Model) -> dict[str, Any]:
    own = [param for param in model.store.params if param.path == built.path]
    return {
        "name": ".".join(built.path),
        "type": built.layer.type,
        "detail": built.layer.short(without=("layers",)),  # a container's have lines of their own
        "input": _plain(built.input),
        "output": _plain(built.output),
        "parameters": sum(prod(param.shape) for param in own),
        "flops": built.layer.flops(built.input, built.output),
        "depth": built.depth,
        "path": dotted(built.where),
    }


def _plain(shape: Shape) -> list[Any]:
    return [_plain(cast("Shape", part)) if isinstance(part, tuple) else part for part in shape]


def _target(target: Target) -> dict[str, Any]:
    told: dict[str, Any] = {
        "kind": target.kind,
        "columns": list(target.columns),
        "classes": dict(zip(target.labels, target.counts, strict=True)) if target.labels else None,
    }
    if target.parts:
        told["parts"] = dict(zip(target.names, map(_target, target.parts), strict=True))
    return told


def _data(data: Prepared, batch_size: int, shuffle: Shuffle) -> dict[str, Any]:
    parts: Mapping[str, Part | None] = {"train": data.train, "val": data.val, "test": data.test}
    target = data.target
    return {
        "rows": {name: len(part) for name, part in parts.items() if part is not None},
        "features": _plain(row_shape(data.train.x)),
        "batches": batch_count(len(data.train), batch_size, shuffle),
        "target": _target(target),
        "notes": list(data.notes),
    }
