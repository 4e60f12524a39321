"""Running a model over prepared rows without leaving a trace in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from bpcli.data.inputs import count, each, take
from bpcli.data.records import Batch, Part
from bpcli.metrics._prediction import Prediction
from bpcli.spec.registry import family
from bpcli.train.naive import naive
from bpcli.train.on_part import OnPart
from bpcli.train.scores import Scores

if TYPE_CHECKING:
    from bpcli.core.ctx import Ctx
    from bpcli.data.records import Target
    from bpcli.metrics.base import Metric
    from bpcli.spec.experiment import Experiment
    from bpcli.train.model import Model

#: Rows of one forward pass outside training; fixed, so that the same rows always give the same bits.
ROWS = 512

Invert = Callable[..., NDArray[Any]]


def chosen_metrics(experiment: Experiment, target: Target) -> tuple[Metric, ...]:
    """The loss and the config's metrics, or the usual ones for the target. BuildError for a misfit."""
    from bpcli.errors import BuildError, ConfigError
    from bpcli.train.model import default_loss

    known = family("metrics")
    chosen: list[Any] = [known["loss"].model_validate({})]
    parts = target.parts or (target,)
    if experiment.metrics is None:
        for number, part in enumerate(parts):
            names = ("rmse", "r2") if part.kind == "values" else ("accuracy",)
            names = ("mae", "mase") if part.scale else names
            names = ("accuracy", "exact_match") if part.ends else names
            made: list[Any] = [known[name].model_validate({}) for name in names]
            chosen += [OnPart(metric, number, target) for metric in made] if target.parts else made
    for index, metric in enumerate(experiment.metrics or ()):
        fitting = [number for number, part in enumerate(parts) if part.kind in metric.targets]
        if not fitting:
            raise BuildError(
                f"{metric.type} cannot be used with a target of "
                + " and ".join(dict.fromkeys(part.kind.replace("_", " ") for part in parts)),
                ("metrics", index),
                f"it takes {' or '.join(kind.replace('_', ' ') for kind in metric.targets)}",
            )
        if target.parts and metric.type == "loss":
            continue
        try:
            for number in fitting:
                loss = experiment.loss or default_loss(target)
                metric.check(parts[number], loss.several()[number].loss if target.parts else loss)
        except ConfigError as error:
            found = error.problems[0]
            raise BuildError(found.message, ("metrics", index), found.hint) from None
        wanted = [OnPart(metric, number, target) for number in fitting] if target.parts else [metric]
        labels = {other.label() for other in chosen}
        chosen += [one for one in wanted if one.label() not in labels]
    return tuple(chosen)


def outputs(model: Model, x: Any, ctx: Ctx) -> Iterator[tuple[slice, NDArray[Any]]]:
    """(rows, outputs on the host) for x, some rows at a time; the array is reused by the next ones."""
    total = count(x)
    for start in range(0, total, ROWS):
        rows = slice(start, min(start + ROWS, total))
        y = model.outputs(each(model.backend.asarray, take(x, rows)), ctx)
        yield rows, model.backend.to_host(y)


def evaluate(
    model: Model, part: Part, metrics: Sequence[Metric], ctx: Ctx, invert: Invert | None = None
) -> dict[str, Any]:
    """Every metric over a part with targets, in evaluation mode; nothing of the model changes."""
    loss = model.loss.for_evaluation()
    scores = Scores(metrics, model.target)
    assert part.y is not None
    for rows, y in outputs(model, part.x, ctx):
        scores.add(scored(y, part, rows, loss, ctx.child("loss"), invert))
    return scores.values()


def baseline(
    model: Model, part: Part, metrics: Sequence[Metric], ctx: Ctx, invert: Invert | None = None
) -> dict[str, Any]:
    """The same metrics for the majority class or mean predictor, made of the training targets alone.

    For windows over a series, it is the seasonal naive forecast.
    """
    loss = model.loss.for_evaluation()
    scores = Scores(metrics, model.target)
    constant = np.asarray(loss.baseline(model.target), dtype=model.store.dtype)
    for start in range(0, len(part), ROWS):
        rows = slice(start, min(start + ROWS, len(part)))
        y = np.tile(constant, (rows.stop - start, *model.target.positions, 1))
        if part.naive is not None:
            y = naive(loss, model.target, part.naive[rows], y.dtype)
        scores.add(scored(y, part, rows, loss, ctx.child("loss"), invert))
    return scores.values()


def scored(
    y: NDArray[Any], part: Part, rows: slice, loss: Any, ctx: Ctx, invert: Invert | None
) -> Prediction:
    """The prediction that outputs y are for some rows of a part, its loss included."""
    assert part.y is not None
    batch = Batch(take(part.x, rows), part.y[rows], take(part.weight, rows))
    norm = loss.weight(batch)
    asarray = ctx.shared.backend.asarray
    device = Batch(batch.x, asarray(batch.y), None if batch.weight is None else asarray(batch.weight))
    value = loss(asarray(y), device, norm, ctx)[0] if norm else 0.0
    windows = None if part.windows is None else part.windows.take(rows)
    return Prediction(y, batch.y, loss, value * norm, norm, invert, windows)
