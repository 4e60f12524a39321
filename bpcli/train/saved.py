"""A finished (or interrupted) run as a thing to use: evaluate it, predict with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcli.core.backend import one_blas_thread
from bpcli.data.memory import part_from_memory
from bpcli.data.pipeline import Pipeline
from bpcli.data.prepare import read_part, split_part
from bpcli.errors import CheckpointError, DataError, UsageError
from bpcli.files import Files
from bpcli.runs.folder import RunFolder
from bpcli.spec.load import Loaded, load_resolved
from bpcli.train.evaluate import baseline, chosen_metrics, evaluate, outputs
from bpcli.train.model import Model, build
from bpcli.train.session import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bpcli.data.records import Part
    from bpcli.metrics.base import Metric

Rows = str | Path | Sequence[Mapping[str, Any]] | Any


class Saved:
    """A run's net with the weights of one checkpoint, its preprocessing and its labels.

    The training data is not needed to predict: what the net must know of it is in the run folder.
    """

    def __init__(self, folder: RunFolder, checkpoint: str) -> None:
        one_blas_thread()
        self.path = folder.path
        self.info = folder.info
        self.loaded: Loaded = load_resolved(
            folder.path / "resolved.yaml", folder=Path(self.info["config_folder"])
        )
        # Without a monitored metric there is no `best`, and the last weights are what counts.
        which = "best" if checkpoint == "best" and folder.has("best") else "last"
        arrays, self.meta = folder.load(which)
        text = folder.read_text("pipeline.json")
        if sha256(text.encode()).hexdigest() != self.meta.get("pipeline"):
            raise CheckpointError(
                "the stored preprocessing does not belong to this checkpoint",
                file=str(folder.path / "pipeline.json"),
                hint="it was changed after training; bring the old file back",
            )
        self.checkpoint = which
        self.pipeline = Pipeline.from_json(text)
        self.model: Model = self._model(arrays)
        self.metrics: tuple[Metric, ...] = chosen_metrics(self.loaded.experiment, self.model.target)

    @classmethod
    def open(cls, ref: str | Path, runs_dir: str | Path = "runs", checkpoint: str = "best") -> Saved:
        """The run of a path, a name, a unique beginning of one, or `latest`; CheckpointError otherwise."""
        if checkpoint not in {"best", "last"}:
            raise UsageError(f"there is no checkpoint '{checkpoint}'", hint="choose best or last")
        return cls(RunFolder.open(str(ref), Path(runs_dir), lock=False), checkpoint)

    def _model(self, arrays: dict[str, NDArray[Any]]) -> Model:
        with placed(self.loaded):
            model = build(self.loaded.experiment, self.pipeline.target, self.pipeline.shape)
        if self.meta.get("layout") != model.store.layout():
            raise CheckpointError("the checkpoint belongs to another net", file=str(self.path))
        model.store.w[:] = model.backend.asarray(arrays["w"])
        model.store.s[:] = model.backend.asarray(arrays["s"])
        return model

    def higher_is_better(self, name: str) -> bool:
        """The direction of one of the run's metrics; UsageError for a name that is none."""
        for metric in self.metrics:
            if metric.label() == name:
                return metric.higher_is_better
        known = ", ".join(metric.label() for metric in self.metrics)
        raise UsageError(f"the run has no metric '{name}'", hint=f"there are {known}")

    def evaluate(self, split: str = "test", data: str | Path | None = None) -> dict[str, Any]:
        """Every metric, and the baseline's, over a part of the config's own data or over a file."""
        part = self._file(data, target=True) if data is not None else self._split(split)
        model, invert = self.model, self.pipeline.invert_target
        ctx = model.workspace()
        with model.backend.quiet():
            metrics = evaluate(model, part, self.metrics, ctx, invert)
            base = baseline(model, part, self.metrics, ctx, invert)
        return {
            "run": str(self.path),
            "split": str(data) if data is not None else split,
            "checkpoint": self.checkpoint,
            "rows": len(part),
            "metrics": metrics,
            "baseline": base,
        }

    def predict(self, rows: Rows) -> Iterator[dict[str, Any]]:
        """One mapping for each row: its number, the prediction, and for classes the probabilities.

        `rows`: a file of the kind that the run was trained on, a list of mappings from column to value, or
        an array (n, ...) in the training file's column order. The target need not be there.
        """
        if isinstance(rows, (str, Path)):
            part = self._file(rows, target=False)
        else:
            part = part_from_memory(self.pipeline, rows, dtype=self.model.store.dtype)
        with self.model.backend.quiet():
            for where, y in outputs(self.model, part.x, self.model.workspace()):
                yield from self._said(part.rows[where], self.model.loss.predict(y, np))

    def _said(self, numbers: NDArray[np.int64], predicted: NDArray[Any]) -> Iterator[dict[str, Any]]:
        target = self.model.target
        if target.kind == "values":
            values = self.pipeline.invert_target(predicted)
            for number, row in zip(numbers.tolist(), values.tolist(), strict=True):
                said = row[0] if len(row) == 1 else dict(zip(target.columns, row, strict=True))
                yield {"row": number, "prediction": said, "probabilities": None}
        elif target.kind == "binary_columns":
            for number, row in zip(numbers.tolist(), predicted.tolist(), strict=True):
                chances = dict(zip(target.columns, row, strict=True))
                said = {name: int(chance > 0.5) for name, chance in chances.items()}
                yield {"row": number, "prediction": said, "probabilities": chances}
        else:
            for number, row in zip(numbers.tolist(), predicted.tolist(), strict=True):
                label = target.labels[max(range(len(row)), key=row.__getitem__)]
                sure = self.model.loss.gives_probabilities
                chances = dict(zip(target.labels, row, strict=True)) if sure else None
                yield {"row": number, "prediction": label, "probabilities": chances}

    def _file(self, path: str | Path, *, target: bool) -> Part:
        """A file that the user named: relative to the working directory."""
        given = Path(path).expanduser()
        if not given.exists():
            raise DataError(f"there is no data file {path}", code="BP231")
        return read_part(
            self.loaded.experiment.data,
            self.pipeline,
            str(given.absolute()),
            files=Files(self.loaded.folder),
            dtype=self.model.store.dtype,
            target=target,
        )

    def _split(self, name: str) -> Part:
        if name not in {"train", "val", "test"}:
            raise UsageError(f"there is no split '{name}'", hint="choose train, val or test")
        experiment = self.loaded.experiment
        part, digest = split_part(
            experiment.data,
            self.pipeline,
            files=Files(self.loaded.folder),
            seed=experiment.seed,
            part=name,
            loss=experiment.loss,
            dtype=self.model.store.dtype,
        )
        if digest != self.info.get("data"):
            raise DataError(
                "the data is not what this run was trained on, so its parts are not the same",
                hint="bring the old data back, or evaluate a file with --data",
            )
        return part
