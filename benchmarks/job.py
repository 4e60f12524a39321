"""What a worker gets: the net's description, the first weights, the data and the order of its rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from benchmarks.workload import Workload

#: Steps whose losses are compared, before anything is timed; every epoch is a multiple of them.
CHECKED = 8


@dataclass(frozen=True)
class Job:
    """x and y are what bpcli's own net is fed; `weights` are named as in its checkpoints: dense1.W."""

    folder: Path
    name: str
    layers: list[dict[str, Any]]
    loss: str
    optimizer: str
    lr: float
    batch: int
    threads: int
    inference: bool
    x: Any
    y: Any
    order: Any
    weights: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Job:
        told = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        with np.load(folder / "job.npz") as arrays:
            weights = {name[2:]: arrays[name] for name in arrays.files if name.startswith("w:")}
            return cls(
                folder, **told, **{name: arrays[name] for name in ("x", "y", "order")}, weights=weights
            )

    def rows(self) -> Iterator[Any]:
        """The numbers of each batch's rows, epoch after epoch, without end."""
        while True:
            for start in range(0, len(self.order), self.batch):
                yield self.order[start : start + self.batch]

    @property
    def classes(self) -> int:
        """The width of the output."""
        return self.layers[-1]["units"]


def prepare(workload: Workload, folder: Path, threads: int) -> dict[str, Any]:
    """Writes data, config and job into an empty folder; returns what the table says of the net."""
    from benchmarks.flops import gemm_flops
    from bpcli.data.batches import order
    from bpcli.spec.load import load_mapping
    from bpcli.train.session import prepared_trainer

    source = workload.data(folder, np.random.default_rng(7))
    config = workload.config(source, threads)
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    trainer = prepared_trainer(load_mapping(config, folder=folder))
    model, train = trainer.model, trainer.data.train
    if len(train) % workload.batch:
        raise ValueError(f"{workload.name}: {len(train)} rows are no whole number of batches")
    rows = np.arange(len(train)) if workload.inference else order(1, 0, len(train), True)
    weights = {
        "w:" + ".".join((*param.path, param.name)): model.store.w[param.slice].reshape(param.shape)
        for param in model.store.params
    }
    np.savez(folder / "job.npz", x=cast("Any", train.x), y=cast("Any", train.y), order=rows, **weights)
    told = {
        "name": workload.name, "layers": list(workload.layers), "loss": workload.loss,
        "optimizer": workload.optimizer, "lr": workload.lr, "batch": workload.batch, "threads": threads,
        "inference": workload.inference,
    }  # fmt: skip
    (folder / "job.json").write_text(json.dumps(told), encoding="utf-8")
    return {
        "parameters": model.parameters,
        "gemm_flops": gemm_flops(model.built, workload.batch, backward=not workload.inference),
    }
