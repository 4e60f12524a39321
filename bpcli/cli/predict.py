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
        typer.Option("--output", "-o", metavar="FILE", help="A .csv or .jsonl file; - prints JSON lines."),
    ] = "-",
    checkpoint: o.Checkpoint = "best",
    runs_dir: o.RunsDir = o.RUNS,
    json: Annotated[
        bool, typer.Option("--json", help="With -o FILE: say what was written as JSON. Errors as JSON.")
    ] = False,
) -> None:
    """Predict rows: label and probabilities, or values."""
    from bpcli.cli import output
    from bpcli.cli.rows import check_name, same_file, write

    if to != "-":
        check_name(to)
        if same_file(data, Path(to)):
            raise UsageError(
                f"-o {to}: these are the rows to predict, which would be lost", hint="choose another name"
            )
    from bpcli.train.saved import Saved

    saved = Saved.open(run, runs_dir, checkpoint)
    found = saved.predict(str(data))
    if to == "-":
        output.json_lines(found)
        return
    count = write(Path(to), found)
    if json:
        output.json_line({"run": str(saved.path), "output": to, "rows": count})
    else:
        from bpcli.cli.text import plural

        output.say(f"{plural(count, 'row')} -> {to}")
