"""`bpcli summary`"""

from __future__ import annotations

from bpcli.cli import options as o


def summary(
    config_or_run: o.ConfigOrRun,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    runs_dir: o.RunsDir = o.RUNS,
    json: o.Json = False,
) -> None:
    """Show a net layer by layer: shapes, parameters, cost."""
    from bpcli.cli import output
    from bpcli.cli.target import target

    named = target(config_or_run, o.changes(overrides, set_), runs_dir)
    from bpcli.train.describe import summary as describe

    found = describe(named.loaded)
    if json:
        output.json_line(found)
        return
    from bpcli.cli.facts import layers, totals

    output.say("\n".join([*layers(found), "", *totals(found)]))
