"""`bpcli gradcheck`"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from bpcli.cli import options as o
from bpcli.errors import Problem, UsageError


def gradcheck(
    config_or_run: o.ConfigOrRun,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    layer: Annotated[
        str | None, typer.Option("--layer", metavar="NAME", help="Check this layer only.", show_default=False)
    ] = None,
    checkpoint: Annotated[
        str | None,
        typer.Option(
            "--checkpoint", metavar="best|last", help="Which weights of a run to use.", show_default="best"
        ),
    ] = None,
    runs_dir: o.RunsDir = o.RUNS,
    json: o.Json = False,
) -> None:
    """Check backpropagation against numerical gradients.

    On the net and the data of the config itself, in float64; says what each way costs.

    Checks a config beside its first weights, a run at its trained ones. Exits with 6 if a gradient is wrong.
    """
    from bpcli.cli import output
    from bpcli.cli.target import target

    o.check_choice("checkpoint", checkpoint, ("best", "last"))
    named = target(config_or_run, o.changes(overrides, set_), runs_dir)
    if checkpoint is not None and named.run is None:
        raise UsageError(
            f"{config_or_run} is a config, which has no checkpoint",
            hint="leave --checkpoint out, or give a run",
        )
    saved = None
    if named.run is not None:
        from bpcli.train.saved import Saved

        saved = Saved.open(named.run, runs_dir, checkpoint or "best")
    from bpcli.train.gradients import gradcheck as measure

    found = measure(named.loaded, layer=layer, saved=saved)
    if json:
        output.json_line(found)
    else:
        from bpcli.cli.verdicts import verdicts

        output.say("\n".join(verdicts(found)))
    if not found["passed"]:
        raise _failure(found)


def _failure(found: Mapping[str, Any]) -> Exception:
    from bpcli.errors import CheckFailed

    rows = (*found["parameters"], *([found["inputs"]] if found["inputs"] else []))
    # Where each tensor passes, too few directions could be compared in all.
    wrong = [row for row in rows if not row["passed"]] or [row for row in rows if row["skipped"]]
    return CheckFailed(_problem(row) for row in wrong)


def _problem(row: Mapping[str, Any]) -> Problem:
    from bpcli.cli.text import short
    from bpcli.core.gradcheck import TOLERANCE

    name = f"{row['layer']}.{row['name']}"
    if row["max_relative_error"] <= TOLERANCE[row["method"]]:  # it agrees wherever it could be compared
        drawn = row["checked"] + row["skipped"]
        return Problem(
            f"{name}: only {row['checked']} of {drawn} directions could be compared ({row['reason']})",
            hint="the gradient may still be right; try another seed, or a smooth activation",
            code="BP602",
        )
    return Problem(
        f"{name}: backpropagation and numerical differentiation do not agree "
        f"(relative error {short(row['max_relative_error'])})",
        hint="look at that layer's backward, or at what comes after it",
        code="BP602",
    )
