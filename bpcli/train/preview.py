"""What the net will see of the training part: its first rows after preprocessing and augmentation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from bpcli.core.backend import one_blas_thread
from bpcli.data.batches import order
from bpcli.data.bytepair import tells_all, text_of
from bpcli.data.forcing import END
from bpcli.data.inputs import arrays, take
from bpcli.data.prepare import prepare
from bpcli.data.records import Batch, Column
from bpcli.data.several import places
from bpcli.data.vocabulary import SPECIAL
from bpcli.errors import ConfigError
from bpcli.files import Files
from bpcli.train.model import default_loss
from bpcli.train.session import placed

if TYPE_CHECKING:
    from bpcli.data.pipeline import Pipeline
    from bpcli.data.records import Part, Target
    from bpcli.spec.load import Loaded


@dataclass(frozen=True, slots=True)
class Preview:
    """Rows of the training part in the order of an epoch.

    `rows` are their numbers in the source, `labels` their targets in words, x what the net is given.
    `images` are the same as bytes (n, h, w, 1 or 3), with preprocessing undone; `texts` the symbols of an
    input that is a sequence of them, or of several such with | between. None for other inputs.
    """

    rows: list[int]
    labels: list[str]
    x: Any
    names: tuple[str, ...]
    images: NDArray[np.uint8] | None
    texts: list[str] | None = None

    @property
    def numbers(self) -> NDArray[Any]:
        """x, of several inputs all of them side by side, as rows of numbers (n, k)."""
        return np.concatenate([part.reshape(len(part), -1) for part in arrays(self.x)], axis=1)


def preview(loaded: Loaded, count: int, *, epoch: int = 1) -> Preview:
    """The first `count` rows of an epoch of the training that this config asks for."""
    one_blas_thread()
    experiment = loaded.experiment
    section, seed = experiment.data, experiment.seed
    with placed(loaded):
        data = prepare(
            section,
            files=Files(loaded.folder),
            seed=seed,
            loss=experiment.loss,
            dtype=experiment.train.precision,
            parts=(),
        )
        part, target = data.train, data.target
        at = order(seed, epoch - 1, len(part), section.shuffle, section.batch_size)[:count]
        assert part.y is not None
        batch = Batch(take(part.x, at), part.y[at])
        if section.augment:
            from bpcli.data.augmented import Augmenter

            loss = experiment.loss or default_loss(target)
            batch = Augmenter(section.augment, part, target, loss, seed).batch(at, epoch - 1)
    single = not isinstance(batch.x, tuple)
    images = _drawn(batch.x, part, at, data.pipeline) if single and batch.x.ndim == 4 else None
    y = batch.y if target.kind == "classes" else data.pipeline.invert_target(batch.y)
    if part.windows is not None:
        y = part.windows.take(at).to_units(y)
    labels = [_labels(one, target) for one in y]
    texts = _texts(batch.x, data.pipeline, section.source.type == "text")
    return Preview(part.rows[at].tolist(), labels, batch.x, data.pipeline.outputs, images, texts)


def _texts(x: Any, pipeline: Pipeline, running: bool) -> list[str] | None:
    """Rows of symbols as text, which is that of the file where it is running text."""
    target = pipeline.target
    vocabularies = (*pipeline.vocabularies, target.labels) if target.ends else pipeline.vocabularies
    if not all(vocabularies):
        return None
    told: list[list[str]] = []
    for part, vocabulary in zip(arrays(x), vocabularies, strict=True):
        joined = running or all(len(symbol) == 1 for symbol in vocabulary if symbol not in (*SPECIAL, END))
        rows = cast("list[list[int]]", part.tolist())
        told.append([_joined((vocabulary[k] for k in row if k > 0), vocabulary, joined) for row in rows])
    return [" | ".join(row) for row in zip(*told, strict=True)]


def _joined(symbols: Iterable[str], vocabulary: Sequence[str], whole: bool) -> str:
    if tells_all(vocabulary[len(SPECIAL) :]):  # byte pairs, of which one may be half a character
        return text_of(symbols)
    return ("" if whole else " ").join(symbols)


def _labels(y: Any, target: Target) -> str:
    if target.kind != "several":
        return _label(y, target)
    told: list[str] = []
    for name, one, where in zip(target.names, target.parts, places(target), strict=True):
        own = y[where][0] if one.kind == "classes" else y[where]
        told.append(f"{name}={_label(own, one)}")
    return " ".join(told)


def _label(y: Any, target: Target) -> str:
    """3 · cat .7 dog .3 for a mixture · the values, by column where there are several."""
    if target.kind == "classes":
        if not np.ndim(y):
            return target.labels[int(y)]
        if target.positions:
            labels = (target.labels[k] for k in cast("list[int]", y.tolist()) if k >= 0)
            return _joined(labels, target.labels, True)
        shares = sorted(zip(y.tolist(), target.labels, strict=True), reverse=True)
        kept = [(share, label) for share, label in shares if share >= 0.005]
        return " ".join(f"{label} {share:.2f}" for share, label in kept) if len(kept) > 1 else kept[0][1]
    if len(y) == 1:
        return f"{y[0]:g}"
    return " ".join(f"{name}={value:g}" for name, value in zip(target.columns, y.tolist(), strict=True))


def _drawn(x: NDArray[Any], part: Part, at: NDArray[np.int64], pipeline: Pipeline) -> NDArray[np.uint8]:
    """x as bytes to look at: black is the smallest and white the largest value of these rows untouched."""
    plain = _undone(part.x[at], pipeline)
    low, high = float(plain.min()), float(plain.max())
    if low >= 0 and 128 < high <= 255:
        low, high = 0.0, 255.0  # bytes, whose black and white are known
    shown = (_undone(x, pipeline) - low) * (255 / ((high - low) or 1))
    if shown.shape[-1] not in (1, 3):
        shown = shown.mean(axis=-1, keepdims=True)
    return np.clip(np.rint(shown), 0, 255).astype(np.uint8)


def _undone(x: NDArray[Any], pipeline: Pipeline) -> NDArray[Any]:
    """Images before preprocessing; as they are from a step on that cannot be undone."""
    columns = [Column(pipeline.outputs[0], "array", x)]
    for step in reversed(pipeline.steps):
        try:
            columns = step.transform.invert(columns, step.fitted)
        except ConfigError:
            break
    return columns[0].values
