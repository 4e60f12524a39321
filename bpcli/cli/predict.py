"""`bpcli predict`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bpcli.cli import options as o
from bpcli.errors import UsageError


def predict(
    run: o.Run,
    data: Annotated[Path, typer.Option("--data", metavar="FILE", help="Rows, with or without the target.")],
    to: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="A .csv or .jsonl file, or of a series a .png to look at; - prints JSON lines.",
        ),
    ] = "-",
    every: Annotated[
        bool, typer.Option("--all", help="Of a series: a forecast from every window, not just from its end.")
    ] = False,
    beam: o.Beam = None,
    checkpoint: o.Checkpoint = "best",
    runs_dir: o.RunsDir = o.RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="With -o FILE: say what was written as JSON. Errors as JSON.")
    ] = False,
) -> None:
    """Predict rows: label and probabilities, or values. A series is continued, step by step after its end; a
    net that writes sequences tells the text that it holds likeliest.

    As a picture (.png; this needs matplotlib), a series is drawn with its forecast and the interval, and with
    the forecasts that would have been made earlier.
    """
    from bpcli.cli import output
    from bpcli.cli.rows import check_name, same_file, write

    picture = Path(to).suffix.lower() == ".png"
    if picture:
        from bpcli.cli.plot import check

        check(to, every=every)
    elif to != "-":
        check_name(to)
    if to != "-" and same_file(data, Path(to)):
        raise UsageError(
            f"-o {to}: these are the rows to predict, which would be lost", hint="choose another name"
        )
    from bpcli.train.saved import Saved

    saved = Saved.open(run, runs_dir, checkpoint)
    if picture:
        from bpcli.cli.plot import draw

        count = draw(Path(to), saved.forecasts(str(data)), saved.info["name"])
        _tell(saved.path, to, count, "forecast", json)
        return
    found = saved.predict(str(data), every=every, beam=beam)
    if to == "-":
        output.json_lines(found)
        return
    count = write(Path(to), found)
    _tell(saved.path, to, count, "row", json)


def _tell(run: Path, to: str, count: int, word: str, json: bool) -> None:
    from bpcli.cli import output

    if json:
        output.json_line({"run": str(run), "output": to, f"{word}s": count})
    else:
        from bpcli.cli.text import plural

        output.say(f"{plural(count, word)} -> {to}")
