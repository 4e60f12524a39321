"""`bpcli profile`"""

from __future__ import annotations

from typing import Annotated

import typer

from bpcli.cli import options as o


def profile(
    config: o.Config,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    steps: Annotated[
        int, typer.Option("--steps", min=1, max=1_000_000, help="Training steps that are timed.")
    ] = 100,
    warmup: Annotated[int, typer.Option("--warmup", min=1, max=1_000_000, help="Steps before them.")] = 10,
    runs_dir: o.RunsDir = o.RUNS,
    json: o.Json = False,
) -> None:
    """Show where the time of a training step goes, layer by layer.

    Each layer, and each part of the loop around the net, has its share. A layer is held against what this
    machine can do at the most, measured in the same run: "moved" are the fewest bytes that it could read
    and write; "limit" is the least time that so many FLOPs and bytes would need, as a share of the time
    taken. Above 100% they came from a cache. --json also tells the layers' workspaces.

    Nothing is kept: the training goes into a folder that is removed.
    """
    from bpcli.cli import output
    from bpcli.spec.load import load

    loaded = load(config, o.changes(overrides, set_))
    from bpcli.train.profile import profile as measure

    found = measure(loaded, steps=steps, warmup=warmup, runs_dir=runs_dir)
    if json:
        output.json_line(found)
        return
    from bpcli.cli.timings import layers, loop, totals

    output.say("\n".join([*layers(found), "", *loop(found), "", *totals(found)]))
