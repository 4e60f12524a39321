"""`--fail-under accuracy=.9`, `--fail-over loss=.3`: a result that is not good enough fails the command."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import TYPE_CHECKING, Any

from bpcli.cli.text import number
from bpcli.errors import CheckFailed, Problem, UsageError, closest

if TYPE_CHECKING:
    from bpcli.spec.experiment import Experiment

_PARTS = ("test", "val", "train")


@dataclass(frozen=True)
class Limit:
    """One bound on one metric; `part` None: the test part's, or else the validation part's."""

    metric: str
    part: str | None
    value: float
    over: bool

    @property
    def option(self) -> str:
        return "--fail-over" if self.over else "--fail-under"

    @property
    def name(self) -> str:
        return _named(self.part, self.metric) if self.part else self.metric


def limits(under: Sequence[str] | None, over: Sequence[str] | None) -> list[Limit]:
    """The bounds as given on the command line. UsageError for one that is not metric=number."""
    return [_limit(text, False) for text in under or ()] + [_limit(text, True) for text in over or ()]


def _limit(text: str, over: bool) -> Limit:
    option = "--fail-over" if over else "--fail-under"
    name, equals, given = text.partition("=")
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not (name and equals and isfinite(value)):
        raise UsageError(
            f"{option} {text}: a metric and a number are needed", hint=f"for example {option} accuracy=0.9"
        )
    part, dot, metric = name.partition(".")
    return Limit(metric, part, value, over) if dot and part in _PARTS else Limit(name, None, value, over)


def directions(experiment: Experiment) -> dict[str, bool]:
    """Metric -> whether higher is better, for all that a run of this experiment may measure."""
    from bpcli.spec.registry import family

    if experiment.metrics is None:  # which of these it will be, the target decides
        known = family("metrics")
        return {name: known[name].higher_is_better for name in ("loss", "accuracy", "rmse", "r2")}  # pyright: ignore[reportAttributeAccessIssue]
    return {"loss": False, **{metric.label(): metric.higher_is_better for metric in experiment.metrics}}


def check_limits(wanted: Sequence[Limit], known: Mapping[str, bool]) -> None:
    """Refuses, before anything is trained, a metric that there is not, and a bound on the wrong side."""
    for limit in wanted:
        if limit.metric not in known:
            near = closest(limit.metric, known)
            hint = f"did you mean '{near}'?" if near else f"there are {', '.join(known)}"
            raise UsageError(f"{limit.option}: there is no metric '{limit.metric}'", hint=hint)
        if known[limit.metric] == limit.over:
            better, other = ("higher", "--fail-under") if limit.over else ("lower", "--fail-over")
            raise UsageError(
                f"{limit.option} {limit.name}={limit.value:g}: of this metric, {better} is better",
                hint=f"write {other} {limit.name}={limit.value:g}",
            )


def check_measured(wanted: Sequence[Limit], metrics: Mapping[str, Mapping[str, Any]]) -> None:
    """After the first epoch: refuses a bound on what the run turns out not to measure."""
    if "val" not in metrics:
        return
    measured = {name for part in metrics.values() for name in part}
    for limit in wanted:
        if limit.metric not in measured:
            raise UsageError(
                f"{limit.option}: the run does not measure '{limit.metric}'",
                hint=f"it measures {', '.join(sorted(measured))}",
            )


def check_part(wanted: Sequence[Limit], part: str | None) -> None:
    """Refuses a bound on another part than the one (None: a file) that is measured. UsageError."""
    measured = f"the {part} part" if part else "a file"
    for limit in wanted:
        if limit.part not in (None, part):
            raise UsageError(
                f"{limit.option} {limit.name}: it is {measured} that is measured",
                hint=f"write {limit.option} {limit.metric}={limit.value:g}",
            )


def on_part(wanted: Sequence[Limit], part: str) -> list[Limit]:
    """The bounds, all of them on what was measured: a part, or a file by its name."""
    return [replace(limit, part=part) for limit in wanted]


def _named(part: str, metric: str) -> str:
    return f"{part}.{metric}" if part in _PARTS else f"{part}: {metric}"


def judge(wanted: Sequence[Limit], metrics: Mapping[str, Mapping[str, Any]]) -> CheckFailed | None:
    """The error that says which bounds do not hold; None where all do."""
    problems = [problem for limit in wanted if (problem := _broken(limit, metrics))]
    return CheckFailed(problems) if problems else None


def judge_means(wanted: Sequence[Limit], event: Mapping[str, Any]) -> CheckFailed | None:
    """The same for a series of seeds: the bounds hold for the means."""
    means = {
        part: {name: found["mean"] for name, found in metrics.items()}
        for part, metrics in event["metrics"].items()
    }
    failed = judge(wanted, means)
    if failed is None:
        return None
    said = f"the mean of {len(event['seeds'])} seeds: " if len(event["seeds"]) > 1 else ""
    return CheckFailed(replace(problem, message=said + problem.message) for problem in failed.problems)


def _broken(limit: Limit, metrics: Mapping[str, Mapping[str, Any]]) -> Problem | None:
    part = limit.part or next((name for name in ("test", "val") if name in metrics), None)
    bound = f"{limit.option} {limit.name}={limit.value:g}"
    if part is None or part not in metrics:
        missing = f"no {part} part" if part else "neither a test nor a validation part"
        return Problem(f"{bound} cannot be judged: the run has {missing}", code="BP601")
    value, name = metrics[part].get(limit.metric), _named(part, limit.metric)
    if isinstance(value, (list, dict)):
        return Problem(f"{bound} cannot be judged: {name} is not one number", code="BP601")
    if value is None or not isfinite(value):
        return Problem(f"{bound}: {name} is {number(value)}, not a number", code="BP601")
    if value > limit.value if limit.over else value < limit.value:
        side = "above" if limit.over else "below"
        exact = number(value) if number(value) != number(limit.value) else repr(float(value))
        return Problem(f"{name} is {exact}, {side} the {limit.value:g} of {limit.option}", code="BP601")
    return None
