"""`bpcli data show`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bpcli.cli import options as o

if TYPE_CHECKING:
    from bpcli.train.preview import Preview

data = typer.Typer(rich_markup_mode=None, help="Look at the data of a config.", no_args_is_help=False)


@data.callback()
def data_() -> None:
    """Look at the data of a config."""


@data.command("show")
def show(
    config: o.Config,
    overrides: o.Overrides = None,
    set_: o.Set = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The sheet, a .png file; by default NAME-data.png.",
            show_default=False,
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option("--n", min=1, max=10_000, help="How many; 36 images, or 10 rows.", show_default=False),
    ] = None,
    epoch: Annotated[int, typer.Option("--epoch", min=1, help="As in this epoch.")] = 1,
    json: o.Json = False,
) -> None:  # fmt: skip
    """Show training rows as the net sees them: preprocessed and augmented.

    Images become a contact sheet with their labels (this needs Pillow), other rows a table.
    """
    from bpcli.cli import output
    from bpcli.spec.load import load

    if to is not None:
        from bpcli.cli.sheet import check_name

        check_name(to)
    loaded = load(config, o.changes(overrides, set_))
    from bpcli.train.preview import preview

    found = preview(loaded, n or 36, epoch=epoch)
    if found.images is None:
        if to is not None:
            from bpcli.errors import UsageError

            raise UsageError(
                f"-o {to}: this data holds no images to draw", hint="leave -o out to see the rows"
            )
        _rows(found, n or 10, json)
        return
    from bpcli.cli.sheet import write

    file = Path(to or f"{loaded.experiment.name}-data.png")
    write(file, found.images, found.labels)
    if json:
        output.json_line({"output": str(file), "rows": found.rows, "labels": found.labels})
    else:
        from bpcli.cli.text import plural

        output.say(f"{plural(len(found.labels), 'image')} -> {file}")


_SHOWN_COLUMNS = 8


def _texts(found: Preview, count: int, json: bool) -> None:
    """Each row as text, with its line breaks to be seen; a target that is text below it."""
    from bpcli.cli import output

    assert found.texts is not None
    rows = list(zip(found.rows, found.texts, found.labels, strict=True))[:count]
    if json:
        output.json_line(
            {"rows": [{"row": row, "target": label, "input": text} for row, text, label in rows]}
        )
        return
    for row, text, label in rows:
        output.say(f"{row:>8}  {text.replace(chr(10), '⏎')}\n{'->':>8}  {label.replace(chr(10), '⏎')}")


def _rows(found: Preview, count: int, json: bool) -> None:
    """The rows as a table, its first columns; as JSON all of them."""
    from bpcli.cli import output
    from bpcli.cli.text import plural, table

    if found.texts is not None:
        _texts(found, count, json)
        return
    x = found.numbers
    names = list(found.names) if len(found.names) == x.shape[1] else [str(i) for i in range(x.shape[1])]
    rows: list[dict[str, Any]] = [
        {"row": row, "target": label, "input": dict(zip(names, values, strict=True))}
        for row, label, values in zip(
            found.rows[:count], found.labels[:count], x[:count].tolist(), strict=True
        )
    ]
    if json:
        output.json_line({"rows": rows})
        return
    kept = names[:_SHOWN_COLUMNS]
    lines = table(
        ["row", "target", *kept],
        [[str(row["row"]), row["target"], *(f"{row['input'][name]:.4g}" for name in kept)] for row in rows],
        left=(1,),
    )
    output.say("\n".join([output.bold(lines[0]), *lines[1:]]))
    if len(names) > len(kept):
        output.note(f"{plural(len(names) - len(kept), 'more column')}; --json shows all")
