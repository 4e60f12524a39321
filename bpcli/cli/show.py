"""`bpcli show`"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bpcli.cli import options as o

if TYPE_CHECKING:
    from bpcli.spec.base import Component


def show(
    component: Annotated[
        str,
        typer.Argument(
            metavar="COMPONENT", help="A component's name, family/name, or the name of a shipped config."
        ),
    ],
    json: o.Json = False,
) -> None:
    """Show a component's manual page, or a shipped config."""
    from bpcli.cli import output
    from bpcli.files import shipped_configs

    configs = shipped_configs()
    found = _find(component)
    if not found and component in configs:
        file = configs[component]
        text = file.read_text("utf-8")
        if json:
            output.json_line({"config": component, "file": str(file), "text": text})
        else:
            output.say(text, end="")
        return
    found = found or _by_alias(component)
    if len(found) != 1:
        raise _miss(component, found, list(configs))
    [(family, name)] = found
    _print(family, name, json)


def _find(wanted: str) -> list[tuple[str, str]]:
    """(family, name) of the components of that very name."""
    from bpcli.spec.registry import FAMILIES, family

    where, slash, name = wanted.rpartition("/")
    if slash:
        return [(where, name)] if where in FAMILIES and name in family(where) else []
    return [(one, wanted) for one in FAMILIES if wanted in set(family(one))]


def _by_alias(wanted: str) -> list[tuple[str, str]]:
    from bpcli.spec.registry import FAMILIES, family

    if "/" in wanted:
        return []
    return [
        (one, name)
        for one in FAMILIES
        for name, cls in family(one).classes().items()
        if wanted in cls.aliases
    ]


def _miss(wanted: str, found: list[tuple[str, str]], configs: list[str]) -> Exception:
    from bpcli.errors import UsageError, closest
    from bpcli.spec.registry import FAMILIES, family

    if found:
        kinds = [f"{family(one).word} ({one}/{name})" for one, name in found]
        return UsageError(
            f"'{wanted}' is the name of several components: {', '.join(kinds)}",
            hint=f"write `bpcli show {found[0][0]}/{found[0][1]}`",
        )
    if wanted in (*FAMILIES, "configs", "families"):
        return UsageError(f"'{wanted}' is no component", hint=f"write `bpcli list {wanted}`")
    where, _, name = wanted.rpartition("/")
    if where in FAMILIES:
        near = closest(name, family(where))
        hint = f"did you mean '{where}/{near}'?" if near else f"write `bpcli list {where}`"
    elif where:
        near = closest(where, FAMILIES)
        hint = f"did you mean '{near}/{name}'?" if near else f"there are {', '.join(FAMILIES)}"
        return UsageError(f"there is no family '{where}'", hint=hint)
    else:
        near = closest(name, [*(kind for one in FAMILIES for kind in family(one)), *configs])
        hint = f"did you mean '{near}'?" if near else "`bpcli list` shows what there is"
    return UsageError(f"there is no component '{wanted}'", hint=hint)


def _print(family_name: str, name: str, json: bool) -> None:
    from bpcli.cli import output
    from bpcli.cli.text import indented
    from bpcli.spec.docs import manual
    from bpcli.spec.registry import family

    cls = family(family_name)[name]
    page = manual(cls)
    fields = [
        {"name": field.name, "type": field.type, "default": field.default, "description": field.description}
        for field in page.fields
    ]
    if json:
        output.json_line(
            {
                "type": page.type, "family": page.family, "summary": page.summary,
                "docstring": page.docstring, "fields": fields, "aliases": list(page.aliases),
                "source": _source(cls),
            }
        )  # fmt: skip
        return
    lines = [output.bold(f"{page.type}") + f" ({family(family_name).word})", ""]
    lines += indented(page.docstring, output.width())
    if fields:
        lines += ["", *_fields(fields)]
    if page.aliases:
        lines += ["", f"also called: {', '.join(page.aliases)}"]
    output.say("\n".join([*lines, "", f"source: {_source(cls)}"]))


def _fields(fields: list[dict[str, str]]) -> list[str]:
    from bpcli.cli.output import bold, width
    from bpcli.cli.text import definitions

    columns = width()
    items = [(field["name"], _about(field)) for field in fields]
    return [bold("keys"), *(f"  {line}" for line in definitions(items, columns and columns - 2))]


def _about(field: dict[str, str]) -> str:
    default = field["default"]
    kind = field["type"]
    if default == "null" and kind.endswith(" or null"):
        text = f"{kind.removesuffix(' or null')} (optional)"
    else:
        text = f"{kind} ({default if default == 'required' else f'default {default}'})"
    return f"{text}: {field['description']}" if field["description"] else text


def _source(cls: type[Component]) -> str:
    """The file that holds the component, which is all there is to it."""
    import inspect

    import bpcli

    file = Path(inspect.getsourcefile(cls) or "")
    root = Path(bpcli.__file__).resolve().parents[1]
    return str(file.relative_to(root)) if file.is_relative_to(root) else str(file)
