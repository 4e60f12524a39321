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
    time: o.Time = None,
    fail_under: o.FailUnder = None,
    fail_over: o.FailOver = None,
    json: o.Json = False,
    quiet: o.Quiet = False,
) -> None:
    """Train a config, in a new run folder."""
    from bpcli.cli.gate import check_limits, directions, limits
    from bpcli.cli.view import view

    wanted = limits(fail_under, fail_over)
    from bpcli.spec.load import load

    loaded = load(config, o.changes(overrides, set_, time), seed=seed, device=device, name=name)
    if wanted:
        check_limits(wanted, directions(loaded.experiment))
    from bpcli.train import session

    listener = view(as_json=json, quiet=quiet, limits=wanted)
    session.train(loaded, runs_dir=runs_dir, listener=listener)
    if listener.failed:
        raise listener.failed
