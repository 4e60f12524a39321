"""A finished (or interrupted) run as a thing to use: evaluate it, predict with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bpcli.core.backend import one_blas_thread
from bpcli.core.rows import Pool
from bpcli.data.memory import part_from_memory
from bpcli.data.pipeline import Pipeline
from bpcli.data.prepare import read_part, split_part
from bpcli.errors import CheckpointError, DataError, UsageError
from bpcli.files import Files
from bpcli.runs.folder import RunFolder, Which
from bpcli.spec.load import Loaded, load_resolved
from bpcli.train.average import deployed
from bpcli.train.decode import decoded, written
from bpcli.train.environment import threads
from bpcli.train.evaluate import baseline, chosen_metrics, evaluate, outputs
from bpcli.train.forecast import Forecasts, ahead, forecasts, recent
from bpcli.train.intervals import Intervals
from bpcli.train.labels import labels_of
from bpcli.train.model import Model, build
from bpcli.train.say import say
from bpcli.train.session import check_identity, identity_of, placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Part
    from bpcli.data.series import Windows
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
        # What was trained on a GPU or with compiled kernels can be used without.
        self.loaded: Loaded = load_resolved(
            folder.path / "resolved.yaml",
            ["train.device=cpu", "train.compiled=false"],
            folder=Path(self.info["config_folder"]),
        )
        which: Which = "best" if checkpoint == "best" else "last"
        if which == "best" and not folder.has("best"):
            which = "last"
        arrays, self.meta = folder.load(which)
        if which != checkpoint and self.meta.get("best", {}).get("monitor") is not None:
            # Only without a monitored metric are the last weights what counts.
            raise CheckpointError(
                "the run's checkpoint 'best' is gone",
                file=str(folder.path),
                hint="use the last one: --checkpoint last",
            )
        text = folder.read_text("pipeline.json")
        check_identity(self.meta, identity_of(self.loaded.experiment, text), str(folder.path))
        self.checkpoint = which
        self.pipeline = Pipeline.from_json(text)
        self.model: Model = self._model(arrays)
        self.metrics: tuple[Metric, ...] = chosen_metrics(self.loaded.experiment, self.model.target)
        self.intervals = Intervals.read(folder, self.model.target, self.meta["step"])

    @classmethod
    def open(cls, ref: str | Path, runs_dir: str | Path = "runs", checkpoint: str = "best") -> Saved:
        """The run of a path, a name, a unique beginning of one, or `latest`; CheckpointError otherwise."""
        if checkpoint not in {"best", "last"}:
            raise UsageError(f"there is no checkpoint '{checkpoint}'", hint="choose best or last")
        return cls(RunFolder.open(str(ref), Path(runs_dir), lock=False), checkpoint)

    def _model(self, arrays: dict[str, NDArray[Any]]) -> Model:
        with placed(self.loaded):
            model = build(
                self.loaded.experiment,
                self.pipeline.target,
                self.pipeline.net_shape,
                symbols=self.pipeline.symbols,
            )
        if self.meta.get("layout") != model.store.layout():
            raise CheckpointError("the checkpoint belongs to another net", file=str(self.path))
        w, s = deployed(arrays)
        model.store.w[:] = model.backend.asarray(w)
        model.store.s[:] = model.backend.asarray(s)
        return model

    def workspace(self) -> Ctx:
        """A fresh workspace on as many threads as the run was to be trained on."""
        return self.model.workspace(pool=self._pool)

    @cached_property
    def _pool(self) -> Pool:
        return Pool(threads(self.loaded.experiment.train.threads))

    def higher_is_better(self, name: str) -> bool:
        """The direction of one of the run's metrics; UsageError for a name that is none."""
        for metric in self.metrics:
            if metric.label() == name:
                return metric.higher_is_better
        known = ", ".join(metric.label() for metric in self.metrics)
        raise UsageError(f"the run has no metric '{name}'", hint=f"there are {known}")

    def evaluate(
        self, split: str = "test", data: str | Path | None = None, *, beam: int | None = None
    ) -> dict[str, Any]:
        """Every metric, and the baseline's, over a part of the config's own data or over a file.

        Of a net that writes sequences, `decoded` says how right those are that it writes by itself: see
        `Decoder` for `beam`. The metrics are those of teacher forcing, each symbol after the true ones.
        """
        self._check_beam(beam)
        part = self._file(data, target=True) if data is not None else self._split(split)
        model, invert = self.model, self.pipeline.invert_target
        ctx = self.workspace()
        with model.backend.quiet():
            metrics = evaluate(model, part, self.metrics, ctx, invert)
            base = baseline(model, part, self.metrics, ctx, invert)
        found = {
            "run": str(self.path),
            "split": str(data) if data is not None else split,
            "checkpoint": self.checkpoint,
            "rows": len(part),
            "labels": labels_of(model.target),
            "metrics": metrics,
            "baseline": base,
        }
        if model.target.ends:
            found["decoded"] = decoded(model, part, beam or 1)
        return found

    def predict(
        self, rows: Rows, *, every: bool = False, beam: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """One mapping for each row: its number, the prediction, and for classes the probabilities.

        `rows`: a file of the kind that the run was trained on, a list of mappings from column to value, or
        an array (n, ...) in the training file's column order. The target need not be there. A series, which
        must be a file, is continued: a mapping for each step after its end, numbered from 1 and with its
        time; or with `every`, one for each window, numbered by the line in which it ends. A sequence to be
        written is told as its text, found by beam search where `beam` is over 1.
        """
        self._check_beam(beam)
        series = bool(self.model.target.scale)
        if every and not series:
            raise UsageError("the run predicts rows, not a series", hint="leave --all out: all are predicted")
        if isinstance(rows, (str, Path)):
            part = self._file(rows, target=False)
        elif series:
            raise UsageError("a series is continued from a file", hint="give the path of one")
        else:
            part = part_from_memory(self.pipeline, rows, dtype=self.model.store.dtype)
        if series and not every:
            yield from ahead(self, part)
            return
        if self.model.target.ends:
            for chosen, texts in written(self.model, part.x, beam or 1):
                for number, text in zip(part.rows[chosen].tolist(), texts, strict=True):
                    yield {"row": number, "prediction": text, "probabilities": None}
            return
        chunks = outputs(self.model, part.x, self.workspace())
        while True:
            with self.model.backend.quiet():  # not around the yields: the caller's warnings are his own
                chunk = next(chunks, None)
                if chunk is None:
                    return
                windows = None if part.windows is None else part.windows.take(chunk[0])
                said = list(self._said(part.rows[chunk[0]], chunk[1], windows))
            yield from said

    def forecasts(self, path: str | Path) -> Forecasts:
        """Of a series: the forecast beyond its end, last, and those of the origins one horizon apart before.

        They go back over the last fifth of the file.
        """
        if not self.model.target.scale:
            raise UsageError("the run predicts rows, not a series", hint="a picture is of a series")
        return forecasts(self, recent(self._file(path, target=False, stride=1)))

    def _check_beam(self, beam: int | None) -> None:
        if beam is not None and not self.model.target.ends:
            raise UsageError("a beam search is for sequences that a net writes", hint="leave --beam out")

    def _said(
        self, numbers: NDArray[np.int64], y: NDArray[Any], windows: Windows | None
    ) -> Iterator[dict[str, Any]]:
        told = say(y, self.model.target, self.model.loss, self.pipeline, windows, self.intervals)
        for number, one in zip(numbers.tolist(), told, strict=True):
            yield {"row": number, **one}

    def _file(self, path: str | Path, *, target: bool, **fields: Any) -> Part:
        """A file that the user named: relative to the working directory. `fields` change the source."""
        given = Path(path).expanduser()
        if not given.exists():
            raise DataError(f"there is no data file {path}", code="BP231")
        section = self.loaded.experiment.data
        if fields:
            section = section.model_copy(update={"source": section.source.replace(**fields)})
        return read_part(
            section,
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
