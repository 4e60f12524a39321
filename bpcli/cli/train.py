"""`bpcli train`"""

from __future__ import annotations

from typing import Annotated

import typer

from bpcli.cli import options as o


def train(
    config: o.Config,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="The run's name, in place of the config's.", show_default=False),
    ] = None,
    runs_dir: o.RunsDir = o.RUNS,
    device: Annotated[
        str | None, typer.Option("--device", metavar="cpu|cuda", help="Where to train.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option("--seed", help="What all randomness follows from.", show_default=False)
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds", min=1, metavar="N", show_default=False,
            help="Train N times, under the seed and those after it, and tell mean and standard deviation. "
            "--time is for each of them, --fail-under and --fail-over for the mean.",
        ),
    ] = None,
    time: o.Time = None,
    fail_under: o.FailUnder = None,
    fail_over: o.FailOver = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:  # fmt: skip
    """Train a config, in a new run folder."""
    from bpcli.cli.gate import check_limits, directions, limits
    from bpcli.cli.view import view

    wanted = limits(fail_under, fail_over)
    from bpcli.spec.load import load

    loaded = load(config, o.changes(overrides, set_, time), seed=seed, device=device, name=name)
    if wanted:
        check_limits(wanted, directions(loaded.experiment))
    listener = view(as_json=json, quiet=quiet, limits=wanted, several=seeds or 0)
    if seeds is None:
        from bpcli.train import session

        session.train(loaded, runs_dir=runs_dir, listener=listener)
    else:
        from bpcli.train.seeds import train_seeds

        train_seeds(loaded, seeds, runs_dir=runs_dir, listener=listener)
    if listener.failed:
        raise listener.failed
