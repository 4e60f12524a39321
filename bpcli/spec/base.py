"""The one base class of everything a config can name."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple, Self, TypeVar, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Example(NamedTuple):
    """A small instance of a component that the generic tests build: its fields, and an input shape.

    `shape` is without the batch axis and only means something for families that take an array.
    """

    fields: dict[str, Any] = {}
    shape: tuple[int, ...] = ()


class Strict(BaseModel):
    """A section of the config: unknown keys, wrong types and NaN are errors; nothing changes later."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False
    )


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
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self).model_validate({**kept, **fields})

    def short(self) -> str:
        """One line for tables: the type and the fields that differ from their defaults."""
        told: list[str] = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            text = _short(value)
            if name not in {"type", "name"} and value != field.default and text != field.default:
                told.append(f"{name}={text}")
        return f"{self.type}({', '.join(told)})" if told else self.type


def _short(value: Any) -> str:
    if isinstance(value, Component):
        return value.short()
    if isinstance(value, tuple):
        return f"[{', '.join(map(_short, cast('tuple[Any, ...]', value)))}]"
    return f"{value:g}" if isinstance(value, float) else str(value)


T = TypeVar("T")


def _as_tuple(value: Any) -> Any:
    return tuple(cast("list[Any]", value)) if isinstance(value, list) else value


#: A list in YAML, a tuple in Python: components stay hashable.
Many = Annotated[tuple[T, ...], BeforeValidator(_as_tuple)]
