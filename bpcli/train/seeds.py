"""One config under several seeds: a run of its own for each, and what they say together."""

from __future__ import annotations

import signal
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpcli.errors import BpcliError, Diverged, Problem, Stopped, UsageError
from bpcli.train import session
from bpcli.train.progress import Event, Listener, silent
from bpcli.train.transfer import open_source

if TYPE_CHECKING:
    from bpcli.spec.load import Loaded
    from bpcli.train.session import Outcome

_LARGEST = 2**63 - 1


@dataclass(slots=True)
class Series:
    """The outcomes by seed, and of the seeds without one: run (or None) and status."""

    outcomes: dict[int, Outcome] = field(default_factory=dict[int, "Outcome"])
    others: dict[int, tuple[str | None, str]] = field(default_factory=dict[int, "tuple[str | None, str]"])

    def event(self) -> Event:
        """The last event of a series: statistics over the seeds that have a result."""
        return {
            "event": "seeds",
            "seeds": list(self.outcomes),
            "runs": [str(outcome.run) for outcome in self.outcomes.values()],
            "without_result": [
                {"seed": seed, "run": run, "status": status} for seed, (run, status) in self.others.items()
            ],
            "metrics": summarised([outcome.metrics for outcome in self.outcomes.values()]),
        }


def train_seeds(
    loaded: Loaded, count: int, *, runs_dir: Path = Path("runs"), listener: Listener = silent
) -> Series:
    """Trains the config under its seed and the `count - 1` after it, each exactly as it would be alone.

    A seed that diverges does not stop the others, has no part in the statistics, and ends the series with
    Diverged; any other error or signal stops it, after what is known so far was told.
    """
    first = loaded.experiment.seed
    if first + count - 1 > _LARGEST:
        raise UsageError(f"{count} seeds from {first} on go beyond the largest, {_LARGEST}")
    source = open_source(loaded, runs_dir)  # once: `latest` would be the run before
    series, begun, diverged = Series(), dict[int, str](), dict[int, Diverged]()
    for seed in range(first, first + count):

        def told(event: Event, seed: int = seed) -> None:
            if event["event"] == "start":
                begun[seed] = event["run"]
            listener(event)

        try:
            series.outcomes[seed] = session.train(
                with_seed(loaded, seed), runs_dir=runs_dir, listener=told, source=source
            )
        except Diverged as error:
            diverged[seed] = error
            series.others[seed] = begun[seed], "diverged"
        except (BpcliError, KeyboardInterrupt) as fault:
            error = fault if isinstance(fault, BpcliError) else Stopped("interrupted", int(signal.SIGINT))
            if series.outcomes:
                status = "interrupted" if error.exit_code > 128 else "failed"
                series.others[seed] = begun.get(seed), status
                series.others |= dict.fromkeys(range(seed + 1, first + count), (None, "not begun"))
                if not error.reported:
                    listener(error.as_event())
                    error.reported = True
                listener(series.event())
            raise error from None
    listener(series.event())
    if diverged:
        raise _all_of(diverged)
    return series


def with_seed(loaded: Loaded, seed: int) -> Loaded:
    """What `seed=…` on the command line would have made of the config."""
    experiment = loaded.experiment.model_copy(update={"seed": seed})
    return replace(loaded, experiment=experiment, tree={**loaded.tree, "seed": seed})


def summarised(results: Sequence[dict[str, dict[str, Any]]]) -> dict[str, dict[str, dict[str, Any]]]:
    """part -> metric -> mean, std (of a sample, so none of a single run), min, max, and the values.

    Tables are left out. One value that is undefined leaves nothing to tell but the values.
    """
    parts = dict.fromkeys(part for metrics in results for part in metrics)
    return {
        part: {
            name: _statistics([metrics.get(part, {}).get(name) for metrics in results])
            for name in dict.fromkeys(name for metrics in results for name in metrics.get(part, {}))
            if not any(isinstance(metrics.get(part, {}).get(name), (list, dict)) for metrics in results)
        }
        for part in parts
    }


def _statistics(values: list[Any]) -> dict[str, Any]:
    known: list[float] = [float(v) for v in values if v is not None and isfinite(v)]
    if not values or len(known) < len(values):
        return {"mean": None, "std": None, "min": None, "max": None, "values": values}
    return {
        "mean": statistics.mean(known),
        "std": statistics.stdev(known) if len(known) > 1 else None,
        "min": min(known),
        "max": max(known),
        "values": known,
    }


def _all_of(diverged: dict[int, Diverged]) -> Diverged:
    error = Diverged(
        Problem(f"seed {seed}: {problem.message}", hint=problem.hint, code=problem.code)
        for seed, one in diverged.items()
        for problem in one.problems
    )
    error.reported = True  # each where it happened
    return error
