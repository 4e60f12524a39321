"""The one base class of everything a config can name."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic.fields import FieldInfo


class Example(NamedTuple):
    """A small instance of a component that the generic tests build: its fields, and an input shape.

    `shape` is without the batch axis and only means something for families that take an array; a layer
    that takes several has a tuple of their shapes. `after` is a layer that stands before it, where it cannot
    stand alone.
    """

    fields: dict[str, Any] = {}
    shape: tuple[Any, ...] = ()
    after: dict[str, Any] | None = None


class Strict(BaseModel):
    """A section of the config: unknown keys, wrong types and NaN are errors; nothing changes later."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        validate_default=False,
        serialize_by_alias=True,
    )

    @classmethod
    def config_keys(cls) -> dict[str, FieldInfo]:
        """The keys that a config may set here, and their fields. `from`, which no Python name can be, is the
        alias of `from_`; any other key is its field's name."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    def config_values(self) -> dict[str, Any]:
        """Every key with its value, as Python has it."""
        return {field.alias or name: getattr(self, name) for name, field in type(self).model_fields.items()}


class Component(Strict):
    """A named thing with fields (the schema), a docstring (the manual page) and methods (the maths).

    A subclass sets `type: Literal["name"] = "name"`, lives in `<family>/<name>.py`, and gives `examples`.
    Nothing mutable sits on it, so it can be used twice, hashed, pickled, and written back to YAML.
    """

    type: str

    #: Other names under which a config may ask for it.
    aliases: ClassVar[tuple[str, ...]] = ()
    #: What the generic tests build; a component without any fails the suite.
    examples: ClassVar[tuple[Example, ...]] = ()

    def __hash__(self) -> int:
        return hash((type(self), self.model_dump_json()))

    def replace(self, **fields: Any) -> Self:
        """A copy with some fields changed, validated again."""
        return type(self).model_validate({**self.config_values(), **fields})

    def short(self, *, without: Collection[str] = ()) -> str:
        """One line for tables: the type and the fields that differ from their defaults, some left out."""
        told = _told(self, {"type", "name", *without})
        return f"{self.type}({told})" if told else self.type


def _told(section: Strict, without: Collection[str] = ()) -> str:
    """key=value of the fields that differ from their defaults."""
    told: list[str] = []
    fields = section.config_keys()
    for key, value in section.config_values().items():
        default, text = fields[key].default, _short(value)
        if key not in without and value != default and text != default:
            told.append(f"{key}={text}")
    return ", ".join(told)


def _short(value: Any) -> str:
    if isinstance(value, Component):
        return value.short()
    if isinstance(value, Strict):
        return f"({_told(value)})"
    if isinstance(value, tuple):
        return f"[{', '.join(map(_short, cast('tuple[Any, ...]', value)))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


T = TypeVar("T")


def _as_tuple(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else _as_tuple(value)


#: A list in YAML, a tuple in Python: components stay hashable.
Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
#: The same, where one name may stand for a list of one.
OneOrMany = Annotated[tuple[T, ...], BeforeValidator(_listed)]
