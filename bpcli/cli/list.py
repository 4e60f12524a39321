"""`bpcli list`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from bpcli.cli import options as o


def list_(
    what: Annotated[
        str | None,
        typer.Argument(metavar="[FAMILY|configs|families]", help="What to list.", show_default=False),
    ] = None,
    json: o.Json = False,
) -> None:
    """List what a config can name, or the shipped configs."""
    from bpcli.cli import output

    if what is None or what == "families":
        found: dict[str, Any] = {"families": _families(), "configs": len(_configs())}
        rows = [[family["name"], str(family["count"])] for family in found["families"]]
        if what is None:
            rows.append(["configs", str(found["configs"])])
        lines = _table(rows, right=True)
    elif what == "configs":
        found = {"configs": _configs()}
        lines = _table([[config["name"], config["summary"]] for config in found["configs"]])
    else:
        found = _components(what)
        lines = _table([[one["name"], one["summary"]] for one in found["components"]])
    if json:
        output.json_line(found)
        return
    output.say("\n".join(lines))


def _families() -> list[dict[str, Any]]:
    from bpcli.spec.registry import FAMILIES, family

    return [{"name": name, "count": len(list(family(name)))} for name in FAMILIES]


def _components(what: str) -> dict[str, Any]:
    from bpcli.errors import UsageError, closest
    from bpcli.spec.docs import catalogue
    from bpcli.spec.registry import FAMILIES

    words = {word.replace(" ", "_"): name for name, (_, word) in FAMILIES.items()}
    name = words.get(what, what)
    if name not in FAMILIES:
        near = closest(what, [*FAMILIES, "configs", "families"])
        hint = f"did you mean '{near}'?" if near else f"there are {', '.join(FAMILIES)} and configs"
        raise UsageError(f"there is nothing called '{what}' to list", hint=hint)
    listed = [{"name": kind, "summary": summary} for kind, summary in catalogue(name)]
    return {"family": name, "components": listed}


def _configs() -> list[dict[str, str]]:
    from bpcli.files import shipped_configs

    return [
        {"name": name, "summary": _opening(file), "file": str(file)}
        for name, file in shipped_configs().items()
    ]


def _opening(file: Path) -> str:
    """The comment that a config opens with, its first line."""
    with file.open(encoding="utf-8") as lines:
        first = next(
            (line for line in lines if line.strip("# \n") and "yaml-language-server" not in line), ""
        )
    return first.strip("# \n") if first.startswith("#") else ""


def _table(rows: list[list[str]], *, right: bool = False) -> list[str]:
    from bpcli.cli.text import table

    return table((), rows, left=(0,) if right else (0, 1))
