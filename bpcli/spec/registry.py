"""A family is a folder, and the folder is the registry.

`family("layers")["dense"]` imports `bpcli/layers/dense.py` and gives the class whose `type` is "dense".
Only the components that a config names are imported; a whole family is loaded for the schema, for
`bpcli list`, and to find an alias or suggest a name after a miss. Other packages add components through
the entry point group `bpcli.<family>`, whose name is the component's type.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import GetJsonSchemaHandler, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError, core_schema

from bpcli.errors import closest
from bpcli.spec.base import Component

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

#: Family -> its package and the word for one member of it.
FAMILIES: dict[str, tuple[str, str]] = {
    "layers": ("bpcli.layers", "layer"),
    "activations": ("bpcli.activations", "activation"),
    "initializers": ("bpcli.initializers", "initializer"),
    "losses": ("bpcli.losses", "loss"),
    "regularizers": ("bpcli.regularizers", "regularizer"),
    "metrics": ("bpcli.metrics", "metric"),
    "optimizers": ("bpcli.optimizers", "optimizer"),
    "schedules": ("bpcli.schedules", "schedule"),
    "methods": ("bpcli.methods", "method"),
    "callbacks": ("bpcli.callbacks", "callback"),
    "sources": ("bpcli.data.sources", "data source"),
    "splits": ("bpcli.data.splits", "split"),
    "transforms": ("bpcli.data.transforms", "transform"),
    "augment": ("bpcli.data.augment", "augmentation"),
}


class Family:
    """The components of one folder and of its entry points, by name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.package, self.word = FAMILIES[name]
        self._loaded: dict[str, type[Component]] = {}
        self._own_names: list[str] | None = None
        self._entries: dict[str, EntryPoint] | None = None

    def own_names(self) -> list[str]:
        """The names that this package brings: its files, base.py and private ones excepted."""
        if self._own_names is None:
            path = importlib.import_module(self.package).__path__
            self._own_names = sorted(
                m.name for m in pkgutil.iter_modules(path) if m.name != "base" and not m.name.startswith("_")
            )
        return self._own_names

    def entries(self) -> dict[str, EntryPoint]:
        if self._entries is None:  # reading what is installed takes milliseconds
            from importlib.metadata import entry_points

            self._entries = {entry.name: entry for entry in entry_points(group=f"bpcli.{self.name}")}
        return self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self.own_names(), *self.entries()}))

    def __contains__(self, name: str) -> bool:
        try:
            self[name]
        except KeyError:
            return False
        return True

    def __getitem__(self, name: str) -> type[Component]:
        if name in self._loaded:
            return self._loaded[name]
        found = self._own(name) or self._entry(name) or self._alias(name)
        if found is None:
            raise KeyError(name)
        self._loaded[name] = found
        return found

    def classes(self) -> dict[str, type[Component]]:
        """Every component of the family, loaded."""
        return {name: self[name] for name in self}

    def suggest(self, name: str) -> str | None:
        known = {alias: alias for cls in self.classes().values() for alias in cls.aliases}
        return closest(name, [*self, *known])

    def _own(self, name: str) -> type[Component] | None:
        if not name.isidentifier() or name == "base" or name.startswith("_"):
            return None
        module_name = f"{self.package}.{name}"
        try:
            module = importlib.import_module(module_name)
        except ModuleNotFoundError as error:
            if error.name == module_name:
                return None
            raise
        return _component_in(vars(module), name, module_name)

    def _entry(self, name: str) -> type[Component] | None:
        entry = self.entries().get(name)
        if entry is None:
            return None
        loaded: Any = entry.load()
        if isinstance(loaded, type):
            return loaded
        return _component_in(cast("dict[str, Any]", vars(loaded)), name, entry.value)

    def _alias(self, name: str) -> type[Component] | None:
        return next((cls for cls in self.classes().values() if name in cls.aliases), None)


def _component_in(members: dict[str, Any], name: str, place: str) -> type[Component]:
    for value in members.values():
        if isinstance(value, type) and issubclass(value, Component):
            field = value.model_fields.get("type")
            if field is not None and field.default == name:
                return value
    raise ImportError(f"{place} defines no component whose type is {name!r}.")


@cache
def family(name: str) -> Family:
    """The family of that name; KeyError for a name that is none."""
    return Family(name)


class Named:
    """Marks a field that holds one component of a family: `Annotated[Layer, Named("layers")]`.

    Accepts an instance, a mapping with `type`, or the bare name, which stands for `{type: name}`.
    """

    def __init__(self, family_name: str) -> None:
        self.family_name = family_name

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self.resolve,
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value, info: (
                    value.model_dump(mode=info.mode, exclude_defaults=info.exclude_defaults)
                    | {"type": value.type}
                ),
                info_arg=True,
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"x-family": self.family_name}  # spec/docs.py puts the union of the whole family here

    def resolve(self, value: Any) -> Component:
        known = family(self.family_name)
        if isinstance(value, Component):
            if value.type in known:
                return value
            raise _miss(known, value.type, ())
        if isinstance(value, str):
            name, fields, place = value, {"type": value}, ()
        elif isinstance(value, dict):
            fields, place = cast("dict[str, Any]", value), ("type",)
            if "type" not in fields:
                raise PydanticCustomError(
                    "missing_type",
                    "this {word} has no 'type'",
                    {"word": known.word, "hint": f"name one of: {', '.join(known)}"},
                )
            name = fields["type"]
        else:
            raise PydanticCustomError(
                "component",
                "expected {word}: a name, or a mapping with 'type'",
                {"word": _a(known.word), "hint": f"for example: {next(iter(known))}"},
            )
        if not isinstance(name, str):
            raise _miss(known, str(name), place)
        try:
            cls = known[name]
        except KeyError:
            raise _miss(known, name, place) from None
        return cls.model_validate({**fields, "type": cls.model_fields["type"].default})


def _a(word: str) -> str:
    return f"{'an' if word[0] in 'aeiou' else 'a'} {word}"


def _miss(known: Family, name: str, place: tuple[str | int, ...]) -> Exception:
    near = known.suggest(name)
    elsewhere = next(
        (other for other in FAMILIES if other != known.name and name in family(other).own_names()), None
    )
    if near:
        hint = f"did you mean '{near}'?"
    elif elsewhere == "activations" and known.name == "layers":
        hint = f"write {{type: activation, function: {name}}}, or activation: {name} on the layer before it"
    elif elsewhere:
        hint = f"'{name}' is {_a(FAMILIES[elsewhere][1])}"
    else:
        hint = f"known: {', '.join(known)}"
    error = PydanticCustomError(
        "unknown_name", "unknown {word} '{name}'", {"word": known.word, "name": name, "hint": hint}
    )
    return ValidationError.from_exception_data(
        known.word, [InitErrorDetails(type=error, loc=place, input=name)]
    )
