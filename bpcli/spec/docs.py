"""What the config language is, told from the components themselves: manual pages and catalogue."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any, cast

from bpcli.spec.base import Component
from bpcli.spec.registry import FAMILIES, family
from bpcli.spec.scalars import clip, show
from bpcli.spec.schema import field_options
from bpcli.spec.words import in_words


@dataclass(frozen=True)
class FieldManual:
    """One key of a component: its name, what it takes, its default or 'required', and what it is."""

    name: str
    type: str
    default: str
    description: str


@dataclass(frozen=True)
class Manual:
    """The manual page of a component."""

    type: str
    family: str
    summary: str
    docstring: str
    fields: tuple[FieldManual, ...]
    aliases: tuple[str, ...]


def manual(cls: type[Component]) -> Manual:
    """The page of one component, as `bpcli show` prints it."""
    text = docstring(cls)
    fields = [
        FieldManual(
            name,
            in_words(field_options(field), null=True),
            _default(field),
            field.description or "",
        )
        for name, field in cls.config_keys().items()
        if name != "type"
    ]
    return Manual(
        cls.model_fields["type"].default, family_of(cls), _summary(text), text, tuple(fields), cls.aliases
    )


def catalogue(family_name: str) -> list[tuple[str, str]]:
    """(name, one line) of every component of a family, in order of the names."""
    return [(name, _summary(docstring(cls))) for name, cls in family(family_name).classes().items()]


def family_of(cls: type[Component]) -> str:
    """The family whose base class a component has; KeyError for a class of no family."""
    modules = {base.__module__ for base in cls.__mro__}
    for name, (package, _) in FAMILIES.items():
        if f"{package}.base" in modules:
            return name
    raise KeyError(cls.__name__)


def docstring(cls: type) -> str:
    return inspect.cleandoc(cls.__dict__.get("__doc__") or "")


def _summary(text: str) -> str:
    return text.split("\n", 1)[0]


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "null"
    if isinstance(value, Component):
        return value.short()
    if isinstance(value, (tuple, list)):
        items = [
            item.short() if isinstance(item, Component) else show(item) for item in cast("list[Any]", value)
        ]
        return clip(f"[{', '.join(items)}]")
    return value if isinstance(value, str) and value else show(value)


def json_schema() -> dict[str, Any]:
    """The JSON schema of a whole config file, with every component that is installed."""
    from bpcli.spec.jsonschema import json_schema

    return json_schema()
