"""`bpcli evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bpcli.cli import options as o


def evaluate(
    run: o.Run,
    split: Annotated[
        str, typer.Option("--split", metavar="train|val|test", help="Which part of the run's own data.")
    ] = "test",
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FILE", help="A file with targets, in place of a part.", show_default=False
        ),
    ] = None,
    checkpoint: o.Checkpoint = "best",
    runs_dir: o.RunsDir = o.RUNS,
    fail_under: o.FailUnder = None,
    fail_over: o.FailOver = None,
    json: o.Json = False,
) -> None:
    """Measure a run on a part of its data, or on a file."""
    from bpcli.cli import output
    from bpcli.cli.gate import check_limits, judge, limits

    wanted = limits(fail_under, fail_over)
    from bpcli.train.saved import Saved

    saved = Saved.open(run, runs_dir, checkpoint)
    check_limits(wanted, {metric.label(): metric.higher_is_better for metric in saved.metrics})
    found = saved.evaluate(split, data)
    if json:
        output.json_line(found)
    else:
        from bpcli.cli.tables import one_part
        from bpcli.cli.text import plural

        labels = saved.model.target.labels
        rows = plural(found["rows"], "row")
        output.say(f"{found['run']}, checkpoint {found['checkpoint']}, {found['split']}: {rows}")
        output.say("\n".join(one_part(found["metrics"], found["baseline"], labels)))
    part = "test" if data is not None else split
    # The one part that was measured is the one that a bound without a part means, be it the training part.
    measured = (
        {part: found["metrics"]} if part != "train" else {part: found["metrics"], "test": found["metrics"]}
    )
    if failed := judge(wanted, measured):
        raise failed
