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
    from bpcli.cli.text import definitions, table

    if what is None or what == "families":
        found: dict[str, Any] = {"families": _families(), "configs": len(_configs())}
        rows = [[family["name"], str(family["count"])] for family in found["families"]]
        lines = table((), [*rows, ["configs", str(found["configs"])]])
    elif what == "configs":
        found = {"configs": _configs()}
        lines = definitions([(one["name"], one["summary"]) for one in found["configs"]], output.width())
    else:
        found = _components(what)
        lines = definitions([(one["name"], one["summary"]) for one in found["components"]], output.width())
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
