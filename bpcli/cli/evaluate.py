"""`bpcli evaluate`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bpcli.cli import options as o
from bpcli.errors import UsageError


def evaluate(
    run: o.Run,
    split: Annotated[
        str | None,
        typer.Option(
            "--split", metavar="train|val|test", help="Which part of the run's own data.", show_default="test"
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            "--data", metavar="FILE", help="A file with targets, in place of a part.", show_default=False
        ),
    ] = None,
    beam: o.Beam = None,
    checkpoint: o.Checkpoint = "best",
    runs_dir: o.RunsDir = o.RUNS,
    fail_under: o.FailUnder = None,
    fail_over: o.FailOver = None,
    json: o.Json = False,
) -> None:
    """Measure a run on a part of its data, or on a file."""
    from bpcli.cli import output
    from bpcli.cli.gate import check_limits, check_part, judge, limits, on_part

    o.check_choice("split", split, ("train", "val", "test"))
    if split is not None and data is not None:
        raise UsageError(
            "--split is a part of the run's own data, and --data another", hint="give one of them"
        )
    wanted = limits(fail_under, fail_over)
    check_part(wanted, None if data is not None else split or "test")
    from bpcli.train.saved import Saved

    saved = Saved.open(run, runs_dir, checkpoint)
    check_limits(wanted, {metric.label(): metric.higher_is_better for metric in saved.metrics})
    found = saved.evaluate(split or "test", data, beam=beam)
    if json:
        output.json_line(found)
    else:
        from bpcli.cli.tables import one_part
        from bpcli.cli.text import plural

        rows = plural(found["rows"], "row")
        output.say(f"{found['run']}, checkpoint {found['checkpoint']}, {found['split']}: {rows}")
        output.say("\n".join(one_part(found["metrics"], found["baseline"], found["labels"])))
        if decoded := found.get("decoded"):
            how = "greedily" if decoded["beam"] == 1 else f"with a beam of {decoded['beam']}"
            output.say(
                f"Written by itself, {how}: {decoded['token_accuracy']:.4f} of the symbols right, "
                f"{decoded['exact_match']:.4f} of the sequences."
            )
    if failed := judge(on_part(wanted, found["split"]), {found["split"]: found["metrics"]}):
        raise failed
