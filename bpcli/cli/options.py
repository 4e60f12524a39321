"""The arguments and options that several commands share, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from bpcli.errors import UsageError

Config = Annotated[str, typer.Argument(metavar="CFG", help="A YAML file, or the name of a shipped config.")]
Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run folder, its name, the beginning of its name, or `latest`."),
]
ConfigOrRun = Annotated[
    str, typer.Argument(metavar="CFG|RUN", help="A config (file or shipped name), or else a run.")
]
Overrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="KEY=VALUE",
        help="Changes to the config: train.epochs=5, model.layers.0.units=64; ~key deletes a key.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="The same as KEY=VALUE.", show_default=False),
]
RunsDir = Annotated[Path, typer.Option("--runs-dir", metavar="DIR", help="Where the runs are kept.")]
Json = Annotated[
    bool, typer.Option("--json", help="Machine-readable output on stdout, and nothing else there.")
]
Beam = Annotated[
    int | None,
    typer.Option(
        "--beam",
        metavar="N",
        min=1,
        max=1000,
        help="Of a net that writes sequences: keep the N likeliest beginnings at each symbol. 1 is greedy.",
        show_default="1",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the run's folder, at the end.")]
Time = Annotated[
    str | None,
    typer.Option(
        "--time", metavar="10m", help="Stop after this long; the run can be resumed.", show_default=False
    ),
]
FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-under",
        metavar="METRIC=VALUE",
        help="Exit with 6 if the metric ends below the value; accuracy=.9, val.accuracy=.9.",
        show_default=False,
    ),
]
FailOver = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-over",
        metavar="METRIC=VALUE",
        help="Exit with 6 if the metric ends above the value; for metrics where lower is better.",
        show_default=False,
    ),
]
Checkpoint = Annotated[str, typer.Option("--checkpoint", metavar="best|last", help="Which weights to use.")]

RUNS = Path("runs")


def check_choice(what: str, given: str | None, choices: Sequence[str]) -> None:
    """Refuses a word that is none of the choices. UsageError."""
    if given is not None and given not in choices:
        raise UsageError(
            f"there is no {what} '{given}'", hint=f"choose {', '.join(choices[:-1])} or {choices[-1]}"
        )


def changes(
    positional: Sequence[str] | None, options: Sequence[str] | None, time: str | None = None
) -> list[str]:
    """All overrides in the order in which they apply."""
    found = [*(positional or ()), *(options or ())]
    return found if time is None else [*found, f"train.max_time={time}"]
