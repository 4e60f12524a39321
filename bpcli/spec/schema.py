"""Which part of the schema governs a place in the tree."""

from __future__ import annotations

import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Union, cast, get_args, get_origin

from pydantic.fields import FieldInfo

from bpcli.spec.base import Component, Strict
from bpcli.spec.nodes import Path
from bpcli.spec.registry import Named, family

#: Sections that may be written without the type that they can only have.
IMPLIED_TYPES: dict[Path, str] = {("early_stop",): "early_stop"}


@dataclass(frozen=True)
class Option:
    """One of the kinds of value that a field takes: a base type and what narrows it."""

    base: Any
    metadata: tuple[Any, ...] = ()

    @property
    def family(self) -> str | None:
        return next((m.family_name for m in self.metadata if isinstance(m, Named)), None)

    def limit(self, name: str) -> Any:
        """The bound of that name (gt, ge, lt, le, min_length, max_length, pattern), or None."""
        for item in self.metadata:
            value = getattr(item, name, None)
            if value is None:
                value = getattr(item, "__dict__", {}).get(name)
            if value is not None:
                return value
        return None


def options(annotation: Any, metadata: Iterable[Any] = ()) -> list[Option]:
    """The kinds of value of an annotation: unions taken apart, Annotated and Field unwrapped."""
    metadata = tuple(_flat(metadata))
    origin = get_origin(annotation)
    if origin is Annotated:
        base, *inner = get_args(annotation)
        return options(base, (*inner, *metadata))
    if origin in (Union, types.UnionType) and not any(isinstance(m, Named) for m in metadata):
        return [option for arm in get_args(annotation) for option in options(arm, metadata)]
    return [Option(annotation, metadata)]


def field_options(field: FieldInfo) -> list[Option]:
    return options(field.annotation, field.metadata)


def _flat(metadata: Iterable[Any]) -> Iterator[Any]:
    for item in metadata:
        if isinstance(item, FieldInfo):
            yield from item.metadata
        else:
            yield item


def root_options() -> list[Option]:
    from bpcli.spec.experiment import Experiment

    return [Option(Experiment)]


def section(choices: list[Option], value: Any, path: Path = ()) -> type[Strict] | None:
    """The class whose fields are the keys of this value: a section's, or that of the component it names."""
    for option in choices:
        if option.family is not None:
            found = component(option.family, value, path)
            if found is not None:
                return found
        elif isinstance(option.base, type) and issubclass(option.base, Strict):
            return option.base
    return None


def component(family_name: str, value: Any, path: Path = ()) -> type[Component] | None:
    """The class that a bare name or a mapping with `type` asks for; None where there is none."""
    name: Any = child_of(value, "type", IMPLIED_TYPES.get(path)) if isinstance(value, dict) else value
    if not isinstance(name, str):
        return None
    try:
        return family(family_name)[name]
    except KeyError:
        return None


def step(choices: list[Option], value: Any, part: str | int, path: Path) -> list[Option]:
    """The options of one key or index of a value; none where the schema says nothing about it."""
    if isinstance(part, int):
        found: list[Option] = []
        for option in choices:
            arguments = get_args(option.base)
            if get_origin(option.base) is list and arguments:
                found += options(arguments[0])
            elif get_origin(option.base) is tuple and arguments:
                if len(arguments) == 2 and arguments[1] is Ellipsis:
                    found += options(arguments[0])
                elif part < len(arguments):
                    found += options(arguments[part])
        return found
    cls = section(choices, value, path)
    if cls is not None:
        field = cls.config_keys().get(part)
        return [] if field is None else field_options(field)
    return [
        option
        for choice in choices
        if get_origin(choice.base) is dict
        for option in options(get_args(choice.base)[1])
    ]


def options_at(tree: Any, path: Path) -> list[Option]:
    """What the schema allows at this path, given the components that the tree names on the way."""
    choices, value = root_options(), tree
    for index, part in enumerate(path):
        choices = step(choices, value, part, path[:index])
        value = child_of(value, part)
    return choices


def section_at(tree: Any, path: Path) -> type[Strict] | None:
    """The class whose fields are the keys at this path."""
    return section(options_at(tree, path), value_at(tree, path), path)


def child_of(value: Any, part: str | int, default: Any = None) -> Any:
    """What lies under a key or an index of a plain value, or the default."""
    if isinstance(value, dict):
        return cast("dict[Any, Any]", value).get(part, default)
    if isinstance(value, list) and isinstance(part, int):
        items = cast("list[Any]", value)
        return items[part] if 0 <= part < len(items) else default
    return default


def value_at(tree: Any, path: Path) -> Any:
    """What lies at a path of a plain tree, or None."""
    for part in path:
        tree = child_of(tree, part)
    return tree
