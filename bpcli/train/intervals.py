"""Prediction intervals for forecasts: as wide as the errors on the validation part call for.

Split conformal prediction (Vovk et al., 2005; Lei et al., 2018), and its form for quantiles (Romano,
Patterson and Candès, 2019): the score of a validation row is how far its truth lies outside of [low, high],
which are the quantiles or the spread that the loss tells, or else the prediction itself; the interval is [low
- q, high + q] with q the ⌈(n + 1) level⌉-th smallest score. It needs nothing of the loss or of how errors are
distributed, only that the errors to come are like those of the validation part. Each step of the horizon has
a q of its own, and scores are taken as the net works, on its scale: of a logarithm, the interval is a factor
wide.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.cells import counted
from bpcli.data.several import places
from bpcli.errors import CheckpointError
from bpcli.train.evaluate import outputs

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Part, Target
    from bpcli.losses.base import Loss
    from bpcli.runs.folder import RunFolder
    from bpcli.train.model import Model
    from bpcli.train.progress import Listener
    from bpcli.train.trainer import Trainer

Floats = NDArray[np.float64]
FILE = "intervals.json"


@dataclass(frozen=True, slots=True)
class Intervals:
    """How far an interval of this level reaches beyond low and high, for each target column.

    `step` is that of the weights whose errors were measured, on `rows` windows of the validation part.
    """

    level: float
    columns: tuple[str, ...]
    reach: tuple[float, ...]
    rows: int
    step: int

    @property
    def names(self) -> tuple[str, str]:
        """What the lower and the upper end are called: low90, high90."""
        return f"low{100 * self.level:g}", f"high{100 * self.level:g}"

    def only(self, columns: Sequence[str]) -> Intervals:
        reach = tuple(self.reach[self.columns.index(name)] for name in columns)
        return replace(self, columns=tuple(columns), reach=reach)

    def around(self, found: dict[str, Floats]) -> dict[str, Floats]:
        """The ends (n, d) by name, on the net's scale, of what `stated` gives, the prediction between."""
        low, high = _ends(found)
        reach = np.array(self.reach)
        ends = np.minimum(low - reach, found["prediction"]), np.maximum(high + reach, found["prediction"])
        return dict(zip(self.names, ends, strict=True))

    def to_json(self) -> str:
        tree = {name: getattr(self, name) for name in type(self).__slots__}
        return json.dumps({"version": 1, **tree}, indent=1, allow_nan=False) + "\n"

    @classmethod
    def read(cls, folder: RunFolder, target: Target, step: int) -> Intervals | None:
        """Those that belong to the weights of this step, or None. CheckpointError for a damaged file."""
        if not (folder.path / FILE).exists():
            return None
        text = folder.read_text(FILE)
        try:
            tree = json.loads(text)
            if tree.pop("version") != 1:
                raise ValueError("another version of bpcli wrote it")
            tree |= {name: tuple(tree[name]) for name in ("columns", "reach")}
            made = cls(**tree)
            fits = made.columns == target.columns and len(made.reach) == len(made.columns)
            if not (fits and 0 < made.level < 1 and np.isfinite(made.reach).all()):
                raise ValueError("it is of another target")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise CheckpointError(
                f"the stored intervals are damaged ({reason})",
                file=str(folder.path / FILE),
                hint="without this file, predictions have no intervals",
            ) from None
        return made if made.step == step else None


def stated(y: NDArray[Any], target: Target, loss: Loss) -> dict[str, Floats]:
    """What outputs say of every target column: (n, d) by name, the `prediction` first, on the net's scale.

    What the loss of one of several targets does not say is NaN.
    """
    if not target.parts:
        found = {"prediction": loss.predict(y, np), **loss.details(y, np)}
        return {name: np.asarray(values, dtype=np.float64) for name, values in found.items()}
    made: dict[str, Floats] = {}
    pairs = zip(target.parts, loss.several(), places(target), strict=True)
    for number, (own, part, where) in enumerate(pairs):
        for name, values in stated(loss.cut(number).outputs(y), own, part.loss).items():
            made.setdefault(name, np.full((len(y), len(target.columns)), np.nan))[:, where] = values
    return made


def calibrated(model: Model, part: Part, level: float, ctx: Ctx, *, step: int) -> Intervals | None:
    """The intervals that a part's errors call for; None where it has too few windows for the level."""
    assert part.y is not None
    rank = ceil((len(part) + 1) * level - 1e-9)
    if rank > len(part):
        return None
    scores: list[Floats] = []
    for rows, y in outputs(model, part.x, ctx):
        low, high = _ends(stated(y, model.target, model.loss))
        truth = np.asarray(part.y[rows], dtype=np.float64)
        scores.append(np.maximum(low - truth, truth - high))
    reach = np.sort(np.concatenate(scores), axis=0)[rank - 1]
    return Intervals(level, model.target.columns, tuple(reach.tolist()), len(part), step)


def keep(trainer: Trainer, folder: RunFolder, listener: Listener, step: int) -> None:
    """Stores the intervals of a series' forecasts with the run, for the weights that the model now has."""
    part = trainer.data.val or trainer.data.train
    level = None if part.windows is None else part.windows.series.level
    if level is None:
        return
    made = None
    if trainer.data.val is not None:
        made = calibrated(trainer.model, part, level, trainer.eval_ctx, step=step)
    if made is not None:
        folder.write_text(FILE, made.to_json())
        return
    fewest = ceil(level / (1 - level) - 1e-9)
    there = "there is no validation part"
    if trainer.data.val is not None:
        there = f"the validation part has {counted(len(part), 'window')}"
    message = f"Predictions have no intervals: for {100 * level:g} % they need {fewest}, and {there}."
    listener({"event": "note", "message": message})


def _ends(found: dict[str, Floats]) -> tuple[Floats, Floats]:
    """The least and the greatest that the loss tells beside the prediction; or the prediction, twice."""
    point = found["prediction"]
    low, high = point, point
    for name, values in found.items():
        if name != "prediction":
            beside = np.where(np.isnan(values), point, values)
            low, high = np.minimum(low, beside), np.maximum(high, beside)
    return low, high
